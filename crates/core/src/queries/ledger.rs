//! The ledger as a report: calls, sums over all of them, and sums over those that have something in common.

use std::collections::BTreeMap;

use refrain_schemas::ledger::{CallState, CallView, Lane, LaneSum, LedgerGroup, LedgerReport, Rung};
use refrain_schemas::usage::Usage;

use crate::engine::{By, Engine, EngineError};
use crate::ports::store::{CallFilter, Store};

/// The name of what has none: the scope of a phase without dimensions, the model of an agent that is none.
const NONE: &str = "(none)";

/// Returns the calls that are wanted, the sums over all calls and, where asked for, over the groups of those wanted.
pub(crate) async fn ledger(
    engine: &Engine,
    filter: &CallFilter,
    by: Option<By>,
) -> Result<LedgerReport, EngineError> {
    let store = &*engine.ports().store;
    let sums = store.ledger_summary().await?;
    let mut doubtful = Usage::default();
    if sums.in_doubt + sums.abandoned > 0 {
        store.lane_sums().await?.iter().for_each(|sum| doubtful.add(&sum.doubtful));
    }
    let groups = match by {
        Some(by) => groups(store, filter, by).await?,
        None => Vec::new(),
    };
    let calls = if filter.last == Some(0) { Vec::new() } else { store.calls(filter).await? };
    Ok(LedgerReport {
        schema_version: 1,
        done: sums.done,
        in_doubt: sums.in_doubt,
        abandoned: sums.abandoned,
        usage: sums.usage,
        doubtful,
        groups,
        calls,
    })
}

/// Returns the sums over the calls that a filter lets through, however many of them are the latest. Lanes are summed up
/// already; what cannot be told from a lane wants a look at every call.
async fn groups(store: &dyn Store, filter: &CallFilter, by: By) -> Result<Vec<LedgerGroup>, EngineError> {
    let mut groups = Groups::default();
    if by == By::Unit || filter.unit.is_some() || filter.call.is_some() || filter.in_doubt {
        let all = CallFilter { last: None, ..filter.clone() };
        for call in store.calls(&all).await? {
            groups.add_call(&call, by);
        }
    } else {
        for sum in store.lane_sums().await?.iter().filter(|sum| wants(filter, &sum.lane)) {
            groups.add_lane(sum, by);
        }
    }
    Ok(groups.by_name.into_values().collect())
}

fn wants(filter: &CallFilter, lane: &Lane) -> bool {
    filter.run_id.is_none_or(|run_id| run_id == lane.run_id)
        && filter.phase.as_deref().is_none_or(|phase| phase == lane.target.phase.as_str())
        && filter.agent.as_ref().is_none_or(|agent| *agent == lane.agent)
}

/// Groups in the order of their names; reasons in the order in which they come up.
#[derive(Debug, Default)]
struct Groups {
    by_name: BTreeMap<(Rung, String), LedgerGroup>,
}

impl Groups {
    fn group(&mut self, rung: Option<Rung>, name: String) -> &mut LedgerGroup {
        let empty = |name: &String| LedgerGroup {
            name: name.clone(),
            done: 0,
            in_doubt: 0,
            usage: Usage::default(),
            doubtful: Usage::default(),
        };
        let group = empty(&name);
        self.by_name.entry((rung.unwrap_or_default(), name)).or_insert(group)
    }

    fn add_lane(&mut self, sum: &LaneSum, by: By) {
        let rung = (by == By::Rung).then_some(sum.rung);
        let group = self.group(rung, name(by, &sum.lane, sum.rung));
        group.done += sum.done;
        group.in_doubt += sum.in_doubt;
        group.usage.add(&sum.usage);
        group.doubtful.add(&sum.doubtful);
    }

    fn add_call(&mut self, call: &CallView, by: By) {
        if by == By::Unit {
            return self.add_shares(call);
        }
        let lane = Lane {
            lane: 0,
            run_id: call.run_id,
            target: call.target.clone(),
            agent: call.agent.clone(),
            model: call.model.clone(),
        };
        let mut sum = LaneSum::new(lane, call.rung);
        sum.add(call.state, call.asks.len() as u64, &call.usage, call.ceiling.as_ref());
        self.add_lane(&sum, by);
    }

    /// Adds a call to each of its units, which share evenly what it consumed.
    fn add_shares(&mut self, call: &CallView) {
        let ceiling = call.ceiling.unwrap_or_default();
        let n = call.asks.len() as u64;
        for (place, ask) in (0..).zip(&call.asks) {
            let group = self.group(None, ask.unit.as_str().to_owned());
            if call.state == CallState::Done {
                group.done += 1;
                group.usage.add(&share(&call.usage, place, n));
            } else {
                group.in_doubt += 1;
                group.doubtful.add(&share(&ceiling, place, n));
            }
        }
    }
}

/// Returns one of `n` shares; what cannot be divided goes to the first ones, so that the shares add up.
pub(super) fn share(usage: &Usage, place: u64, n: u64) -> Usage {
    let part = |tokens: u64| tokens / n + u64::from(place < tokens % n);
    #[expect(clippy::cast_precision_loss, reason = "a call has far fewer than 2^53 units")]
    let dollars = usage.cost_usd.map(|dollars| dollars / n as f64);
    Usage {
        input_tokens: part(usage.input_tokens),
        cached_input_tokens: part(usage.cached_input_tokens),
        output_tokens: part(usage.output_tokens),
        cost_usd: dollars,
    }
}

fn name(by: By, lane: &Lane, rung: Rung) -> String {
    let name = match by {
        By::Phase => lane.target.phase.to_string(),
        By::Scope => lane.target.scope.to_string(),
        By::Target => lane.target.to_string(),
        By::Agent => lane.agent.to_string(),
        By::Model => lane.model.clone().unwrap_or_default(),
        By::Run => lane.run_id.to_string(),
        By::Rung => rung.as_str().to_owned(),
        By::Unit => String::new(),
    };
    if name.is_empty() { NONE.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let whole =
            Usage { input_tokens: 11, cached_input_tokens: 2, output_tokens: 3, cost_usd: Some(0.75) };
        let mut sum = Usage::default();
        (0..3).for_each(|place| sum.add(&share(&whole, place, 3)));
        assert_eq!(sum, whole);
        assert_eq!(share(&whole, 0, 3).input_tokens, 4);
        assert_eq!(share(&Usage::default(), 0, 3).cost_usd, None);
    }
}
