//! The running account of the ledger, so that no one has to read it all to know where it stands.
//!
//! It grows with the lanes and the calls in doubt, never with the calls.

use std::collections::BTreeMap;

use refrain_core::ports::store::{InDoubt, LedgerSummary};
use refrain_schemas::ledger::{Lane, LaneSum};
use refrain_schemas::name::{CallId, RunId};
use serde::{Deserialize, Serialize};

use crate::wire::{Counted, Entry, IntentWire, LaneWire, RungWire, UsageWire};

/// Sums and ends of the ledger up to some place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    lanes: BTreeMap<u32, LaneNote>,
    sums: BTreeMap<(u32, RungWire), Sum>,
    open: BTreeMap<u64, OpenCall>,
    next_call: u64,
    next_lane: u32,
}

/// A lane as it was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LaneNote {
    run_id: RunId,
    phase: String,
    scope: Vec<(String, String)>,
    agent: String,
    model: Option<String>,
}

/// The calls of a lane that were made for one reason, but for the open ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    done: u64,
    asks: u64,
    usage: UsageWire,
    abandoned: u64,
    given_up: UsageWire,
}

/// A call without an outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OpenCall {
    lane: u32,
    rung: RungWire,
    asks: u64,
    ceiling: Option<Box<UsageWire>>,
}

/// A call whose lane was not declared, or not with names that are allowed today.
#[derive(Debug)]
pub(crate) struct NoLane;

impl Tally {
    /// Adds an entry.
    pub(crate) fn add<A: Counted, R>(&mut self, entry: &Entry<'_, A, R>) {
        match entry {
            Entry::Lane(lane) => self.declare(lane),
            Entry::Intent(intent) => self.intend(intent),
            Entry::Outcome(outcome) => {
                // An outcome is never without its intent; were it, its cost must not be lost.
                let call = self.open.remove(&outcome.call).unwrap_or(OpenCall::UNKNOWN);
                let sum = self.sums.entry((call.lane, call.rung)).or_default();
                sum.done += 1;
                sum.asks += call.asks;
                sum.usage.add(outcome.usage);
            }
            Entry::Abandoned { call, .. } => self.abandon(*call),
            Entry::Alias { .. } | Entry::Kept { .. } => {}
        }
    }

    fn declare(&mut self, lane: &LaneWire<'_>) {
        self.next_lane = self.next_lane.max(lane.lane.saturating_add(1));
        self.lanes.insert(lane.lane, LaneNote::from(lane));
    }

    fn intend<A: Counted>(&mut self, intent: &IntentWire<A>) {
        self.next_call = self.next_call.max(intent.call.saturating_add(1));
        let IntentWire { lane, rung, .. } = *intent;
        let ceiling = intent.ceiling.map(Box::new);
        let asks = intent.asks.count();
        self.open.insert(intent.call, OpenCall { lane, rung, asks, ceiling });
    }

    fn abandon(&mut self, call: u64) {
        let Some(call) = self.open.remove(&call) else { return };
        let sum = self.sums.entry((call.lane, call.rung)).or_default();
        sum.abandoned += 1;
        sum.given_up.add(call.ceiling.map(|ceiling| *ceiling).unwrap_or_default());
    }

    /// Returns the sums over everything.
    pub(crate) fn summary(&self) -> LedgerSummary {
        let mut summary = LedgerSummary { in_doubt: self.open.len() as u64, ..LedgerSummary::default() };
        for sum in self.sums.values() {
            summary.done += sum.done;
            summary.abandoned += sum.abandoned;
            summary.usage.add(&sum.usage.into());
        }
        summary
    }

    /// Returns the sums of each lane, by rung.
    pub(crate) fn lane_sums(&self) -> Result<Vec<LaneSum>, NoLane> {
        let mut sums = self.sums.clone();
        let mut open: BTreeMap<(u32, RungWire), u64> = BTreeMap::new();
        for call in self.open.values() {
            *open.entry((call.lane, call.rung)).or_default() += 1;
            let sum = sums.entry((call.lane, call.rung)).or_default();
            sum.given_up.add(call.ceiling.as_deref().copied().unwrap_or_default());
        }
        let sum = |((lane, rung), sum): ((u32, RungWire), Sum)| {
            Ok(LaneSum {
                lane: self.lane(lane)?,
                rung: rung.into(),
                done: sum.done,
                asks: sum.asks,
                in_doubt: sum.abandoned + open.get(&(lane, rung)).unwrap_or(&0),
                usage: sum.usage.into(),
                doubtful: sum.given_up.into(),
            })
        };
        sums.into_iter().map(sum).collect()
    }

    /// Returns the open calls, oldest first.
    pub(crate) fn in_doubt(&self) -> Result<Vec<InDoubt>, NoLane> {
        let doubt = |(call, open): (&u64, &OpenCall)| {
            let Lane { target, agent, .. } = self.lane(open.lane)?;
            Ok(InDoubt {
                call: CallId(*call),
                target,
                agent,
                ceiling: open.ceiling.as_deref().map(|ceiling| (*ceiling).into()),
            })
        };
        self.open.iter().map(doubt).collect()
    }

    fn lane(&self, lane: u32) -> Result<Lane, NoLane> {
        let note = self.lanes.get(&lane).ok_or(NoLane)?;
        note.wire(lane).lane().ok_or(NoLane)
    }

    /// Returns the number for the next call.
    pub(crate) const fn next_call(&self) -> CallId {
        CallId(self.next_call)
    }

    /// Returns the number for the next lane.
    pub(crate) const fn next_lane(&self) -> u32 {
        self.next_lane
    }
}

impl OpenCall {
    /// The call of an outcome without an intent.
    const UNKNOWN: Self = Self { lane: u32::MAX, rung: RungWire::First, asks: 0, ceiling: None };
}

impl From<&LaneWire<'_>> for LaneNote {
    fn from(lane: &LaneWire<'_>) -> Self {
        Self {
            run_id: lane.run_id,
            phase: lane.phase.to_owned(),
            scope: lane.scope.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            agent: lane.agent.to_owned(),
            model: lane.model.map(str::to_owned),
        }
    }
}

impl LaneNote {
    fn wire(&self, lane: u32) -> LaneWire<'_> {
        LaneWire {
            lane,
            run_id: self.run_id,
            phase: &self.phase,
            scope: self.scope.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            agent: &self.agent,
            model: self.model.as_deref(),
        }
    }
}
