//! Writes exports to the file system.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use async_trait::async_trait;
use refrain_core::ports::files::{FileError, RecordTarget, TargetWriter};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value};

use crate::keep;
use crate::params::WriteParams;
use crate::root::Root;
use crate::stamp::stamp;
use crate::target::Target;

/// Writes records to files below a folder.
///
/// Params: `path`, and optionally `format` (`csv`, `jsonl`, `json`, `txt`; by the name of the file where absent),
/// `columns` (the fields to write, in this order for CSV; all where absent, and `text` for a text file) and
/// `delimiter` (of CSV; one character, or `tab`).
///
/// In CSV a missing field and `null` are empty cells, and lists and objects are JSON. A file whose contents would be the
/// same is left alone.
#[derive(Debug, Clone)]
pub struct FsWriter {
    root: Root,
}

impl FsWriter {
    /// Returns a writer for the project in this folder.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { root: Root::new(folder.as_ref()) }
    }
}

#[async_trait]
impl TargetWriter for FsWriter {
    async fn stamps(&self, known: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
        let mut stamps = Vec::with_capacity(known.len());
        for known in known {
            match stamp(&self.root, &known.path, Some(known)) {
                Ok(stamp) => stamps.push(stamp),
                Err(FileError::Missing { .. }) => {}
                Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::IsADirectory => {}
                Err(e) => return Err(e),
            }
        }
        Ok(stamps)
    }

    async fn keep(&self, path: &str, known: &BTreeSet<Digest>) -> Result<Option<FileStamp>, FileError> {
        keep::keep(&self.root, path, known)
    }

    async fn drop_kept(&self, copy: &FileStamp) -> Result<(), FileError> {
        keep::drop_kept(&self.root, copy)
    }

    async fn open(&self, params: &Map<String, Value>) -> Result<Box<dyn RecordTarget>, FileError> {
        Ok(Box::new(Target::open(&self.root, &WriteParams::of(params)?)?))
    }
}
