//! One unit on its way through a run.

use refrain_schemas::digest::Digest;
use refrain_schemas::failure::Failure;
use refrain_schemas::json::Json;
use smallvec::SmallVec;

use crate::reply::Records;
use crate::unit_table::AskRow;

/// A unit that is being made.
///
/// | from | on | to |
/// |---|---|---|
/// | `Open` | all asks of the stage answered | `Open` at the next stage, or `Done` |
/// | `Open` | an ask failed for good | `Open` at the next rung of a cascade, or `Failed` |
/// | `Hole`, `Done`, `Failed` | anything | the same |
#[derive(Debug)]
pub struct UnitState {
    /// The digest of what the unit alone brings to its keys.
    pub digest: Digest,
    /// The group that its calls may be shared with.
    pub group: u32,
    /// The asks so far: of a panel all at once, of a cascade or a chain one stage after the other.
    pub asks: SmallVec<[Ask; 1]>,
    /// How far it is.
    pub progress: UnitProgress,
    /// Of a cascade, what became of each rung that was not the last word, in a few words.
    pub refusals: Vec<Refusal>,
    /// Whether any of its asks was called about in this run.
    pub was_called: bool,
}

/// How far a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitProgress {
    /// Some of its asks are open.
    Open,
    /// It cannot be asked about: something it needs is a hole.
    Hole,
    /// It has its replies.
    Done,
    /// It failed.
    Failed(Failure),
}

/// Why a rung of a cascade was not the last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What its agent said, or why it said nothing.
    pub words: String,
    /// Whether it said something that did not meet the condition.
    pub was_reply: bool,
}

/// One ask.
#[derive(Debug)]
pub struct Ask {
    /// Which agent, which sample, which key.
    pub row: AskRow,
    /// How far it is.
    pub state: AskState,
}

/// How far an ask is.
///
/// | from | on | to |
/// |---|---|---|
/// | `Looking` | found and acceptable | `Done` |
/// | `Looking` | found and refused by today's rules | `Looking` under the key of its next redo |
/// | `Looking` | not found | `Pending` |
/// | `Pending` | a reply to it, or to another ask with its key | `Done` |
/// | `Pending` | failed for good | `Failed` |
#[derive(Debug)]
pub enum AskState {
    /// The ledger is being looked into.
    Looking,
    /// It waits for a call, is in one, or waits for another ask with its key.
    Pending,
    /// It has a valid reply.
    Done {
        /// The records.
        records: Records,
        /// The reply itself, where a chain passes it on.
        reply: Option<Json>,
    },
    /// It failed for good.
    Failed(Failure),
}

impl UnitState {
    /// Makes the state of a unit that nobody has been asked about.
    #[must_use]
    pub fn new(group: u32, progress: UnitProgress) -> Self {
        let digest = Digest::from_bytes([0; 32]);
        Self { digest, group, asks: SmallVec::new(), progress, refusals: Vec::new(), was_called: false }
    }

    /// Whether all asks so far have ended.
    #[must_use]
    pub fn stage_is_over(&self) -> bool {
        self.asks.iter().all(|ask| matches!(ask.state, AskState::Done { .. } | AskState::Failed(_)))
    }

    /// Whether the unit has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        !matches!(self.progress, UnitProgress::Open)
    }
}
