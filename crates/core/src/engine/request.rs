//! What a run is asked to do, and how a person stops it.

use refrain_schemas::money::Budget;
use refrain_schemas::name::PhaseName;
use refrain_schemas::status::Holder;

use crate::ports::cancel::Cancel;

/// What a run is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// The phases, each in some of its scopes; the whole plan where empty.
    pub targets: Vec<Selection>,
    /// Only these scopes, by dimension: `language=ja`.
    pub scopes: Vec<(String, String)>,
    /// Run exactly the targets, against the latest artifacts of what they need.
    pub only: bool,
    /// Run the targets even if they are fresh.
    pub force: bool,
    /// Answer from the ledger only.
    pub offline: bool,
    /// What this run may spend, besides what the pipeline says.
    pub budget: Budget,
    /// Who runs it, for the lock and the history.
    pub holder: Holder,
}

impl RunRequest {
    /// Returns what asks for the whole plan as it is, with no ceiling of its own.
    #[must_use]
    pub fn of_everything(holder: Holder) -> Self {
        let (targets, scopes, budget) = (Vec::new(), Vec::new(), Budget::default());
        Self { targets, scopes, only: false, force: false, offline: false, budget, holder }
    }
}

/// A phase, in one scope or all of them, as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The phase.
    pub phase: PhaseName,
    /// The values after the `@`, in the order of `per`; all scopes where empty.
    pub values: Vec<String>,
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.phase)?;
        if self.values.is_empty() { Ok(()) } else { write!(f, "@{}", self.values.join(",")) }
    }
}

/// How a person stops a run that is under way.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Fired by the first Ctrl-C: no new calls; those in flight are finished and kept.
    pub drain: Cancel,
    /// Fired by the second: calls in flight are cancelled.
    pub abort: Cancel,
}
