//! Rules that a reply must fulfil before it counts.

use std::fmt::Debug;

use refrain_schemas::json::Json;
use refrain_schemas::scope::Scope;

/// Reviews records as they come back from agents, before they are merged or stored.
///
/// - `review` MUST be a pure function of what it is shown and of what the rules were made from: it runs again whenever
///   a recorded reply is read, and the same reply must come to the same record.
/// - `review` MUST accept, unchanged, a record that it mended itself: mending twice is mending once.
/// - It runs inside the run loop: it MUST be quick, and never blocks.
pub trait RecordRules: Debug + Send + Sync + 'static {
    /// Says what a record should have been, where that is sure, and why it is refused, where it is.
    fn review(&self, view: &RecordView<'_>) -> Reviewed;
}

/// A record, and what it was made from.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// What the record is about: the unit's record. Where the unit is a group whose phase is `aligned`, the record of
    /// the group with this record's key; for other groups `{"records": […]}`.
    pub input: &'a Json,
    /// What this unit alone saw besides its input, by name: entries with `on`, `match` or `window`.
    pub context: &'a Json,
    /// What every unit of the target saw, by name.
    pub shared: &'a Json,
    /// The scope.
    pub scope: &'a Scope,
    /// The record as the agent gave it, with the fields that the engine stamps on.
    pub record: &'a Json,
}

impl<'a> RecordView<'a> {
    /// Returns the canonical text of a context entry, wherever it stands; `None` where it is absent.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&'a str> {
        self.context.field(name).or_else(|| self.shared.field(name))
    }
}

/// What rules say of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// The record mended; `None` where there was nothing to mend. It MUST keep the fields that tell which record it is.
    pub record: Option<Json>,
    /// Why the record is refused, after mending: lower-case fragments that tell the agent what to do better. Accepted
    /// where empty.
    pub refused: Vec<String>,
}
