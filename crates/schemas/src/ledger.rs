//! The ledger: intents before calls, outcomes after them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::exchange::{Exchange, Served};
use crate::failure::Failure;
use crate::json::Json;
use crate::name::{AgentName, CallId, RunId, UnitId};
use crate::scope::Target;
use crate::time::Timestamp;
use crate::usage::Usage;

/// One entry of the ledger; entries are appended and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerEntry {
    /// Who calls: declared once, referred to by the intents behind it.
    Lane(Lane),
    /// A call is about to leave.
    Intent(Intent),
    /// A call has come back, one way or the other.
    Outcome(Outcome),
    /// A call of a dead run is known to have no outcome; it was counted against the budget of this run.
    Abandoned(Abandoned),
    /// A reply also counts for another key, because a person said so.
    Alias(Alias),
    /// A reply that was paid for elsewhere.
    Imported(Imported),
}

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The number that intents refer to; unique within the ledger.
    pub lane: u32,
    /// The run.
    pub run_id: RunId,
    /// The phase and scope.
    pub target: Target,
    /// The agent.
    pub agent: AgentName,
    /// The model behind it, as `provider/name`, if there is one.
    #[serde(default)]
    pub model: Option<String>,
}

/// A call that is about to leave; durable before it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The call.
    pub call: CallId,
    /// Who calls whom.
    pub lane: u32,
    /// Which attempt at these asks it is, from 1.
    pub attempt: u32,
    /// Why it is made.
    #[serde(default)]
    pub rung: Rung,
    /// When.
    pub at: Timestamp,
    /// The most it can consume, where that is known; so much counts as spent while it is in doubt.
    #[serde(default)]
    pub ceiling: Option<Usage>,
    /// What is asked.
    pub asks: Vec<IntentAsk>,
}

/// Why a call is made.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Nobody has asked yet.
    #[default]
    First,
    /// The call before failed for a reason that may pass.
    Retry,
    /// The reply before was invalid; the agent is told why.
    Repair,
    /// A call that carried more failed as a whole, or could not be repaired.
    Split,
    /// The agents before in a cascade had no reply that was good enough.
    Cascade,
}

impl Rung {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Repair => "repair",
            Self::Split => "split",
            Self::Cascade => "cascade",
        }
    }
}

/// One ask of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentAsk {
    /// The key of the ask.
    pub key: Digest,
    /// The unit it is about.
    pub unit: UnitId,
}

/// A call that has come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: Timestamp,
    /// What it consumed.
    pub usage: Usage,
    /// Who served it, where that is not plain from the agent.
    #[serde(default)]
    pub served: Option<Served>,
    /// The result of each ask.
    pub asks: Vec<OutcomeAsk>,
}

/// The result of one ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeAsk {
    /// The key of the ask.
    pub key: Digest,
    /// The reply, or how it failed. A failure is a record, never a reply.
    pub result: AskResult,
}

/// A reply or a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskResult {
    /// The validated reply.
    Reply(Json),
    /// The failure.
    Failed(Failure),
}

/// A call of a dead run that has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Abandoned {
    /// The call.
    pub call: CallId,
    /// The run that found it.
    pub run_id: RunId,
    /// When.
    pub at: Timestamp,
}

/// A reply that also counts for another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The key that has the reply from here on.
    pub key: Digest,
    /// The key whose reply it is.
    pub of: Digest,
}

/// A reply that was paid for elsewhere and counts here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The key.
    pub key: Digest,
    /// The reply.
    pub reply: Json,
}

/// One line of a file that `ledger export` writes and `ledger import` reads, behind a first line with the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedReply {
    /// The key.
    pub key: Digest,
    /// The reply.
    pub reply: Json,
}

/// The first line of such a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportHeader {
    /// The version of the format; 1.
    pub refrain_ledger: u32,
    /// The project it was exported from.
    pub project: String,
    /// How many replies follow.
    pub replies: u64,
}

/// What `ledger import --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The project that the replies come from.
    pub project: String,
    /// How many replies were taken over.
    pub imported: u64,
    /// How many were on record already.
    pub kept: u64,
    /// How many were left out because another reply is on record under their key.
    pub differing: u64,
    /// The first of the keys of those.
    pub keys: Vec<Digest>,
}

