//! Where every target stands: the judgement of all of them, upstream ones first.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use refrain_schemas::freshness::{CauseKind, Freshness};
use refrain_schemas::history::{AttemptOutcome, AttemptRecord};
use refrain_schemas::scope::Target;

use crate::define::{Definition, FileDigests, agent_names};
use crate::end::Word;
use crate::engine::{EngineError, Ports};
use crate::facts::{Known, gather, turn_now};
use crate::history::History;
use crate::judge::{Now, UpstreamNow, Verdict, judge};
use crate::model::{LoopWork, Model, Phase};
use crate::ports::agent::Effect;
use crate::ports::store::Store;
use crate::turns::{self, Around, Bindings, Next, Rounds, TurnsError, is_bad};

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
    let mut survey = Survey { model, ports, history, digests, seen: Seen::default(), out: Vec::new() };
    for target in targets {
        survey.take(&target).await?;
    }
    Ok(survey.out)
}

/// What is known of targets that were looked at.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The verdicts on them.
    pub(crate) words: BTreeMap<Target, Word>,
    /// The turns that they are in.
    pub(crate) bindings: BTreeMap<Target, Bindings>,
}

impl Seen {
    pub(crate) fn word(&self, target: &Target) -> Word {
        self.words.get(target).copied().unwrap_or(Word::MISSING)
    }
}

/// A survey under way.
struct Survey<'a> {
    model: &'a Model,
    ports: &'a Ports,
    history: &'a History,
    digests: &'a FileDigests,
    seen: Seen,
    out: Vec<Standing>,
}

impl Survey<'_> {
    async fn take(&mut self, target: &Target) -> Result<(), EngineError> {
        let standing = stand(self.model, self.ports, self.history, self.digests, target, &self.seen).await?;
        let phase = self.model.phase(target.phase.as_str());
        let work = phase.and_then(|phase| Some((phase, phase.rounds()?)));
        if let Some((phase, work)) = work.filter(|_| goes_round(&standing)) {
            return self.go_round(phase, work, standing).await;
        }
        self.seen.words.insert(target.clone(), standing.word());
        self.out.push(standing);
        Ok(())
    }

    /// Judges the turns of a loop as far as they are known, and then the loop.
    fn go_round<'s>(
        &'s mut self,
        phase: &'s Phase,
        work: &'s LoopWork,
        standing: Standing,
    ) -> BoxFuture<'s, Result<(), EngineError>> {
        Box::pin(self.turns(phase, work, standing))
    }

    async fn turns(
        &mut self,
        phase: &Phase,
        work: &LoopWork,
        mut standing: Standing,
    ) -> Result<(), EngineError> {
        let at = self.out.len();
        let target = standing.target.clone();
        self.out.push(standing.clone());
        let (mut rounds, mut turns): (Rounds, Vec<Vec<UpstreamNow>>) = (Rounds::default(), Vec::new());
        let (mut is_open, mut is_unknown) = (false, false);
        loop {
            let around = around(self.model, phase, work, &standing, &*self.ports.store);
            let last = turns.get(rounds.row()..).unwrap_or_default();
            let round = match rounds.next(&around, last).await {
                Ok(Next::Turn(round)) => round,
                Ok(Next::Over(_)) => break,
                // A run fails the loop for that; what it was made from before is not missed.
                Err(TurnsError::Data(_)) => {
                    is_open = true;
                    break;
                }
                Err(TurnsError::Engine(error)) => return Err(error),
            };
            let (number, bindings) = (round.number, standing.now.bindings.with(round));
            let inner = turns::targets(self.model, phase, work, &target.scope, number);
            for (inner, _) in &inner {
                self.seen.bindings.insert(inner.clone(), bindings.clone());
                self.take(inner).await?;
            }
            let inner = inner.iter().map(|(inner, _)| inner);
            let now = turn_now(self.model, inner, self.history, &|target: &Target| self.seen.word(target));
            let after = after_turn(self.model, work, &now);
            turns.push(now);
            is_unknown |= after == AfterTurn::Unknown;
            if after == AfterTurn::Broken || (is_unknown && !rounds.has_ready()) {
                is_open |= is_unknown;
                break;
            }
        }
        close(self.history, &mut standing, turns, is_open);
        self.seen.words.insert(target, standing.word());
        self.out[at] = standing;
        Ok(())
    }
}

