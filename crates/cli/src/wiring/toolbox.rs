//! The tools of the project, and what they work with.

use std::sync::Arc;

use refrain_core::past::StoredPast;
use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tools::Tools;
use refrain_files::FsWorkspace;
use refrain_store::{Durability, FileScratch, FileStore};
use refrain_tools::{Registry, ToolPorts, Toolbox};

use crate::project::Project;

/// Returns the tools that there are, for those who check a pipeline or explain tools.
pub(crate) fn registry(project: Option<&Project>) -> Registry {
    Registry::new(Arc::new(project.map_or_else(|| FsWorkspace::new("."), workspace)))
}

/// Returns the tools, and what they remember while a run is not over.
pub(super) fn toolbox(
    project: &Project,
    secrets: Arc<dyn Secrets>,
    servers: Arc<dyn Tools>,
) -> (Arc<Toolbox>, Arc<FileScratch>) {
    let scratch = Arc::new(FileScratch::new(project.state()));
    let ports = ToolPorts {
        workspace: Arc::new(workspace(project)),
        runner: Arc::new(refrain_command::ProcessRunner::new(&project.dir, &project.state(), secrets)),
        fetch: Arc::new(refrain_remote::WebFetch::new()),
        scratch: scratch.clone(),
        past: Arc::new(past(project)),
        servers,
        clock: Arc::new(refrain_system::SystemClock::new()),
    };
    (Arc::new(Toolbox::new(ports)), scratch)
}

/// Returns what knows the runs of the project; what it reads is open no longer than that takes.
fn past(project: &Project) -> StoredPast {
    let state = project.state();
    StoredPast::new(move || {
        let store = FileStore::open_at(&state, Durability::Process)?;
        Ok(Arc::new(store))
    })
}

fn workspace(project: &Project) -> FsWorkspace {
    FsWorkspace::new(&project.dir).allowing(&project.outside).keeping(&project.file_name)
}
