//! What calls consume.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one or more calls consumed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens sent.
    #[serde(default)]
    pub input_tokens: u64,
    /// Of the tokens sent, those that the provider had in its cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Tokens received, those of hidden reasoning included.
    #[serde(default)]
    pub output_tokens: u64,
    /// Dollars, where the agent or a price table tells; absent is not zero.
    #[serde(default)]
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Returns all tokens, sent and received.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }

    /// Adds another usage to this one; a known cost stays known.
    pub fn add(&mut self, other: &Self) {
        self.input_tokens += other.input_tokens;
        self.cached_input_tokens += other.cached_input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_usd = match (self.cost_usd, other.cost_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
    }
}
