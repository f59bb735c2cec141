//! The first records of each source.

use std::sync::Arc;

use async_trait::async_trait;
use refrain_core::ports::files::{FileError, RecordSource, SourceReader};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::json::Json;
use serde_json::{Map, Value};

/// Reads no more than the first few records of each source, where thousands of runs over all of it would take too long.
#[derive(Debug)]
pub struct FirstRecords {
    real: Arc<dyn SourceReader>,
    most: usize,
}

impl FirstRecords {
    /// Returns a reader of the first `most` records of each source.
    #[must_use]
    pub const fn new(real: Arc<dyn SourceReader>, most: usize) -> Self {
        Self { real, most }
    }
}

#[async_trait]
impl SourceReader for FirstRecords {
    async fn stamps(
        &self,
        params: &Map<String, Value>,
        known: &[FileStamp],
    ) -> Result<Vec<FileStamp>, FileError> {
        self.real.stamps(params, known).await
    }

    async fn open(&self, params: &Map<String, Value>, key: &str) -> Result<Box<dyn RecordSource>, FileError> {
        Ok(Box::new(First { real: self.real.open(params, key).await?, left: self.most }))
    }
}

/// A source that seems to end early.
struct First {
    real: Box<dyn RecordSource>,
    left: usize,
}

impl RecordSource for First {
    fn next_batch(&mut self) -> Result<Vec<Json>, FileError> {
        // What is wrong behind is told all the same, and stamps are only there at the end.
        while self.left == 0 {
            if self.real.next_batch()?.is_empty() {
                return Ok(Vec::new());
            }
        }
        let mut batch = self.real.next_batch()?;
        batch.truncate(self.left);
        self.left -= batch.len();
        Ok(batch)
    }

    fn stamps(&self) -> Vec<FileStamp> {
        self.real.stamps()
    }

    fn has_own_ids(&self) -> bool {
        self.real.has_own_ids()
    }
}