/// One call as `refrain ledger` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// The run.
    pub run_id: RunId,
    /// The phase and scope.
    pub target: Target,
    /// The agent.
    pub agent: AgentName,
    /// The model behind it, if there is one.
    #[serde(default)]
    pub model: Option<String>,
    /// Which attempt it was.
    pub attempt: u32,
    /// Why it was made.
    #[serde(default)]
    pub rung: Rung,
    /// When the intent was written.
    pub intended_at: Timestamp,
    /// When the outcome was written; null where there is none.
    pub ended_at: Option<Timestamp>,
    /// Where the call stands.
    pub state: CallState,
    /// What it consumed.
    pub usage: Usage,
    /// The most it could consume, where that was known.
    #[serde(default)]
    pub ceiling: Option<Usage>,
    /// Who served it, where that is not plain from the agent.
    #[serde(default)]
    pub served: Option<Served>,
    /// The run whose budget it counted against, where it is in doubt and a run has taken note of it.
    #[serde(default)]
    pub counted_against: Option<RunId>,
    /// Its asks.
    pub asks: Vec<AskView>,
}

/// What `show --call --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The call.
    pub call: CallView,
    /// What went over the wire, in order; empty where that is not kept.
    pub exchanges: Vec<Exchange>,
}

/// What the calls of one lane came to, for one reason to make them.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneSum {
    /// Who called whom.
    pub lane: Lane,
    /// Why.
    pub rung: Rung,
    /// Calls with an outcome.
    pub done: u64,
    /// What these calls were to ask, whatever came of it.
    pub asks: u64,
    /// Calls in doubt, noted or not.
    pub in_doubt: u64,
    /// What the calls with an outcome consumed.
    pub usage: Usage,
    /// The most that the calls in doubt can have consumed, as far as that is known.
    pub doubtful: Usage,
}

impl LaneSum {
    /// Returns the sum over no calls.
    #[must_use]
    pub fn new(lane: Lane, rung: Rung) -> Self {
        Self {
            lane,
            rung,
            done: 0,
            asks: 0,
            in_doubt: 0,
            usage: Usage::default(),
            doubtful: Usage::default(),
        }
    }

    /// Adds a call with so many asks.
    pub fn add(&mut self, state: CallState, asks: u64, usage: &Usage, ceiling: Option<&Usage>) {
        if state == CallState::Done {
            self.done += 1;
            self.asks += asks;
            self.usage.add(usage);
        } else {
            self.in_doubt += 1;
            self.doubtful.add(&ceiling.copied().unwrap_or_default());
        }
    }
}

/// Sums over calls that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerGroup {
    /// What they have in common: a phase, a scope, an agent, a model, a run or a rung.
    pub name: String,
    /// Calls with an outcome.
    pub done: u64,
    /// Calls in doubt, noted or not.
    pub in_doubt: u64,
    /// What the calls with an outcome consumed.
    pub usage: Usage,
    /// The most that the calls in doubt can have consumed, as far as that is known.
    pub doubtful: Usage,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// It has an outcome.
    Done,
    /// Its intent has no outcome: it may have been answered or not.
    InDoubt,
    /// It is in doubt, and a later run has taken note of it: it counted against the budget of that run.
    Abandoned,
}

/// One ask as `refrain ledger` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskView {
    /// The key.
    pub key: Digest,
    /// The unit.
    pub unit: UnitId,
    /// The result; null where there is none.
    pub result: Option<AskResult>,
}

/// What `ledger --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// How many calls have an outcome.
    pub done: u64,
    /// How many are in doubt.
    pub in_doubt: u64,
    /// How many were in doubt and have been taken note of.
    pub abandoned: u64,
    /// What all calls consumed.
    pub usage: Usage,
    /// The most that the calls in doubt can have consumed, noted or not, as far as that is known.
    #[serde(default)]
    pub doubtful: Usage,
    /// The sums that were asked for, by what; empty where none were.
    #[serde(default)]
    pub groups: Vec<LedgerGroup>,
    /// The calls that were asked for, oldest first.
    pub calls: Vec<CallView>,
}
