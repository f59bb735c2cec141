//! Phases that go round, as they are written in a pipeline file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::duration::Span;

/// How a phase goes round: `for_each`, `while` and `until`, or `once`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoopSpec {
    /// One turn per item of this list, or of the list that this template gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Value>,
    /// One turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// A condition that must hold before each turn.
    #[serde(default, rename = "while", skip_serializing_if = "Option::is_none")]
    pub while_: Option<String>,
    /// A condition that ends the loop where it holds after a turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The most turns (10,000 for `for_each`, else 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max: Option<u32>,
    /// The most turns at once (10 for `for_each`, else 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_parallel: Option<u32>,
    /// Another name for the item of a turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What `loop_name` is in its turns; its name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of `once`: what the turn is given; its strings are templates.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// Of `once`: a JSON Schema of what the turn is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Map<String, Value>>,
    /// The document of the loop; its strings are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Whether no further turn starts after one that failed; where absent, only those of a list do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_on_error: Option<bool>,
    /// How long one turn may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_timeout: Option<Span>,
}
