//! A target's units as they were beside those that a run would ask about.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::name::UnitId;
use refrain_schemas::phase_spec::Fan;
use refrain_schemas::why::{AskState, PartChange, UnitChange, UnitWhy, WhyReport};

use crate::edits::Editing;
use crate::engine::EngineError;
use crate::history::Prior;
use crate::model::{AskWork, ContextSource, Phase};
use crate::plan::{Ahead, Outlook};
use crate::ports::store::{Store, StoreError};
use crate::prepare::{Preparation, PrepareError, Prepared, prepare, prepare_one};
use crate::request::{UnitRequest, View};
use crate::run::job::Job;
use crate::survey::Standing;
use crate::tree::search::find;
use crate::tree::sequence::Sequence;
use crate::unit_table::UnitRow;
use crate::units::Unit;

use super::changes::{definition_changes, hangs, part_change, shared_changes, unit_changes};
use super::past::{PastFiles, past};
use super::refused::{is_of_rules, refused};
use super::untouched::untouched;

/// A target's units as they were and as they would be.
pub(super) struct Comparison {
    /// As they were; `None` where there was no revision or the store no longer has what it was made from.
    old: Option<Prepared>,
    /// As they would be; `None` where that hangs on replies that are not there yet.
    pub(super) new: Option<Prepared>,
    /// Parts that all units share and that differ.
    shared: Vec<PartChange>,
    /// Context entries that hang on replies that are not there yet.
    pending: Vec<(String, Outlook)>,
    standing: Standing,
    prior: Option<Prior>,
}

/// Compares the units of a target, or the one that is asked about, as they were and as they would be.
///
/// # Errors
/// Fails where the store or a file does.
pub(super) async fn compare(
    ahead: &Ahead,
    phase: &Phase,
    work: &AskWork,
    standing: &Standing,
    unit: Option<&str>,
) -> Result<Comparison, EngineError> {
    let prior = ahead.history.prior(&standing.target);
    let store = &*ahead.ports.store;
    let preparation = |now, files| Preparation {
        model: &ahead.model,
        store,
        files,
        prior: None,
        phase,
        work,
        scope: &standing.target.scope,
        now,
        whole: true,
    };
    let is_there = standing.verdict.missing.is_empty();
    let new = if is_there {
        known(ready(preparation(&standing.now, &*ahead.ports.files), unit).await)?
    } else {
        None
    };
    // What a turn was about is not kept, but for its digest.
    let of_turns = |(name, _): &(&String, &Digest)| name.starts_with("loop.");
    let is_of_now = |prior: &Prior| {
        let (was, is) = (&prior.lineage.definition, &standing.now.definition);
        was.iter().filter(of_turns).eq(is.iter().filter(of_turns))
    };
    let old = match &prior {
        Some(prior) if !is_of_now(prior) => None,
        Some(prior) => {
            let files = PastFiles::new(ahead.ports.store.clone(), prior.lineage.clone());
            known(ready(preparation(&past(&standing.now, &prior.lineage), &files), unit).await)?
        }
        None => None,
    };
    let mut shared = definition_changes(standing, prior.as_ref());
    if let (Some(old), Some(new)) = (&old, &new) {
        shared.extend(shared_changes(&old.requests, &new.requests));
    }
    let pending = ahead.pending(&standing.now);
    let pending = work.context.iter().filter_map(|context| match &context.source {
        ContextSource::Phase(name) => {
            let outlook = pending.iter().find(|(before, _)| before.phase == *name)?.1;
            Some((context.name.clone(), outlook.clone()))
        }
        ContextSource::File(_) => None,
    });
    Ok(Comparison { old, new, shared, pending: pending.collect(), standing: standing.clone(), prior })
}

/// Gets the units of a target ready, or the one that is asked about, where it can be seen alone.
async fn ready(preparation: Preparation<'_>, unit: Option<&str>) -> Result<Prepared, PrepareError> {
    if let Some(unit) = unit
        && let Some(prepared) = prepare_one(preparation, unit).await?
    {
        return Ok(prepared);
    }
    prepare(preparation).await
}

