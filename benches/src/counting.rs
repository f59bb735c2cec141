//! A store over another one that counts what a scenario asks of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use refrain_core::ports::store::{
    Batch, CallFilter, Collected, Keep, LedgerSummary, Opening, PageBytes, Store, StoreError,
};
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallView, LaneSum};
use refrain_schemas::name::CallId;
use refrain_schemas::status::Holder;

/// What was asked of a store.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Pages read.
    pub(crate) pages_read: AtomicU64,
    /// Pages handed over to be written.
    pub(crate) pages_written: AtomicU64,
    /// Keys looked up; each was rendered just before.
    pub(crate) keys: AtomicU64,
    /// Ledger entries written.
    pub(crate) entries: AtomicU64,
    /// Commits.
    pub(crate) commits: AtomicU64,
}

/// Counts what is asked of a store.
#[derive(Debug)]
pub(crate) struct CountingStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) work: Arc<Work>,
}

fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

#[async_trait]
impl Store for CountingStore {
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
        add(&self.work.pages_written, batch.pages.len());
        add(&self.work.entries, batch.ledger.len());
        add(&self.work.commits, 1);
        self.inner.commit(batch).await
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        self.inner.history().await
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        add(&self.work.keys, keys.len());
        self.inner.replies(keys).await
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        add(&self.work.pages_read, digests.len());
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
