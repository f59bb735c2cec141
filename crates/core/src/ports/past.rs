//! What is on record of the runs of a pipeline.

use std::fmt::Debug;

use async_trait::async_trait;
use refrain_schemas::digest::Digest;
use refrain_schemas::history::RunEnd;
use refrain_schemas::name::RunId;
use refrain_schemas::time::Timestamp;
use serde_json::Value;

use super::store::StoreError;

/// Knows the runs of a pipeline. Looking at them changes nothing.
#[async_trait]
pub trait Past: Debug + Send + Sync + 'static {
    /// Returns the runs, oldest first.
    async fn runs(&self) -> Result<Vec<PastRun>, StoreError>;

    /// Returns what each of some things that runs made holds, as one value; nothing for those that are no longer kept.
    async fn contents(&self, digests: &[Digest]) -> Result<Vec<Option<Value>>, StoreError>;
}

/// A run on record.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRun {
    /// The run.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// The pipeline file; absent where there was none.
    pub pipeline: Option<String>,
    /// How it ended; absent of one that was killed or still runs.
    pub end: Option<RunEnd>,
}
