//! What earlier calls came to, as the best guess of what later ones will.

use std::collections::BTreeMap;

use refrain_schemas::ledger::{LaneSum, Rung};
use refrain_schemas::name::AgentName;
use refrain_schemas::plan::{Basis, Estimate};
use refrain_schemas::scope::Target;
use refrain_schemas::usage::Usage;

use super::outlay::{PerCall, ratio};

/// So many calls are enough to go by; older ones may have had another prompt.
const ENOUGH: u64 = 100;

/// By how much calls differ at least, and by how much where only a few are on record.
const SPREAD: f64 = 0.15;
const WIDE_SPREAD: f64 = 0.35;
const FEW: u64 = 8;

/// What the calls of earlier runs came to.
#[derive(Debug, Default)]
pub(super) struct Spent {
    /// Oldest first.
    lanes: Vec<LaneSpent>,
}

/// What the calls of one agent for one target in one run came to.
#[derive(Debug)]
struct LaneSpent {
    target: Target,
    agent: AgentName,
    model: Option<String>,
    /// Calls that were made because something was to be asked, not because a call before them had failed.
    asked: u64,
    /// What all calls consumed. What failed calls and repairs cost is part of what it takes to get a reply.
    usage: Usage,
}

impl Spent {
    pub(super) fn of(sums: Vec<LaneSum>) -> Self {
        let mut lanes: BTreeMap<u32, LaneSpent> = BTreeMap::new();
        for sum in sums {
            let number = sum.lane.lane;
            let lane = lanes.entry(number).or_insert_with(|| LaneSpent {
                target: sum.lane.target,
                agent: sum.lane.agent,
                model: sum.lane.model,
                asked: 0,
                usage: Usage::default(),
            });
            lane.asked += if matches!(sum.rung, Rung::First | Rung::Cascade) { sum.done } else { 0 };
            lane.usage.add(&sum.usage);
        }
        Self { lanes: lanes.into_values().filter(LaneSpent::tells).collect() }
    }

    /// Says what a call of an agent for a target will come to: as the latest ones for the same phase; where there are none,
    /// as those of the same agent for other phases.
    pub(super) fn per_call(
        &self,
        target: &Target,
        agent: &AgentName,
        model: Option<&str>,
    ) -> Option<PerCall> {
        let alike = |lane: &&LaneSpent| lane.agent == *agent && lane.model.as_deref() == model;
        let mut own = self.latest(|lane| alike(lane) && lane.target.phase == target.phase);
        if own.is_empty() {
            own = self.latest(alike);
        }
        (!own.is_empty()).then(|| average(&own))
    }

    /// Returns the latest lanes of a kind, as many as it takes to have enough calls.
    fn latest(&self, wanted: impl Fn(&&LaneSpent) -> bool) -> Vec<&LaneSpent> {
        let mut calls = 0;
        let is_needed = |lane: &&LaneSpent| {
            let is_needed = calls < ENOUGH;
            calls += lane.asked;
            is_needed
        };
        self.lanes.iter().rev().filter(wanted).take_while(is_needed).collect()
    }
}

impl LaneSpent {
    /// Whether there is something to learn from it.
    fn tells(&self) -> bool {
        self.asked > 0 && (self.usage.tokens() > 0 || self.usage.cost_usd.is_some())
    }
}

fn average(lanes: &[&LaneSpent]) -> PerCall {
    let calls: u64 = lanes.iter().map(|lane| lane.asked).sum();
    let mut usage = Usage::default();
    lanes.iter().for_each(|lane| usage.add(&lane.usage));
    let spread = if calls < FEW { WIDE_SPREAD } else { SPREAD };
    let estimate = |amount: &dyn Fn(&Usage) -> f64| {
        let each = lanes.iter().map(|lane| amount(&lane.usage) / float(lane.asked));
        let (low, high) = each.fold((f64::MAX, 0.0), |(low, high), one| (one.min(low), one.max(high)));
        let median = amount(&usage) / float(calls);
        Estimate { low: low.min(median * (1.0 - spread)), median, high: high.max(median * (1.0 + spread)) }
    };
    PerCall {
        input: estimate(&|usage| float(usage.input_tokens)),
        output: estimate(&|usage| float(usage.output_tokens)),
        cached: ratio(usage.cached_input_tokens, usage.input_tokens),
        cost: usage.cost_usd.map(|_| estimate(&|usage| usage.cost_usd.unwrap_or(0.0))),
        basis: Basis::History,
    }
}

/// Counts of tokens and calls are far below the numbers that a float cannot hold.
#[expect(clippy::cast_precision_loss, reason = "counts of tokens and calls are far below 2^53")]
pub(super) const fn float(n: u64) -> f64 {
    n as f64
}
