//! The ledger: intents before calls, outcomes after them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
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
}

/// A call that is about to leave; durable before it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The call.
    pub call: CallId,
    /// Who calls whom.
    pub lane: u32,
    /// Which attempt at these asks it is, from 1.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// What is asked.
    pub asks: Vec<IntentAsk>,
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
    /// Which attempt it was.
    pub attempt: u32,
    /// When the intent was written.
    pub intended_at: Timestamp,
    /// When the outcome was written; null where there is none.
    pub ended_at: Option<Timestamp>,
    /// Where the call stands.
    pub state: CallState,
    /// What it consumed.
    pub usage: Usage,
    /// Its asks.
    pub asks: Vec<AskView>,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// It has an outcome.
    Done,
    /// Its intent has no outcome: it may have been answered or not.
    InDoubt,
    /// It was in doubt, and a later run has taken note of it.
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
    /// The calls that were asked for, oldest first.
    pub calls: Vec<CallView>,
}
