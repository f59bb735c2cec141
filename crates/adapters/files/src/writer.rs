//! Writes exports to the file system.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use refrain_core::ports::files::{FileError, RecordTarget, TargetWriter};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value};

use crate::fresh::Workshop;
use crate::keep;
use crate::params::WriteParams;
use crate::patch::{Patch, sources};
use crate::root::{Root, failed};
use crate::stamp::stamp;
use crate::target::Target;

/// Writes records to files below a folder.
///
/// Params: `path`, and optionally `field` (the field that holds the text; `text` where absent), `expected` (how many
/// records there must be), and
/// - to compose a new file: `format` (by the name of the file where absent), `columns` (the fields to write, in this
///   order for CSV; all where absent, and `text` for a text file), `delimiter` (of CSV; one character, or `tab`),
///   `encoding` (UTF-8 where absent), `language` and `source_language` (for formats that name them);
/// - to patch copies of files: `patch` (a path or pattern, or a list of them), with `{file}` in `path` for the path of
///   each below the fixed folder of its pattern, `column` (which column or field is set; that which is read where
///   absent), `missing` (`fail` or `keep`: lines without a record), and what `read` was told of the files.
///
/// In CSV a missing field and `null` are empty cells, and lists and objects are JSON. A file whose contents would be the
/// same is left alone. All files of one write appear together.
#[derive(Debug, Clone)]
pub struct FsWriter {
    root: Root,
    workshop: Workshop,
}

impl FsWriter {
    /// Returns a writer for the project in this folder.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { root: Root::new(folder.as_ref()), workshop: Workshop::new(false) }
    }

    /// Returns a writer for the project in this folder whose files survive a loss of power when they are finished.
    #[must_use]
    pub fn synced(folder: impl AsRef<Path>) -> Self {
        Self { root: Root::new(folder.as_ref()), workshop: Workshop::new(true) }
    }

    /// Lets links of the project lead into these folders, which are not in it.
    #[must_use]
    pub fn allowing(self, folders: &[PathBuf]) -> Self {
        Self { root: self.root.allowing(folders), ..self }
    }
}

#[async_trait]
impl TargetWriter for FsWriter {
    async fn inputs(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        let Some(patch) = WriteParams::of(params)?.patch else { return Ok(Vec::new()) };
        let known: BTreeMap<&str, &FileStamp> =
            known.iter().map(|stamp| (stamp.path.as_str(), stamp)).collect();
        let files = sources(&self.root, &patch.files)?;
        files.iter().map(|path| stamp(&self.root, path, known.get(path.as_str()).copied())).collect()
    }

    async fn stamps(&self, known: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
        let mut stamps = Vec::with_capacity(known.len());
        for known in known {
            match stamp(&self.root, &known.path, Some(known)) {
                Ok(stamp) => stamps.push(stamp),
                // What is there now, or where a link leads by now, is not the file that was written.
                Err(FileError::Missing { .. } | FileError::Outside { .. } | FileError::Reserved { .. }) => {}
                Err(FileError::Io { source, .. }) if is_other(&source) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(stamps)
    }

    async fn places(&self, paths: &[String]) -> Vec<Option<PathBuf>> {
        paths.iter().map(|path| self.root.real(path)).collect()
    }

    async fn remove(&self, file: &FileStamp) -> Result<bool, FileError> {
        let full = self.root.resolve_new(&file.path)?;
        match stamp(&self.root, &file.path, Some(file)) {
            Ok(now) if now.digest == file.digest => {}
            _ => return Ok(false),
        }
        fs::remove_file(full).map(|()| true).map_err(|error| failed("remove", &file.path, error))
    }

    async fn keep(&self, path: &str, known: &BTreeSet<Digest>) -> Result<Option<FileStamp>, FileError> {
        keep::keep(&self.root, path, known, self.workshop.syncs())
    }

    async fn drop_kept(&self, copy: &FileStamp) -> Result<(), FileError> {
        keep::drop_kept(&self.root, copy)
    }

    async fn open(&self, params: &Map<String, Value>, key: &str) -> Result<Box<dyn RecordTarget>, FileError> {
        let params = WriteParams::of(params)?;
        Ok(match &params.patch {
            Some(patch) => Box::new(Patch::open(&self.root, &self.workshop, &params, patch, key)?),
            None => Box::new(Target::open(&self.root, &self.workshop, &params, key)?),
        })
    }
}

/// Whether a file could not be opened because something else is in its place.
fn is_other(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput)
}
