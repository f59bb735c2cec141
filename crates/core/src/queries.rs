//! What can be asked of a project, and what a person can do to it without a run.
//!
//! Everything here reads the history, the trees and the ledger. Only [`accept`], [`edits`], [`gc`], [`import`] and [`resolve`] write,
//! and they take the writer's place for it.

pub(crate) mod accept;
pub(crate) mod answered;
pub(crate) mod call;
pub(crate) mod compare;
pub(crate) mod conflicts;
pub(crate) mod diff;
pub(crate) mod edits;
pub(crate) mod errors;
pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod ledger;
pub(crate) mod leftovers;
pub(crate) mod nearest;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod review;
pub(crate) mod show;
pub(crate) mod sources;

use refrain_schemas::history::RevisionRecord;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use crate::engine::EngineError;
use crate::history::History;

/// Returns a revision of a target; the latest where none is named.
fn named<'a>(
    history: &'a History,
    target: &Target,
    revision: Option<Revision>,
) -> Result<&'a RevisionRecord, EngineError> {
    let found = match revision {
        Some(revision) => history.revision(target, revision),
        None => history.latest(target),
    };
    found.ok_or_else(|| {
        no_revision(target, &revision.map_or_else(|| "yet".to_owned(), |number| number.to_string()))
    })
}

fn no_revision(target: &Target, revision: &str) -> EngineError {
    EngineError::NoRevision { target: target.to_string(), revision: revision.to_owned() }
}
