//! What is kept: the history, the ledger and the pages of artifacts.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallView, LaneSum, LedgerEntry};
use refrain_schemas::name::{AgentName, CallId, RunId};
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;
use refrain_schemas::usage::Usage;

/// The contents of one page.
pub type PageBytes = Arc<[u8]>;

/// Keeps what runs make.
///
/// - There is one writer per project, from [`Store::begin_writing`] to the end of its process or
///   [`Store::end_writing`]; a second one is refused at once with [`StoreError::Held`]. Its death frees the place.
/// - Readers, in this and in other processes, need no permission, change nothing (no file either) and are never
///   blocked. They see every commit that returned before they looked, and nothing torn.
/// - [`Store::commit`] MUST have made everything in it durable when it returns: written to the kernel or, where the
///   store was opened so, synced. It MUST be atomic as far as each of its four lists goes, in this order: pages,
///   exchanges, ledger, history. After a failed commit nothing of it is seen, or all of a prefix of the four lists.
/// - After a kill at any point the store opens by itself and holds every commit that returned.
/// - Keys are looked up in what was committed before the look-up, including by this process a moment ago.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Takes the writer's place.
    async fn begin_writing(&self, holder: &Holder) -> Result<Opening, StoreError>;

    /// Gives the writer's place back. Does nothing where it is not held.
    async fn end_writing(&self) -> Result<(), StoreError>;

    /// Returns who holds the writer's place now, in any process.
    async fn holder(&self) -> Result<Option<Holder>, StoreError>;

    /// Makes a batch durable.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Returns the whole history, oldest entry first.
    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError>;

    /// Returns the latest reply under each key, `None` where there is none; in the order of the keys.
    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError>;

    /// Returns the pages, in the order of the digests; a missing one is [`StoreError::Missing`].
    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError>;

    /// Returns calls of the ledger, oldest first.
    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallView>, StoreError>;

    /// Returns the sums over the ledger without reading its replies.
    async fn ledger_summary(&self) -> Result<LedgerSummary, StoreError>;

    /// Returns the sums of each lane, by rung, without reading any replies; lanes stand in the order of their numbers.
    async fn lane_sums(&self) -> Result<Vec<LaneSum>, StoreError>;

    /// Returns every key that has a reply, in no particular order.
    async fn recorded(&self) -> Result<Vec<Digest>, StoreError>;

    /// Returns what went over the wire in a call, as far as that was kept.
    async fn exchanges(&self, call: CallId) -> Result<Vec<Exchange>, StoreError>;

    /// Removes every page that is not kept, and, where `replies` is given, every reply that is not. A dry run counts what
    /// would be removed, and changes nothing; it needs the writer's place like any other, lest it count what a run is
    /// about to refer to.
    async fn collect(&self, keep: Keep) -> Result<Collected, StoreError>;
}

/// What the store has to say when its writer's place is taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opening {
    /// What had to be mended, for people.
    pub recovered: Vec<String>,
    /// The number for the next call.
    pub next_call: CallId,
    /// The number for the next lane.
    pub next_lane: u32,
    /// Calls of dead runs that have an intent, no outcome, and no [`LedgerEntry::Abandoned`] yet, oldest first.
    pub in_doubt: Vec<InDoubt>,
}

/// A call that may have been answered or not.
#[derive(Debug, Clone, PartialEq)]
pub struct InDoubt {
    /// The call.
    pub call: CallId,
    /// Whose phase and scope it was for.
    pub target: Target,
    /// The agent.
    pub agent: AgentName,
    /// The most it can have consumed, where that was known.
    pub ceiling: Option<Usage>,
}

impl From<&CallView> for InDoubt {
    fn from(view: &CallView) -> Self {
        let (target, agent) = (view.target.clone(), view.agent.clone());
        Self { call: view.call, target, agent, ceiling: view.ceiling }
    }
}

/// What is committed at once.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Pages; one that is there already is not written again.
    pub pages: Vec<(Digest, Vec<u8>)>,
    /// What went over the wire in calls whose outcomes stand in this batch; kept compressed, and gone with the replies.
    pub exchanges: Vec<(CallId, Vec<Exchange>)>,
    /// Ledger entries.
    pub ledger: Vec<LedgerEntry>,
    /// History entries.
    pub history: Vec<HistoryEntry>,
}

impl Batch {
    /// Whether there is nothing to commit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pages.is_empty()
            && self.exchanges.is_empty()
            && self.ledger.is_empty()
            && self.history.is_empty()
    }
}

/// Which calls of the ledger are wanted; what is not given is not filtered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only this call.
    pub call: Option<CallId>,
    /// Only calls of this run.
    pub run_id: Option<RunId>,
    /// Only calls of this phase.
    pub phase: Option<String>,
    /// Only calls to this agent.
    pub agent: Option<AgentName>,
    /// Only calls with an ask about this unit.
    pub unit: Option<String>,
    /// Only calls that have no outcome, noted or not.
    pub in_doubt: bool,
    /// Only the latest so many of these.
    pub last: Option<usize>,
    /// Whether the replies themselves are left out: where an ask has one, it is `null`. What calls cost can then be looked
    /// at without holding all that they said.
    pub without_replies: bool,
}

/// Sums over the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LedgerSummary {
    /// Calls with an outcome.
    pub done: u64,
    /// Calls in doubt of which no run has taken note.
    pub in_doubt: u64,
    /// Calls that were in doubt and have been taken note of.
    pub abandoned: u64,
    /// What all calls consumed.
    pub usage: Usage,
}

/// What survives a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// These pages.
    pub pages: BTreeSet<Digest>,
    /// These replies; all of them where `None`.
    pub replies: Option<BTreeSet<Digest>>,
    /// Of revision records, attempts, waivers and ended runs of the history, these entries by position; all where `None`.
    pub history: Option<BTreeSet<usize>>,
    /// Whether to count only, and remove nothing.
    pub dry_run: bool,
}

/// What a collection removed, or would remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Pages removed.
    pub pages: u64,
    /// Replies removed.
    pub replies: u64,
    /// History entries removed.
    pub history: u64,
    /// Bytes freed.
    pub bytes: u64,
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process writes to the project.
    #[error("the project is held by process {} on {} (`{}`, since {})", .holder.pid, .holder.host, .holder.command, .holder.since)]
    Held {
        /// Who.
        holder: Box<Holder>,
    },
    /// The store was written by a newer version.
    #[error("the store has format {found}, this version reads up to {supported}; use a newer refrain")]
    Newer {
        /// The format of the store.
        found: u32,
        /// The newest format that is understood.
        supported: u32,
    },
    /// A page that something refers to is not there.
    #[error("page {digest} is missing from the store")]
    Missing {
        /// The page.
        digest: Digest,
    },
    /// Something in the middle of the store is damaged.
    #[error("{what} is damaged: {message}")]
    Damaged {
        /// Which file.
        what: String,
        /// How.
        message: String,
    },
    /// The place for writing was not taken.
    #[error("nothing may be written: the store is open for reading")]
    ReadOnly,
    /// The system failed.
    #[error("failed to {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
}
