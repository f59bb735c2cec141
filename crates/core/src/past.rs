//! The runs on record, as a store has them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use refrain_schemas::artifact::{ArtifactKind, ArtifactRef};
use refrain_schemas::digest::Digest;
use refrain_schemas::history::HistoryEntry;
use serde_json::Value;

use crate::artifact::whole;
use crate::ports::past::{Past, PastRun};
use crate::ports::store::{Store, StoreError};
use crate::tree::sequence::Sequence;

/// Opens a store.
type Open = dyn Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync;

/// Looks the runs up in a store, which is opened when somebody asks.
pub struct StoredPast {
    open: Box<Open>,
}

impl StoredPast {
    /// Returns what looks runs up.
    #[must_use]
    pub fn new(open: impl Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open) }
    }
}

impl fmt::Debug for StoredPast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPast").finish_non_exhaustive()
    }
}

#[async_trait]
impl Past for StoredPast {
    async fn runs(&self) -> Result<Vec<PastRun>, StoreError> {
        let mut runs: Vec<PastRun> = Vec::new();
        for entry in (self.open)()?.history().await? {
            match entry {
                HistoryEntry::RunStarted(start) => runs.push(PastRun {
                    id: start.run_id,
                    started_at: start.at,
                    pipeline: start.pipeline,
                    end: None,
                }),
                HistoryEntry::RunEnded(end) => {
                    if let Some(run) = runs.iter_mut().find(|run| run.id == end.report.run_id) {
                        run.end = Some(end);
                    }
                }
                _ => {}
            }
        }
        Ok(runs)
    }

    async fn contents(&self, digests: &[Digest]) -> Result<Vec<Option<Value>>, StoreError> {
        let store = (self.open)()?;
        let history = store.history().await?;
        let kinds: HashMap<Digest, ArtifactKind> =
            history.iter().flat_map(made).map(|made| (made.digest, made.kind)).collect();
        let mut contents = Vec::with_capacity(digests.len());
        for digest in digests {
            let is_document = kinds.get(digest).is_none_or(|kind| *kind == ArtifactKind::Document);
            contents.push(match Sequence::open_whole(&*store, *digest).await {
                Ok(sequence) => Some(whole(&sequence, !is_document).value()),
                Err(StoreError::Missing { .. }) => None,
                Err(error) => return Err(error),
            });
        }
        Ok(contents)
    }
}

/// Returns what an entry says was made.
fn made(entry: &HistoryEntry) -> Vec<ArtifactRef> {
    match entry {
        HistoryEntry::Revision(record) => vec![record.artifact.clone()],
        HistoryEntry::Attempt(record) => record.document.iter().cloned().collect(),
        _ => Vec::new(),
    }
}
