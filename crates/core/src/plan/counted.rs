//! Counting the asks of a target ahead.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::name::UnitId;
use refrain_schemas::phase_spec::{Fan, OnUnitFailure};
use refrain_schemas::plan::{PhasePlan, Range};

use crate::engine::EngineError;
use crate::model::{AskWork, Phase, Select, Split};
use crate::prepare::Prepared;
use crate::run::job::{Job, stage_of};
use crate::run::unit_state::{Ask, AskState, UnitProgress};
use crate::unit_table::AskRow;
use crate::units::{Members, Unit};

use super::Ahead;
use super::outlay::{Calls, Expected, ratio_of};
use super::outlook::Outlook;
use super::packs::{LOOK_UPS, Packs};

/// What became clear of a target's units.
#[derive(Default)]
pub(super) struct Counted {
    /// Units that certainly are asked.
    pub(super) certain: BTreeSet<String>,
    /// Units that perhaps are.
    pub(super) possible: BTreeSet<String>,
    pub(super) certain_packs: Packs,
    pub(super) possible_packs: Packs,
    /// Asks that will be made as far as can be told, each once.
    pub(super) likely: Packs,
    /// Asks that are made if the agents before in a cascade have no good reply.
    pub(super) escalations: Packs,
    /// Units that cannot be asked about.
    pub(super) holes: u64,
    /// Units that are sure to fail.
    pub(super) failing: u64,
    /// Why the first of them does.
    pub(super) failure: Option<String>,
    /// Whether a unit is sure to fail for which the phase stops.
    pub(super) stops: bool,
}

impl Counted {
    /// Adds a unit that could see a pending reply, and with it every ask that it could need.
    pub(super) fn suspect(&mut self, work: &AskWork, unit: &UnitId, group: Option<u32>) {
        self.possible.insert(unit.as_str().to_owned());
        self.possible_packs.add_unit(work, unit, group);
        let stages = (0..).map(|stage| stage_of(work, unit, stage)).take_while(|asks| !asks.is_empty());
        stages.enumerate().for_each(|(stage, asks)| self.expect(work, stage, &asks, group));
    }

    /// Adds a unit that is sure to fail.
    fn fails(&mut self, failure: &Failure) {
        self.failing += 1;
        self.failure.get_or_insert_with(|| failure.message.clone());
    }

    /// Adds the asks of a unit's stage to those that are to be expected.
    fn expect(&mut self, work: &AskWork, stage: usize, asks: &[(u32, u32)], group: Option<u32>) {
        let is_last_resort = stage > 0 && work.fan == Fan::Cascade;
        let packs = if is_last_resort { &mut self.escalations } else { &mut self.likely };
        asks.iter().for_each(|(member, _)| packs.add(*member, group, 1));
    }

    /// Returns how many calls each agent of the pool would get.
    pub(super) fn calls(&self, work: &AskWork, is_bounded: bool) -> Vec<Expected> {
        let mut all = self.certain_packs.clone();
        all.merge(&self.possible_packs);
        let is_sure = self.possible.is_empty();
        let expected = |member: u32| {
            let likely = self.likely.of(member).fewest(work);
            // Half of what may have to be asked again of a better agent.
            let escalated = self.escalations.of(member).fewest(work).div_ceil(2);
            let asks = self.likely.of(member).asks() + self.escalations.of(member).asks();
            let calls = Calls {
                min: self.certain_packs.of(member).fewest(work),
                likely: likely + escalated,
                max: is_bounded.then(|| all.of(member).most(work, is_sure && all.is_grouped())),
            };
            Expected { member, calls, asks_per_call: ratio_of(asks, likely + escalated) }
        };
        (0..).take(work.pool.len()).map(expected).collect()
    }

    /// Makes everything that is certain possible.
    pub(super) fn weaken(&mut self) {
        let certain = std::mem::take(&mut self.certain);
        self.possible.extend(certain);
        let packs = std::mem::take(&mut self.certain_packs);
        self.possible_packs.merge(&packs);
    }
}

impl Ahead {
    /// Follows the units whose requests are known through the ledger.
    pub(super) async fn count_asks(
        &self,
        job: &mut Job,
        phase: &Phase,
        work: &AskWork,
        counted: &mut Counted,
        asked: &mut HashSet<Digest>,
    ) -> Result<(), EngineError> {
        let is_hole = |n: &usize| {
            job.units[*n].progress == UnitProgress::Hole
                && !counted.possible.contains(job.unit_id(*n).as_str())
        };
        counted.holes = (0..job.units.len()).filter(is_hole).count() as u64;
        let is_open = |n: &usize| {
            job.units[*n].progress == UnitProgress::Open
                && !counted.possible.contains(job.unit_id(*n).as_str())
        };
        let mut open: Vec<usize> = (0..job.units.len()).filter(is_open).collect();
        let mut stage = 0;
        while !open.is_empty() {
            let mut asks: Vec<(usize, usize, Digest)> = Vec::new();
            for unit in &open {
                let previous = if stage > 0 { job.previous(*unit, stage) } else { None };
                for (member, sample) in job.stage(work, *unit, stage) {
                    let ask = job.add_ask(*unit, member, sample, previous.as_ref());
                    asks.extend(ask.map(|(ask, key)| (*unit, ask, key)));
                }
            }
            self.look_up(job, phase, work, asks).await?;
            open = next_stage(job, work, &open, stage, counted, asked);
            stage += 1;
        }
        Ok(())
    }

