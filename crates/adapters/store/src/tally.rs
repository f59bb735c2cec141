//! The running account of the ledger, so that no one has to read it all to know where it stands.

use std::collections::BTreeSet;

use refrain_core::ports::store::LedgerSummary;
use refrain_schemas::name::CallId;
use refrain_schemas::usage::Usage;
use serde::{Deserialize, Serialize};

use crate::wire::Entry;

/// Sums and ends of the ledger up to some place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    done: u64,
    abandoned: u64,
    usage: Usage,
    open: BTreeSet<u64>,
    next_call: u64,
    next_lane: u32,
}

impl Tally {
    /// Adds an entry.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Lane(lane) => self.next_lane = self.next_lane.max(lane.lane.saturating_add(1)),
            Entry::Intent(intent) => {
                self.next_call = self.next_call.max(intent.call.saturating_add(1));
                self.open.insert(intent.call);
            }
            Entry::Outcome(outcome) => {
                self.open.remove(&outcome.call);
                self.done += 1;
                self.usage.add(&outcome.usage());
            }
            Entry::Abandoned { call, .. } => self.abandoned += u64::from(self.open.remove(call)),
            Entry::Alias { .. } | Entry::Kept { .. } => {}
        }
    }

    /// Returns the sums.
    pub(crate) fn summary(&self) -> LedgerSummary {
        LedgerSummary {
            done: self.done,
            in_doubt: self.open.len() as u64,
            abandoned: self.abandoned,
            usage: self.usage,
        }
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
