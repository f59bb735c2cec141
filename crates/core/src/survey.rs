//! Where every target stands: the judgement of all of them, upstream ones first.

use std::collections::BTreeMap;

use refrain_schemas::freshness::Freshness;
use refrain_schemas::scope::Target;

use crate::define::{Definition, FileDigests, agent_names};
use crate::engine::{EngineError, Ports};
use crate::facts::{Known, gather};
use crate::history::History;
use crate::judge::{Now, Verdict, judge};
use crate::model::{Model, Phase};

/// One target as it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which.
    pub target: Target,
    /// What its freshness hangs on.
    pub now: Now,
    /// What it is defined by.
    pub definition: Definition,
    /// How fresh it is.
    pub verdict: Verdict,
}

/// Judges every target of a project, in plan order.
///
/// # Errors
/// Fails where a file of the definition cannot be read, or the store fails.
pub async fn survey(
    model: &Model,
    ports: &Ports,
    history: &History,
    digests: &FileDigests,
) -> Result<Vec<Standing>, EngineError> {
    survey_some(model, ports, history, digests, model.targets()).await
}

/// Judges some targets, which stand in plan order; what comes before one of them and is not among them counts as missing.
///
/// # Errors
/// Fails where a file of the definition cannot be read, or the store fails.
pub async fn survey_some(
    model: &Model,
    ports: &Ports,
    history: &History,
    digests: &FileDigests,
    targets: Vec<Target>,
) -> Result<Vec<Standing>, EngineError> {
    let mut words: BTreeMap<Target, Freshness> = BTreeMap::new();
    let mut out = Vec::new();
    for target in targets {
        let standing = stand(model, ports, history, digests, &target, &words).await?;
        words.insert(target, standing.verdict.freshness);
        out.push(standing);
    }
    Ok(out)
}

/// Judges one target; `words` holds the verdicts on those before it.
///
/// # Errors
/// Fails where a file of the definition cannot be read, or the store fails.
pub async fn stand(
    model: &Model,
    ports: &Ports,
    history: &History,
    digests: &FileDigests,
    target: &Target,
    words: &BTreeMap<Target, Freshness>,
) -> Result<Standing, EngineError> {
    let Some(phase) = model.phase(target.phase.as_str()) else {
        return Err(EngineError::UnknownPhase { phase: target.phase.to_string(), known: Vec::new() });
    };
    let word = |target: &Target| words.get(target).copied().unwrap_or(Freshness::Missing);
    let known = Known::of(model, phase, target, history, word);
    let (now, definition) = gather(model, ports, digests, target, &known).await?;
    let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
    let verdict = judge(
        &now,
        known.prior.as_ref().map(|prior| &prior.record),
        known.prior.as_ref().map(|prior| &prior.lineage),
        attempt,
    );
    Ok(Standing { target: target.clone(), now, definition, verdict })
}

/// Whether a phase asks an agent whose replies are not to be trusted to stay the same.
pub(crate) fn is_volatile(model: &Model, phase: &Phase) -> bool {
    let agents = agent_names(phase).into_iter();
    agents.filter_map(|name| model.agents.get(name.as_str())).any(|agent| agent.spec.volatile)
}

/// Whether a target of this freshness is left as it is, if nobody wishes otherwise.
pub(crate) fn is_kept(history: &History, target: &Target, word: Freshness) -> bool {
    match word {
        Freshness::Fresh => true,
        // Holes that come from upstream are not for this target to fill.
        Freshness::Partial => history.latest(target).is_none_or(|record| record.own_failures == 0),
        _ => false,
    }
}
