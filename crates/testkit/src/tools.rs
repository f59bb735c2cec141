//! Doubles of what tools reach the world through.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::agent::AgentError;
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::fetch::{Fetch, WebRequest, WebResponse};
use refrain_core::ports::files::FileError;
use refrain_core::ports::past::{Past, PastRun};
use refrain_core::ports::runner::{Finished, Invocation, Runner};
use refrain_core::ports::store::StoreError;
use refrain_core::ports::workspace::{Kind, Listed, Workspace};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use serde_json::Value;

/// Runs in memory, and what they made.
#[derive(Debug, Default)]
pub struct MemoryPast {
    /// The runs, oldest first.
    pub runs: Mutex<Vec<PastRun>>,
    /// What they made.
    pub contents: Mutex<BTreeMap<Digest, Value>>,
}

#[async_trait]
impl Past for MemoryPast {
    async fn runs(&self) -> Result<Vec<PastRun>, StoreError> {
        Ok(self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn contents(&self, digests: &[Digest]) -> Result<Vec<Option<Value>>, StoreError> {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(digests.iter().map(|digest| contents.get(digest).cloned()).collect())
    }
}

/// Files in memory; it refuses every path that is not plainly one of the project.
#[derive(Debug, Default)]
pub struct MemoryWorkspace(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryWorkspace {
    /// Returns a workspace with these files.
    #[must_use]
    pub fn with(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Self(Mutex::new(files.collect()))
    }

    /// Returns all files, as texts.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.lock().iter().map(|(path, bytes)| (path.clone(), text(bytes))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There are no folders but those that files are in.
    fn is_folder(&self, path: &str) -> bool {
        path == "." || self.lock().keys().any(|file| file.starts_with(&format!("{path}/")))
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.judge(path, false)?;
        if self.is_folder(path) {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a folder");
            return Err(FileError::Io { action: format!("read {path}"), source });
        }
        self.lock().get(path).cloned().ok_or_else(|| FileError::Missing { path: path.to_owned() })
    }
}

#[async_trait]
impl Workspace for MemoryWorkspace {
    fn judge(&self, path: &str, _: bool) -> Result<(), FileError> {
        let leaves = path.starts_with('/') || path.split('/').any(|part| part == "..");
        if leaves { Err(FileError::Outside { path: path.to_owned() }) } else { Ok(()) }
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.get(path)
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        self.judge(path, true)?;
        if self.is_folder(path) {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a folder");
            return Err(FileError::Io { action: format!("write {path}"), source });
        }
        self.lock().insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn copy(&self, from: &str, to: &str) -> Result<(), FileError> {
        let bytes = self.get(from)?;
        self.write(to, &bytes).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.copy(from, to).await?;
        self.remove(from).await
    }

    async fn remove(&self, path: &str) -> Result<(), FileError> {
        self.get(path)?;
        self.lock().remove(path);
        Ok(())
    }

    async fn list(&self, path: &str) -> Result<Vec<Listed>, FileError> {
        self.judge(path, false)?;
        if !self.is_folder(path) {
            return Err(FileError::Missing { path: path.to_owned() });
        }
        let below = if path == "." { String::new() } else { format!("{path}/") };
        let mut listed: BTreeMap<String, Listed> = BTreeMap::new();
        for (full, bytes) in &*self.lock() {
            let Some(rest) = full.strip_prefix(&below) else { continue };
            let (name, is_folder) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
            let size = if is_folder { 0 } else { bytes.len() as u64 };
            let path = format!("{below}{name}");
            listed.insert(name.to_owned(), Listed { name: name.to_owned(), path, is_folder, size });
        }
        Ok(listed.into_values().collect())
    }

    async fn folder(&self, path: &str) -> Result<PathBuf, FileError> {
        self.judge(path, true)?;
        Ok(PathBuf::from("/project").join(path))
    }

    async fn kind(&self, path: &str) -> Result<Option<Kind>, FileError> {
        self.judge(path, false)?;
        let is_file = self.lock().contains_key(path);
        Ok(if self.is_folder(path) { Some(Kind::Folder) } else { is_file.then_some(Kind::File) })
    }

    async fn stamp(&self, path: &str) -> Result<Option<FileStamp>, FileError> {
        let bytes = match self.get(path) {
            Ok(bytes) => bytes,
            Err(FileError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(FileStamp {
            path: path.to_owned(),
            digest: Digest::of_content(&bytes),
            size: bytes.len() as u64,
            modified: 0,
            inode: 0,
            young: false,
        }))
    }
}

/// A machine whose programs all end as they are told to; it keeps what was asked of it.
#[derive(Debug)]
pub struct ScriptedRunner {
    answer: Finished,
    asked: Mutex<Vec<Invocation>>,
}

impl ScriptedRunner {
    /// Returns a machine whose programs end like this.
    #[must_use]
    pub const fn new(answer: Finished) -> Self {
        Self { answer, asked: Mutex::new(Vec::new()) }
    }

    /// Returns what was run.
    #[must_use]
    pub fn asked(&self) -> Vec<Invocation> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Runner for ScriptedRunner {
    async fn run(&self, work: Invocation, _: &Cancel) -> Result<Finished, AgentError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(work);
        Ok(self.answer.clone())
    }
}

/// A web that has one answer; it keeps what was asked of it.
#[derive(Debug)]
pub struct ScriptedFetch {
    answer: WebResponse,
    asked: Mutex<Vec<WebRequest>>,
}

impl ScriptedFetch {
    /// Returns a web with this answer.
    #[must_use]
    pub fn new(status: u16, body: &str) -> Self {
        let answer = WebResponse { status, headers: BTreeMap::new(), body: body.to_owned() };
        Self { answer, asked: Mutex::new(Vec::new()) }
    }

    /// Returns what was asked.
    #[must_use]
    pub fn asked(&self) -> Vec<WebRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Fetch for ScriptedFetch {
    async fn fetch(&self, request: WebRequest, _: &Cancel) -> Result<WebResponse, AgentError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        Ok(self.answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_memory_are_as_those_of_a_disk() {
        let workspace = MemoryWorkspace::default();
        futures::executor::block_on(crate::contract::workspace::folders_are_no_files(&workspace));
    }
}
