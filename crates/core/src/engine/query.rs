//! What is asked of the engine besides runs, and what it answers.

use refrain_schemas::json::Json;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use crate::ports::store::Collected;

/// What calls of the ledger are summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The phase, in all scopes.
    Phase,
    /// The scope, of all phases.
    Scope,
    /// The phase in one scope.
    Target,
    /// The agent.
    Agent,
    /// The model.
    Model,
    /// The run.
    Run,
    /// Why the call was made.
    Rung,
    /// The unit; a call about several counts for each, and what it consumed is shared evenly.
    Unit,
}

/// What was collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcReport {
    /// What was removed, or would be.
    pub collected: Collected,
    /// Revisions that were forgotten, or would be.
    pub revisions: Vec<(Target, Revision)>,
    /// Exported files that were removed, or would be.
    pub exports: Vec<String>,
}

/// What is to be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcRequest {
    /// How many revisions of each target stay.
    pub keep: u32,
    /// Whether replies go that no kept revision came from.
    pub replies: bool,
    /// Whether exported files go that are left over.
    pub exports: bool,
    /// Whether nothing goes, and is only told.
    pub dry_run: bool,
}

/// What `show` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Records in artifact order.
    Records(Vec<Json>),
    /// A document.
    Document(Json),
    /// The paths of written files.
    Files(Vec<String>),
}
