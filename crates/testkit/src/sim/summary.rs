//! What came of many seeds.

use std::collections::BTreeMap;

use refrain_schemas::report::RunStatus;
use serde::{Deserialize, Serialize};

use super::profile::Profile;
use super::seed::Seed;
use super::story::SeedResult;

/// What came of many seeds. The order in which they are added does not matter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    n: u64,
    first: BTreeMap<String, u64>,
    last: BTreeMap<String, u64>,
    runs: BTreeMap<u32, u64>,
    crashes: u64,
    calls: Vec<f64>,
    costs: Vec<f64>,
    seconds: Vec<f64>,
    faults: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    findings: BTreeMap<Seed, SeedResult>,
    worst: Option<SeedResult>,
}

/// How a number is spread over many seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// One in twenty is below.
    pub p5: f64,
    /// Half are below.
    pub p50: f64,
    /// One in twenty is above.
    pub p95: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Returns the spread of some numbers; nothing where there are none.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted.get((sorted.len() - 1) * percent / 100).copied();
        if sorted.is_empty() {
            return None;
        }
        Some(Self { least: at(0)?, p5: at(5)?, p50: at(50)?, p95: at(95)?, most: at(100)? })
    }
}

impl Summary {
    /// Returns the summary of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what came of a seed.
    pub fn add(&mut self, result: &SeedResult) {
        self.n += 1;
        let word = result.first.map_or("interrupted", RunStatus::as_str);
        *self.first.entry(word.to_owned()).or_default() += 1;
        *self.last.entry(result.status.map_or("none", RunStatus::as_str).to_owned()).or_default() += 1;
        *self.runs.entry(result.runs).or_default() += 1;
        self.crashes += u64::from(result.crashes);
        #[expect(clippy::cast_precision_loss, reason = "numbers of calls are far below 2^53")]
        self.calls.push(result.calls as f64);
        self.costs.extend(result.cost_usd);
        self.seconds.push(result.seconds);
        add(&mut self.faults, &result.faults);
        add(&mut self.failed, &result.failed);
        if !result.findings.is_empty() {
            self.findings.insert(result.seed, result.clone());
        }
        if self.worst.as_ref().is_none_or(|worst| result.badness() > worst.badness()) {
            self.worst = Some(result.clone());
        }
    }

    /// Adds another summary.
    pub fn merge(&mut self, other: Self) {
        self.n += other.n;
        add(&mut self.first, &other.first);
        add(&mut self.last, &other.last);
        for (runs, n) in other.runs {
            *self.runs.entry(runs).or_default() += n;
        }
        self.crashes += other.crashes;
        self.calls.extend(other.calls);
        self.costs.extend(other.costs);
        self.seconds.extend(other.seconds);
        add(&mut self.faults, &other.faults);
        add(&mut self.failed, &other.failed);
        self.findings.extend(other.findings);
        let worse = other
            .worst
            .filter(|theirs| self.worst.as_ref().is_none_or(|ours| theirs.badness() > ours.badness()));
        self.worst = worse.or_else(|| self.worst.take());
    }

    /// Puts everything into an order that does not hang on who was quicker.
    pub(super) fn settle(&mut self) {
        for numbers in [&mut self.calls, &mut self.costs, &mut self.seconds] {
            numbers.sort_by(f64::total_cmp);
        }
    }

    /// Returns how many seeds there are.
    #[must_use]
    pub const fn seeds(&self) -> u64 {
        self.n
    }

    /// Returns how the first runs ended, by status; those that were killed or lost their store as `interrupted`.
    #[must_use]
    pub const fn first_runs(&self) -> &BTreeMap<String, u64> {
        &self.first
    }

    /// Returns how the last runs ended, by status.
    #[must_use]
    pub const fn last_runs(&self) -> &BTreeMap<String, u64> {
        &self.last
    }

    /// Returns the share of seeds whose first run completed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "numbers of seeds are far below 2^53")]
    pub fn completion_odds(&self) -> f64 {
        let completed = self.first.get(RunStatus::Completed.as_str()).copied().unwrap_or(0);
        if self.n == 0 { 0.0 } else { completed as f64 / self.n as f64 }
    }

    /// Returns in how many runs how many seeds were done.
    #[must_use]
    pub const fn runs(&self) -> &BTreeMap<u32, u64> {
        &self.runs
    }

    /// Returns how many crashes were survived in all.
    #[must_use]
    pub const fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Returns how many calls it took until all was there.
    #[must_use]
    pub fn calls(&self) -> Option<Spread> {
        Spread::of(&self.calls)
    }

    /// Returns how many dollars it would have cost; nothing where no agent has a price.
    #[must_use]
    pub fn costs(&self) -> Option<Spread> {
        Spread::of(&self.costs)
    }

    /// Returns how many seconds it would have taken.
    #[must_use]
    pub fn seconds(&self) -> Option<Spread> {
        Spread::of(&self.seconds)
    }

    /// Returns what went wrong how often.
    #[must_use]
    pub const fn faults(&self) -> &BTreeMap<String, u64> {
        &self.faults
    }

    /// Returns how many units failed in runs that ended, by target; they were asked about again later.
    #[must_use]
    pub const fn failed(&self) -> &BTreeMap<String, u64> {
        &self.failed
    }

    /// Returns the seeds with findings, in order.
    pub fn findings(&self) -> impl Iterator<Item = &SeedResult> {
        self.findings.values()
    }

    /// Returns the seed that went worst: one with findings, else the one that took most runs, then longest.
    #[must_use]
    pub const fn worst(&self) -> Option<&SeedResult> {
        self.worst.as_ref()
    }
}

fn add(into: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, n) in more {
        *into.entry(name.clone()).or_default() += n;
    }
}

impl SeedResult {
    /// Returns what makes one seed worse than another; of two that went alike, the smaller one is worse.
    fn badness(&self) -> (usize, u32, u64, std::cmp::Reverse<Seed>) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "virtual time is small and positive"
        )]
        let millis = (self.seconds * 1000.0) as u64;
        (self.findings.len(), self.runs, millis, std::cmp::Reverse(self.seed))
    }

    /// Returns the arguments of `refrain sim` that replay the seed.
    #[must_use]
    pub fn replay(&self) -> String {
        let Self { seed, profile, .. } = self;
        match profile {
            Profile::Flaky => format!("--seed {seed}"),
            profile => format!("--seed {seed} --profile {profile}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_sorted_numbers() {
        let numbers: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let spread = Spread::of(&numbers).unwrap();
        assert_eq!(spread, Spread { least: 0.0, p5: 5.0, p50: 50.0, p95: 95.0, most: 100.0 });
        assert_eq!(Spread::of(&[]), None);
    }
}