/// Whether a loop goes round, as it was found to be before its first turn.
pub(crate) fn goes_round(standing: &Standing) -> bool {
    standing.now.skipped.is_none() && standing.now.unfit.is_none() && standing.verdict.missing.is_empty()
}

/// Returns what a loop sees while it goes round.
pub(crate) fn around<'a>(
    model: &'a Model,
    phase: &'a Phase,
    work: &'a LoopWork,
    standing: &'a Standing,
    store: &'a dyn Store,
) -> Around<'a> {
    let Now { upstream, bindings, execution, .. } = &standing.now;
    let (scope, execution) = (&standing.target.scope, execution.as_ref());
    Around { model, phase, work, scope, upstream, bindings, execution, store }
}

/// What follows a turn of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterTurn {
    /// Another turn, if there is one.
    GoesOn,
    /// None: it failed.
    Broken,
    /// That hangs on what is not there yet.
    Unknown,
}

/// Says what follows a turn: of a list the next one whatever became of it, unless the loop is to break at a failure.
pub(crate) fn after_turn(model: &Model, work: &LoopWork, turn: &[UpstreamNow]) -> AfterTurn {
    let is_settled = |inner: &UpstreamNow| {
        use Freshness as F;
        matches!(inner.freshness, F::Fresh | F::Partial | F::Skipped | F::Failed)
    };
    if work.break_on_error && turn.iter().any(|inner| is_bad(model, inner)) {
        return AfterTurn::Broken;
    }
    let goes_on = work.kind.is_known_at_once() || turn.iter().all(is_settled);
    if goes_on { AfterTurn::GoesOn } else { AfterTurn::Unknown }
}

/// Judges a loop with its turns. Where it is not known which follow, those that it was made from are not missed.
fn close(history: &History, standing: &mut Standing, turns: Vec<Vec<UpstreamNow>>, is_open: bool) {
    let target = &standing.target;
    standing.now.upstream.extend(turns.into_iter().flatten());
    let prior = history.prior(target);
    let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
    let record = prior.as_ref().map(|prior| &prior.record);
    let mut verdict = judge(&standing.now, record, prior.as_ref().map(|prior| &prior.lineage), attempt);
    if is_open {
        verdict.causes.retain(|cause| cause.kind != CauseKind::Gathered);
    }
    standing.verdict = verdict;
}

/// Judges one target; `seen` holds the verdicts on those before it.
///
/// # Errors
/// Fails where a file of the definition cannot be read, or the store fails.
pub(crate) async fn stand(
    model: &Model,
    ports: &Ports,
    history: &History,
    digests: &FileDigests,
    target: &Target,
    seen: &Seen,
) -> Result<Standing, EngineError> {
    let Some(phase) = model.phase(target.phase.as_str()) else {
        return Err(EngineError::UnknownPhase { phase: target.phase.to_string(), known: Vec::new() });
    };
    let mut known = Known::of(model, phase, target, history, |target| seen.word(target));
    if let Some(bindings) = seen.bindings.get(target) {
        known = known.in_turns(bindings);
    }
    let (now, definition) = gather(model, ports, digests, target, &known).await?;
    let verdict = judge(
        &now,
        known.prior.as_ref().map(|prior| &prior.record),
        known.prior.as_ref().map(|prior| &prior.lineage),
        known.attempt.as_ref(),
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

/// Whether the latest replies, at the present inputs, named nothing to go on with: the same ones would name nothing again.
pub(crate) fn is_misled(history: &History, standing: &Standing) -> bool {
    let attempt = history.target(&standing.target).and_then(|target| target.last_attempt.as_ref());
    attempt
        .is_some_and(|attempt| attempt.error.code == "goto" && attempt.inputs == standing.now.inputs_tried())
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
