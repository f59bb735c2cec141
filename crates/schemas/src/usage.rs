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

/// The most that a sum comes to: what JSON still tells exactly. Agents report what they like.
const MOST: u64 = (1 << 53) - 1;

const fn capped(a: u64, b: u64) -> u64 {
    let sum = a.saturating_add(b);
    if sum < MOST { sum } else { MOST }
}

impl Usage {
    /// Returns all tokens, sent and received.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        capped(self.input_tokens, self.output_tokens)
    }

    /// Adds another usage to this one; a known cost stays known.
    pub fn add(&mut self, other: &Self) {
        self.input_tokens = capped(self.input_tokens, other.input_tokens);
        self.cached_input_tokens = capped(self.cached_input_tokens, other.cached_input_tokens);
        self.output_tokens = capped(self.output_tokens, other.output_tokens);
        self.cost_usd = match (self.cost_usd, other.cost_usd) {
            (None, None) => None,
            (a, b) => Some((a.unwrap_or(0.0) + b.unwrap_or(0.0)).min(f64::MAX)),
        };
    }
}

/// What calls used of the machine, as far as it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// How many seconds they took; those of calls at the same time count each for itself.
    pub wall_seconds: f64,
    /// How many seconds processors worked for the programs that they started; absent where nobody measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// The most memory that one of these programs held at once; absent where nobody measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Resources {
    /// Adds what another call used.
    pub fn add(&mut self, other: &Self) {
        self.wall_seconds += other.wall_seconds;
        self.cpu_seconds = match (self.cpu_seconds, other.cpu_seconds) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_what_agents_claim_stay_numbers() {
        let claimed = Usage {
            input_tokens: u64::MAX,
            cached_input_tokens: 1,
            output_tokens: 1,
            cost_usd: Some(f64::MAX),
        };
        assert_eq!(claimed.tokens(), MOST);
        let mut sum = claimed;
        sum.add(&claimed);
        let expect =
            Usage { input_tokens: MOST, cached_input_tokens: 2, output_tokens: 2, cost_usd: Some(f64::MAX) };
        assert_eq!(sum, expect);
    }
}
