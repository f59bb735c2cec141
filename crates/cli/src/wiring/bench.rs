//! A place apart from the project, in which an export is made again beside what a person made of it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use refrain_core::engine::Bench;
use refrain_files::{FsReader, FsWriter};
use tempfile::TempDir;

use crate::report::CliError;

/// Two folders that are removed in the end.
#[derive(Debug)]
pub(crate) struct Workbench {
    ours: TempDir,
    theirs: TempDir,
}

impl Workbench {
    /// Puts a person's file under the name that the export has, and beside it copies of the files of the project that the
    /// export is made from.
    pub(crate) fn set_up(
        project: &Path,
        path: &str,
        file: &[u8],
        patched: &[String],
    ) -> Result<Self, CliError> {
        let made = || -> io::Result<Self> {
            let bench = Self { ours: tempfile::tempdir()?, theirs: tempfile::tempdir()? };
            put(&bench.theirs.path().join(path), |place| fs::write(place, file))?;
            for source in patched {
                // One that is gone is missed by whoever makes the export again.
                if project.join(source).is_file() {
                    put(&bench.ours.path().join(source), |place| {
                        fs::copy(project.join(source), place).map(|_| ())
                    })?;
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

fn put(place: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    write(place)
}
