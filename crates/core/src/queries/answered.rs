//! Who answered.

use refrain_schemas::name::AgentName;
use refrain_schemas::scope::Target;

use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{AskWork, Phase, Work};
use crate::tree::sequence::Sequence;
use crate::unit_table::UnitRow;

/// Returns who answered last about the one unit of each target that has an input of its own: of a cascade, the agent whose
/// reply was good enough. `None` where nobody did.
pub(crate) async fn answered(
    engine: &Engine,
    targets: &[Target],
) -> Result<Vec<Option<AgentName>>, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let mut answered = Vec::with_capacity(targets.len());
    for target in targets {
        let work = engine.model().phase(target.phase.as_str()).and_then(given);
        let units = history.latest(target).and_then(|record| record.units);
        let (Some(work), Some(units)) = (work, units) else {
            answered.push(None);
            continue;
        };
        answered.push(match work.pool.as_slice() {
            [only] => Some(only.agent.clone()),
            _ => last(work, &Sequence::open_whole(store, units).await?),
        });
    }
    Ok(answered)
}

fn given(phase: &Phase) -> Option<&AskWork> {
    match &phase.work {
        Work::Ask(work) => work.given.is_some().then_some(work),
        Work::Read(_) | Work::Write(_) | Work::Loop(_) => None,
    }
}

fn last(work: &AskWork, units: &Sequence) -> Option<AgentName> {
    let row = units.iter().next().and_then(|(_, entry)| UnitRow::decode(&entry))?;
    let member = usize::try_from(row.asks.last()?.member).ok()?;
    work.pool.get(member).map(|member| member.agent.clone())
}
