//! What earlier calls came to, as the best guess of what later ones will.

use std::collections::BTreeMap;

use refrain_schemas::ledger::{LaneSum, Rung};
use refrain_schemas::name::AgentName;
use refrain_schemas::plan::{Basis, Estimate};
use refrain_schemas::scope::Target;
use refrain_schemas::usage::Usage;

use crate::model::AgentModel;

use super::guess::Said;
use super::outlay::{PerCall, ratio};

/// So many calls are enough to go by; older ones may have had another prompt.
const ENOUGH: u64 = 100;

/// By how much calls differ at least, and by how much where only a few are on record.
const SPREAD: f64 = 0.25;
const WIDE_SPREAD: f64 = 0.4;
const FEW: u64 = 8;

/// How many times as long as another a unit usually is at most, and how much each one that is asked about tells of all.
const LENGTHS: f64 = 5.0;
const ALIKE: f64 = 0.15;

/// By how much the count of a tokenizer is above the guess, at most.
const MOST_SCALE: f64 = 1.3;

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
    calls: u64,
    /// What they were to ask.
    asks: u64,
    /// What they consumed.
    asked: Usage,
    /// What all calls consumed. What failed calls and repairs cost is part of what it takes to get a reply.
    usage: Usage,
}

/// Earlier calls that are like those to come.
#[derive(Debug)]
pub(super) struct Past<'a> {
    /// Latest first; at least one.
    lanes: Vec<&'a LaneSpent>,
    /// Whether they were made for the same phase.
    is_own: bool,
}

/// An amount that is consumed.
type Amount = fn(&Usage) -> f64;

impl Spent {
    pub(super) fn of(sums: Vec<LaneSum>) -> Self {
        let mut lanes: BTreeMap<u32, LaneSpent> = BTreeMap::new();
        for sum in sums {
            let number = sum.lane.lane;
            let lane = lanes.entry(number).or_insert_with(|| LaneSpent {
                target: sum.lane.target,
                agent: sum.lane.agent,
                model: sum.lane.model,
                calls: 0,
                asks: 0,
                asked: Usage::default(),
                usage: Usage::default(),
            });
            if matches!(sum.rung, Rung::First | Rung::Cascade) {
                (lane.calls, lane.asks) = (lane.calls + sum.done, lane.asks + sum.asks);
                lane.asked.add(&sum.usage);
            }
            lane.usage.add(&sum.usage);
        }
        Self { lanes: lanes.into_values().filter(LaneSpent::tells).collect() }
    }

    /// Finds the calls that tell most about those of an agent for a target: the latest ones for the same phase; where there
    /// are none, those of the same agent for other phases.
    pub(super) fn past(&self, target: &Target, agent: &AgentName, model: Option<&str>) -> Option<Past<'_>> {
        let alike = |lane: &&LaneSpent| lane.agent == *agent && lane.model.as_deref() == model;
        let own = self.latest(|lane| alike(lane) && lane.target.phase == target.phase);
        let is_own = !own.is_empty();
        let lanes = if is_own { own } else { self.latest(alike) };
        (!lanes.is_empty()).then_some(Past { lanes, is_own })
    }

    /// Returns the latest lanes of a kind, as many as it takes to have enough calls.
    fn latest(&self, wanted: impl Fn(&&LaneSpent) -> bool) -> Vec<&LaneSpent> {
        let mut calls = 0;
        let is_needed = |lane: &&LaneSpent| {
            let is_needed = calls < ENOUGH;
            calls += lane.calls;
            is_needed
        };
        self.lanes.iter().rev().filter(wanted).take_while(is_needed).collect()
    }
}

impl LaneSpent {
    /// Whether there is something to learn from it.
    fn tells(&self) -> bool {
        self.calls > 0 && (self.usage.tokens() > 0 || self.usage.cost_usd.is_some())
    }

    fn asks_per_call(&self) -> f64 {
        float(self.asks.max(self.calls)) / float(self.calls)
    }
}

