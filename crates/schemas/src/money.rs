//! Prices and budgets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::usage::Usage;

/// What a model costs, in dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSpec {
    /// Tokens sent.
    #[schemars(range(min = 0.0))]
    pub input: f64,
    /// Tokens sent that the provider had in its cache; as `input` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub cached_input: Option<f64>,
    /// Tokens received.
    #[schemars(range(min = 0.0))]
    pub output: f64,
    /// What share of these prices a batch costs, such as 0.5; absent where there are no batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub batch: Option<f64>,
}

/// Returns dollars as people read them, in one way wherever they are shown: `$12.30`, `$0.0042`, `<$0.0001`.
#[must_use]
pub fn dollars(amount: f64) -> String {
    if amount > 0.0 && amount < 0.0001 {
        return "<$0.0001".to_owned();
    }
    if amount.abs() >= 0.1 || amount == 0.0 {
        return format!("${amount:.2}");
    }
    let digits = format!("{amount:.4}");
    let (cents, rest) = digits.split_at(digits.len() - 2);
    format!("${cents}{}", rest.trim_end_matches('0'))
}

impl PriceSpec {
    /// Returns what a usage costs at this price.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let dollars = count(usage.input_tokens - cached) * self.input
            + count(cached) * self.cached_input.unwrap_or(self.input)
            + count(usage.output_tokens) * self.output;
        dollars / 1e6
    }
}

/// Token counts are far below the numbers that a float cannot hold.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
const fn count(tokens: u64) -> f64 {
    tokens as f64
}

/// What may be spent in one run; reaching it stops the run before the call that would pass it, exit code 3.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub usd: Option<f64>,
    /// Tokens, sent and received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Calls, retries included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
}
