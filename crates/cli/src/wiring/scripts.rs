//! Files that are not a project's yet: what they hold, and their lines as a pipeline will read them.

use std::path::{Path, PathBuf};

use refrain_core::ports::files::{FileError, SourceReader};
pub(crate) use refrain_files::{Column, Look};

/// Looks at the files that a pattern names.
pub(crate) fn look(dir: &Path, outside: &[PathBuf], files: &str) -> Result<Look, FileError> {
    refrain_files::look(dir, outside, &[files.to_owned()])
}

/// Returns what reads the files of a folder.
pub(crate) fn reader(dir: &Path, outside: &[PathBuf]) -> impl SourceReader {
    refrain_files::FsReader::new(dir).allowing(outside)
}
