//! Replies on their way to another project.
//!
//! Replies are the project's data. What went over the wire, who asked and what it cost stay where they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::ledger::{ExportHeader, ExportedReply};
use refrain_schemas::scope::Target;

use super::gc::keys_of;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::{CallFilter, Store, StoreError};

/// The version of the format that is written and read.
pub(crate) const VERSION: u32 = 1;
/// How many replies are read at once.
const CHUNK: usize = 1024;

/// The replies of a project in the order of their keys, a chunk at a time.
#[derive(Debug)]
pub struct Export {
    store: Arc<dyn Store>,
    project: String,
    keys: Vec<Digest>,
    at: usize,
}

/// Returns the replies of some targets; those of all where none are named.
pub(crate) async fn export(engine: &Engine, targets: &[Target]) -> Result<Export, EngineError> {
    let store = engine.ports().store.clone();
    let mut keys = store.recorded().await?;
    if !targets.is_empty() {
        let wanted = keys_for(&*store, targets).await?;
        keys.retain(|key| wanted.contains(key));
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Export { store, project: engine.model().name.clone(), keys, at: 0 })
}

/// Returns the keys that the latest revisions of some targets came from, and those that calls for them were about.
async fn keys_for(store: &dyn Store, targets: &[Target]) -> Result<BTreeSet<Digest>, EngineError> {
    let history = History::fold(store.history().await?);
    let tables = targets.iter().filter_map(|target| history.latest(target)?.units).collect();
    let mut keys = keys_of(store, &tables).await?;
    let phases: BTreeSet<&str> = targets.iter().map(|target| target.phase.as_str()).collect();
    for phase in phases {
        let filter = CallFilter { phase: Some(phase.to_owned()), ..CallFilter::default() };
        let calls = store.calls(&filter).await?;
        let wanted = calls.iter().filter(|call| targets.contains(&call.target));
        keys.extend(wanted.flat_map(|call| &call.asks).map(|ask| ask.key));
    }
    Ok(keys)
}

impl Export {
    /// Returns the first line of the file.
    #[must_use]
    pub fn header(&self) -> ExportHeader {
        ExportHeader {
            refrain_ledger: VERSION,
            project: self.project.clone(),
            replies: self.keys.len() as u64,
        }
    }

    /// Returns the next replies; none at the end.
    ///
    /// # Errors
    /// Fails where the store does, and where replies were collected since the export began.
    pub async fn next(&mut self) -> Result<Vec<ExportedReply>, EngineError> {
        let keys = &self.keys[self.at..self.keys.len().min(self.at + CHUNK)];
        let replies = self.store.replies(keys).await?;
        self.at += keys.len();
        let gone = || StoreError::Damaged {
            what: "the export".to_owned(),
            message: "replies were removed from the ledger meanwhile; export again".to_owned(),
        };
        let pairs = keys.iter().zip(replies);
        let replies: Result<Vec<ExportedReply>, StoreError> = pairs
            .map(|(key, reply)| Ok(ExportedReply { key: *key, reply: reply.ok_or_else(gone)? }))
            .collect();
        Ok(replies?)
    }
}
