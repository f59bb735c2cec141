//! The store behind the port.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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

use crate::calls::calls;
use crate::error::{placed, placed_opening};
use crate::folder::{Folder, state_folder};
use crate::key_index::SegmentSizes;
use crate::logs::read_history;
use crate::page_log;
use crate::session::Session;
use crate::storage::{DiskStorage, Storage};

/// Look-ups of more than this leave the caller's thread.
const SHORT: usize = 256;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process: it is written to the kernel.
    Process,
    /// A loss of power: it is synced.
    Power,
}

/// Keeps a project's state in files of its own in the project's state folder.
///
/// MUST be used within a tokio runtime: what may take long runs on its blocking threads.
#[derive(Debug)]
pub struct FileStore {
    session: Arc<Mutex<Session>>,
    durability: Durability,
    path: PathBuf,
}

impl FileStore {
    /// Opens the store of a project for reading. Creates nothing: a store that does not exist yet is empty.
    ///
    /// # Errors
    /// Fails where the store has a newer format or cannot be read.
    pub fn open(project_dir: &Path, durability: Durability) -> Result<Self, StoreError> {
        Self::open_on(Arc::new(DiskStorage), project_dir, durability, SegmentSizes::default())
    }

    /// Opens a store whose state folder is another one than the project's own.
    ///
    /// # Errors
    /// Fails as [`FileStore::open`] does.
    pub fn open_at(state: &Path, durability: Durability) -> Result<Self, StoreError> {
        Self::open_in(Arc::new(DiskStorage), state.to_owned(), durability, SegmentSizes::default())
    }

    /// Opens a store on another file layer than the real disk, with indexes of other sizes. The writer's lock is always on
    /// the real disk.
    ///
    /// # Errors
    /// Fails where the store has a newer format or cannot be read.
    pub fn open_on(
        storage: Arc<dyn Storage>,
        project_dir: &Path,
        durability: Durability,
        sizes: SegmentSizes,
    ) -> Result<Self, StoreError> {
        Self::open_in(storage, state_folder(project_dir), durability, sizes)
    }

    fn open_in(
        storage: Arc<dyn Storage>,
        path: PathBuf,
        durability: Durability,
        sizes: SegmentSizes,
    ) -> Result<Self, StoreError> {
        let folder = Folder::new(storage, path.clone(), durability == Durability::Power, sizes);
        let session = Session::open(folder).map_err(|error| placed(error, &path))?;
        Ok(Self { session: Arc::new(Mutex::new(session)), durability, path })
    }

    /// Returns the state folder.
    #[must_use]
    pub fn state_folder(&self) -> &Path {
        &self.path
    }

    /// Does something short at once.
    fn now<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let done = work(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner));
        done.map_err(|error| placed(error, &self.path))
    }

    /// Does something that may take long where it does not hold up the caller's thread.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let session = self.session.clone();
        let task = move || work(&mut session.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(task).await.unwrap_or_else(|error| {
            let action = "finish an operation of the store".to_owned();
            Err(StoreError::Io { action, source: std::io::Error::other(error) })
        });
        done.map_err(|error| placed(error, &self.path))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn begin_writing(&self, holder: &Holder) -> Result<Opening, StoreError> {
        let holder = holder.clone();
        let opening = self.aside(move |session| session.begin_writing(&holder)).await?;
        Ok(placed_opening(opening, &self.path))
    }

    async fn end_writing(&self) -> Result<(), StoreError> {
        self.aside(|session| {
            session.end_writing();
            Ok(())
        })
        .await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.now(|session| session.holder())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match self.durability {
            Durability::Process => self.now(|session| session.commit(&batch)),
            Durability::Power => self.aside(move |session| session.commit(&batch)).await,
        }
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        self.aside(|session| read_history(&session.logs()?.history)).await
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        if keys.len() <= SHORT {
            return self.now(|session| session.logs()?.ledger.replies(keys));
        }
        let keys = keys.to_vec();
        self.aside(move |session| session.logs()?.ledger.replies(&keys)).await
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        if digests.len() <= SHORT {
            return self.now(|session| page_log::fetch(&mut session.logs()?.pages, digests));
        }
        let digests = digests.to_vec();
        self.aside(move |session| page_log::fetch(&mut session.logs()?.pages, &digests)).await
    }

    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallView>, StoreError> {
        let filter = filter.clone();
        self.aside(move |session| calls(session.logs()?.ledger.log(), &filter)).await
    }

    async fn ledger_summary(&self) -> Result<LedgerSummary, StoreError> {
        self.aside(Session::ledger_summary).await
    }

    async fn lane_sums(&self) -> Result<Vec<LaneSum>, StoreError> {
        self.aside(Session::lane_sums).await
    }

    async fn recorded(&self) -> Result<Vec<Digest>, StoreError> {
        self.aside(|session| session.logs()?.ledger.keyed().keys()).await
    }

    async fn exchanges(&self, call: CallId) -> Result<Vec<Exchange>, StoreError> {
        self.aside(move |session| session.logs()?.exchanges.fetch(call)).await
    }

    async fn collect(&self, keep: Keep) -> Result<Collected, StoreError> {
        self.aside(move |session| session.collect(&keep)).await
    }
}
