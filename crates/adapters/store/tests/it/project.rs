use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use refrain_core::ports::store::{Batch, Store};
use refrain_schemas::digest::Digest;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::name::CallId;
use refrain_store::{Durability, FileStore};
use refrain_testkit::contract::store::fixture::{
    begin, exchange, generation, intent, key, lane, ledger, outcome, pages, reply, run, run_started, target,
};
use tempfile::TempDir;

/// A project folder.
pub(crate) struct Project(pub(crate) TempDir, pub(crate) Durability);

impl Project {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), Durability::Process)
    }

    pub(crate) fn open(&self) -> Arc<dyn Store> {
        Arc::new(FileStore::open(self.0.path(), self.1).unwrap())
    }

    pub(crate) fn state(&self) -> PathBuf {
        refrain_store::state_folder(self.0.path())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn copy(&self) -> Self {
        let copy = Self(tempfile::tempdir().unwrap(), self.1);
        fs::create_dir(copy.state()).unwrap();
        for name in self.names() {
            fs::copy(self.state().join(&name), copy.state().join(&name)).unwrap();
        }
        copy
    }
}

/// Returns the batch of this number; the store of the batches 0 to n is known in full.
pub(crate) fn batch(n: u64) -> Batch {
    let unit = format!("unit {n}");
    let mut batch = pages(&[&format!("page {n}")]);
    batch.ledger = vec![intent(n, 0, &[&unit]), outcome(n, &[(&unit, reply(&format!("reply {n}")))])];
    batch.exchanges = vec![(CallId(n), vec![exchange(&format!("call {n}"))])];
    batch.history = vec![run_started(n.into()), generation(n as u32)];
    batch
}

/// Begins writing and commits so many batches.
pub(crate) async fn write(store: &Arc<dyn Store>, batches: u64) {
    begin(store).await;
    store.commit(ledger(vec![lane(0, run(1), target("translate", "ja"))])).await.unwrap();
    for n in 0..batches {
        store.commit(batch(n)).await.unwrap();
    }
}

/// How many batches each log holds: a prefix of what was written, or the test fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) pages: u64,
    pub(crate) exchanges: u64,
    pub(crate) replies: u64,
    pub(crate) history: u64,
}

pub(crate) async fn held(store: &Arc<dyn Store>, batches: u64) -> Held {
    let history = store.history().await.unwrap();
    let expected: Vec<HistoryEntry> = (0..batches).flat_map(|n| batch(n).history).collect();
    assert_eq!(history, expected[..history.len()]);
    let keys: Vec<Digest> = (0..batches).map(|n| key(&format!("unit {n}"))).collect();
    let replies = store.replies(&keys).await.unwrap();
    let n_replies = replies.iter().take_while(|reply| reply.is_some()).count() as u64;
    for (n, found) in (0..).zip(&replies) {
        assert_eq!(*found, (n < n_replies).then(|| Json::string(&format!("reply {n}"))));
    }
    let mut n_pages = 0;
    for n in 0..batches {
        let text = format!("page {n}");
        if let Ok(found) = store.pages(&[key(&text)]).await {
            assert_eq!((n, &*found[0]), (n_pages, text.as_bytes()));
            n_pages += 1;
        }
    }
    let summary = store.ledger_summary().await.unwrap();
    assert_eq!(summary.done, n_replies);
    assert_eq!(store.recorded().await.unwrap().len() as u64, n_replies);
    let n_exchanges = exchanges(store, batches).await;
    Held { pages: n_pages, exchanges: n_exchanges, replies: n_replies, history: history.len() as u64 / 2 }
}

/// Returns how many batches the exchanges are there of; of many, some are looked at.
async fn exchanges(store: &Arc<dyn Store>, batches: u64) -> u64 {
    let found = async |n: u64| {
        let found = store.exchanges(CallId(n)).await.unwrap();
        let whole = found == [exchange(&format!("call {n}"))];
        assert!(whole || found.is_empty(), "{found:?}");
        whole
    };
    let (mut low, mut high) = (0, batches);
    while low < high {
        let middle = u64::midpoint(low, high);
        if found(middle).await { low = middle + 1 } else { high = middle }
    }
    for n in (0..batches).step_by(batches as usize / 50 + 1) {
        assert_eq!(found(n).await, n < low, "exchanges of call {n}, of {low}");
    }
    low
}

pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x40;
    fs::write(path, bytes).unwrap();
}
