//! Files in memory: those of the definition, sources and exports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::files::{
    FileError, Loaded, ProjectFiles, RecordSource, RecordTarget, Replaceable, SourceReader, TargetWriter,
    Written,
};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::report::KeptFile;
use serde_json::{Map, Value};

/// The files of a project.
#[derive(Debug, Default)]
pub(crate) struct Files(Arc<Mutex<BTreeMap<String, Value>>>);

impl Files {
    pub(crate) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    pub(crate) fn set(&self, path: &str, contents: Value) {
        self.lock().insert(path.to_owned(), contents);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    pub(crate) fn contents(&self, path: &str) -> Option<Value> {
        self.lock().get(path).cloned()
    }

    /// The files as a check sees them: texts as they are, and of records under a CSV name it looks at the header alone.
    pub(crate) fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let bytes = |path: &String, value: &Value| match value {
            Value::Array(records) if path.ends_with(".csv") => header(records).into_bytes(),
            other => plain(other),
        };
        self.lock().iter().map(|(path, value)| (path.clone(), bytes(path, value))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, path: &str) -> Result<Value, FileError> {
        self.contents(path).ok_or_else(|| missing(path))
    }

    /// Returns the files that `params.files` names, sorted: one path, or all that begin as it does before its `*`.
    fn sources(&self, params: &Map<String, Value>) -> Result<Vec<(String, Value)>, FileError> {
        let pattern = params.get("files").and_then(Value::as_str).unwrap_or_default();
        let fits = |path: &str| match pattern.split_once('*') {
            Some((head, _)) => path.starts_with(head),
            None => path == pattern,
        };
        let found: Vec<(String, Value)> = self
            .lock()
            .iter()
            .filter(|(path, _)| fits(path))
            .map(|(path, value)| (path.clone(), value.clone()))
            .collect();
        if found.is_empty() { Err(missing(pattern)) } else { Ok(found) }
    }
}

/// A text is a text file; anything else is JSON.
fn plain(value: &Value) -> Vec<u8> {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes()
}

fn missing(path: &str) -> FileError {
    FileError::Missing { path: path.to_owned() }
}

fn header(records: &[Value]) -> String {
    let fields = records.iter().filter_map(Value::as_object).flat_map(Map::keys);
    let fields: std::collections::BTreeSet<&str> = fields.map(String::as_str).collect();
    fields.into_iter().collect::<Vec<_>>().join(",")
}

fn stamp(path: &str, contents: &Value) -> FileStamp {
    let text = contents.to_string();
    FileStamp {
        path: path.to_owned(),
        digest: Digest::of_content(text.as_bytes()),
        size: text.len() as u64,
        modified: 0,
        inode: 0,
        young: false,
    }
}

fn record(value: &Value) -> Json {
    Json::of(value).unwrap_or_else(|_| Json::null())
}

#[async_trait]
impl ProjectFiles for Files {
    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        Ok(plain(&self.get(path)?))
    }

    async fn stamp(&self, path: &str, _: Option<&FileStamp>) -> Result<FileStamp, FileError> {
        Ok(stamp(path, &self.get(path)?))
    }

    async fn exists(&self, path: &str) -> bool {
        self.lock().contains_key(path)
    }

    async fn load(&self, path: &str, _: Option<char>) -> Result<Loaded, FileError> {
        Ok(match self.get(path)? {
            Value::Array(items) if items.iter().all(Value::is_object) => {
                Loaded::Records(items.iter().map(record).collect())
            }
            other => Loaded::Document(record(&other)),
        })
    }
}

#[async_trait]
impl SourceReader for Files {
    async fn stamps(
        &self,
        params: &Map<String, Value>,
        _: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        Ok(self.sources(params)?.iter().map(|(path, contents)| stamp(path, contents)).collect())
    }

