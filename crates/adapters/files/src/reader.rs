//! Reads sources from the file system.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use refrain_core::ports::files::{FileError, RecordSource, SourceReader};
use refrain_schemas::artifact::FileStamp;
use serde_json::{Map, Value};

use crate::format::Format;
use crate::params::ReadParams;
use crate::pattern::{find, is_literal};
use crate::root::Root;
use crate::rows::RowSpec;
use crate::source::Source;
use crate::stamp::stamp;

/// Reads the records of files below a folder.
///
/// Params: `files` (a path or pattern, or a list of them), and optionally `format` (`csv`, `jsonl`, `json`, `txt`; by
/// the names of the files where absent) and `delimiter` (of CSV; one character, or `tab`).
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

    fn spec(params: &ReadParams, path: &str, key: &str) -> Result<RowSpec, FileError> {
        let format = params.format_of(path)?;
        if format == Format::Text && matches!(key, "file" | "text") {
            return Err(FileError::Params {
                field: "files".to_owned(),
                message: format!(
                    "`{path}` is text, whose records have a field `{key}` already; name the key otherwise"
                ),
            });
        }
        let file_in_id = !matches!(params.files.as_slice(), [one] if is_literal(one));
        Ok(RowSpec { format, delimiter: params.delimiter_of(path), key: Some(key.to_owned()), file_in_id })
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
        Ok(Box::new(Source::new(self.root.clone(), key, files)))
    }
}
