//! Where every target stands: the judgement of all of them, upstream ones first.

use std::collections::BTreeMap;

use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::{AttemptOutcome, AttemptRecord};
use refrain_schemas::scope::Target;

use crate::define::{Definition, FileDigests, agent_names};
use crate::end::Word;
use crate::engine::{EngineError, Ports};
use crate::facts::{Known, gather};
use crate::history::History;
use crate::judge::{Now, Verdict, judge};
use crate::model::{Model, Phase};
use crate::ports::agent::Effect;

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

impl Standing {
    /// Returns what is known of the target to those after it.
    #[must_use]
    pub fn word(&self) -> Word {
        match &self.now.skipped {
            Some(skip) => Word::skipped(skip.end),
            None => Word::of(self.verdict.freshness),
        }
    }
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
    let mut words: BTreeMap<Target, Word> = BTreeMap::new();
    let mut out = Vec::new();
    for target in targets {
        let standing = stand(model, ports, history, digests, &target, &words).await?;
        words.insert(target, standing.word());
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
    words: &BTreeMap<Target, Word>,
) -> Result<Standing, EngineError> {
    let Some(phase) = model.phase(target.phase.as_str()) else {
        return Err(EngineError::UnknownPhase { phase: target.phase.to_string(), known: Vec::new() });
    };
    let word = |target: &Target| words.get(target).copied().unwrap_or(Word::MISSING);
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

/// Whether a phase asks an agent whose replies are not to be trusted to stay the same, or says what another execution would say
/// otherwise.
pub(crate) fn is_volatile(model: &Model, phase: &Phase) -> bool {
    let mut agents = agent_names(phase).into_iter().filter_map(|name| model.agents.get(name.as_str()));
    phase.given().is_some_and(|given| given.sight.reads_execution())
        || agents.any(|agent| agent.spec.volatile || agent.traits.effect == Effect::Volatile)
}

/// Whether a target is asked about anew although nothing has changed: its agent answers otherwise each time, or what it
/// wrote is not there any more. What a run that is being gone on with made of an input of its own stays.
pub(crate) fn is_anew(model: &Model, phase: &Phase, history: &History, standing: &Standing) -> bool {
    if phase.given().is_none() {
        return is_volatile(model, phase);
    }
    let is_kept = is_kept(history, &standing.target, standing.verdict.freshness);
    let latest = history.latest(&standing.target);
    let is_ours = latest.is_some_and(|latest| history.goes_on_with(latest.run_id));
    // What is on record of another input says what was written then; it does not put it there.
    let is_elsewhere = !is_kept && !is_ours && latest.is_some_and(|latest| !latest.files.is_empty());
    !standing.now.altered.is_empty() || is_elsewhere || (is_volatile(model, phase) && !(is_ours && is_kept))
}

/// Returns the attempt at a target that failed at its present inputs in a run which is being gone on with: nobody is asked
/// again before that run has come to its end, if nobody wishes otherwise. Where a value stands in for what failed, and it would fail
/// again, nobody is asked after it either.
pub(crate) fn spent<'a>(
    model: &Model,
    phase: &Phase,
    history: &'a History,
    standing: &Standing,
) -> Option<&'a AttemptRecord> {
    phase.given()?;
    let attempt = history.target(&standing.target)?.last_attempt.as_ref()?;
    let is_same = attempt.outcome == AttemptOutcome::Failed && attempt.inputs == standing.now.inputs_tried();
    let is_settled = || {
        let says_so = attempt.recovered_by == phase.course_digest();
        attempt.is_settled() && says_so && !is_volatile(model, phase)
    };
    Some(attempt).filter(|_| is_same && (history.goes_on_with(attempt.run_id) || is_settled()))
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
