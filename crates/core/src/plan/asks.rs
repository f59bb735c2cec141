//! Looking ahead at a target that asks agents.

use std::collections::BTreeMap;

use refrain_schemas::freshness::Freshness;
use refrain_schemas::name::{PhaseName, UnitId};
use refrain_schemas::plan::{PhasePlan, PlannedAction, Range};
use refrain_schemas::scope::Target;

use crate::engine::EngineError;
use crate::judge::UpstreamNow;
use crate::model::{AskWork, ContextSource, Phase, Select, Split};
use crate::prepare::{Preparation, PrepareError, chosen_source, prepare};
use crate::reply::Rules;
use crate::run::job::Job;
use crate::survey::Standing;
use crate::units::ALL;

use super::Ahead;
use super::counted::{Counted, fill, mark_possible, new_total};
use super::outlay::Wanted;
use super::outlook::{ALL_TOUCHED, Outlook, Touched};

impl Ahead {
    pub(super) async fn plan_asks(
        &mut self,
        standing: &Standing,
        phase: &Phase,
        work: &AskWork,
        pending: &BTreeMap<Target, Outlook>,
        plan: &mut PhasePlan,
    ) -> Result<(), EngineError> {
        let target = &standing.target;
        let source = chosen_source(&standing.now, &work.units.of);
        if work.given.is_some() && self.is_open(standing, pending) {
            return self.unknown_units(target, work, &[&ALL_TOUCHED], plan);
        }
        let is_unsure = self.is_unsure(work, source, pending);
        let source_pending: Vec<&Outlook> = pending
            .iter()
            .filter(|(before, _)| {
                source.is_none_or(|source| before.phase == *source) && work.units.of.contains(&before.phase)
            })
            .map(|(before, outlook)| if is_gathered(phase, before) { &ALL_TOUCHED } else { outlook })
            .collect();
        if is_unsure {
            return self.unknown_units(target, work, &[&ALL_TOUCHED], plan);
        }
        if (source.is_none() && work.given.is_none())
            || (!source_pending.is_empty()
                && !matches!(work.units.split, Split::Record | Split::Whole | Split::Given))
        {
            return self.unknown_units(target, work, &source_pending, plan);
        }
        let prior = self.history.prior(target);
        let preparation = Preparation {
            model: &self.model,
            store: &*self.ports.store,
            files: &*self.ports.files,
            prior: prior.as_ref(),
            phase,
            work,
            scope: &target.scope,
            now: &standing.now,
            whole: !pending.is_empty(),
        };
        let prepared = match prepare(preparation).await {
            Ok(prepared) => prepared,
            Err(PrepareError::Engine(error)) => return Err(error),
            Err(PrepareError::Data(_)) => {
                self.settle(target, Freshness::Failed, Outlook::Unknown { touched: None });
                return Ok(());
            }
        };
        let mut job = Job::new(&self.model, work, Box::new(standing.clone()), Box::new(prepared));
        let mut counted = Counted::default();
        let pending_views = self.pending_views(standing, phase, work, pending);
        mark_possible(&job, work, &pending_views, &source_pending, &mut counted);
        let mut asked = std::mem::take(&mut self.asked);
        let counting = self.count_asks(&mut job, phase, work, &mut counted, &mut asked).await;
        self.asked = asked;
        counting?;
        if plan.action == PlannedAction::Perhaps || counted.stops {
            counted.weaken();
        }
        let total = new_total(&job.prepared, work, &source_pending, &mut counted);
        let is_bounded = total.is_some() || source_pending.iter().all(|outlook| outlook.is_listed());
        let attempts = phase.course.retry.map(|retry| u64::from(retry.attempts));
        let attempts = attempts.unwrap_or_else(|| self.attempts(work));
        fill(plan, work, attempts, total, is_bounded, &counted);
        let wanted = Wanted { job: &job, units: &wanted(&job, &counted) };
        self.note_outlay(target, work, Some(wanted), &counted.calls(work, is_bounded), plan);
        self.conclude(standing, phase, work, job, counted, total).await
    }

    /// Whether the input of a target hangs on what is pending.
    fn is_open(&self, standing: &Standing, pending: &BTreeMap<Target, Outlook>) -> bool {
        let is_read = |upstream: &&UpstreamNow| upstream.read && pending.contains_key(&upstream.target);
        standing.now.upstream.iter().any(|upstream| is_read(&upstream))
    }