/// What the store no longer has, or the data do not allow, is not known; that is an answer too.
fn known(prepared: Result<Prepared, PrepareError>) -> Result<Option<Prepared>, EngineError> {
    match prepared {
        Ok(prepared) => Ok(Some(prepared)),
        Err(PrepareError::Data(_) | PrepareError::Engine(EngineError::Store(StoreError::Missing { .. }))) => {
            Ok(None)
        }
        Err(PrepareError::Engine(error)) => Err(error),
    }
}

impl Comparison {
    /// Says in a report which units differ, and in what.
    pub(super) async fn fill(
        &self,
        ahead: &Ahead,
        phase: &Phase,
        work: &AskWork,
        unit: Option<&str>,
        limit: usize,
        report: &mut WhyReport,
    ) -> Result<(), EngineError> {
        let old = requests_by_id(self.old.as_ref());
        let new = requests_by_id(self.new.as_ref());
        let (rows, were_locked) = self.rows(ahead, unit).await?;
        let same = self.untouched(ahead, work, &rows).await?;
        let refused = self.refused(ahead, phase, work, &rows).await?;
        let order = new.order.iter().chain(old.order.iter().filter(|id| !new.by_id.contains_key(*id)));
        let mut n_units = 0;
        // Units that surely differ come before those that may come out the same after all.
        let (mut sure, mut hanging) = (Vec::new(), Vec::new());
        for id in order {
            let named = unit.is_none_or(|unit| unit == id);
            if !named {
                continue;
            }
            let row = rows.get(id);
            let (mut change, mut parts) = self.judge(id, &old, &new, row);
            if same.contains(id) && !parts.iter().any(hangs) {
                (change, parts) = (UnitChange::Same, Vec::new());
            }
            if change == UnitChange::Same && refused.contains_key(id) {
                change = UnitChange::Refused;
            }
            let lock = self.new.as_ref().and_then(|new| new.editing.locked(id));
            if lock.is_none() && were_locked.contains(id) && change != UnitChange::Removed {
                // What stands for it was never an answer to what would be asked.
                change = UnitChange::Changed;
                parts.push(part_change("lock", None, None, Some(Json::string("locked")), None));
            }
            // Whatever it would see: nobody is asked about it.
            let is_unasked = lock.is_some() && change != UnitChange::Removed;
            if unit.is_none() && (change == UnitChange::Same || is_unasked) {
                continue;
            }
            n_units += 1;
            let rank = if !parts.is_empty() && parts.iter().all(hangs) { &mut hanging } else { &mut sure };
            if rank.len() < limit {
                let failure = row.and_then(|row| row.failure.clone());
                let unit = UnitId::new(id);
                let locked_by = lock.map(|lock| lock.by.clone());
                rank.push(UnitWhy { unit, change, parts, asks: Vec::new(), failure, locked_by });
            }
        }
        report.units = sure.into_iter().chain(hanging).take(limit).collect();
        if let (Some(unit), 0) = (unit, n_units) {
            return Err(EngineError::NoUnit {
                target: self.standing.target.to_string(),
                unit: unit.to_owned(),
            });
        }
        report.n_units = self.new.is_some().then_some(n_units);
        self.add_asks(ahead, phase, work, &new, &mut report.units).await
    }

