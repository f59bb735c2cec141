//! The files that the definition names.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use refrain_core::ports::files::{FileError, Loaded, ProjectFiles};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::json::Json;

use crate::encoding::Declared;
use crate::format::Format;
use crate::lines::Lines;
use crate::problems::Problems;
use crate::root::{Root, failed, normal, open};
use crate::rows::{Document, RowSpec, Rows, document};
use crate::stamp::stamp;

/// Reads the files below a folder.
#[derive(Debug, Clone)]
pub struct FsProjectFiles {
    root: Root,
}

impl FsProjectFiles {
    /// Returns the files of the project in this folder.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { root: Root::new(folder.as_ref()) }
    }

    /// Lets links of the project lead into these folders, which are not in it.
    #[must_use]
    pub fn allowing(self, folders: &[PathBuf]) -> Self {
        Self { root: self.root.allowing(folders) }
    }

    fn text(&self, path: &str) -> Result<String, FileError> {
        let (mut text, mut problems) = (String::new(), Problems::default());
        Lines::open(&self.root, path, Declared::Nothing)?.rest(&mut text, &mut problems)?;
        problems.into_result()?;
        Ok(text)
    }

    fn document(&self, path: &str) -> Result<Loaded, FileError> {
        match document(&self.text(path)?, path) {
            Ok(Document::Records(records)) => Ok(Loaded::Records(records)),
            Ok(Document::Value(value)) => Ok(Loaded::Document(value)),
            Err(problem) => Err(FileError::Bad { problems: vec![*problem] }),
        }
    }

    fn records(&self, path: &str, format: Format, delimiter: Option<u8>) -> Result<Loaded, FileError> {
        let mut lines = Lines::open(&self.root, path, Declared::Nothing)?;
        let plain = RowSpec::plain(format, path);
        let spec = RowSpec { delimiter: delimiter.unwrap_or(plain.delimiter), ..plain };
        let mut rows = Rows::new(&spec, path);
        let (mut records, mut problems) = (Vec::new(), Problems::default());
        while let Some(row) = rows.next(&mut lines, &mut problems)? {
            records.push(row.record);
        }
        problems.into_result()?;
        Ok(Loaded::Records(records))
    }
}

#[async_trait]
impl ProjectFiles for FsProjectFiles {
    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let path = normal(path)?;
        let mut bytes = Vec::new();
        open(&self.root, &path)?.0.read_to_end(&mut bytes).map_err(|e| failed("read", &path, e))?;
        Ok(bytes)
    }

    async fn stamp(&self, path: &str, known: Option<&FileStamp>) -> Result<FileStamp, FileError> {
        stamp(&self.root, path, known)
    }

    async fn exists(&self, path: &str) -> bool {
        self.root.resolve(path).is_ok_and(|full| fs::metadata(full).is_ok_and(|metadata| metadata.is_file()))
    }

    async fn load(&self, path: &str, delimiter: Option<char>) -> Result<Loaded, FileError> {
        let path = normal(path)?;
        match Format::by_name(&path) {
            Some(format @ (Format::Csv | Format::Jsonl)) => {
                self.records(&path, format, delimiter.and_then(|c| u8::try_from(c).ok()))
            }
            Some(Format::Json) => self.document(&path),
            Some(_) | None => Ok(Loaded::Document(Json::string(&self.text(&path)?))),
        }
    }
}