    /// Whether it hangs on what is pending which of several alternatives is split.
    fn is_unsure(
        &self,
        work: &AskWork,
        source: Option<&PhaseName>,
        pending: &BTreeMap<Target, Outlook>,
    ) -> bool {
        let is_pending = |name: &&PhaseName| pending.keys().any(|target| target.phase == **name);
        let Some(source) = source else {
            return work.units.of.iter().filter(is_pending).count() > 1;
        };
        let mut earlier = work.units.of.iter().take_while(|name| *name != source);
        let may_go = |target: &Target| target.phase == *source && self.doubtful.contains(target);
        earlier.any(|name| is_pending(&name)) || (work.units.of.len() > 1 && pending.keys().any(may_go))
    }

    /// Returns the context entries that hang on what is pending.
    fn pending_views<'a>(
        &self,
        standing: &Standing,
        phase: &Phase,
        work: &'a AskWork,
        pending: &'a BTreeMap<Target, Outlook>,
    ) -> Vec<(&'a Select, &'a Outlook)> {
        let is_there = |target: &Target| {
            let mut upstream = standing.now.upstream.iter();
            !self.doubtful.contains(target)
                && upstream.any(|upstream| upstream.target == *target && upstream.artifact.is_some())
        };
        let mut views = Vec::new();
        for context in &work.context {
            let ContextSource::Phase(name) = &context.source else { continue };
            for (before, outlook) in pending.iter().filter(|(before, _)| before.phase == *name) {
                // Of an entry that is absent, every unit would see the arrival.
                let is_known = is_there(before) && !is_gathered(phase, before);
                views.push((&context.select, if is_known { outlook } else { &ALL_TOUCHED }));
            }
        }
        views
    }

    fn attempts(&self, work: &AskWork) -> u64 {
        let attempts = |member: &crate::model::PoolMember| {
            Some(u64::from(self.model.agents.get(member.agent.as_str())?.retry.attempts))
        };
        work.pool.iter().filter_map(attempts).max().unwrap_or(1)
    }

    /// The units themselves hang on replies.
    fn unknown_units(
        &mut self,
        target: &Target,
        work: &AskWork,
        source_pending: &[&Outlook],
        plan: &mut PhasePlan,
    ) -> Result<(), EngineError> {
        let listed = match source_pending {
            [Outlook::Unknown { touched: Some(touched) }] if work.units.split == Split::Record => {
                Some(touched)
            }
            _ => None,
        };
        let mut counted = Counted::default();
        let (total, most) = if matches!(work.units.split, Split::Whole | Split::Given) {
            counted.suspect(work, &UnitId::new(ALL), None);
            (Some(1), Some(1))
        } else if let Some(listed) = listed {
            let group = work.pack_within.is_none().then_some(0);
            listed.ids.iter().for_each(|id| counted.suspect(work, &UnitId::new(id), group));
            (listed.total, Some(listed.ids.len() as u64))
        } else {
            (None, None)
        };
        (plan.units, plan.run) = (total, Range { min: 0, max: most });
        plan.reuse = Range { min: 0, max: most };
        plan.calls = Range { min: 0, max: most.map(|_| counted.possible_packs.most(work, false)) };
        plan.retries = None;
        self.note_outlay(target, work, None, &counted.calls(work, most.is_some()), plan);
        // What was made before of units that are not there any more would have to be listed as well.
        let touched = listed
            .filter(|_| is_keyed_by_unit(work) && self.history.latest(target).is_none())
            .map(|listed| Touched { ids: listed.ids.clone(), total: total.filter(|_| work.output.aligned) });
        self.settle(target, Freshness::Stale, Outlook::Unknown { touched });
        Ok(())
    }
}

/// Returns the units that are known and would be asked.
fn wanted(job: &Job, counted: &Counted) -> Vec<usize> {
    let is_wanted = |unit: &usize| {
        let id = job.unit_id(*unit).as_str();
        counted.certain.contains(id) || counted.possible.contains(id)
    };
    (0..job.units.len()).filter(is_wanted).collect()
}

/// Whether a phase reads a target through `gather`, so that the ids it sees carry the scope.
fn is_gathered(phase: &Phase, before: &Target) -> bool {
    before.scope.iter().any(|(dimension, _)| phase.gather.contains(dimension))
}

/// Whether every record that a unit can bring has the unit's own id as its key; see [`Rules`].
pub(super) fn is_keyed_by_unit(work: &AskWork) -> bool {
    Rules::of(work, None).keys_are_units()
}