    /// Takes the replies that the ledger has and today's rules accept.
    async fn look_up(
        &self,
        job: &mut Job,
        phase: &Phase,
        work: &AskWork,
        asks: Vec<(usize, usize, Digest)>,
    ) -> Result<(), EngineError> {
        let mut asks = asks;
        while !asks.is_empty() {
            let mut again = Vec::new();
            for batch in asks.chunks(LOOK_UPS as usize) {
                let keys: Vec<Digest> = batch.iter().map(|(_, _, key)| *key).collect();
                let replies = self.ports.store.replies(&keys).await?;
                for ((unit, ask, _), reply) in batch.iter().zip(replies) {
                    let Some(reply) = reply else {
                        job.units[*unit].asks[*ask].state = AskState::Pending;
                        continue;
                    };
                    match job.accept(phase, work, *unit, *ask, &reply) {
                        Ok(done) => job.units[*unit].asks[*ask].state = done,
                        Err(_) => again.push((*unit, *ask, job.redo(*unit, *ask))),
                    }
                }
            }
            asks = again;
        }
        Ok(())
    }
}

/// Finds the units that could see a pending reply.
pub(super) fn mark_possible(
    job: &Job,
    work: &AskWork,
    pending_views: &[(&Select, &Outlook)],
    source_pending: &[&Outlook],
    counted: &mut Counted,
) {
    for (unit, (_, state)) in job.prepared.units.iter().zip(job.units.iter()) {
        let editing = &job.prepared.editing;
        let own = source_pending.iter().any(|outlook| touches_source(outlook, unit));
        if let Some(lock) = editing.locked(unit.id.as_str()) {
            // It is asked about only where the unit that was edited comes back.
            if own && lock.follows {
                counted.suspect(work, &unit.id, None);
            }
            continue;
        }
        let inherits = !source_pending.is_empty() && editing.may_be_locked(unit.id.as_str());
        let sees =
            || pending_views.iter().any(|(select, outlook)| touches_context(job, outlook, select, unit));
        if own || inherits || sees() {
            // A record that comes out different may fall into another group.
            let group = (!own || work.pack_within.is_none()).then_some(state.group);
            counted.suspect(work, &unit.id, group);
        }
    }
}

fn touches_source(outlook: &Outlook, unit: &Unit) -> bool {
    match &unit.members {
        Members::One(_) => outlook.touches(unit.id.as_str()),
        // Records may come and go as well.
        Members::Many(_) => outlook.touches_any(),
    }
}

fn touches_context(job: &Job, outlook: &Outlook, select: &Select, unit: &Unit) -> bool {
    match select {
        Select::On { field, unique: true } => {
            job.prepared.requests.value(unit, field).is_some_and(|value| outlook.touches(&value))
        }
        _ => true,
    }
}

/// Moves units on whose stage has all its replies; returns those that have another stage.
fn next_stage(
    job: &mut Job,
    work: &AskWork,
    open: &[usize],
    stage: usize,
    counted: &mut Counted,
    asked: &mut HashSet<Digest>,
) -> Vec<usize> {
    let mut next = Vec::new();
    for unit in open.iter().copied() {
        let is_pending = |ask: &&Ask| matches!(ask.state, AskState::Pending);
        let missing: Vec<AskRow> =
            job.units[unit].asks.iter().filter(is_pending).map(|ask| ask.row).collect();
        if missing.is_empty() {
            match follow(job, work, unit, stage) {
                None => next.push(unit),
                Some(progress) => {
                    let failed = matches!(progress, UnitProgress::Failed(_));
                    if let UnitProgress::Failed(failure) = &progress {
                        counted.fails(failure);
                    }
                    counted.stops |= failed && work.on_unit_failure == OnUnitFailure::Stop;
                    counted.holes += u64::from(failed);
                    job.units[unit].progress = progress;
                }
            }
            continue;
        }
        count_missing(job, unit, &missing, counted, asked);
        // It is asked for the rest all the same.
        if let Some(failure) = failure_of(job, unit, stage, work.fan).filter(|_| work.fan != Fan::Cascade) {
            counted.fails(&failure);
        }
        // What a later stage asks hangs on the reply to this one.
        let group = Some(job.units[unit].group);
        let later = (stage + 1..)
            .map(|stage| (stage, job.stage(work, unit, stage)))
            .take_while(|(_, asks)| !asks.is_empty());
        for (stage, asks) in later {
            counted.expect(work, stage, &asks, group);
            asks.iter().for_each(|(member, _)| counted.possible_packs.add(*member, group, 1));
        }
    }
    next
}

