//! A store that counts the pages that are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// A store that counts the pages that are read.
#[derive(Debug)]
pub(super) struct Counting {
    inner: Arc<dyn Store>,
    pages: AtomicUsize,
}

impl Counting {
    pub(super) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, pages: AtomicUsize::new(0) })
    }

    /// Returns how many pages were read since this was called last.
    pub(super) fn take(&self) -> usize {
        self.pages.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl Store for Counting {
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
        self.inner.commit(batch).await
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        self.inner.history().await
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        self.inner.replies(keys).await
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        self.pages.fetch_add(digests.len(), Ordering::Relaxed);
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
