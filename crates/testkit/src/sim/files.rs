//! Exports that are written nowhere, and sources that are read once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::files::{
    FileError, Loaded, ProjectFiles, RecordSource, RecordTarget, Replaceable, SourceReader, TargetWriter,
    Written,
};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;
use serde_json::{Map, Value};

/// Takes exports and keeps their digests.
#[derive(Debug)]
pub(crate) struct NoFiles {
    /// Says which source files are patched.
    real: Arc<dyn TargetWriter>,
    written: Arc<Mutex<BTreeMap<String, Digest>>>,
}

impl NoFiles {
    pub(crate) fn new(real: Arc<dyn TargetWriter>) -> Self {
        Self { real, written: Arc::default() }
    }

    /// Returns the same exports, patching the sources of another chapter.
    pub(crate) fn over(&self, real: Arc<dyn TargetWriter>) -> Self {
        Self { real, written: self.written.clone() }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp(path: &str, digest: Digest) -> FileStamp {
    FileStamp { path: path.to_owned(), digest, size: 1, modified: 0, inode: 0, young: false }
}

#[async_trait]
impl TargetWriter for NoFiles {
    async fn stamps(&self, known: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
        let written = lock(&self.written);
        let there = known.iter().filter_map(|known| Some(stamp(&known.path, *written.get(&known.path)?)));
        Ok(there.collect())
    }

    async fn inputs(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        self.real.inputs(params, known).await
    }

    async fn open(&self, params: &Map<String, Value>, _: &str) -> Result<Box<dyn RecordTarget>, FileError> {
        let patched = self.real.inputs(params, &[]).await?;
        let path = params.get("path").and_then(Value::as_str).unwrap_or("export").to_owned();
        let digester = Digester::new("refrain simulated export");
        Ok(Box::new(Export { written: self.written.clone(), path, patched, digester }))
    }
}

/// An export under way.
struct Export {
    written: Arc<Mutex<BTreeMap<String, Digest>>>,
    path: String,
    patched: Vec<FileStamp>,
    digester: Digester,
}

impl RecordTarget for Export {
    fn write(&mut self, records: &[Json]) -> Result<(), FileError> {
        for record in records {
            self.digester.part(record.as_str().as_bytes());
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Replaceable) -> Result<Written, FileError> {
        let Self { written, path, patched, digester } = *self;
        let digest = digester.finish();
        lock(&written).insert(path.clone(), digest);
        Ok(Written { files: vec![stamp(&path, digest)], patched, kept: Vec::new() })
    }
}

/// Reads each source once and remembers it: thousands of runs read the same files.
#[derive(Debug)]
pub(crate) struct ReadOnce {
    real: Arc<dyn SourceReader>,
    read: Mutex<BTreeMap<(String, String), Arc<Remembered>>>,
    stamped: Mutex<BTreeMap<String, Vec<FileStamp>>>,
}

/// What a source holds.
#[derive(Debug)]
struct Remembered {
    records: Vec<Json>,
    stamps: Vec<FileStamp>,
    has_own_ids: bool,
}

impl ReadOnce {
    pub(crate) fn new(real: Arc<dyn SourceReader>) -> Self {
        Self { real, read: Mutex::default(), stamped: Mutex::default() }
    }
}

fn name(params: &Map<String, Value>) -> String {
    serde_json::to_string(params).unwrap_or_default()
}

async fn remember(
    real: &dyn SourceReader,
    params: &Map<String, Value>,
    key: &str,
) -> Result<Remembered, FileError> {
    let mut source = real.open(params, key).await?;
    let mut records = Vec::new();
    loop {
        let batch = source.next_batch()?;
        if batch.is_empty() {
            return Ok(Remembered { records, stamps: source.stamps(), has_own_ids: source.has_own_ids() });
        }
        records.extend(batch);
    }
}

#[async_trait]
impl SourceReader for ReadOnce {
    async fn stamps(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        let name = name(params);
        if let Some(stamps) = lock(&self.stamped).get(&name) {
            return Ok(stamps.clone());
        }
        let stamps = self.real.stamps(params, known).await?;
        lock(&self.stamped).insert(name, stamps.clone());
        Ok(stamps)
    }

    async fn open(&self, params: &Map<String, Value>, key: &str) -> Result<Box<dyn RecordSource>, FileError> {
        let name = (name(params), key.to_owned());
        let known = lock(&self.read).get(&name).cloned();
        let source = match known {
            Some(known) => known,
            None => {
                let read = Arc::new(remember(&*self.real, params, key).await?);
                lock(&self.stamped).insert(name.0.clone(), read.stamps.clone());
                lock(&self.read).insert(name, read.clone());
                read
            }
        };
        Ok(Box::new(Again { source, at: 0 }))
    }
}

/// Reads each small file once and remembers it.
#[derive(Debug)]
pub(crate) struct KnownFiles {
    real: Arc<dyn ProjectFiles>,
    read: Mutex<BTreeMap<String, Vec<u8>>>,
    stamped: Mutex<BTreeMap<String, FileStamp>>,
    loaded: Mutex<BTreeMap<(String, Option<char>), Loaded>>,
}

impl KnownFiles {
    pub(crate) fn new(real: Arc<dyn ProjectFiles>) -> Self {
        Self { real, read: Mutex::default(), stamped: Mutex::default(), loaded: Mutex::default() }
    }
}

#[async_trait]
impl ProjectFiles for KnownFiles {
    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        if let Some(known) = lock(&self.read).get(path) {
            return Ok(known.clone());
        }
        let bytes = self.real.read(path).await?;
        lock(&self.read).insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }

    async fn stamp(&self, path: &str, known: Option<&FileStamp>) -> Result<FileStamp, FileError> {
        if let Some(known) = lock(&self.stamped).get(path) {
            return Ok(known.clone());
        }
        let stamp = self.real.stamp(path, known).await?;
        lock(&self.stamped).insert(path.to_owned(), stamp.clone());
        Ok(stamp)
    }

    async fn exists(&self, path: &str) -> bool {
        self.real.exists(path).await
    }

    async fn load(&self, path: &str, delimiter: Option<char>) -> Result<Loaded, FileError> {
        if let Some(known) = lock(&self.loaded).get(&(path.to_owned(), delimiter)) {
            return Ok(known.clone());
        }
        let loaded = self.real.load(path, delimiter).await?;
        lock(&self.loaded).insert((path.to_owned(), delimiter), loaded.clone());
        Ok(loaded)
    }
}

/// A source that is read again from memory.
struct Again {
    source: Arc<Remembered>,
    at: usize,
}

/// How many records are handed out at once.
const BATCH: usize = 1000;

impl RecordSource for Again {
    fn next_batch(&mut self) -> Result<Vec<Json>, FileError> {
        let end = (self.at + BATCH).min(self.source.records.len());
        let batch = self.source.records[self.at..end].to_vec();
        self.at = end;
        Ok(batch)
    }

    fn stamps(&self) -> Vec<FileStamp> {
        self.source.stamps.clone()
    }

    fn has_own_ids(&self) -> bool {
        self.source.has_own_ids
    }
}
