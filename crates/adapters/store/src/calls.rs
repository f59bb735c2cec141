//! Putting the calls of the ledger together from their intents and outcomes.

use std::collections::{BTreeMap, HashMap};

use refrain_core::ports::store::{CallFilter, StoreError};
use refrain_schemas::exchange::Served;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::Lane;
use refrain_schemas::ledger::{AskView, CallState, CallView};
use refrain_schemas::name::{CallId, RunId, UnitId};
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;

use crate::error::damaged;
use crate::keyed_log::scan_patiently;
use crate::ledger_log::each;
use crate::record_log::{Frame, Position, RecordLog};
use crate::wire::{Asks, Entry, IntentWire, LaneWire, OutcomeWire};

/// Returns the calls that a filter lets through, in the order of their intents.
pub(crate) fn calls(log: &RecordLog, filter: &CallFilter) -> Result<Vec<CallView>, StoreError> {
    let visit = |calls: &mut Calls<'_>, frame: Frame<'_>| {
        each(log.name(), frame, |entry| calls.add(&entry))?;
        if calls.puzzled { Err(damaged(log.name(), frame.offset, "an intent has no lane")) } else { Ok(()) }
    };
    let (calls, _) = scan_patiently(log, Position::START, || Calls::new(filter), visit)?;
    Ok(calls.finish())
}

/// The calls seen so far that may be wanted.
#[derive(Debug)]
struct Calls<'a> {
    filter: &'a CallFilter,
    lanes: HashMap<u32, Lane>,
    places: HashMap<u64, u64>,
    views: BTreeMap<u64, CallView>,
    next: u64,
    puzzled: bool,
    /// Stands for every reply that is left out.
    null: Json,
}

impl<'a> Calls<'a> {
    fn new(filter: &'a CallFilter) -> Self {
        let (lanes, places, views) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Self { filter, lanes, places, views, next: 0, puzzled: false, null: Json::null() }
    }

    fn add(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Lane(lane) => self.lane(lane),
            Entry::Intent(intent) => self.intent(intent),
            Entry::Outcome(outcome) => self.outcome(outcome),
            Entry::Abandoned { call, run_id, .. } => self.abandoned(*call, *run_id),
            Entry::Alias { .. } | Entry::Kept { .. } => {}
        }
    }

    fn lane(&mut self, lane: &LaneWire<'_>) {
        match lane.lane() {
            Some(lane) => drop(self.lanes.insert(lane.lane, lane)),
            None => self.puzzled = true,
        }
    }

    fn intent(&mut self, intent: &IntentWire<Asks<'_>>) {
        let Some(caller) = self.lanes.get(&intent.lane) else {
            self.puzzled = true;
            return;
        };
        if !wants(self.filter, caller, intent) {
            return;
        }
        self.places.insert(intent.call, self.next);
        self.views.insert(self.next, view(caller, intent));
        self.next += 1;
        // Calls in doubt may still leave the list, so which of them are the last is known at the end.
        if !self.filter.in_doubt && self.filter.last.is_some_and(|last| self.views.len() > last) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, view)) = self.views.pop_first() {
            self.places.remove(&view.call.0);
        }
    }

    fn outcome(&mut self, outcome: &OutcomeWire<'_>) {
        let Some(place) = self.places.remove(&outcome.call) else { return };
        if self.filter.in_doubt {
            self.views.remove(&place);
            return;
        }
        let Some(view) = self.views.get_mut(&place) else { return };
        view.state = CallState::Done;
        view.ended_at = Some(Timestamp::from_micros(outcome.at));
        view.usage = outcome.usage.into();
        view.served = outcome.served.as_deref().map(Served::from);
        for (key, result) in &outcome.asks {
            if let Some(ask) = view.asks.iter_mut().find(|ask| ask.key == key.0 && ask.result.is_none()) {
                ask.result = Some(if self.filter.without_replies {
                    result.without_reply(&self.null)
                } else {
                    result.result()
                });
            }
        }
    }

    fn abandoned(&mut self, call: u64, run_id: RunId) {
        let Some(place) = self.places.remove(&call) else { return };
        if let Some(view) = self.views.get_mut(&place) {
            view.state = CallState::Abandoned;
            view.counted_against = Some(run_id);
        }
    }

    fn finish(self) -> Vec<CallView> {
        let surplus = self.filter.last.map_or(0, |last| self.views.len().saturating_sub(last));
        self.views.into_values().skip(surplus).collect()
    }
}

fn wants(filter: &CallFilter, caller: &Lane, intent: &IntentWire<Asks<'_>>) -> bool {
    filter.call.is_none_or(|call| call.0 == intent.call)
        && filter.run_id.is_none_or(|run_id| run_id == caller.run_id)
        && filter.agent.as_ref().is_none_or(|agent| *agent == caller.agent)
        && filter.phase.as_deref().is_none_or(|phase| phase == caller.target.phase.as_str())
        && filter.unit.as_deref().is_none_or(|unit| intent.asks.iter().any(|(_, asked)| *asked == unit))
}

fn view(caller: &Lane, intent: &IntentWire<Asks<'_>>) -> CallView {
    let asks =
        intent.asks.iter().map(|(key, unit)| AskView { key: key.0, unit: UnitId::new(unit), result: None });
    CallView {
        call: CallId(intent.call),
        run_id: caller.run_id,
        target: caller.target.clone(),
        agent: caller.agent.clone(),
        model: caller.model.clone(),
        attempt: intent.attempt,
        rung: intent.rung.into(),
        intended_at: Timestamp::from_micros(intent.at),
        ended_at: None,
        state: CallState::InDoubt,
        usage: Usage::default(),
        ceiling: intent.ceiling.map(Usage::from),
        served: None,
        counted_against: None,
        asks: asks.collect(),
    }
}
