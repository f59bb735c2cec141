//! Counting the asks and calls of a target ahead.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::name::{PhaseName, UnitId};
use refrain_schemas::phase_spec::{Fan, OnUnitFailure};
use refrain_schemas::plan::{PhasePlan, PlannedAction, Range};
use refrain_schemas::scope::Target;

use crate::engine::EngineError;
use crate::history::Prior;
use crate::model::{AskWork, ContextSource, Phase, Select, Split};
use crate::ports::store::{Batch, Store};
use crate::prepare::{Piece, Preparation, PrepareError, Prepared, chosen_source, prepare};
use crate::publish::Publication;
use crate::reply::Rules;
use crate::run::job::Job;
use crate::run::unit_state::{Ask, AskState, UnitProgress, UnitState};
use crate::survey::Standing;
use crate::tree::sequence::Sequence;
use crate::unit_table::{AskRow, UnitRow};
use crate::units::{ALL, Members, Unit};

use super::Ahead;
use super::outlook::{ALL_TOUCHED, Outlook, Touched};
use super::packs::{LOOK_UPS, Packs};

/// What became clear of a target's units.
#[derive(Default)]
struct Counted {
    /// Units that certainly are asked.
    certain: BTreeSet<String>,
    /// Units that perhaps are.
    possible: BTreeSet<String>,
    certain_packs: Packs,
    possible_packs: Packs,
    /// Units that cannot be asked about.
    holes: u64,
    /// Whether a unit is sure to fail for which the phase stops.
    stops: bool,
}

impl Counted {
    /// Makes everything that is certain possible.
    fn weaken(&mut self) {
        let certain = std::mem::take(&mut self.certain);
        self.possible.extend(certain);
        let packs = std::mem::take(&mut self.certain_packs);
        self.possible_packs.merge(&packs);
    }
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
        fill(plan, work, self.attempts(work), total, is_bounded, &counted);
        self.conclude(standing, phase, work, job, counted, total).await
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
        let mut packs = Packs::default();
        let (total, most) = if work.units.split == Split::Whole {
            packs.add_unit(work, &UnitId::new(ALL), None);
            (Some(1), Some(1))
        } else if let Some(listed) = listed {
            let group = work.pack_within.is_none().then_some(0);
            listed.ids.iter().for_each(|id| packs.add_unit(work, &UnitId::new(id), group));
            (listed.total, Some(listed.ids.len() as u64))
        } else {
            (None, None)
        };
        (plan.units, plan.run) = (total, Range { min: 0, max: most });
        plan.reuse = Range { min: 0, max: most };
        plan.calls = Range { min: 0, max: most.map(|_| packs.most(work, false)) };
        plan.retries = None;
        // What was made before of units that are not there any more would have to be listed as well.
        let touched = listed
            .filter(|_| is_keyed_by_unit(work) && self.history.latest(target).is_none())
            .map(|listed| Touched { ids: listed.ids.clone(), total: total.filter(|_| work.output.aligned) });
        self.settle(target, Freshness::Stale, Outlook::Unknown { touched });
        Ok(())
    }

    /// Follows the units whose requests are known through the ledger.
    async fn count_asks(
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
        if counted.stops {
            self.settle(target, Freshness::Failed, Outlook::Known);
            return Ok(());
        }
        let keyed = is_keyed_by_unit(work) && phase.gather.is_empty();
        let differing = if keyed { self.differing(standing, &job).await? } else { None };
        if counted.certain.is_empty() && counted.possible.is_empty() {
            let outcomes = job.take_outcomes();
            let Prepared { pages, pieces, before, context_artifacts, .. } = *job.prepared;
            let store = &*self.ports.store;
            store.commit(Batch { pages, ..Batch::default() }).await?;
            let publication = Publication { store, work, pieces: &pieces, outcomes, before };
            if let Some(published) = publication.publish().await? {
                let mut record = self.imagined(target, &standing.now, published.artifact, &context_artifacts);
                (record.units, record.local) = (Some(published.units), published.local);
                (record.missing, record.own_failures) = (published.missing, published.own_failures);
                let word = if record.is_partial() { Freshness::Partial } else { Freshness::Fresh };
                self.history.apply(HistoryEntry::Revision(Box::new(record)));
                self.settle(target, word, Outlook::Known);
                return Ok(());
            }
        }
        let touched = differing.map(|mut ids| {
            ids.extend(counted.certain);
            ids.extend(counted.possible);
            Touched { ids, total: total.filter(|_| work.output.aligned && work.units.split == Split::Record) }
        });
        self.settle(target, Freshness::Stale, Outlook::Unknown { touched });
        Ok(())
    }

    /// Returns the ids of known units whose records may differ from those of the latest revision, and of those that
    /// are gone; `None` where that cannot be told.
    async fn differing(
        &self,
        standing: &Standing,
        job: &Job,
    ) -> Result<Option<BTreeSet<String>>, EngineError> {
        let made = || job.prepared.units.iter().map(|unit| unit.id.as_str());
        let Some(prior) = self.history.prior(&standing.target) else {
            return Ok(Some(made().map(ToOwned::to_owned).collect()));
        };
        let Some(table) = prior.units.filter(|_| makes_the_same(&prior, standing)) else { return Ok(None) };
        let rows = rows_made(&*self.ports.store, job, table).await?;
        let present: BTreeSet<&str> = made().collect();
        let gone = rows.keys().filter(|id| !present.contains(id.as_str())).cloned();
        let mut ids: BTreeSet<String> = gone.collect();
        for (id, state) in made().zip(&job.units) {
            if !rows.get(id).is_some_and(|row| is_as_it_was(row, state)) {
                ids.insert(id.to_owned());
            }
        }
        Ok(Some(ids))
    }
}

