//! What `plan --json` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::ModelChoice;
use crate::freshness::{Cause, Freshness};
use crate::name::{AgentName, PhaseName};
use crate::scope::{Scope, Target};

/// A count that is known exactly or within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// At least this many.
    pub min: u64,
    /// At most this many; null where it hangs on a reply that is not there yet.
    pub max: Option<u64>,
}

impl Range {
    /// Returns a count that is known exactly.
    #[must_use]
    pub const fn exactly(n: u64) -> Self {
        Self { min: n, max: Some(n) }
    }

    /// Whether the count is known exactly.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.max == Some(self.min)
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.min += other.min;
        self.max = self.max.zip(other.max).map(|(a, b)| a + b);
    }

    /// Whether a number lies within the bounds.
    #[must_use]
    pub fn holds(&self, n: u64) -> bool {
        self.min <= n && self.max.is_none_or(|max| n <= max)
    }
}

/// An amount that is only guessed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// It will hardly be less.
    pub low: f64,
    /// As likely more as less.
    pub median: f64,
    /// It will hardly be more.
    pub high: f64,
}

impl Estimate {
    /// Adds another estimate.
    pub fn add(&mut self, other: &Self) {
        self.low += other.low;
        self.median += other.median;
        self.high += other.high;
    }
}

/// What calls would consume, as far as it can be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outlay {
    /// Tokens sent.
    pub input_tokens: Estimate,
    /// Tokens received.
    pub output_tokens: Estimate,
    /// Dollars; null where an agent's price is not known.
    pub cost_usd: Option<Estimate>,
    /// Where the guess comes from.
    pub basis: Basis,
}

impl Outlay {
    /// Returns all tokens, sent and received.
    #[must_use]
    pub fn tokens(&self) -> Estimate {
        let mut sum = self.input_tokens;
        sum.add(&self.output_tokens);
        sum
    }
}

/// Where a guess comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What earlier calls of the same agents consumed.
    History,
    /// The length of the prompts.
    #[default]
    Prompts,
    /// Some of each.
    Mixed,
}

/// What a run would do with a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// Nothing.
    Keep,
    /// Run it.
    Run,
    /// Run it if what comes before turns out different.
    Perhaps,
    /// Skip it.
    Skip,
    /// It could not run: something it needs is missing.
    Blocked,
}

/// What a run would do with one phase in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhasePlan {
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// What a run would do.
    pub action: PlannedAction,
    /// How fresh it is now.
    pub freshness: Freshness,
    /// Why it is not fresh.
    pub causes: Vec<Cause>,
    /// All units; null where the number hangs on a reply that is not there yet.
    pub units: Option<u64>,
    /// Units that would be asked.
    pub run: Range,
    /// Units whose replies are all there already.
    pub reuse: Range,
    /// Calls, retries not counted.
    pub calls: Range,
    /// The most further calls that retries could add; null where unbounded.
    pub retries: Option<u64>,
    /// Units that are sure to fail, because nothing can be made of their prompt or no reply on record is accepted.
    #[serde(default)]
    pub failing: u64,
    /// Why the first of them fails, with the place in the prompt where that is the reason.
    #[serde(default)]
    pub failure: Option<String>,
    /// What the calls would consume; null where nothing is asked that consumes tokens, or where it cannot be guessed.
    #[serde(default)]
    pub outlay: Option<Outlay>,
    /// Its agents whose calls cost what nobody knows.
    #[serde(default)]
    pub unpriced: Vec<AgentName>,
    /// For a blocked phase: what is missing.
    pub missing: Vec<Target>,
    /// How it follows the phases before it that ask agents: unit by unit, or when they are over.
    #[serde(default)]
    pub edges: Vec<PlannedEdge>,
}

/// How a phase follows one that asks agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedEdge {
    /// The earlier phase.
    pub from: PhaseName,
    /// Whether units may be asked about while it is under way, as soon as what they are made from is final.
    pub streams: bool,
    /// How, or why not.
    pub how: String,
}

/// What `plan --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// Whether a run would do anything.
    pub changes: bool,
    /// Units that would be asked, over all phases.
    pub run: Range,
    /// Units whose replies are all there already, over all phases.
    pub reuse: Range,
    /// Calls over all phases, retries not counted.
    pub calls: Range,
    /// What the calls would consume, over all phases for which it can be guessed; null where there are none.
    #[serde(default)]
    pub outlay: Option<Outlay>,
    /// Calls of earlier runs that are in doubt; they count against the next run's ceilings.
    pub in_doubt: u64,
    /// The models that were chosen for steps; absent where none were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ModelChoice>,
    /// Every phase and scope, in the order in which they would run.
    pub phases: Vec<PhasePlan>,
}
