//! A store on top of another one that keeps new pages in memory: what looks ahead may build artifacts and store nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallView, LaneSum};
use refrain_schemas::name::CallId;
use refrain_schemas::status::Holder;

use crate::ports::store::{
    Batch, CallFilter, Collected, Keep, LedgerSummary, Opening, PageBytes, Store, StoreError,
};

/// Reads through to a store; pages that are committed stay in memory, everything else may not be committed.
#[derive(Debug)]
pub struct Overlay {
    below: Arc<dyn Store>,
    pages: Mutex<BTreeMap<Digest, PageBytes>>,
}

impl Overlay {
    /// Puts an empty layer on a store.
    #[must_use]
    pub fn new(below: Arc<dyn Store>) -> Self {
        Self { below, pages: Mutex::default() }
    }

    fn own(&self) -> MutexGuard<'_, BTreeMap<Digest, PageBytes>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Overlay {
    async fn begin_writing(&self, _: &Holder) -> Result<Opening, StoreError> {
        Err(StoreError::ReadOnly)
    }

    async fn end_writing(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.below.holder().await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if !(batch.ledger.is_empty() && batch.history.is_empty()) {
            return Err(StoreError::ReadOnly);
        }
        self.own().extend(batch.pages.into_iter().map(|(digest, bytes)| (digest, Arc::from(bytes))));
        Ok(())
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        self.below.history().await
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        self.below.replies(keys).await
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        let mut found: Vec<Option<PageBytes>> = {
            let own = self.own();
            digests.iter().map(|digest| own.get(digest).cloned()).collect()
        };
        let missing = digests.iter().zip(&found).filter(|(_, page)| page.is_none());
        let missing: Vec<Digest> = missing.map(|(digest, _)| *digest).collect();
        let mut below = self.below.pages(&missing).await?.into_iter();
        found.iter_mut().filter(|page| page.is_none()).for_each(|page| *page = below.next());
        Ok(found.into_iter().flatten().collect())
    }

    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallView>, StoreError> {
        self.below.calls(filter).await
    }

    async fn ledger_summary(&self) -> Result<LedgerSummary, StoreError> {
        self.below.ledger_summary().await
    }

    async fn lane_sums(&self) -> Result<Vec<LaneSum>, StoreError> {
        self.below.lane_sums().await
    }

    async fn recorded(&self) -> Result<Vec<Digest>, StoreError> {
        self.below.recorded().await
    }

    async fn exchanges(&self, call: CallId) -> Result<Vec<Exchange>, StoreError> {
        self.below.exchanges(call).await
    }

    async fn collect(&self, _: Keep) -> Result<Collected, StoreError> {
        Err(StoreError::ReadOnly)
    }
}
