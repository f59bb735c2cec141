//! Counting the asks and calls of a target ahead.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::Fan;
use refrain_schemas::plan::{PhasePlan, Range};
use refrain_schemas::scope::Target;

use crate::engine::EngineError;
use crate::model::{AskWork, ContextSource, Phase, Select, Split};
use crate::ports::store::Batch;
use crate::prepare::{Piece, Preparation, PrepareError, Prepared, chosen_source, prepare};
use crate::publish::Publication;
use crate::reply::Rules;
use crate::run::job::Job;
use crate::run::unit_state::{AskState, UnitProgress};
use crate::survey::Standing;
use crate::tree::sequence::Sequence;
use crate::unit_table::UnitRow;
use crate::units::{Members, Unit};

use super::Ahead;
use super::outlook::{Outlook, Touched};

/// How many keys are looked up at once.
const LOOK_UPS: usize = 4096;

/// Asks that would be made, counted towards packs: by agent and group.
type Packs = BTreeMap<(u32, u32), u64>;

/// What became clear of a target's units.
#[derive(Default)]
struct Counted {
    /// Units that certainly are asked.
    certain: BTreeSet<String>,
    /// Units that perhaps are.
    possible: BTreeSet<String>,
    certain_packs: Packs,
    possible_packs: Packs,
    /// Whether there may be further units whose ids are not known.
    open_ended: bool,
}

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
        let source_pending: Vec<&Outlook> = pending
            .iter()
            .filter(|(before, _)| {
                source.is_none_or(|source| before.phase == *source) && work.units.of.contains(&before.phase)
            })
            .map(|(_, outlook)| outlook)
            .collect();
        if source.is_none()
            || (!source_pending.is_empty() && !matches!(work.units.split, Split::Record | Split::Whole))
        {
            return self.unknown_units(target, work, &source_pending, plan);
        }
        let prior = self.history.prior(target);
        let preparation = Preparation {
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
        self.mark_possible(&job, phase, work, pending, &source_pending, &mut counted);
        self.count_asks(&mut job, phase, work, &mut counted).await?;
        let total = new_total(&job.prepared, phase, work, &source_pending, &mut counted);
        fill(plan, work, self.attempts(work), total, &counted);
        self.conclude(standing, phase, work, job, counted, total).await
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
        let total = match (&work.units.split, source_pending) {
            (Split::Whole, _) => Some(1),
            (Split::Record, [Outlook::Unknown { touched: Some(touched) }]) => touched.total,
            _ => None,
        };
        let ids = match source_pending {
            [Outlook::Unknown { touched: Some(touched) }] if work.units.split == Split::Record => {
                Some(touched.ids.clone())
            }
            _ => None,
        };
        let most = total.or_else(|| ids.as_ref().map(|ids| ids.len() as u64));
        (plan.units, plan.run) = (total, Range { min: 0, max: most });
        plan.reuse = Range { min: 0, max: most };
        let asks = asks_per_unit(work);
        plan.calls = Range { min: 0, max: most.map(|units| units * asks) };
        plan.retries = None;
        let touched = ids
            .filter(|_| is_keyed_by_unit(work))
            .map(|ids| Touched { ids, total: total.filter(|_| work.output.aligned) });
        self.settle(target, Freshness::Stale, Outlook::Unknown { touched });
        Ok(())
    }

    /// Finds the units that could see a pending reply.
    fn mark_possible(
        &self,
        job: &Job,
        phase: &Phase,
        work: &AskWork,
        pending: &BTreeMap<Target, Outlook>,
        source_pending: &[&Outlook],
        counted: &mut Counted,
    ) {
        for (unit, state) in job.prepared.units.iter().zip(&job.units) {
            // Gathered records have ids of their own, and a unit of all records changes with any of them.
            let any = !phase.gather.is_empty() || work.units.split == Split::Whole;
            let own = source_pending.iter().any(|outlook| any || touches_source(job, outlook, unit));
            let context = || {
                work.context.iter().any(|context| match &context.source {
                    ContextSource::File(_) => false,
                    ContextSource::Phase(name) => pending
                        .iter()
                        .filter(|(before, _)| before.phase == *name)
                        .any(|(_, outlook)| touches_context(job, outlook, &context.select, unit)),
                })
            };
            if own || context() {
                counted.possible.insert(unit.id.as_str().to_owned());
                count_all(job, work, state.group, unit, &mut counted.possible_packs);
            }
        }
    }

    /// Follows the units whose requests are known through the ledger.
    async fn count_asks(
        &self,
        job: &mut Job,
        phase: &Phase,
        work: &AskWork,
        counted: &mut Counted,
    ) -> Result<(), EngineError> {
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
                    let (ask, key) = job.add_ask(*unit, member, sample, previous.as_ref());
                    asks.push((*unit, ask, key));
                }
            }
            self.look_up(job, phase, work, asks).await?;
            open = next_stage(job, work, &open, stage, counted);
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
            for batch in asks.chunks(LOOK_UPS) {
                let keys: Vec<Digest> = batch.iter().map(|(_, _, key)| *key).collect();
                let replies = self.ports.store.replies(&keys).await?;
                for ((unit, ask, _), reply) in batch.iter().zip(replies) {
                    let Some(reply) = reply else {
                        job.units[*unit].asks[*ask].state = AskState::Pending;
                        continue;
                    };
                    match accept(job, phase, work, *unit, *ask, &reply) {
                        Some(done) => job.units[*unit].asks[*ask].state = done,
                        None => again.push((*unit, *ask, job.redo(*unit, *ask))),
                    }
                }
            }
            asks = again;
        }
        Ok(())
    }

    /// Says what is known of the artifact: all of it where nothing is missing, else which records may differ.
    async fn conclude(
        &mut self,
        standing: &Standing,
        phase: &Phase,
        work: &AskWork,
        mut job: Job,
        counted: Counted,
        total: Option<u64>,
    ) -> Result<(), EngineError> {
        let target = &standing.target;
        if counted.certain.is_empty() && counted.possible.is_empty() {
            let outcomes = job.take_outcomes();
            let Prepared { pages, pieces, before, context_artifacts, .. } = *job.prepared;
            let store = &*self.ports.store;
            store.commit(Batch { pages, ..Batch::default() }).await?;
            let publication = Publication { store, work, pieces: &pieces, outcomes, before };
            let Some(published) = publication.publish().await? else {
                self.settle(target, Freshness::Stale, Outlook::Unknown { touched: None });
                return Ok(());
            };
            let mut record = self.imagined(target, &standing.now, published.artifact, &context_artifacts);
            (record.units, record.local) = (Some(published.units), published.local);
            (record.missing, record.own_failures) = (published.missing, published.own_failures);
            let word = if record.is_partial() { Freshness::Partial } else { Freshness::Fresh };
            self.history.apply(HistoryEntry::Revision(Box::new(record)));
            self.settle(target, word, Outlook::Known);
            return Ok(());
        }
        let mut ids = self.moved(target, &job).await?;
        ids.extend(counted.certain);
        ids.extend(counted.possible);
        let keyed = is_keyed_by_unit(work) && phase.gather.is_empty();
        let touched = keyed.then(|| Touched { ids, total: total.filter(|_| work.output.aligned) });
        self.settle(target, Freshness::Stale, Outlook::Unknown { touched });
        Ok(())
    }
}

