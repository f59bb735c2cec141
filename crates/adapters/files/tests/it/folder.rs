//! A project folder to test in.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use refrain_core::ports::files::{
    FileError, RecordSource, Replaceable, SourceReader as _, TargetWriter as _, Written,
};
use refrain_files::{FsReader, FsWriter};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::json::Json;
use refrain_schemas::problem::Problem;
use serde_json::{Map, Value};

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, contents) in files {
            folder.put(path, contents);
        }
        folder
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn put(&self, path: &str, contents: &[u8]) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), contents).unwrap();
    }

    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Gives a file an age, so that its marks can be trusted.
    pub(crate) fn age(&self, path: &str) -> SystemTime {
        let file = std::fs::File::options().write(true).open(self.path(path)).unwrap();
        let then = SystemTime::now() - Duration::from_secs(60);
        file.set_modified(then).unwrap();
        file.metadata().unwrap().modified().unwrap()
    }

    /// Returns every path below the folder.
    pub(crate) fn everything(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                folders.extend(path.is_dir().then(|| path.clone()));
                found.push(path);
            }
        }
        found
    }

    pub(crate) fn reader(&self) -> FsReader {
        FsReader::new(self.0.path())
    }

    pub(crate) fn writer(&self) -> FsWriter {
        FsWriter::new(self.0.path())
    }

    pub(crate) fn open(&self, params: Value, key: &str) -> Result<Box<dyn RecordSource>, FileError> {
        block_on(self.reader().open(&map(params), key))
    }

    pub(crate) fn read(&self, params: Value, key: &str) -> Result<(Vec<Json>, Vec<FileStamp>), FileError> {
        let mut source = self.open(params, key)?;
        let mut records = Vec::new();
        loop {
            let batch = source.next_batch()?;
            if batch.is_empty() {
                return Ok((records, source.stamps()));
            }
            records.extend(batch);
        }
    }

    pub(crate) fn write(&self, params: Value, records: &[Json]) -> Result<Vec<FileStamp>, FileError> {
        self.patch(params, "id", records).map(|written| written.files)
    }

    pub(crate) fn patch(&self, params: Value, key: &str, records: &[Json]) -> Result<Written, FileError> {
        let mut target = block_on(self.writer().open(&map(params), key))?;
        for batch in records.chunks(3) {
            target.write(batch)?;
        }
        target.finish(&Replaceable::anything())
    }
}

pub(crate) fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Writes problems one per line, as `code file:line:column message`.
pub(crate) fn lines(problems: &[Problem]) -> Vec<String> {
    let place = |problem: &Problem| {
        let place = problem.place.as_ref();
        place.map_or("-".to_owned(), |place| format!("{}:{}:{}", place.file, place.line, place.column))
    };
    problems
        .iter()
        .map(|problem| format!("{} {} {}", problem.code, place(problem), problem.message))
        .collect()
}

/// Returns stamps without their youth, which passes while a test runs.
pub(crate) fn ageless(mut stamps: Vec<FileStamp>) -> Vec<FileStamp> {
    stamps.iter_mut().for_each(|stamp| stamp.young = false);
    stamps
}
