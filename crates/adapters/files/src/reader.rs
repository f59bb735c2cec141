//! Reads sources from the file system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use refrain_core::ports::files::{FileError, RecordSource, SourceReader};
use refrain_schemas::artifact::FileStamp;
use serde_json::{Map, Value};

use crate::params::ReadParams;
use crate::pattern::find;
use crate::root::Root;
use crate::rows::RowSpec;
use crate::source::Source;
use crate::stamp::stamp;

/// Reads the records of files below a folder.
///
/// Params: `files` (a path or pattern, or a list of them), and optionally
/// - `format` (one of [`Format::NAMES`](crate::format::Format::NAMES); by the names of the files where absent),
/// - `delimiter` (of CSV; one character, or `tab`),
/// - `encoding` (`utf-8`, `utf-16`, `utf-16le`, `utf-16be`, `shift_jis`, `auto`; a byte order mark, else UTF-8, where absent),
/// - `id` (the column or field that becomes the key; the one of that name where absent),
/// - `ids` (`file` or `content`; from the file where it has them, else from content, where absent),
/// - `text`, `speaker` (the columns or fields that become these fields of a record), `scene` (`file`, `none` or a field),
/// - `at` (of a table: where in the file the lines are).
#[derive(Debug, Clone)]
pub struct FsReader {
    root: Root,
}

impl FsReader {
    /// Returns a reader for the project in this folder.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { root: Root::new(folder.as_ref()) }
    }

    /// Lets links of the project lead into these folders, which are not in it.
    #[must_use]
    pub fn allowing(self, folders: &[PathBuf]) -> Self {
        Self { root: self.root.allowing(folders) }
    }

    fn spec(params: &ReadParams, path: &str, key: &str) -> Result<RowSpec, FileError> {
        let spec = RowSpec::new(&params.file, "files", path, key)?;
        if spec.needs_ids() && matches!(key, "file" | "text" | "speaker") {
            let message = format!(
                "the records of `{path}` have a field `{key}` that tells nothing apart; name the key otherwise"
            );
            return Err(FileError::Params { field: "files".to_owned(), message });
        }
        Ok(spec)
    }
}

#[async_trait]
impl SourceReader for FsReader {
    async fn stamps(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        let params = ReadParams::of(params)?;
        let known: BTreeMap<&str, &FileStamp> =
            known.iter().map(|stamp| (stamp.path.as_str(), stamp)).collect();
        let files = find(&self.root, &params.files)?;
        files.iter().map(|path| stamp(&self.root, path, known.get(path.as_str()).copied())).collect()
    }

    async fn open(&self, params: &Map<String, Value>, key: &str) -> Result<Box<dyn RecordSource>, FileError> {
        let params = ReadParams::of(params)?;
        let mut files = Vec::new();
        for path in find(&self.root, &params.files)? {
            let spec = Self::spec(&params, &path, key)?;
            files.push((path, spec));
        }
        Ok(Box::new(Source::new(self.root.clone(), key, files)?))
    }
}
