//! A project for the simulator: what it means and what it reads, and nothing that it could reach.

use std::sync::Arc;

use refrain_core::ports::files::SourceReader;
use refrain_testkit::sim::{Chapter, FirstRecords, Subject};

use crate::args::Globals;
use crate::output::Output;
use crate::project::Project;
use crate::report::CliError;

/// Finds, reads and checks the project as a run does, with no store, no key and no agent of its own but those that are
/// part of the program; `most` is how many records of each source are read.
pub(crate) fn subject(globals: &Globals, most: Option<usize>, output: &Output) -> Result<Subject, CliError> {
    let project = Project::find(globals)?;
    let checked = super::check(&project, globals)?;
    let model = checked.sound(&project, globals)?;
    if !checked.problems.is_empty() {
        output.note(checked.rendered(output.error_theme.color).trim_end());
    }
    let (dir, outside) = (&project.dir, &project.outside);
    let reader: Arc<dyn SourceReader> = Arc::new(refrain_files::FsReader::new(dir).allowing(outside));
    Ok(Subject::new(Chapter {
        model,
        files: Arc::new(refrain_files::FsProjectFiles::new(dir).allowing(outside)),
        reader: match most {
            Some(most) => Arc::new(FirstRecords::new(reader, most)),
            None => reader,
        },
        writer: Arc::new(refrain_files::FsWriter::new(dir).allowing(outside)),
        builtins: checked.safety.guard(vec![Arc::new(refrain_builtin::BuiltinAgents::new())]),
    }))
}
