//! What a provider has served.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0, in the order of arrival.
    pub n: usize,
    /// When it arrived, in milliseconds since the provider started.
    pub arrived_ms: u64,
    /// When its answer was ready to leave; null where it is not yet.
    pub answered_ms: Option<u64>,
    /// The path it asked for.
    pub path: String,
    /// The digest of its body.
    pub digest: String,
    /// The body.
    pub body: String,
    /// The model it asked for.
    pub model: String,
    /// What the user said, the first time.
    pub prompt: String,
    /// The status of the answer; 0 where there is none.
    pub status: u16,
    /// How it failed, if it did.
    pub fault: Option<Fault>,
    /// The usage that the answer reports, where it can be read.
    pub usage: Option<Figures>,
}

/// Token counts as a provider reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Tokens sent, cached ones included.
    pub input: u64,
    /// Of those, the cached ones.
    pub cached: u64,
    /// Tokens received.
    pub output: u64,
}

/// Takes requests down.
#[derive(Debug)]
pub(super) struct Journal {
    started: Instant,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Journal {
    /// Opens a journal, and its file if it is to have one.
    pub(super) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { started: Instant::now(), book: Mutex::new(Book { entries: Vec::new(), file }) })
    }

    /// Takes down a request that arrived and returns its number.
    pub(super) fn arrived(&self, mut entry: Entry) -> usize {
        let mut book = self.book();
        entry.n = book.entries.len();
        entry.arrived_ms = self.now_ms();
        book.entries.push(entry);
        book.entries.len() - 1
    }

    /// Takes down what it is answered; to be called before the answer leaves.
    pub(super) fn answered(&self, n: usize, status: u16, usage: Option<Figures>) {
        let mut book = self.book();
        let now = self.now_ms();
        let Some(entry) = book.entries.get_mut(n) else { return };
        entry.answered_ms = Some(now);
        entry.status = status;
        entry.usage = usage;
        let line = serde_json::to_string(entry).unwrap_or_default();
        if let Some(file) = &mut book.file {
            // A line goes to the kernel in one piece; a full disk shows in the journal's gaps.
            let _unwritten = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.book().entries.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.book().entries.len()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
