//! What tools remember, in a file beside the store.
//!
//! One JSON line for each change, written before its effect is told: after a kill, what was remembered is there, and a
//! change that is made again is found out. The file is taken away when a run comes to its end.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::scratch::{Change, Scratch};
use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value, json};

/// Remembers in a file, from a run that was broken off to the one that goes on.
#[derive(Debug)]
pub struct FileScratch {
    path: PathBuf,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    spaces: BTreeMap<String, Map<String, Value>>,
    /// The changes that were made, and how many there were then.
    done: HashMap<String, usize>,
}

impl FileScratch {
    /// Returns what remembers in a state folder. Nothing is opened before it is used.
    #[must_use]
    pub fn new(state: impl AsRef<Path>) -> Self {
        Self { path: state.as_ref().join("scratch.jsonl"), kept: Mutex::new(None) }
    }

    /// Forgets everything: the run is over.
    ///
    /// # Errors
    /// Fails where the system does.
    pub fn forget(&self) -> Result<(), StoreError> {
        *self.lock() = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove")(error)),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was remembered after so many changes. A line that a kill broke off was never told of, and is cut off.
    fn load(&self, changes: usize) -> Result<Kept, StoreError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(failed("read")(error)),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            let file = fs::OpenOptions::new().write(true).open(&self.path).map_err(failed("open"))?;
            file.set_len(whole as u64).map_err(failed("cut"))?;
        }
        let mut kept = Kept::default();
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for line in lines.take(changes) {
            let (by, space, change) = read(line).ok_or_else(|| StoreError::Damaged {
                what: "scratch.jsonl".to_owned(),
                message: "a line is no change".to_owned(),
            })?;
            kept.make(by, space, &change);
        }
        Ok(kept)
    }

    fn append(&self, line: &Value) -> Result<(), StoreError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
        }
        let file = fs::OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).map_err(failed("write"))
    }
}

impl Kept {
    fn make(&mut self, by: String, space: String, change: &Change) {
        change.apply(self.spaces.entry(space).or_default());
        self.done.insert(by, self.done.len() + 1);
    }

    fn space(&self, name: &str) -> Map<String, Value> {
        self.spaces.get(name).cloned().unwrap_or_default()
    }
}

fn failed(action: &str) -> impl Fn(io::Error) -> StoreError {
    let action = format!("{action} what tools remember");
    move |source| StoreError::Io { action: action.clone(), source }
}

fn written(by: &str, space: &str, change: &Change) -> Value {
    let (what, name, value) = match change {
        Change::Put(name, value) => ("put", json!(name), value.clone()),
        Change::Add(name, amount) => ("add", json!(name), json!(amount)),
        Change::Clear => ("clear", Value::Null, Value::Null),
    };
    json!({ "by": by, "space": space, "change": what, "name": name, "value": value })
}

fn read(line: &[u8]) -> Option<(String, String, Change)> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let text = |name: &str| line.get(name)?.as_str().map(str::to_owned);
    let change = match text("change")?.as_str() {
        "put" => Change::Put(text("name")?, line.get("value")?.clone()),
        "add" => Change::Add(text("name")?, line.get("value")?.as_f64()?),
        "clear" => Change::Clear,
        _ => return None,
    };
    Some((text("by")?, text("space")?, change))
}

#[async_trait]
impl Scratch for FileScratch {
    async fn change(
        &self,
        space: &str,
        by: &Digest,
        change: Change,
    ) -> Result<Map<String, Value>, StoreError> {
        let mut guard = self.lock();
        let kept = match &mut *guard {
            Some(kept) => kept,
            none => none.insert(self.load(usize::MAX)?),
        };
        let by = by.to_string();
        if let Some(changes) = kept.done.get(&by) {
            return Ok(self.load(*changes)?.space(space));
        }
        self.append(&written(&by, space, &change))?;
        kept.make(by, space.to_owned(), &change);
        Ok(kept.space(space))
    }

    async fn look(&self, space: &str) -> Result<Map<String, Value>, StoreError> {
        let mut guard = self.lock();
        let kept = match &mut *guard {
            Some(kept) => kept,
            none => none.insert(self.load(usize::MAX)?),
        };
        Ok(kept.space(space))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran<T>(future: impl Future<Output = T>) -> T {
        futures::executor::block_on(future)
    }

    fn put(scratch: &FileScratch, by: &str, name: &str, value: i32) -> Value {
        let by = Digest::of_content(by.as_bytes());
        Value::Object(ran(scratch.change("s", &by, Change::Put(name.to_owned(), json!(value)))).unwrap())
    }

    #[test]
    fn what_is_remembered_outlives_a_kill_and_nothing_is_done_twice() {
        let folder = tempfile::tempdir().unwrap();
        let add = |scratch: &FileScratch, by: &str| {
            let by = Digest::of_content(by.as_bytes());
            Value::Object(ran(scratch.change("s", &by, Change::Add("n".to_owned(), 7.0))).unwrap())
        };
        let first = FileScratch::new(folder.path());
        assert_eq!(put(&first, "a", "x", 1), json!({"x": 1}));
        assert_eq!(add(&first, "b"), json!({"n": 7, "x": 1}));
        // The next line was broken off.
        let path = folder.path().join("scratch.jsonl");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"by\": \"c\"").unwrap();
        let second = FileScratch::new(folder.path());
        assert_eq!(add(&second, "b"), json!({"n": 7, "x": 1}), "it was done already");
        assert_eq!(put(&second, "c", "y", 2), json!({"n": 7, "x": 1, "y": 2}));
        let third = FileScratch::new(folder.path());
        assert_eq!(Value::Object(ran(third.look("s")).unwrap()), json!({"n": 7, "x": 1, "y": 2}));
        assert_eq!(add(&third, "b"), json!({"n": 7, "x": 1}), "it gives what it gave");
        assert!(ran(third.look("other")).unwrap().is_empty());
        third.forget().unwrap();
        third.forget().unwrap();
        assert!(ran(FileScratch::new(folder.path()).look("s")).unwrap().is_empty());
    }
}
