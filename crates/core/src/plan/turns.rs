//! Loops ahead of a run: their turns as far as they are known, each planned like any target.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::plan::{PhasePlan, PlannedAction, Range};
use refrain_schemas::scope::Target;

use crate::artifact;
use crate::define::agent_names;
use crate::engine::EngineError;
use crate::facts::turn_now;
use crate::judge::{UpstreamNow, judge};
use crate::model::{LoopWork, Phase};
use crate::ports::store::Batch;
use crate::survey::{AfterTurn, Standing, after_turn, around, is_kept};
use crate::turns::{self, Ending, LoopEnd, Next, Rounds, TurnsError, is_bad};

use super::{Ahead, Outlook};

/// The turns of a loop, as far as they are known ahead.
struct Turns {
    plans: Vec<PhasePlan>,
    now: Vec<Vec<UpstreamNow>>,
    end: LoopEnd,
    /// Whether there may be more.
    is_open: bool,
    /// What the loop fails for before its next turn.
    failure: Option<String>,
}

impl Ahead {
    /// Plans a loop that nothing keeps from going round; its own plan stands before those of its turns.
    pub(super) fn plan_loop<'a>(
        &'a mut self,
        standing: Standing,
        is_pending: bool,
        forced: bool,
        plan: PhasePlan,
    ) -> BoxFuture<'a, Result<Vec<PhasePlan>, EngineError>> {
        Box::pin(self.plan_turns(standing, is_pending, forced, plan))
    }

    async fn plan_turns(
        &mut self,
        standing: Standing,
        is_pending: bool,
        forced: bool,
        mut plan: PhasePlan,
    ) -> Result<Vec<PhasePlan>, EngineError> {
        let model = self.model.clone();
        let phase = model.phase(standing.target.phase.as_str());
        let Some((phase, work)) = phase.and_then(|phase| Some((phase, phase.rounds()?))) else {
            return Ok(vec![plan]);
        };
        if is_pending {
            self.leave_open(&standing, work, &mut plan);
            return Ok(vec![plan]);
        }
        let turns = self.turns_ahead(&standing, phase, work, forced).await?;
        let plans = self.conclude_loop(standing, phase, work, turns, plan).await?;
        Ok(plans)
    }

    /// Says of a loop that nobody knows yet which turns it has, or how many more.
    fn leave_open(&mut self, standing: &Standing, work: &LoopWork, plan: &mut PhasePlan) {
        let has_made = self.history.latest(&standing.target).is_some();
        plan.action = if has_made { PlannedAction::Perhaps } else { PlannedAction::Run };
        plan.units = None;
        let unknown = Range { min: 0, max: None };
        (plan.run, plan.reuse, plan.calls, plan.retries) = (unknown, unknown, unknown, None);
        let model = self.model.clone();
        let phases = work.body.iter().filter_map(|inner| model.phase(inner.phase.as_str()));
        let mut agents = phases.flat_map(agent_names).filter_map(|name| model.agents.get(name.as_str()));
        if agents.any(|agent| agent.traits.model.is_some()) {
            self.dearest = None;
        }
        self.settle(&standing.target, Freshness::Stale, Outlook::Unknown { touched: None });
    }

    async fn turns_ahead(
        &mut self,
        standing: &Standing,
        phase: &Phase,
        work: &LoopWork,
        forced: bool,
    ) -> Result<Turns, EngineError> {
        let model = self.model.clone();
        let mut rounds = Rounds::default();
        let (end, is_open, failure) = (LoopEnd::Completed, false, None);
        let mut is_unknown = false;
        let mut turns = Turns { plans: Vec::new(), now: Vec::new(), end, is_open, failure };
        loop {
            let store = self.ports.store.clone();
            let around = around(&model, phase, work, standing, &*store);
            let last = turns.now.get(rounds.row()..).unwrap_or_default();
            let round = match rounds.next(&around, last).await {
                Ok(Next::Turn(round)) => round,
                Ok(Next::Over(end)) => {
                    turns.end = end;
                    break;
                }
                Err(TurnsError::Data(why)) => {
                    turns.failure = Some(why);
                    break;
                }
                Err(TurnsError::Engine(error)) => return Err(error),
            };
            let (number, bindings) = (round.number, standing.now.bindings.with(round));
            let inner = turns::targets(&model, phase, work, &standing.target.scope, number);
            for (inner, _) in &inner {
                self.seen.bindings.insert(inner.clone(), bindings.clone());
                if self.halt_at.as_ref() == Some(inner) {
                    self.is_halted = true;
                }
                if self.is_halted {
                    return Ok(turns);
                }
                turns.plans.extend(self.plan_target(inner, forced).await?);
            }
            let names = || inner.iter().map(|(inner, _)| inner);
            let now = turn_now(&model, names(), &self.history, &|target: &Target| self.seen.word(target));
            let is_known =
                names().all(|inner| matches!(self.outlooks.get(inner), None | Some(Outlook::Known)));
            let after = after_turn(&model, work, &now);
            turns.now.push(now);
            let goes_on = (work.kind.is_known_at_once() && !work.break_on_error) || is_known;
            is_unknown |= !goes_on || after == AfterTurn::Unknown;
            let is_next_known = rounds.has_ready() && !work.break_on_error;
            if after == AfterTurn::Broken || (is_unknown && !is_next_known) {
                turns.is_open |= is_unknown;
                break;
            }
        }
        Ok(turns)
    }

    async fn conclude_loop(
        &mut self,
        mut standing: Standing,
        phase: &Phase,
        work: &LoopWork,
        turns: Turns,
        mut plan: PhasePlan,
    ) -> Result<Vec<PhasePlan>, EngineError> {
        let target = standing.target.clone();
        let Turns { plans, now, end, is_open, failure } = turns;
        let acts = |plan: &PhasePlan, action| plan.action == action;
        let runs = plans.iter().any(|plan| acts(plan, PlannedAction::Run));
        let may_run = plans.iter().any(|plan| acts(plan, PlannedAction::Perhaps));
        // The turns were not looked at when it was judged by itself.
        plan.causes.retain(|cause| cause.kind != CauseKind::Gathered);
        if let Some(first) =
            plans.iter().find(|plan| plan.action != PlannedAction::Keep).filter(|_| plan.causes.is_empty())
        {
            let inner = Target { phase: first.phase.clone(), scope: first.scope.clone() };
            plan.causes.push(Cause::new(CauseKind::UpstreamStale, inner.to_string()));
        }
        if is_open {
            self.leave_open(&standing, work, &mut plan);
        } else if let Some(why) = failure {
            (plan.action, plan.failing, plan.failure) = (PlannedAction::Run, 1, Some(why));
            self.settle_failed(&target, &phase.course);
        } else if runs || may_run {
            plan.action = if runs { PlannedAction::Run } else { PlannedAction::Perhaps };
            self.settle(&target, Freshness::Stale, Outlook::Unknown { touched: None });
        } else if now.iter().flatten().any(|inner| is_bad(&self.model, inner)) {
            (plan.action, plan.failing) = (PlannedAction::Run, 1);
            self.settle_failed(&target, &phase.course);
        } else {
            let store = self.ports.store.clone();
            let ending = Ending { turns: now, n_bad: 0, end, failure: None };
            let around = around(&self.model, phase, work, &standing, &*store);
            match turns::close(&around, &ending).await {
                Ok(document) => {
                    let (artifact, pages) = artifact::of_document(&document);
                    self.ports.store.commit(Batch { pages, ..Batch::default() }).await?;
                    standing.now.upstream.extend(ending.turns.into_iter().flatten());
                    self.settle_loop(&standing, artifact, &mut plan);
                }
                Err(TurnsError::Data(why)) => {
                    (plan.action, plan.failing, plan.failure) = (PlannedAction::Run, 1, Some(why));
                    self.settle_failed(&target, &phase.course);
                }
                Err(TurnsError::Engine(error)) => return Err(error),
            }
        }
        Ok(std::iter::once(plan).chain(plans).collect())
    }

    /// Settles a loop whose document is known.
    fn settle_loop(
        &mut self,
        standing: &Standing,
        artifact: refrain_schemas::artifact::ArtifactRef,
        plan: &mut PhasePlan,
    ) {
        let target = &standing.target;
        let prior = self.history.prior(target);
        let record = prior.as_ref().map(|prior| &prior.record);
        let verdict = judge(&standing.now, record, prior.as_ref().map(|prior| &prior.lineage), None);
        let is_same = record.is_some_and(|record| record.artifact.digest == artifact.digest);
        plan.causes.clone_from(&verdict.causes);
        plan.freshness = verdict.freshness;
        if !(is_same && is_kept(&self.history, target, verdict.freshness)) {
            plan.action = PlannedAction::Run;
            let record = self.imagined(target, &standing.now, artifact, &BTreeMap::new());
            self.history.apply(HistoryEntry::Revision(Box::new(record)));
        }
        self.settle(target, Freshness::Fresh, Outlook::Known);
    }
}
