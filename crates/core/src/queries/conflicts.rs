//! The conflicts that a merge recorded.

use refrain_schemas::digest::Digest;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;
use refrain_schemas::why::Conflict;

use super::named;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::{Store, StoreError};

/// Returns the conflicts of a revision. Where none is named and the last attempt failed for conflicts, they are those.
pub(crate) async fn conflicts(
    engine: &Engine,
    target: &Target,
    revision: Option<Revision>,
) -> Result<Vec<Conflict>, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref()?.conflicts);
    let page = match (revision, attempt) {
        (None, Some(page)) => Some(page),
        _ => named(&history, target, revision)?.conflicts,
    };
    match page {
        Some(page) => Ok(read(store, page).await?),
        None => Ok(Vec::new()),
    }
}

async fn read(store: &dyn Store, page: Digest) -> Result<Vec<Conflict>, StoreError> {
    let bytes = store.pages(&[page]).await?;
    let bytes = bytes.first().ok_or(StoreError::Missing { digest: page })?;
    serde_json::from_slice(bytes).map_err(|error| StoreError::Damaged {
        what: format!("the page of conflicts {}", page.short()),
        message: error.to_string(),
    })
}