impl Past<'_> {
    /// Returns how many asks the calls carried.
    pub(super) fn asks_per_call(&self) -> f64 {
        let (calls, asks) = self
            .lanes
            .iter()
            .fold((0, 0), |(n, asks), lane| (n + lane.calls, asks + lane.asks.max(lane.calls)));
        float(asks) / float(calls)
    }

    /// Says what one of so many calls will come to in which `now` will be said, if `then` was said in the earlier ones.
    pub(super) fn per_call(&self, agent: &AgentModel, then: &Said, now: &Said, n_calls: u64) -> PerCall {
        let then = &self.corrected(then, now.n_units * float(n_calls));
        let calls: u64 = self.lanes.iter().map(|lane| lane.calls).sum();
        let is_vague = !self.is_own || calls.min(n_calls) < FEW;
        let spread = if is_vague { WIDE_SPREAD } else { SPREAD };
        let input = self.estimate(
            |usage| float(usage.input_tokens),
            Said::sent,
            then,
            spread,
            |share| share.told(then.sent(), now.sent()),
        );
        let length = |said: &Said| said.answer(agent).median;
        let output = self.estimate(
            |usage| float(usage.output_tokens),
            length,
            then,
            spread,
            |share| share.answered(length(then), length(now)),
        );
        let cost = |usage: &Usage| usage.cost_usd.unwrap_or(0.0);
        let cost = self.estimate(cost, Said::sent, then, spread, |share| {
            share.charged(ratio_between(now.sent(), then.sent()), ratio_between(now.n_units, then.n_units))
        });
        let usage = self.sum(|lane| lane.usage);
        PerCall {
            input,
            output,
            cached: ratio(usage.cached_input_tokens, usage.input_tokens),
            cost: usage.cost_usd.map(|_| cost),
            basis: Basis::History,
        }
    }

    /// Says how long the units of the earlier calls were, if `then` is made of those that are asked about now. Where these
    /// are many, they are like the others, and a different count is the tokenizer's; a few may be of any length.
    fn corrected(&self, then: &Said, n_units: f64) -> Said {
        let sent = self.average(|usage| float(usage.input_tokens)).each;
        let about_units = then.each * then.n_units;
        if sent <= 0.0 || about_units <= 0.0 {
            return *then;
        }
        let times = 1.0 + (sent - then.sent()) / about_units;
        // What differs by more than that is no matter of units.
        if !(1.0 / LENGTHS..=LENGTHS).contains(&times) {
            return *then;
        }
        then.longer(times.powf(1.0 / (1.0 + ALIKE * n_units)))
    }

    /// Estimates an amount per call from what it was on average, and by how much the lanes differ.
    fn estimate(
        &self,
        amount: Amount,
        length: impl Fn(&Said) -> f64,
        then: &Said,
        spread: f64,
        carry_over: impl Fn(&Average) -> Estimate,
    ) -> Estimate {
        let average = self.average(amount);
        let all = ratio_between(average.each * average.again, length(then));
        let of_lane = |lane: &&LaneSpent| {
            let guess = length(&then.about(lane.asks_per_call()));
            let each = ratio_between(amount(&lane.usage) / float(lane.calls), guess);
            if all > 0.0 { each / all } else { 1.0 }
        };
        let apart = self.lanes.iter().map(of_lane);
        let (low, high) = apart.fold((1.0, 1.0), |(low, high), one| (one.min(low), one.max(high)));
        let carried = carry_over(&average);
        Estimate {
            low: carried.low * f64::min(low, 1.0 - spread),
            median: carried.median,
            high: carried.high * f64::max(high, 1.0 + spread),
        }
    }

    fn average(&self, amount: Amount) -> Average {
        let calls: u64 = self.lanes.iter().map(|lane| lane.calls).sum();
        let (asked, all) = (amount(&self.sum(|lane| lane.asked)), amount(&self.sum(|lane| lane.usage)));
        // Where only what was made good consumed anything, nothing tells the two apart.
        if asked > 0.0 {
            Average { each: asked / float(calls), again: all / asked }
        } else {
            Average { each: all / float(calls), again: 1.0 }
        }
    }

    fn sum(&self, of: impl Fn(&LaneSpent) -> Usage) -> Usage {
        let mut sum = Usage::default();
        self.lanes.iter().for_each(|lane| sum.add(&of(lane)));
        sum
    }
}

/// What a call came to.
#[derive(Debug, Clone, Copy)]
struct Average {
    /// Itself.
    each: f64,
    /// With what was made to make it good, as a multiple.
    again: f64,
}

impl Average {
    /// Says what is sent now if the guess was `then` for what it is on average, and is `now`. Tokenizers differ by so much;
    /// what is more than that is added to every call, by whoever stands between.
    fn told(&self, then: f64, now: f64) -> Estimate {
        let scaled = self.answered(then, now);
        let scale = ratio_between(self.each, then).min(MOST_SCALE);
        let median = (self.each + scale * (now - then)).max(0.0) * self.again;
        Estimate { median, low: scaled.low.min(median), high: scaled.high.max(median) }
    }

    /// Says what is answered now: as much longer as the guess. What was more than the guess may come with every call.
    fn answered(&self, then: f64, now: f64) -> Estimate {
        let scaled = self.each * ratio_between(now, then);
        let added = if self.each > then { self.each + (now - then) } else { scaled };
        let (scaled, added) = (scaled * self.again, added.max(0.0) * self.again);
        Estimate { low: scaled.min(added), median: scaled, high: scaled.max(added) }
    }

    /// Says what is charged now by an agent that has a price of its own: by the unit most likely, else by the length or the call.
    fn charged(&self, length: f64, units: f64) -> Estimate {
        let each = self.each * self.again;
        let (low, high) = (length.min(units).min(1.0), length.max(units).max(1.0));
        Estimate { low: each * low, median: each * units, high: each * high }
    }
}

/// Returns how many times as much one is as the other; as much where there is nothing to compare with.
fn ratio_between(one: f64, other: f64) -> f64 {
    if other > 0.0 { one / other } else { 1.0 }
}

/// Counts of tokens and calls are far below the numbers that a float cannot hold.
#[expect(clippy::cast_precision_loss, reason = "counts of tokens and calls are far below 2^53")]
pub(super) const fn float(n: u64) -> f64 {
    n as f64
}
