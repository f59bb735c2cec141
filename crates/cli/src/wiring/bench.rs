//! A place apart from the project, in which an export is made again beside what a person made of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use refrain_core::engine::{Bench, EngineError};
use refrain_core::ports::files::FileError;
use refrain_files::{FsReader, FsWriter};
use tempfile::TempDir;

use crate::project::Project;
use crate::report::CliError;

/// Two folders that are removed in the end.
#[derive(Debug)]
pub(crate) struct Workbench {
    ours: TempDir,
    theirs: TempDir,
}

impl Workbench {
    /// Puts a person's file under the name that the export has, and beside it copies of the files of the project that the
    /// export is made from. Both are paths of the history, which may come from elsewhere: one that leads out of the project
    /// is refused.
    pub(crate) fn set_up(
        project: &Project,
        path: &str,
        file: &[u8],
        patched: &[String],
    ) -> Result<Self, CliError> {
        let places = Places::of(project, path, patched).map_err(EngineError::from)?;
        let made = || -> io::Result<Self> {
            let bench = Self { ours: tempfile::tempdir()?, theirs: tempfile::tempdir()? };
            put(&bench.theirs.path().join(&places.export), |place| fs::write(place, file))?;
            for (source, full) in &places.patched {
                // One that is gone is missed by whoever makes the export again.
                if full.is_file() {
                    put(&bench.ours.path().join(source), |place| fs::copy(full, place).map(|_| ()))?;
                }
            }
            Ok(bench)
        };
        made().map_err(|error| CliError::io("prepare a place for the file", &error))
    }

    /// Returns what works there.
    pub(crate) fn ports(&self) -> Bench {
        Bench {
            writer: Arc::new(FsWriter::new(self.ours.path())),
            reader: Arc::new(FsReader::new(self.ours.path())),
            theirs: Arc::new(FsReader::new(self.theirs.path())),
        }
    }
}

/// Paths in their one spelling, below any folder.
struct Places {
    export: String,
    /// Each with where it lies in the project.
    patched: Vec<(String, PathBuf)>,
}

impl Places {
    fn of(project: &Project, export: &str, patched: &[String]) -> Result<Self, FileError> {
        let place = |path: &String| {
            let full = refrain_files::place(&project.dir, &project.outside, path)?;
            Ok((refrain_files::normal(path)?, full))
        };
        let patched = patched.iter().map(place).collect::<Result<_, FileError>>()?;
        Ok(Self { export: refrain_files::normal(export)?, patched })
    }
}

fn put(place: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    write(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_history_stay_in_the_project() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let project = Project {
            dir: folder.path().to_owned(),
            file_name: "refrain.yaml".to_owned(),
            outside: Vec::new(),
            steps: None,
            chooses_anew: false,
        };
        let notes = outside.path().join("notes.txt");
        fs::write(&notes, "mine").unwrap();
        std::os::unix::fs::symlink(&notes, folder.path().join("link")).unwrap();
        fs::write(folder.path().join("script.txt"), "ours").unwrap();
        let there = notes.display().to_string();
        for (path, patched) in
            [("a.txt", there.as_str()), (&there, "script.txt"), ("../a", "script.txt"), ("a.txt", "link")]
        {
            let refused = Workbench::set_up(&project, path, b"theirs", &[patched.to_owned()]).unwrap_err();
            assert!(refused.message().contains("leads out of the project"), "{}", refused.message());
            assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
        }
        let bench = Workbench::set_up(&project, "a.txt", b"theirs", &["./script.txt".to_owned()]).unwrap();
        assert_eq!(fs::read_to_string(bench.ours.path().join("script.txt")).unwrap(), "ours");
    }
}