    async fn open(&self, params: &Map<String, Value>, _: &str) -> Result<Box<dyn RecordSource>, FileError> {
        let found = self.sources(params)?;
        let stamps = found.iter().map(|(path, contents)| stamp(path, contents)).collect();
        let records = found.iter().flat_map(|(_, contents)| contents.as_array().into_iter().flatten());
        // Which of its files have ids of their own this reader cannot see; the params say so.
        let own_ids = params.get("ids").and_then(Value::as_str) != Some("content");
        Ok(Box::new(Source { records: records.map(record).collect(), stamps, own_ids }))
    }
}

/// Records that are handed out a few at a time.
struct Source {
    records: Vec<Json>,
    stamps: Vec<FileStamp>,
    own_ids: bool,
}

impl RecordSource for Source {
    fn next_batch(&mut self) -> Result<Vec<Json>, FileError> {
        let rest = self.records.split_off(self.records.len().min(100));
        Ok(std::mem::replace(&mut self.records, rest))
    }

    fn stamps(&self) -> Vec<FileStamp> {
        self.stamps.clone()
    }

    fn has_own_ids(&self) -> bool {
        self.own_ids
    }
}

#[async_trait]
impl TargetWriter for Files {
    async fn stamps(&self, known: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
        let files = self.lock();
        let known = known.iter().filter_map(|known| Some((known, files.get(&known.path)?)));
        Ok(known.map(|(known, contents)| stamp(&known.path, contents)).collect())
    }

    async fn remove(&self, file: &FileStamp) -> Result<bool, FileError> {
        let is_same =
            self.contents(&file.path).is_some_and(|there| stamp(&file.path, &there).digest == file.digest);
        if is_same {
            Self::remove(self, &file.path);
        }
        Ok(is_same)
    }

    async fn inputs(
        &self,
        params: &Map<String, Value>,
        _: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        let patch = params.get("patch").and_then(Value::as_str);
        patch.map(|path| Ok(stamp(path, &self.get(path)?))).into_iter().collect()
    }

    async fn open(&self, params: &Map<String, Value>, _: &str) -> Result<Box<dyn RecordTarget>, FileError> {
        let patched = self.inputs(params, &[]).await?;
        let path = params.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Box::new(Export { files: self.0.clone(), path, patched, records: Vec::new() }))
    }
}

/// Records on their way into a file.
struct Export {
    files: Arc<Mutex<BTreeMap<String, Value>>>,
    path: String,
    patched: Vec<FileStamp>,
    records: Vec<Value>,
}

impl RecordTarget for Export {
    fn write(&mut self, records: &[Json]) -> Result<(), FileError> {
        self.records.extend(records.iter().map(Json::value));
        Ok(())
    }

    fn finish(self: Box<Self>, replaceable: &Replaceable) -> Result<Written, FileError> {
        let Self { files, path, patched, records } = *self;
        let contents = Value::Array(records);
        let stamp = stamp(&path, &contents);
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = keep(&mut files, &path, &contents, replaceable)?;
        files.insert(path, contents);
        Ok(Written { files: vec![stamp], patched, kept: kept.into_iter().collect() })
    }
}

/// Keeps what is in the place of a file, unless it is what is written now or may be replaced.
fn keep(
    files: &mut BTreeMap<String, Value>,
    path: &str,
    written: &Value,
    replaceable: &Replaceable,
) -> Result<Option<KeptFile>, FileError> {
    let Some(there) = files.get(path).filter(|there| *there != written).cloned() else { return Ok(None) };
    let digest = stamp(path, &there).digest;
    if replaceable.allows(path, |_| Ok::<_, FileError>(Some(digest)))? {
        return Ok(None);
    }
    let free = |name: &String| files.get(name).is_none_or(|copy| *copy == there);
    let copy = (1..).map(|n| format!("{path}.edited-{n}")).find(free).unwrap_or_default();
    files.insert(copy.clone(), there);
    Ok(Some(KeptFile { path: path.to_owned(), copy, imported: replaceable.is_in_part(&digest) }))
}