/// Counts the asks of a unit that the ledger has no reply to.
fn count_missing(
    job: &Job,
    unit: usize,
    missing: &[AskRow],
    counted: &mut Counted,
    asked: &mut HashSet<Digest>,
) {
    let (id, group) = (job.unit_id(unit).as_str().to_owned(), Some(job.units[unit].group));
    let mut new: BTreeMap<u32, u64> = BTreeMap::new();
    for row in missing {
        if asked.insert(row.key) {
            *new.entry(row.member).or_default() += 1;
        } else {
            counted.possible_packs.add(row.member, group, 1);
        }
    }
    if new.is_empty() {
        counted.possible.insert(id)
    } else {
        counted.certain.insert(id)
    };
    for (member, asks) in new {
        counted.certain_packs.add(member, group, asks);
        counted.likely.add(member, group, asks);
    }
}

/// Returns why an ask of a unit's stage is sure to fail: its prompt cannot be rendered.
fn failure_of(job: &Job, unit: usize, stage: usize, fan: Fan) -> Option<Failure> {
    let asks = &job.units[unit].asks;
    let of_stage = if matches!(fan, Fan::Cascade | Fan::Chain) { asks.get(stage..)? } else { &asks[..] };
    of_stage.iter().find_map(|ask| match &ask.state {
        AskState::Failed(failure) => Some(failure.clone()),
        _ => None,
    })
}

/// Says how a unit ends whose replies so far are all there; `None` where it goes on to another stage.
fn follow(job: &Job, work: &AskWork, unit: usize, stage: usize) -> Option<UnitProgress> {
    let is_last = stage + 1 >= work.pool.len();
    if let Some(failure) = failure_of(job, unit, stage, work.fan) {
        let goes_on = work.fan == Fan::Cascade && !is_last;
        return (!goes_on).then_some(UnitProgress::Failed(failure));
    }
    match work.fan {
        Fan::Split | Fan::Panel => Some(UnitProgress::Done),
        Fan::Chain => is_last.then_some(UnitProgress::Done),
        Fan::Cascade => {
            let AskState::Done { records, .. } = &job.units[unit].asks[stage].state else { return None };
            let request = job.prepared.requests.request(&job.prepared.units[unit]);
            let message = match crate::run::is_accepted(work, records, &request) {
                Ok(true) => return Some(UnitProgress::Done),
                Ok(false) => "no agent's reply was accepted".to_owned(),
                Err(failure) => failure.message,
            };
            is_last.then_some(UnitProgress::Failed(Failure { kind: FailureKind::Invalid, message }))
        }
    }
}

/// Returns how many units there will be; records that are not there yet are units too.
pub(super) fn new_total(
    prepared: &Prepared,
    work: &AskWork,
    source_pending: &[&Outlook],
    counted: &mut Counted,
) -> Option<u64> {
    match source_pending {
        _ if matches!(work.units.split, Split::Whole | Split::Given) => Some(1),
        [] => Some(prepared.n_units()),
        [Outlook::Unknown { touched: Some(touched) }] => {
            let known: BTreeSet<&str> = prepared.units.iter().map(|unit| unit.id.as_str()).collect();
            let group = work.pack_within.is_none().then_some(0);
            for id in touched.ids.iter().filter(|id| !known.contains(id.as_str())) {
                counted.suspect(work, &UnitId::new(id), group);
            }
            touched.total
        }
        _ => None,
    }
}

pub(super) fn fill(
    plan: &mut PhasePlan,
    work: &AskWork,
    attempts: u64,
    total: Option<u64>,
    is_bounded: bool,
    counted: &Counted,
) {
    let (certain, possible) = (counted.certain.len() as u64, counted.possible.len() as u64);
    plan.units = total;
    (plan.failing, plan.failure) = (counted.failing, counted.failure.clone());
    plan.run = Range { min: certain, max: is_bounded.then_some(certain + possible) };
    plan.reuse = Range {
        min: total.map_or(0, |total| total.saturating_sub(certain + possible + counted.holes)),
        max: total.map(|total| total.saturating_sub(certain + counted.holes)),
    };
    let mut all = counted.certain_packs.clone();
    all.merge(&counted.possible_packs);
    let most = all.most(work, counted.possible.is_empty());
    plan.calls = Range { min: counted.certain_packs.fewest(work), max: is_bounded.then_some(most) };
    plan.retries = (work.pack <= 1 && is_bounded).then(|| most * attempts.saturating_sub(1));
}