    fn judge(
        &self,
        id: &str,
        old: &ById,
        new: &ById,
        row: Option<&UnitRow>,
    ) -> (UnitChange, Vec<PartChange>) {
        let place = new.places.get(id).copied();
        let (old, new) = (old.get(id), new.get(id));
        let (Some(old), Some(new)) = (old, new) else {
            let parts = unit_changes(old, new);
            let is_lost = self.old.is_none() || self.new.is_none();
            let change = match (old, new) {
                _ if is_lost && self.prior.is_some() => UnitChange::Changed,
                (None, _) => UnitChange::Added,
                (_, None) => UnitChange::Removed,
                _ => UnitChange::Changed,
            };
            return (change, parts);
        };
        let mut parts = self.shared.clone();
        parts.extend(unit_changes(Some(old), Some(new)));
        for (name, outlook) in &self.pending {
            let part = format!("context.{name}");
            if self.sees_pending(place, name, outlook) && !parts.iter().any(|change| change.part == part) {
                parts.push(part_change(&part, None, None, None, None));
            }
        }
        let failed = row.is_some_and(|row| row.failure.is_some());
        let verdict = match (parts.is_empty(), failed) {
            (true, true) => UnitChange::Hole,
            (true, false) => UnitChange::Same,
            (false, _) => UnitChange::Changed,
        };
        (verdict, parts)
    }

    /// Whether a unit sees a record of a context entry that may still come out different.
    fn sees_pending(&self, place: Option<usize>, name: &str, outlook: &Outlook) -> bool {
        let Some(new) = &self.new else { return true };
        let unit = place.and_then(|place| new.units.get(place));
        let view =
            new.requests.contexts.iter().find(|context| &*context.name == name).map(|context| &context.view);
        match (unit, view) {
            (Some(unit), Some(View::Joined { field, unique: true, .. })) => {
                new.requests.value(unit, field).is_some_and(|value| outlook.touches(&value))
            }
            _ => true,
        }
    }

    /// Returns the ids of units that models are asked the same about as before.
    async fn untouched(
        &self,
        ahead: &Ahead,
        work: &AskWork,
        rows: &BTreeMap<String, UnitRow>,
    ) -> Result<BTreeSet<String>, EngineError> {
        let Some(new) = self.new.as_ref().filter(|_| work.pool.iter().any(|member| member.prompt.is_some()))
        else {
            return Ok(BTreeSet::new());
        };
        let job = self.job(ahead, work, new, new.units.clone());
        Ok(untouched(&*ahead.ports.store, work, &job, rows).await?)
    }

    pub(super) fn job(&self, ahead: &Ahead, work: &AskWork, new: &Prepared, units: Vec<Unit>) -> Job {
        let prepared = Prepared {
            editing: Editing::default(),
            requests: new.requests.clone(),
            pieces: Vec::new(),
            units,
            before: None,
            context_files: BTreeMap::new(),
            context_artifacts: BTreeMap::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            goto_sees: Vec::new(),
            pages: Vec::new(),
        };
        Job::new(&ahead.model, work, Box::new(self.standing.clone()), Box::new(prepared))
    }

    /// Returns how the units of the revision before were made, or the one that is asked about, and which were locked.
    async fn rows(
        &self,
        ahead: &Ahead,
        unit: Option<&str>,
    ) -> Result<(BTreeMap<String, UnitRow>, BTreeSet<String>), EngineError> {
        let Some(units) = self.prior.as_ref().and_then(|prior| prior.units) else {
            return Ok(Default::default());
        };
        let table = match table(&*ahead.ports.store, units, unit).await {
            Ok(table) => table,
            Err(StoreError::Missing { .. }) => return Ok(Default::default()),
            Err(error) => return Err(error.into()),
        };
        let (mut rows, mut locked) = (BTreeMap::new(), BTreeSet::new());
        for (_, entry) in table.iter().filter(|(_, entry)| unit.is_none_or(|unit| unit == entry.id)) {
            let Some(row) = UnitRow::decode(&entry) else { continue };
            if row.is_locked() && !entry.hole {
                locked.insert(entry.id.to_owned());
            }
            rows.insert(entry.id.to_owned(), row);
        }
        Ok((rows, locked))
    }

