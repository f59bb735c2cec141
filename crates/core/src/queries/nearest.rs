//! The request on record that is nearest to one that is not.
//!
//! A model's requests are kept as they went over the wire, each in the form of its provider. What counts is what the model
//! was told, so texts are compared: by the runs of three words that they share.

mod body;
mod shingles;

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::ledger::{CallView, Rung};
use refrain_schemas::name::{AgentName, CallId, UnitId};
use refrain_schemas::scope::Target;
use serde_json::Value;

use crate::engine::{Engine, EngineError};
use crate::ports::store::{CallFilter, Store};
use crate::why::unrecorded;

use self::shingles::Shingles;

/// How many calls about the same unit are looked at, the latest ones,
const OF_THE_UNIT: usize = 50;
/// and, where there are none, how many of the agent.
const OF_THE_AGENT: usize = 500;

/// A request that is not on record, and the nearest one that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// The agent.
    pub agent: AgentName,
    /// What it would be told, system prompt first.
    pub now: String,
    /// The nearest request on record; `None` where nothing the agent was ever asked is.
    pub recorded: Option<Recorded>,
}

/// A request on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The call.
    pub call: CallId,
    /// The unit it was about.
    pub unit: UnitId,
    /// What the agent was told, system prompt first.
    pub told: String,
    /// The settings that differ: the name, the value then and the value now.
    pub settings: Vec<(&'static str, Option<Value>, Option<Value>)>,
}

/// Returns what a unit's first request that is not on record is nearest to; `None` where that is not known, or the agent
/// is no model.
pub(crate) async fn nearest(
    engine: &Engine,
    target: &Target,
    unit: &str,
) -> Result<Option<Nearest>, EngineError> {
    let Some(missed) = unrecorded(engine, target, unit).await? else { return Ok(None) };
    let conversation = &missed.conversation;
    let now = body::joined(&[conversation.system.as_str(), conversation.user.as_str()]);
    let spec = engine.model().agents.get(missed.agent.as_str()).map(|agent| &agent.spec);
    let search =
        Search { store: &*engine.ports().store, spec, wanted: Shingles::of(&now), agent: &missed.agent };
    let recorded = match search.among(Some(unit), OF_THE_UNIT).await? {
        Some(recorded) => Some(recorded),
        None => search.among(None, OF_THE_AGENT).await?,
    };
    Ok(Some(Nearest { agent: missed.agent.clone(), now, recorded }))
}

struct Search<'a> {
    store: &'a dyn Store,
    spec: Option<&'a AgentSpec>,
    wanted: Shingles,
    agent: &'a AgentName,
}

impl Search<'_> {
    /// Returns the nearest of the latest requests, about one unit where it is named; of several alike the latest.
    async fn among(&self, unit: Option<&str>, last: usize) -> Result<Option<Recorded>, EngineError> {
        let filter = CallFilter {
            agent: Some(self.agent.clone()),
            unit: unit.map(str::to_owned),
            last: Some(last),
            ..CallFilter::default()
        };
        let mut best: Option<(f64, Recorded)> = None;
        // What was said to mend a reply holds that reply; the request before it is on record as well.
        let calls = self.store.calls(&filter).await?;
        for call in calls.iter().rev().filter(|call| call.rung != Rung::Repair) {
            let Some(exchange) = self.store.exchanges(call.call).await?.into_iter().next() else { continue };
            for (about, told) in requests(call, &exchange.request) {
                let alike = self.wanted.likeness(&Shingles::of(&told));
                let fits = unit.is_none_or(|unit| about.as_str() == unit);
                if fits && best.as_ref().is_none_or(|(most, _)| alike > *most) {
                    let settings = self.spec.map(|spec| body::settings(spec, &exchange.request));
                    let settings = settings.unwrap_or_default();
                    best = Some((alike, Recorded { call: call.call, unit: about, told, settings }));
                }
            }
        }
        Ok(best.map(|(_, recorded)| recorded))
    }
}

/// Returns what was told about each unit of a call: of a packed one, each unit's own part behind what all share.
fn requests(call: &CallView, request: &Value) -> Vec<(UnitId, String)> {
    let texts = body::texts(request);
    let blocks = texts.last().map(|text| body::blocks(text)).unwrap_or_default();
    if blocks.len() != call.asks.len() || blocks.is_empty() {
        let unit = call.asks.first().map(|ask| ask.unit.clone());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        return unit.map(|unit| (unit, body::joined(&texts))).into_iter().collect();
    }
    let shared = &texts[..texts.len() - 1];
    let about = |(ask, block): (&refrain_schemas::ledger::AskView, &str)| {
        let texts: Vec<&str> = shared.iter().map(String::as_str).chain([block]).collect();
        (ask.unit.clone(), body::joined(&texts))
    };
    call.asks.iter().zip(blocks).map(about).collect()
}
