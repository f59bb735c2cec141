//! Which entry is which, by number, in this format and in those before.
//!
//! A number is never given a new meaning: an entry that gains a field gets a new one, and the old one is read on.

use refrain_schemas::digest::Digest;
use refrain_schemas::name::RunId;
use serde::{Deserialize, Serialize, Serializer};

use crate::wire::{Entry, IntentWire, Key, LaneWire, OutcomeWire, ResultWire, RungWire, UsageWire};

/// An entry as it lies in a log, written by any format up to this one.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
pub(super) enum Stored<'a, A> {
    /// Format 1.
    #[serde(borrow)]
    FirstLane(FirstLane<'a>),
    /// Format 1.
    FirstIntent(FirstIntent<A>),
    /// Format 1.
    #[serde(borrow)]
    FirstOutcome(FirstOutcome<'a>),
    /// Since format 1.
    Abandoned(u64, RunId, i64),
    /// Since format 1.
    Alias(Digest, Digest),
    /// Since format 1.
    Kept(Digest, &'a str),
    /// Since format 2: with the model.
    #[serde(borrow)]
    Lane(LaneWire<'a>),
    /// Since format 2: with the reason and the ceiling.
    Intent(IntentWire<A>),
    /// Since format 2: with cached tokens and who served it.
    #[serde(borrow)]
    Outcome(OutcomeWire<'a>),
}

/// A lane of format 1.
#[derive(Debug, Deserialize)]
pub(super) struct FirstLane<'a> {
    lane: u32,
    run_id: RunId,
    phase: &'a str,
    scope: Vec<(&'a str, &'a str)>,
    agent: &'a str,
}

/// An intent of format 1.
#[derive(Debug, Deserialize)]
pub(super) struct FirstIntent<A> {
    call: u64,
    lane: u32,
    attempt: u32,
    at: i64,
    asks: A,
}

/// An outcome of format 1.
#[derive(Debug, Deserialize)]
pub(super) struct FirstOutcome<'a> {
    call: u64,
    at: i64,
    usage: (u64, u64, Option<f64>),
    #[serde(borrow)]
    asks: Vec<(Key, ResultWire<'a>)>,
}

impl<'a, A> From<Stored<'a, A>> for Entry<'a, A> {
    fn from(stored: Stored<'a, A>) -> Self {
        match stored {
            Stored::FirstLane(lane) => Self::Lane(lane.into()),
            Stored::FirstIntent(intent) => Self::Intent(intent.into()),
            Stored::FirstOutcome(outcome) => Self::Outcome(outcome.into()),
            Stored::Abandoned(call, run_id, at) => Self::Abandoned { call, run_id, at },
            Stored::Alias(key, of) => Self::Alias { key, of },
            Stored::Kept(key, reply) => Self::Kept { key, reply },
            Stored::Lane(lane) => Self::Lane(lane),
            Stored::Intent(intent) => Self::Intent(intent),
            Stored::Outcome(outcome) => Self::Outcome(outcome),
        }
    }
}

impl<'a> From<FirstLane<'a>> for LaneWire<'a> {
    fn from(lane: FirstLane<'a>) -> Self {
        let FirstLane { lane, run_id, phase, scope, agent } = lane;
        Self { lane, run_id, phase, scope, agent, model: None }
    }
}

impl<A> From<FirstIntent<A>> for IntentWire<A> {
    fn from(intent: FirstIntent<A>) -> Self {
        let FirstIntent { call, lane, attempt, at, asks } = intent;
        // Retries were not told from first calls otherwise.
        let rung = if attempt > 1 { RungWire::Retry } else { RungWire::First };
        Self { call, lane, attempt, rung, at, ceiling: None, asks }
    }
}

impl<'a> From<FirstOutcome<'a>> for OutcomeWire<'a> {
    fn from(outcome: FirstOutcome<'a>) -> Self {
        let FirstOutcome { call, at, usage: (input, output, cost), asks } = outcome;
        Self { call, at, usage: UsageWire(input, 0, output, cost), served: None, asks }
    }
}

impl<A: Serialize, R: Serialize> Serialize for Entry<'_, A, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NAME: &str = "Stored";
        match self {
            Self::Abandoned { call, run_id, at } => {
                serializer.serialize_newtype_variant(NAME, 3, "Abandoned", &(call, run_id, at))
            }
            Self::Alias { key, of } => serializer.serialize_newtype_variant(NAME, 4, "Alias", &(key, of)),
            Self::Kept { key, reply } => serializer.serialize_newtype_variant(NAME, 5, "Kept", &(key, reply)),
            Self::Lane(lane) => serializer.serialize_newtype_variant(NAME, 6, "Lane", lane),
            Self::Intent(intent) => serializer.serialize_newtype_variant(NAME, 7, "Intent", intent),
            Self::Outcome(outcome) => serializer.serialize_newtype_variant(NAME, 8, "Outcome", outcome),
        }
    }
}
