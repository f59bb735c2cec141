//! What tools remember, in memory alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::scratch::{Change, Scratch};
use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value};

/// Remembers until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct MemoryScratch(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    spaces: BTreeMap<String, Map<String, Value>>,
    /// What each change gave.
    done: BTreeMap<Digest, Map<String, Value>>,
}

#[async_trait]
impl Scratch for MemoryScratch {
    async fn change(
        &self,
        space: &str,
        by: &Digest,
        change: Change,
    ) -> Result<Map<String, Value>, StoreError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = kept.done.get(by) {
            return Ok(given.clone());
        }
        let values = kept.spaces.entry(space.to_owned()).or_default();
        change.apply(values);
        let given = values.clone();
        kept.done.insert(*by, given.clone());
        Ok(given)
    }

    async fn look(&self, space: &str) -> Result<Map<String, Value>, StoreError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.spaces.get(space).cloned().unwrap_or_default())
    }
}