/// Whether the same replies make the same records as they did.
fn makes_the_same(prior: &Prior, standing: &Standing) -> bool {
    let parts = |definition: &BTreeMap<String, Digest>| -> Vec<(String, Digest)> {
        let own = definition.iter().filter(|(name, _)| !name.starts_with("agent."));
        own.map(|(name, digest)| (name.clone(), *digest)).collect()
    };
    parts(&prior.lineage.definition) == parts(&standing.now.definition)
}

/// Reads the rows of the revision before that are not kept.
async fn rows_made(
    store: &dyn Store,
    job: &Job,
    table: Digest,
) -> Result<BTreeMap<String, UnitRow>, EngineError> {
    let mut rows = Sequence::open(store, table).await?;
    let kept: Vec<&std::ops::Range<u64>> = job.prepared.pieces.iter().filter_map(Piece::kept).collect();
    let mut places = Vec::new();
    let mut next = 0;
    for range in kept {
        places.extend(next..range.start);
        next = range.end;
    }
    places.extend(next..rows.count());
    rows.load_positions(store, &places).await?;
    let row = |at: &u64| {
        let entry = rows.entry(*at)?;
        Some((entry.id.to_owned(), UnitRow::decode(&entry)?))
    };
    Ok(places.iter().filter_map(row).collect())
}

/// Whether a unit has the replies that it had.
fn is_as_it_was(row: &UnitRow, state: &UnitState) -> bool {
    let is_over = matches!(state.progress, UnitProgress::Done | UnitProgress::Hole);
    is_over && row.failure.is_none() && state.asks.iter().map(|ask| &ask.row).eq(&row.asks)
}

/// Whether a phase reads a target through `gather`, so that the ids it sees carry the scope.
fn is_gathered(phase: &Phase, before: &Target) -> bool {
    before.scope.iter().any(|(dimension, _)| phase.gather.contains(dimension))
}

/// Finds the units that could see a pending reply.
fn mark_possible(
    job: &Job,
    work: &AskWork,
    pending_views: &[(&Select, &Outlook)],
    source_pending: &[&Outlook],
    counted: &mut Counted,
) {
    for (unit, state) in job.prepared.units.iter().zip(&job.units) {
        let own = source_pending.iter().any(|outlook| touches_source(outlook, unit));
        let sees =
            || pending_views.iter().any(|(select, outlook)| touches_context(job, outlook, select, unit));
        if own || sees() {
            counted.possible.insert(unit.id.as_str().to_owned());
            // A record that comes out different may fall into another group.
            let group = (!own || work.pack_within.is_none()).then_some(state.group);
            counted.possible_packs.add_unit(work, &unit.id, group);
        }
    }
}

/// Whether every record that a unit can bring has the unit's own id as its key; see [`Rules`].
fn is_keyed_by_unit(work: &AskWork) -> bool {
    Rules::of(work, None).keys_are_units()
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
                    counted.stops |= failed && work.on_unit_failure == OnUnitFailure::Stop;
                    counted.holes += u64::from(failed);
                    job.units[unit].progress = progress;
                }
            }
            continue;
        }
        count_missing(job, unit, &missing, counted, asked);
        // What a later stage asks hangs on the reply to this one.
        let group = Some(job.units[unit].group);
        let later =
            (stage + 1..).map(|stage| job.stage(work, unit, stage)).take_while(|asks| !asks.is_empty());
        later.flatten().for_each(|(member, _)| counted.possible_packs.add(member, group, 1));
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
fn new_total(
    prepared: &Prepared,
    work: &AskWork,
    source_pending: &[&Outlook],
    counted: &mut Counted,
) -> Option<u64> {
    match source_pending {
        _ if work.units.split == Split::Whole => Some(1),
        [] => Some(prepared.n_units()),
        [Outlook::Unknown { touched: Some(touched) }] => {
            let known: BTreeSet<&str> = prepared.units.iter().map(|unit| unit.id.as_str()).collect();
            let group = work.pack_within.is_none().then_some(0);
            for id in touched.ids.iter().filter(|id| !known.contains(id.as_str())) {
                counted.possible.insert(id.clone());
                counted.possible_packs.add_unit(work, &UnitId::new(id), group);
            }
            touched.total
        }
        _ => None,
    }
}

fn fill(
    plan: &mut PhasePlan,
    work: &AskWork,
    attempts: u64,
    total: Option<u64>,
    is_bounded: bool,
    counted: &Counted,
) {
    let (certain, possible) = (counted.certain.len() as u64, counted.possible.len() as u64);
    plan.units = total;
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
