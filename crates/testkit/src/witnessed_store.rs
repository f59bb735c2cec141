//! A store over another one, that can be killed between any two steps and counts what is read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::clock::Clock;
use refrain_core::ports::store::{
    Batch, CallFilter, Collected, Keep, LedgerSummary, Opening, PageBytes, Store, StoreError,
};
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallState, CallView, LaneSum};
use refrain_schemas::name::CallId;
use refrain_schemas::status::Holder;

use crate::drive::step;

/// How long looking for replies takes, by the number of the look-up.
#[derive(Clone)]
pub(crate) struct Pauses {
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Fn(u64) -> Duration + Send + Sync>,
}

impl Pauses {
    #[cfg(feature = "suite")]
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        pause: impl Fn(u64) -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { clock, pause: Arc::new(pause) }
    }

    async fn pause(&self, number: u64) {
        let pause = (self.pause)(number);
        if !pause.is_zero() {
            self.clock.sleep(pause).await;
        }
    }
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pauses")
    }
}

/// A store over another one that counts what is asked of it and, where wanted, lets others go first or fails.
#[derive(Debug)]
pub struct WitnessedStore {
    inner: Arc<dyn Store>,
    yields: bool,
    fails_at: Option<u64>,
    pauses: Option<Pauses>,
    look_ups: AtomicU64,
    commits: AtomicU64,
    pages: AtomicU64,
    keys: AtomicU64,
}

impl WitnessedStore {
    /// Counts what is asked of a store.
    #[must_use]
    pub fn counting(inner: Arc<dyn Store>) -> Arc<Self> {
        Self::new(inner, false, None, None)
    }

    /// Lets others go first before and after every commit and look-up where `yields`, and fails at the commit with this
    /// number, counted from 1. Looking for replies takes the time that `pauses` says.
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        yields: bool,
        fails_at: Option<u64>,
        pauses: Option<Pauses>,
    ) -> Arc<Self> {
        let (look_ups, commits, pages, keys) = Default::default();
        Arc::new(Self { inner, yields, fails_at, pauses, look_ups, commits, pages, keys })
    }

    /// Returns how many pages were read since this was called last.
    pub fn take_pages(&self) -> u64 {
        self.pages.swap(0, Ordering::Relaxed)
    }

    /// Returns how many keys were looked up since this was called last.
    pub fn take_keys(&self) -> u64 {
        self.keys.swap(0, Ordering::Relaxed)
    }

    /// Returns the state of a call.
    #[cfg(feature = "suite")]
    pub(crate) async fn state(&self, call: CallId) -> Option<CallState> {
        state(&*self.inner, call).await
    }

    async fn step(&self) {
        if self.yields {
            step().await;
        }
    }
}

#[cfg(feature = "suite")]
pub(crate) async fn state(store: &dyn Store, call: CallId) -> Option<CallState> {
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
        let number = self.look_ups.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(pauses) = &self.pauses {
            pauses.pause(number).await;
        }
        self.keys.fetch_add(keys.len() as u64, Ordering::Relaxed);
        self.inner.replies(keys).await
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        self.pages.fetch_add(digests.len() as u64, Ordering::Relaxed);
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
