//! What a model would be told about a unit that the ledger has no reply for.

use std::sync::Arc;

use refrain_schemas::name::AgentName;
use refrain_schemas::scope::Target;

use super::comparison::{compare, known_asks};
use super::{look_ahead, with_upstream};
use crate::engine::{Engine, EngineError};
use crate::model::Work;
use crate::plan::Ahead;
use crate::ports::agent::Conversation;

/// What would be said to whom.
#[derive(Debug)]
pub(crate) struct Unrecorded {
    pub(crate) agent: AgentName,
    pub(crate) conversation: Arc<Conversation>,
}

/// Returns the first request about a unit, sent alone, that has no reply on record; `None` where there is none to a model
/// that can be known before others have been answered.
pub(crate) async fn unrecorded(
    engine: &Engine,
    target: &Target,
    unit: &str,
) -> Result<Option<Unrecorded>, EngineError> {
    let mut ahead = Ahead::new(engine).await?;
    let targets = with_upstream(engine, target)?;
    let standing = look_ahead(&mut ahead, &targets, target).await?;
    let model = ahead.model.clone();
    let Some(phase) = model.phase(target.phase.as_str()) else { return Ok(None) };
    let Work::Ask(work) = &phase.work else { return Ok(None) };
    let comparison = compare(&ahead, phase, work, &standing, Some(unit)).await?;
    let Some(new) = &comparison.new else { return Ok(None) };
    let Some(place) = new.units.iter().position(|found| found.id.as_str() == unit) else { return Ok(None) };
    let mut job = comparison.job(&ahead, work, new, vec![new.units[place].clone()]);
    for (member, sample) in known_asks(&job, work) {
        let Some((ask, key)) = job.add_ask(0, member, sample, None) else { continue };
        if ahead.ports.store.replies(&[key]).await?.iter().any(Option::is_some) {
            continue;
        }
        let agent = work.pool[member as usize].agent.clone();
        let conversation = job.conversation(member as usize, std::iter::once((0, ask)));
        return Ok(conversation.map(|conversation| Unrecorded { agent, conversation }));
    }
    Ok(None)
}
