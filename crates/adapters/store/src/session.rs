//! One process's view of a store, and its turn as the writer.

use refrain_core::ports::store::{Batch, Collected, Keep, LedgerSummary, Opening, StoreError};
use refrain_schemas::ledger::LaneSum;
use refrain_schemas::status::Holder;

use crate::checkpoint::Checkpoint;
use crate::collect::collect;
use crate::folder::Folder;
use crate::format;
use crate::logs::{Logs, append_history, tidy};
use crate::page_log;
use crate::writer_lock::{self, WriterLock};

/// The logs, and the lock while this is the writer.
#[derive(Debug)]
pub(crate) struct Session {
    folder: Folder,
    logs: Logs,
    lock: Option<WriterLock>,
    written: Option<Checkpoint>,
}

impl Session {
    /// Opens a store for reading; one that does not exist is empty.
    pub(crate) fn open(folder: Folder) -> Result<Self, StoreError> {
        format::check(&folder)?;
        let logs = Logs::open(&folder)?;
        Ok(Self { folder, logs, lock: None, written: None })
    }

    /// Returns the logs as they are now.
    pub(crate) fn logs(&mut self) -> Result<&mut Logs, StoreError> {
        if self.lock.is_none() {
            self.logs.refresh(&self.folder)?;
        }
        Ok(&mut self.logs)
    }

    /// Takes the writer's place.
    pub(crate) fn begin_writing(&mut self, holder: &Holder) -> Result<Opening, StoreError> {
        if let Some(lock) = &self.lock {
            return Err(StoreError::Held { holder: Box::new(lock.holder().clone()) });
        }
        self.folder.make()?;
        // The lock is a matter between processes of one machine; it is never simulated.
        let lock = WriterLock::take(self.folder.path(), holder)?;
        format::ensure(&self.folder)?;
        tidy(&self.folder)?;
        let opening = self.open_to_write()?;
        self.folder.settle_names()?;
        self.lock = Some(lock);
        Ok(opening)
    }

    fn open_to_write(&mut self) -> Result<Opening, StoreError> {
        self.logs = Logs::open(&self.folder)?;
        self.written = Checkpoint::read(&self.folder)?;
        let recovered = self.logs.start_writing(self.written.as_ref())?;
        let in_doubt = self.logs.ledger.in_doubt()?;
        let tally = self.logs.ledger.tally();
        Ok(Opening { recovered, next_call: tally.next_call(), next_lane: tally.next_lane(), in_doubt })
    }

    /// Gives the writer's place back.
    pub(crate) fn end_writing(&mut self) {
        if self.lock.is_none() {
            return;
        }
        // What was committed stands; all that can fail here is what saves the next process some reading.
        let _slower = self.logs.ledger.keyed().flush_worthwhile();
        let _slower = self.logs.pages.flush_worthwhile();
        let _slower = self.logs.exchanges.keyed().flush_worthwhile();
        let _slower = self.write_checkpoint();
        self.logs.stop_writing();
        self.lock = None;
    }

    fn write_checkpoint(&mut self) -> Result<(), StoreError> {
        let checkpoint = self.logs.checkpoint();
        if self.written.as_ref() != Some(&checkpoint) {
            checkpoint.write(&self.folder)?;
            self.written = Some(checkpoint);
        }
        Ok(())
    }

    /// Returns who has the writer's place.
    pub(crate) fn holder(&self) -> Result<Option<Holder>, StoreError> {
        match &self.lock {
            Some(lock) => Ok(Some(lock.holder().clone())),
            None => writer_lock::holder(self.folder.path()),
        }
    }

    /// Commits a batch: pages, exchanges, ledger, history.
    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.lock.is_none() {
            return Err(StoreError::ReadOnly);
        }
        if !batch.pages.is_empty() {
            page_log::append(&mut self.logs.pages, &batch.pages)?;
        }
        if !batch.exchanges.is_empty() {
            self.logs.exchanges.append(&batch.exchanges)?;
        }
        if !batch.ledger.is_empty() {
            self.logs.ledger.append(&batch.ledger)?;
        }
        if !batch.history.is_empty() {
            append_history(&mut self.logs.history, &batch.history)?;
        }
        self.flush_long_tails();
        Ok(())
    }

    /// Keeps the memory of the index bounded. The commit stands whether this works or not.
    fn flush_long_tails(&mut self) {
        let flushed = [
            self.logs.ledger.keyed().flush_long_tail(),
            self.logs.pages.flush_long_tail(),
            self.logs.exchanges.keyed().flush_long_tail(),
        ];
        if flushed.iter().any(|flushed| matches!(flushed, Ok(true))) {
            let _slower = self.write_checkpoint();
        }
    }

    /// Returns the sums over the ledger.
    pub(crate) fn ledger_summary(&mut self) -> Result<LedgerSummary, StoreError> {
        self.count()?;
        Ok(self.logs.ledger.tally().summary())
    }

    /// Returns the sums of each lane.
    pub(crate) fn lane_sums(&mut self) -> Result<Vec<LaneSum>, StoreError> {
        self.count()?;
        self.logs.ledger.lane_sums()
    }

    fn count(&mut self) -> Result<(), StoreError> {
        if self.lock.is_none() {
            let checkpoint = Checkpoint::read(&self.folder)?;
            self.logs()?.ledger.count(checkpoint.as_ref())?;
        }
        Ok(())
    }

    /// Removes what is not kept.
    pub(crate) fn collect(&mut self, keep: &Keep) -> Result<Collected, StoreError> {
        if self.lock.is_none() {
            return Err(StoreError::ReadOnly);
        }
        let collected = collect(&self.folder, &mut self.logs, keep);
        let reopened = self.open_collected();
        if reopened.is_err() {
            // What is not open cannot be written to.
            self.lock = None;
        }
        collected.and_then(|collected| reopened.map(|()| collected))
    }

    fn open_collected(&mut self) -> Result<(), StoreError> {
        tidy(&self.folder)?;
        self.open_to_write()?;
        self.logs.ledger.keyed().catch_up()?;
        self.logs.exchanges.keyed().catch_up()?;
        self.logs.pages.catch_up()
    }
}