    /// Adds the asks of the units that are shown, and whether the ledger has their replies.
    async fn add_asks(
        &self,
        ahead: &Ahead,
        phase: &Phase,
        work: &AskWork,
        by_id: &ById,
        units: &mut [UnitWhy],
    ) -> Result<(), EngineError> {
        let Some(new) = &self.new else { return Ok(()) };
        let store = &*ahead.ports.store;
        for why in units.iter_mut().filter(|why| why.locked_by.is_none()) {
            let Some(place) = by_id.places.get(why.unit.as_str()).copied() else { continue };
            let hangs = why.parts.iter().any(hangs);
            let mut job = self.job(ahead, work, new, vec![new.units[place].clone()]);
            for (member, sample) in known_asks(&job, work) {
                let Some((ask, first)) = job.add_ask(0, member, sample, None) else { continue };
                let agent = work.pool[member as usize].agent.clone();
                let (mut key, mut recorded, mut refused) = (first, false, None);
                while !hangs && !recorded {
                    let Some(reply) = store.replies(&[key]).await?.into_iter().flatten().next() else {
                        break;
                    };
                    match job.accept(phase, work, 0, ask, &reply) {
                        Ok(_) => recorded = true,
                        // As a run does: it is asked again under a key of its own.
                        Err(failure) => {
                            refused.get_or_insert(failure.message);
                            key = job.redo(0, ask);
                        }
                    }
                }
                let key = (!hangs).then_some(first);
                why.asks.push(AskState { agent, sample, key, recorded, refused });
            }
        }
        Ok(())
    }

    /// Returns why replies of units are refused, where that may have changed.
    async fn refused(
        &self,
        ahead: &Ahead,
        phase: &Phase,
        work: &AskWork,
        rows: &BTreeMap<String, UnitRow>,
    ) -> Result<BTreeMap<String, String>, EngineError> {
        let now = &self.standing.now.definition;
        let was = self.prior.as_ref().map(|prior| &prior.lineage.definition);
        let differs = |was: &BTreeMap<String, Digest>| {
            let mut names = was.keys().chain(now.keys()).filter(|part| is_of_rules(part));
            names.any(|part| was.get(part) != now.get(part))
        };
        let (Some(new), true) = (&self.new, was.is_some_and(differs)) else { return Ok(BTreeMap::new()) };
        let job = self.job(ahead, work, new, new.units.clone());
        Ok(refused(&*ahead.ports.store, phase, work, job, rows).await?)
    }
}

/// Opens a unit table: all of it, or where the unit is that is asked about.
async fn table(store: &dyn Store, units: Digest, unit: Option<&str>) -> Result<Sequence, StoreError> {
    let Some(unit) = unit else { return Sequence::open_whole(store, units).await };
    let mut table = Sequence::open(store, units).await?;
    if let Some(place) = find(store, &mut table, unit).await? {
        table.load_positions(store, &[place]).await?;
    }
    Ok(table)
}

/// Returns the agents and samples that the one unit of a job can ask, as far as their requests are known: all rungs of a
/// cascade, and the first link of a chain.
pub(super) fn known_asks(job: &Job, work: &AskWork) -> Vec<(u32, u32)> {
    let stages = if work.fan == Fan::Cascade { work.pool.len() } else { 1 };
    (0..stages).flat_map(|stage| job.stage(work, 0, stage)).collect()
}

/// The requests of units by id, and the order and places of the units.
struct ById {
    order: Vec<String>,
    by_id: BTreeMap<String, UnitRequest>,
    places: BTreeMap<String, usize>,
}

impl ById {
    fn get(&self, id: &str) -> Option<&UnitRequest> {
        self.by_id.get(id)
    }
}

fn requests_by_id(prepared: Option<&Prepared>) -> ById {
    let mut out = ById { order: Vec::new(), by_id: BTreeMap::new(), places: BTreeMap::new() };
    for unit in prepared.into_iter().flat_map(|prepared| &prepared.units) {
        let Some(prepared) = prepared else { break };
        let id = unit.id.as_str().to_owned();
        out.by_id.insert(id.clone(), prepared.requests.request(unit));
        out.places.insert(id.clone(), out.order.len());
        out.order.push(id);
    }
    out
}