impl Ahead {
    /// Returns the units that differ from the latest revision although nothing is asked about them: those that are gone,
    /// and those whose replies are on record without being part of it.
    async fn moved(&self, target: &Target, job: &Job) -> Result<BTreeSet<String>, EngineError> {
        let mut before = BTreeMap::new();
        let store = &*self.ports.store;
        if let Some(units) = self.history.prior(target).and_then(|prior| prior.units) {
            let mut table = match &job.prepared.before {
                Some(before) => before.units.clone(),
                None => Sequence::open(store, units).await?,
            };
            let kept = job.prepared.pieces.iter().filter_map(|piece| match piece {
                Piece::Kept(range) => Some(range.clone()),
                Piece::Made(_) => None,
            });
            let changed = gaps(kept, table.count());
            table.load_positions(store, &changed).await?;
            for entry in changed.iter().filter_map(|at| table.entry(*at)) {
                let asks = UnitRow::decode(&entry).map(|row| row.asks).unwrap_or_default();
                before.insert(entry.id.to_owned(), (entry.hole, asks));
            }
        }
        for (n, state) in job.units.iter().enumerate() {
            let asks = state.asks.iter().map(|ask| ask.row).collect();
            let now = match state.progress {
                UnitProgress::Done => Some((false, asks)),
                UnitProgress::Hole => Some((true, asks)),
                UnitProgress::Open | UnitProgress::Failed(_) => None,
            };
            let id = job.unit_id(n).as_str();
            if now.is_some() && before.get(id) == now.as_ref() {
                before.remove(id);
            } else {
                before.entry(id.to_owned()).or_default();
            }
        }
        Ok(before.into_keys().collect())
    }
}

