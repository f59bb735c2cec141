//! What went over the wire in a call, kept so that people can look at it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request of a call and what came back. Secrets are taken out before it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Where the request went: method and address, or the tool of a server.
    pub to: String,
    /// The body of the request.
    pub request: Value,
    /// The status of the response; null where there was none, or where the protocol knows none.
    pub status: Option<u16>,
    /// The body of the response, as text where it is no JSON; null where there was none.
    pub response: Option<Value>,
    /// What went wrong on the way, if something did.
    pub error: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Who served a call, where that is not plain from the agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The endpoint.
    pub endpoint: String,
    /// The model as the provider names it, where it does.
    pub model: Option<String>,
    /// Whether the endpoint stood in for another one that was down.
    pub fallback: bool,
    /// How many requests it took: more than one where a model used tools.
    pub requests: u32,
    /// Whether the answer had to be mended before it could be read: fences, trailing commas, a missing end.
    pub mended: bool,
}
