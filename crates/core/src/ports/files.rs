//! The files of a project: those that the definition names, sources and exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::problem::Problem;
use refrain_schemas::report::KeptFile;
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
    /// document where it is other JSON, and text otherwise. `delimiter` is an ASCII character that stands between the cells of a CSV
    /// file; where there is none, the name tells.
    async fn load(&self, path: &str, delimiter: Option<char>) -> Result<Loaded, FileError>;
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
}

/// Records as they are written. Dropped unfinished, it leaves nothing behind.
pub trait RecordTarget: Send {
    /// Takes the next few records.
    ///
    /// # Errors
    /// Fails where the system does. Records that do not fit are told of at the end, all at once.
    fn write(&mut self, records: &[Json]) -> Result<(), FileError>;

    /// Puts all files in their places, together. Right before a file is replaced whose contents are not `replaceable`, it
    /// MUST be kept under a name beside it that is free, or that has the same contents already. A file that has the
    /// contents it is to have is left alone.
    ///
    /// # Errors
    /// Returns all that is wrong with the records at once, in which case no file is in its place, and fails where the
    /// system does. Copies stay then.
    fn finish(self: Box<Self>, replaceable: &Replaceable) -> Result<Written, FileError>;
}

/// The contents with which files may be replaced unread: what runs wrote in their places, and what was taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replaceable {
    is_anything: bool,
    anywhere: BTreeSet<Digest>,
    in_part: BTreeSet<Digest>,
    written: BTreeMap<String, Past>,
}

/// What was written in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Past {
    digests: BTreeSet<Digest>,
    latest: FileStamp,
}

impl Replaceable {
    /// Returns what lets every file be replaced: where nobody's files are.
    #[must_use]
    pub fn anything() -> Self {
        Self { is_anything: true, ..Self::default() }
    }

    /// Adds contents that may be replaced wherever they are.
    pub fn add(&mut self, digest: Digest) {
        self.anywhere.insert(digest);
    }

    /// Adds contents of which not everything was taken over: these are kept, but nobody need be told to import them.
    pub fn add_in_part(&mut self, digest: Digest) {
        self.in_part.insert(digest);
    }

    /// Whether a file that is kept was imported before, so that only what the import left out would be lost.
    #[must_use]
    pub fn is_in_part(&self, digest: &Digest) -> bool {
        self.in_part.contains(digest)
    }

    /// Adds what was written in one place; what was written last comes last.
    pub fn add_written(&mut self, file: &FileStamp) {
        match self.written.get_mut(&file.path) {
            Some(past) => {
                past.digests.insert(file.digest);
                past.latest.clone_from(file);
            }
            None => {
                let past = Past { digests: BTreeSet::from([file.digest]), latest: file.clone() };
                self.written.insert(file.path.clone(), past);
            }
        }
    }

    /// Whether a file may be replaced; `look` says what it holds, given the stamp that it had when it was written last.
    /// Where there is no file there is nothing to lose.
    ///
    /// # Errors
    /// Fails where `look` does.
    pub fn allows<E>(
        &self,
        path: &str,
        look: impl FnOnce(Option<&FileStamp>) -> Result<Option<Digest>, E>,
    ) -> Result<bool, E> {
        if self.is_anything {
            return Ok(true);
        }
        let past = self.written.get(path);
        let is_known = |digest: &Digest| {
            self.anywhere.contains(digest) || past.is_some_and(|past| past.digests.contains(digest))
        };
        Ok(look(past.map(|past| &past.latest))?.as_ref().is_none_or(is_known))
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The stamps of the files that were made.
    pub files: Vec<FileStamp>,
    /// The stamps of the source files that were patched, hashed from the very bytes that were read.
    pub patched: Vec<FileStamp>,
    /// What was in the places of files before, where nobody knew it, and where it is now.
    pub kept: Vec<KeptFile>,
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