/// Returns the places below `count` that no range covers; the ranges are in order.
fn gaps(ranges: impl Iterator<Item = std::ops::Range<u64>>, count: u64) -> Vec<u64> {
    let mut out = Vec::new();
    let mut next = 0;
    for range in ranges {
        out.extend(next..range.start);
        next = range.end;
    }
    out.extend(next..count);
    out
}

/// Whether every record that a unit can bring has the unit's own id as its key; see [`Rules`].
fn is_keyed_by_unit(work: &AskWork) -> bool {
    Rules::of(work, None).keys_are_units()
}

fn asks_per_unit(work: &AskWork) -> u64 {
    let samples = |member: &crate::model::PoolMember| u64::from(member.samples);
    match work.fan {
        Fan::Split => work.pool.iter().map(samples).max().unwrap_or(0),
        Fan::Panel => work.pool.iter().map(samples).sum(),
        Fan::Cascade | Fan::Chain => work.pool.len() as u64,
    }
}

fn touches_source(job: &Job, outlook: &Outlook, unit: &Unit) -> bool {
    match &unit.members {
        Members::One(_) => outlook.touches(unit.id.as_str()),
        Members::Many(places) => {
            places
                .iter()
                .filter_map(|at| job.prepared.requests.source.entry(*at))
                .any(|entry| outlook.touches(entry.id))
                || places.is_empty()
        }
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

/// Counts every ask that a unit could need.
fn count_all(job: &Job, work: &AskWork, group: u32, unit: &Unit, packs: &mut Packs) {
    let place = job.prepared.units.iter().position(|other| std::ptr::eq(other, unit)).unwrap_or(0);
    let mut stage = 0;
    loop {
        let asks = job.stage(work, place, stage);
        if asks.is_empty() {
            return;
        }
        for (member, _) in asks {
            *packs.entry((member, group)).or_default() += 1;
        }
        stage += 1;
    }
}

fn accept(
    job: &Job,
    phase: &Phase,
    work: &AskWork,
    unit: usize,
    ask: usize,
    reply: &Json,
) -> Option<AskState> {
    let keep = (work.fan == Fan::Chain).then(|| reply.clone());
    if work.fan == Fan::Chain && ask + 1 < work.pool.len() {
        return Some(AskState::Done { records: Vec::new(), reply: keep });
    }
    let rules = Rules::of(work, job.source_key.as_deref()).gathered(!phase.gather.is_empty());
    let records = rules.accept(reply, &job.prepared.units[unit], &job.prepared.requests).ok()?;
    Some(AskState::Done { records, reply: keep })
}

/// Moves units on whose stage has all its replies; returns those that have another stage.
fn next_stage(
    job: &mut Job,
    work: &AskWork,
    open: &[usize],
    stage: usize,
    counted: &mut Counted,
) -> Vec<usize> {
    let mut next = Vec::new();
    for unit in open.iter().copied() {
        let group = job.units[unit].group;
        let missing: Vec<u32> = job.units[unit]
            .asks
            .iter()
            .filter(|ask| matches!(ask.state, AskState::Pending))
            .map(|ask| ask.row.member)
            .collect();
        if missing.is_empty() {
            if has_next(job, work, unit, stage) {
                next.push(unit);
            } else {
                job.units[unit].progress = UnitProgress::Done;
            }
            continue;
        }
        counted.certain.insert(job.unit_id(unit).as_str().to_owned());
        for member in missing {
            *counted.certain_packs.entry((member, group)).or_default() += 1;
        }
        // What a later stage asks hangs on the reply to this one.
        let mut later = stage + 1;
        while matches!(work.fan, Fan::Cascade | Fan::Chain) && later < work.pool.len() {
            *counted.possible_packs.entry((u32::try_from(later).unwrap_or(u32::MAX), group)).or_default() +=
                1;
            later += 1;
        }
    }
    next
}

/// Whether a unit goes on to another stage although all its replies so far are there.
fn has_next(job: &Job, work: &AskWork, unit: usize, stage: usize) -> bool {
    match work.fan {
        Fan::Split | Fan::Panel => false,
        Fan::Chain => stage + 1 < work.pool.len(),
        Fan::Cascade => {
            let AskState::Done { records, .. } = &job.units[unit].asks[stage].state else { return false };
            let request = job.prepared.requests.request(&job.prepared.units[unit]);
            let accepted = crate::run::is_accepted(work, records, &request);
            !accepted.unwrap_or(false) && stage + 1 < work.pool.len()
        }
    }
}

/// Returns how many units there will be; records that are not there yet are units too.
fn new_total(
    prepared: &Prepared,
    phase: &Phase,
    work: &AskWork,
    source_pending: &[&Outlook],
    counted: &mut Counted,
) -> Option<u64> {
    match source_pending {
        _ if work.units.split == Split::Whole => Some(prepared.n_units()),
        [] => Some(prepared.n_units()),
        [Outlook::Unknown { touched: Some(touched) }] if phase.gather.is_empty() => {
            let known: BTreeSet<&str> = prepared.units.iter().map(|unit| unit.id.as_str()).collect();
            let new = touched.ids.iter().filter(|id| !known.contains(id.as_str()));
            // Whom such a unit shares a call with is not known: each of its asks counts as a call of its own.
            for (id, alone) in new.zip((0..=u32::MAX).rev()) {
                counted.possible.insert(id.clone());
                for ask in 0..asks_per_unit(work) {
                    let member = u32::try_from(ask).unwrap_or(u32::MAX);
                    *counted.possible_packs.entry((member, alone)).or_default() += 1;
                }
            }
            touched.total
        }
        _ => {
            counted.open_ended = true;
            None
        }
    }
}

fn fill(plan: &mut PhasePlan, work: &AskWork, attempts: u64, total: Option<u64>, counted: &Counted) {
    let (certain, possible) = (counted.certain.len() as u64, counted.possible.len() as u64);
    let unbounded = counted.open_ended;
    plan.units = total;
    plan.run = Range { min: certain, max: (!unbounded).then_some(certain + possible) };
    plan.reuse = Range {
        min: total.map_or(0, |total| total.saturating_sub(certain + possible)),
        max: total.map(|total| total.saturating_sub(certain)),
    };
    let max = u64::try_from(work.pack).unwrap_or(u64::MAX).max(1);
    let packs = |packs: &Packs| packs.values().map(|asks| asks.div_ceil(max)).sum::<u64>();
    let mut all = counted.certain_packs.clone();
    for (key, asks) in &counted.possible_packs {
        *all.entry(*key).or_default() += asks;
    }
    let most = packs(&all);
    plan.calls = Range { min: packs(&counted.certain_packs), max: (!unbounded).then_some(most) };
    plan.retries = (max == 1 && !unbounded).then(|| most * attempts.saturating_sub(1));
}
