//! The folder in which runs leave their logs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use refrain_schemas::name::RunId;

/// The logs of a project: `RUN_ID.jsonl` and `RUN_ID.progress.jsonl` for every run.
#[derive(Debug, Clone)]
pub struct LogFolder {
    folder: PathBuf,
}

impl LogFolder {
    /// Returns the logs below a state folder, `.refrain` for instance.
    #[must_use]
    pub fn new(state_folder: impl AsRef<Path>) -> Self {
        Self { folder: state_folder.as_ref().join("logs") }
    }

    /// Returns the path of a run's log.
    #[must_use]
    pub fn log(&self, run_id: RunId) -> PathBuf {
        self.folder.join(format!("{run_id}.jsonl"))
    }

    /// Returns the path of a run's progress file.
    #[must_use]
    pub fn progress(&self, run_id: RunId) -> PathBuf {
        self.folder.join(format!("{run_id}.progress.jsonl"))
    }

    /// Returns the runs that have a log, the newest last. Ids sort by time.
    ///
    /// # Errors
    /// Fails where the folder cannot be listed; a folder that is not there has no runs.
    pub fn runs(&self) -> io::Result<Vec<RunId>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            runs.extend(run_of(&entry?.path()));
        }
        runs.sort_unstable();
        Ok(runs)
    }
}

fn run_of(path: &Path) -> Option<RunId> {
    path.file_name()?.to_str()?.strip_suffix(".jsonl")?.parse().ok()
}
