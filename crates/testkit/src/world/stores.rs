//! A store that can be killed between any two steps, and a sink that checks events against it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, SinkError};
use refrain_core::ports::store::{
    Batch, CallFilter, Collected, Keep, LedgerSummary, Opening, PageBytes, Store, StoreError,
};
use refrain_schemas::digest::Digest;
use refrain_schemas::event::{Event, EventKind, Level};
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallState, CallView, LaneSum};
use refrain_schemas::name::CallId;
use refrain_schemas::status::Holder;

use crate::memory_store::MemoryStore;

/// A store that lets others go first before and after every commit.
#[derive(Debug)]
pub(super) struct WitnessedStore {
    inner: MemoryStore,
    yields: bool,
    fails_at: Option<u64>,
    commits: AtomicU64,
}

impl WitnessedStore {
    pub(super) fn new(inner: MemoryStore, yields: bool, fails_at: Option<u64>) -> Arc<Self> {
        Arc::new(Self { inner, yields, fails_at, commits: AtomicU64::new(0) })
    }

    /// Returns the state of a call.
    pub(super) async fn state(&self, call: CallId) -> Option<CallState> {
        state(&self.inner, call).await
    }

    async fn step(&self) {
        if self.yields {
            step().await;
        }
    }
}

/// Waits for one poll.
pub(super) async fn step() {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn state(store: &dyn Store, call: CallId) -> Option<CallState> {
    let calls = store.calls(&CallFilter::default()).await.ok()?;
    calls.iter().rev().find(|view| view.call == call).map(|view| view.state)
}

#[async_trait]
impl Store for WitnessedStore {
    async fn begin_writing(&self, holder: &Holder) -> Result<Opening, StoreError> {
        self.inner.begin_writing(holder).await
    }

    async fn end_writing(&self) -> Result<(), StoreError> {
        self.inner.end_writing().await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.holder().await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.step().await;
        if self.fails_at == Some(self.commits.fetch_add(1, Ordering::Relaxed) + 1) {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(StoreError::Io { action: "commit".to_owned(), source });
        }
        let committed = self.inner.commit(batch).await;
        self.step().await;
        committed
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        self.inner.history().await
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        self.step().await;
        self.inner.replies(keys).await
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        self.inner.pages(digests).await
    }

    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallView>, StoreError> {
        self.inner.calls(filter).await
    }

    async fn ledger_summary(&self) -> Result<LedgerSummary, StoreError> {
        self.inner.ledger_summary().await
    }

    async fn lane_sums(&self) -> Result<Vec<LaneSum>, StoreError> {
        self.inner.lane_sums().await
    }

    async fn recorded(&self) -> Result<Vec<Digest>, StoreError> {
        self.inner.recorded().await
    }

    async fn exchanges(&self, call: CallId) -> Result<Vec<Exchange>, StoreError> {
        self.inner.exchanges(call).await
    }

    async fn collect(&self, keep: Keep) -> Result<Collected, StoreError> {
        self.inner.collect(keep).await
    }
}

/// Checks that whatever an event says is durable when it says so.
#[derive(Debug)]
pub(super) struct Watcher {
    store: Arc<dyn Store>,
    watches: bool,
}

impl Watcher {
    pub(super) fn new(store: Arc<dyn Store>, watches: bool) -> Arc<Self> {
        Arc::new(Self { store, watches })
    }

    async fn check_call(&self, call: CallId, expect: CallState) {
        let found = state(&*self.store, call).await;
        assert!(found == Some(expect), "{call} is told of as {expect:?}, but the ledger has it as {found:?}");
    }

    async fn check_revision(&self, event: &Event, digest: Digest) {
        let history = self.store.history().await.unwrap_or_default();
        let is_there = history.iter().any(|entry| match entry {
            HistoryEntry::Revision(record) => {
                record.artifact.digest == digest && Some(&record.target.phase) == event.phase.as_ref()
            }
            _ => false,
        });
        assert!(is_there, "a revision is told of before it is in the history");
        let pages = self.store.pages(&[digest]).await;
        assert!(pages.is_ok(), "a revision is told of before its pages are stored");
    }
}

#[async_trait]
impl LogSink for Watcher {
    fn level(&self) -> Level {
        if self.watches { Level::Debug } else { Level::Error }
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        if !self.watches {
            return Ok(());
        }
        match &event.kind {
            EventKind::CallIntended { call, .. } => self.check_call(*call, CallState::InDoubt).await,
            EventKind::CallCompleted { call, .. } | EventKind::CallFailed { call, .. } => {
                self.check_call(*call, CallState::Done).await;
            }
            EventKind::PhaseCompleted(end) | EventKind::PhasePartial(end) => {
                self.check_revision(event, end.digest).await;
            }
            _ => {}
        }
        Ok(())
    }
}
