//! Calls, summed up: what they consumed, how long they took, and what of it was for nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use refrain_schemas::failure::FailureKind;
use refrain_schemas::ledger::{AskResult, CallState, CallView, Rung};
use refrain_schemas::overview::{CallSums, Waste, WasteKind};
use refrain_schemas::usage::Usage;

use crate::queries::ledger::share;

/// Sums over calls.
#[derive(Debug, Clone, Default)]
pub(super) struct CallTally {
    sums: CallSums,
    time: Duration,
    wasted: BTreeMap<FailureKind, (u64, Usage)>,
}

impl CallTally {
    /// Adds a call.
    pub(super) fn add(&mut self, call: &CallView) {
        if call.state != CallState::Done {
            self.sums.in_doubt += 1;
            self.sums.doubtful.add(&call.ceiling.unwrap_or_default());
            return;
        }
        self.sums.done += 1;
        self.sums.retries += u64::from(matches!(call.rung, Rung::Retry | Rung::Repair | Rung::Split));
        self.sums.repairs += u64::from(call.rung == Rung::Repair);
        self.sums.usage.add(&call.usage);
        self.time += duration(call);
        let n = call.asks.len() as u64;
        for (place, ask) in (0..).zip(&call.asks) {
            if let Some(AskResult::Failed(failure)) = &ask.result {
                let (asks, usage) = self.wasted.entry(failure.kind).or_default();
                *asks += 1;
                usage.add(&share(&call.usage, place, n));
            }
        }
    }

    /// Returns the sums.
    pub(super) fn sums(self) -> CallSums {
        let kinds: Vec<WasteKind> =
            self.wasted.into_iter().map(|(kind, (asks, usage))| WasteKind { kind, asks, usage }).collect();
        let mut waste = Waste::default();
        for kind in &kinds {
            waste.asks += kind.asks;
            waste.usage.add(&kind.usage);
        }
        CallSums { seconds: self.time.as_secs_f64(), waste: Waste { kinds, ..waste }, ..self.sums }
    }
}

/// Returns how long a call took; nothing where it has no outcome.
pub(super) fn duration(call: &CallView) -> Duration {
    call.ended_at.map_or(Duration::ZERO, |end| end.since(call.intended_at))
}
