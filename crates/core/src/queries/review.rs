//! What people are to look at: edits that the machine contradicts, that were made for another input, or that lost their
//! record.

mod sources;

use refrain_schemas::edit::ReviewReport;
use refrain_schemas::scope::Target;

use super::edits::is_edited;
use super::edits::subject::Subject;
use crate::engine::{Engine, EngineError};
use crate::history::History;

/// Returns what is to be looked at in some targets: by the edits as they are and the latest revision of each.
pub(crate) async fn review(engine: &Engine, targets: &[Target]) -> Result<ReviewReport, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let mut items = Vec::new();
    for target in targets.iter().filter(|target| is_edited(engine, &history, target)) {
        let subject = Subject::load(engine, &history, target).await?;
        let mut reviewed = subject.reviewed();
        sources::fill(engine, &history, &subject, &mut reviewed).await?;
        items.extend(reviewed);
    }
    Ok(ReviewReport { schema_version: 1, items })
}
