//! A store that fails, tears and dies with the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
use refrain_schemas::ledger::{CallView, LaneSum};
use refrain_schemas::name::CallId;
use refrain_schemas::status::Holder;

use super::book::Book;
use super::profile::Odds;
use super::seed::Chance;
use crate::drive::step;
use crate::memory_store::MemoryStore;

/// How long a look-up may take, in milliseconds.
const LONGEST_LOOK: u64 = 30_000;

/// A store in memory with a durable prefix: what was committed stays; what was not is lost, or half there.
#[derive(Debug)]
pub(crate) struct SimStore {
    inner: MemoryStore,
    book: Arc<Book>,
    faults: Mutex<Faults>,
    clock: Arc<dyn Clock>,
    /// Set when the process dies in the middle of a write.
    dead: Arc<AtomicBool>,
}

/// What goes wrong with a store.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) odds: Odds,
    pub(crate) chance: Chance,
    /// Whether nothing can be written any more.
    pub(crate) is_full: bool,
}

/// How a commit goes.
enum Fate {
    Well,
    /// It fails, and this many of its lists are there all the same.
    Fails(usize),
    /// The process dies with this many of its lists written.
    Dies(usize),
}

impl SimStore {
    pub(crate) fn new(
        inner: MemoryStore,
        book: Arc<Book>,
        faults: Faults,
        clock: Arc<dyn Clock>,
        dead: Arc<AtomicBool>,
    ) -> Arc<Self> {
        Arc::new(Self { inner, book, faults: Mutex::new(faults), clock, dead })
    }

    fn fate(&self) -> Fate {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let Faults { odds, chance, is_full } = &mut *faults;
        if *is_full {
            return Fate::Fails(0);
        }
        if !chance.happens(odds.commit) {
            return Fate::Well;
        }
        let lists = usize::try_from(chance.below(5)).unwrap_or(0);
        if chance.happens(0.5) {
            return Fate::Dies(lists);
        }
        *is_full = chance.happens(0.5);
        Fate::Fails(lists)
    }

    async fn look(&self, action: &str) -> Result<(), StoreError> {
        step().await;
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let share = faults.odds.read;
        if !faults.chance.happens(share) {
            return Ok(());
        }
        drop(faults);
        self.book.fault("read_failed");
        Err(failed(action, std::io::ErrorKind::Other))
    }

    /// Lets a look-up take its time, before or after it is made.
    async fn linger(&self) {
        let pause = {
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            let share = faults.odds.look / 2.0;
            let is_late = faults.chance.happens(share);
            is_late.then(|| Duration::from_millis(faults.chance.below(LONGEST_LOOK)))
        };
        if let Some(pause) = pause {
            self.book.fault("looked_up_late");
            self.clock.sleep(pause).await;
        }
    }

    async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let copy = Batch { ledger: batch.ledger.clone(), history: batch.history.clone(), ..Batch::default() };
        self.inner.commit(batch).await?;
        self.book.durable(&copy);
        Ok(())
    }
}

fn failed(action: &str, kind: std::io::ErrorKind) -> StoreError {
    StoreError::Io { action: action.to_owned(), source: std::io::Error::from(kind) }
}

/// Returns the first few of the four lists of a batch.
fn torn(batch: Batch, lists: usize) -> Batch {
    Batch {
        pages: if lists > 0 { batch.pages } else { Vec::new() },
        exchanges: if lists > 1 { batch.exchanges } else { Vec::new() },
        ledger: if lists > 2 { batch.ledger } else { Vec::new() },
        history: if lists > 3 { batch.history } else { Vec::new() },
    }
}

#[async_trait]
impl Store for SimStore {
    async fn begin_writing(&self, holder: &Holder) -> Result<Opening, StoreError> {
        step().await;
        self.inner.begin_writing(holder).await
    }

    async fn end_writing(&self) -> Result<(), StoreError> {
        step().await;
        self.inner.end_writing().await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.holder().await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        step().await;
        let committed = match self.fate() {
            Fate::Well => self.write(batch).await,
            Fate::Fails(lists) => {
                self.book.fault("write_failed");
                self.write(torn(batch, lists)).await?;
                Err(failed("commit", std::io::ErrorKind::StorageFull))
            }
            Fate::Dies(lists) => {
                self.book.fault("killed_in_write");
                self.write(torn(batch, lists)).await?;
                self.dead.store(true, Ordering::Relaxed);
                std::future::pending().await
            }
        };
        step().await;
        committed
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        self.look("read the history").await?;
        self.inner.history().await
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        self.look("look up replies").await?;
        self.linger().await;
        let found = self.inner.replies(keys).await;
        self.linger().await;
        step().await;
        found
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        self.look("read pages").await?;
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
        step().await;
        self.inner.collect(keep).await
    }
}
