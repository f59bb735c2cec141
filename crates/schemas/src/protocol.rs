//! The JSON lines that a command agent speaks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::Json;
use crate::name::{PhaseName, UnitId};
use crate::scope::Scope;

/// One call: one line on the agent's standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// The call; the answer repeats it.
    pub call: String,
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// The agent's settings.
    pub params: Json,
    /// What all units share, by name.
    pub context: Json,
    /// What is asked.
    pub units: Vec<RequestUnit>,
}

/// One unit of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestUnit {
    /// The unit.
    pub id: UnitId,
    /// Its record, or `{"records": […]}` for groups.
    pub input: Json,
    /// What this unit sees besides its input, by name.
    pub context: Json,
}

/// One answer: one line on the agent's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerLine {
    /// The call that is answered.
    pub call: String,
    /// The answers to its units, in any order.
    pub units: Vec<AnswerUnit>,
    /// What the call consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<AnswerUsage>,
}

/// The answer to one unit: an `output` or an `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerUnit {
    /// The unit.
    pub id: UnitId,
    /// One record, a list of records, or any JSON for a document.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why there is no output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AnswerError>,
}

/// Tells an output that is `null` from one that is absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Why a unit has no output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerError {
    /// What kind of failure it was.
    pub kind: AnswerErrorKind,
    /// What to tell people.
    #[serde(default)]
    pub message: String,
}

/// What kind of failure a command agent reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerErrorKind {
    /// It may work next time.
    Transient,
    /// The answer has the wrong shape.
    Invalid,
    /// The agent will not answer this.
    Refused,
    /// It will never work.
    Permanent,
}

/// What a call consumed, as far as the agent tells.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AnswerUsage {
    /// Tokens sent.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// Tokens received.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// Dollars.
    #[serde(default)]
    pub cost_usd: Option<f64>,
}
