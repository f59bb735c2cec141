//! The files of a project: those that the definition names, sources and exports.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::problem::Problem;
use serde_json::{Map, Value};

/// Reads the small files that a definition names: prompts, schemas, scripts, glossaries.
///
/// Paths are relative to the project folder with `/` between folders; one that leads out of it is refused.
#[async_trait]
pub trait ProjectFiles: Debug + Send + Sync + 'static {
    /// Returns the contents of a file.
    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// Returns the stamp of a file; the digest is taken from `known` where size, time and inode are the same and
    /// `known` was not young.
    async fn stamp(&self, path: &str, known: Option<&FileStamp>) -> Result<FileStamp, FileError>;

    /// Whether a path names a file of the project.
    async fn exists(&self, path: &str) -> bool;

    /// Parses the contents of a context file by its name: records where it is CSV, JSONL or a JSON list of objects, a
    /// document where it is other JSON, and text otherwise.
    async fn load(&self, path: &str) -> Result<Loaded, FileError>;
}

/// The contents of a context file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// Records in file order.
    Records(Vec<Json>),
    /// One value; plain text is a JSON string.
    Document(Json),
}

/// Reads sources.
///
/// - Files come in a stable order (by path), records in file order.
/// - All bad rows of all files are reported together; nothing partial is handed out as a whole.
#[async_trait]
pub trait SourceReader: Debug + Send + Sync + 'static {
    /// Finds the files and takes their stamps, reading only those whose marks differ from `known`.
    async fn stamps(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError>;

    /// Opens the files for reading. `key` is the field that tells records apart.
    async fn open(&self, params: &Map<String, Value>, key: &str) -> Result<Box<dyn RecordSource>, FileError>;
}

/// Records as they are read.
pub trait RecordSource: Send {
    /// Returns the next few records, or an empty list at the end.
    ///
    /// # Errors
    /// Returns all problems of all files at once, after which nothing more comes.
    fn next_batch(&mut self) -> Result<Vec<Json>, FileError>;

    /// Returns the stamps of the files, hashed from the very bytes that were read. Called after the end.
    fn stamps(&self) -> Vec<FileStamp>;

    /// Whether the files themselves say which record is which. Otherwise some records have an id that hangs on what they
    /// say, so that one that is changed has another. Called after the end.
    fn has_own_ids(&self) -> bool {
        true
    }
}

/// Writes exports.
#[async_trait]
pub trait TargetWriter: Debug + Send + Sync + 'static {
    /// Takes the stamps of written files again, reading only those whose marks differ from `known`; a file that is
    /// gone has no stamp, nor has one in whose place there is something else or that a link now puts elsewhere.
    async fn stamps(&self, known: &[FileStamp]) -> Result<Vec<FileStamp>, FileError>;

    /// Finds the source files that are patched rather than written anew, and takes their stamps, reading only those
    /// whose marks differ from `known`. They are inputs of what is written; without patching there are none.
    async fn inputs(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError>;

    /// Starts to write. The params are filled already. `key` is the field that tells the records apart, empty where
    /// none does. Nothing is seen under a final name before [`RecordTarget::finish`].
    async fn open(&self, params: &Map<String, Value>, key: &str) -> Result<Box<dyn RecordTarget>, FileError>;

    /// Keeps a written file that somebody changed, so that it is not lost when it is replaced: under a name beside it that
    /// is free, or that has the same contents already. Returns the copy; none where there is no such file, or where its
    /// contents are among `known`. The file itself stays where it is.
    async fn keep(&self, path: &str, known: &BTreeSet<Digest>) -> Result<Option<FileStamp>, FileError> {
        let _nothing_is_kept = (path, known);
        Ok(None)
    }

    /// Returns where files lie when links are followed and names are spelled as the system spells them: two paths of one file
    /// have one place. None for a path that has no place in the project.
    async fn places(&self, paths: &[String]) -> Vec<Option<PathBuf>> {
        paths.iter().map(|path| Some(PathBuf::from(path))).collect()
    }

    /// Removes a written file that still has these contents, and returns whether it did; another file in its place stays.
    async fn remove(&self, file: &FileStamp) -> Result<bool, FileError> {
        let _nothing_was_written = file;
        Ok(false)
    }

    /// Removes a copy that [`TargetWriter::keep`] returned, where it is not needed after all.
    async fn drop_kept(&self, copy: &FileStamp) -> Result<(), FileError> {
        let _nothing_was_kept = copy;
        Ok(())
    }
}

/// Records as they are written. Dropped unfinished, it leaves nothing behind.
pub trait RecordTarget: Send {
    /// Takes the next few records.
    ///
    /// # Errors
    /// Fails where the system does. Records that do not fit are told of at the end, all at once.
    fn write(&mut self, records: &[Json]) -> Result<(), FileError>;

    /// Puts all files in their places, together.
    ///
    /// # Errors
    /// Returns all that is wrong with the records at once, and fails where the system does; no file is in its place then.
    fn finish(self: Box<Self>) -> Result<Written, FileError>;
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The stamps of the files that were made.
    pub files: Vec<FileStamp>,
    /// The stamps of the source files that were patched, hashed from the very bytes that were read.
    pub patched: Vec<FileStamp>,
}

/// A file failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such file, or no file matches.
    #[error("no file {path}")]
    Missing {
        /// The path or pattern.
        path: String,
    },
    /// The path leads out of the project.
    #[error("{path} leads out of the project")]
    Outside {
        /// The path.
        path: String,
    },
    /// The path is that of something that is no business of a pipeline.
    #[error("{path} is not for pipelines: it is {what}")]
    Reserved {
        /// The path.
        path: String,
        /// What is there.
        what: String,
    },
    /// The contents are wrong; all problems at once.
    #[error("{}", summary(.problems))]
    Bad {
        /// The problems, in file order.
        problems: Vec<Problem>,
    },
    /// The params do not say what to read or write.
    #[error("params.{field}: {message}")]
    Params {
        /// The field.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// The system failed.
    #[error("failed to {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn summary(problems: &[Problem]) -> String {
    let first = problems.first().map_or(String::new(), |problem| {
        let place = problem.place.as_ref();
        let place = place.map_or(String::new(), |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
        format!("{place}{}", problem.message)
    });
    match problems.len() {
        0 | 1 => first,
        n => format!("{first} (and {} more)", n - 1),
    }
}
