//! What is known of a target's artifact once its asks are counted.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;

use crate::edits::{Editing, editable_key, lay};
use crate::engine::EngineError;
use crate::history::Prior;
use crate::model::{AskWork, Phase, Split};
use crate::ports::store::{Batch, Store};
use crate::prepare::{Piece, Prepared};
use crate::publish::Publication;
use crate::run::job::Job;
use crate::run::unit_state::{UnitProgress, UnitState};
use crate::survey::Standing;
use crate::tree::sequence::Sequence;
use crate::unit_table::UnitRow;

use super::Ahead;
use super::asks::is_keyed_by_unit;
use super::counted::Counted;
use super::outlook::{Outlook, Touched};

impl Ahead {
    /// Says what is known of the artifact: all of it where nothing is missing, else which records may differ.
    pub(super) async fn conclude(
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
            self.settle_failed(target, &phase.course);
            return Ok(());
        }
        let keyed = is_keyed_by_unit(work) && phase.gather.is_empty();
        let differing = if keyed { self.differing(standing, &job).await? } else { None };
        if counted.certain.is_empty() && counted.possible.is_empty() {
            let outcomes = job.take_outcomes();
            let Prepared { pages, pieces, before, context_artifacts, editing, .. } = *job.prepared;
            let store = &*self.ports.store;
            store.commit(Batch { pages, ..Batch::default() }).await?;
            let publication = Publication {
                store,
                work,
                pieces: &pieces,
                outcomes,
                before,
                editing: &editing,
                begun: None,
            };
            if let Some(published) = publication.publish().await? {
                let mut record = self.imagined(target, &standing.now, published.artifact, &context_artifacts);
                (record.units, record.local) = (Some(published.units), published.local);
                (record.missing, record.own_failures) = (published.missing, published.own_failures);
                record.edits = published.edits;
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
        let editing = &job.prepared.editing;
        let present: BTreeSet<&str> = made().collect();
        let gone = rows.keys().filter(|id| !present.contains(id.as_str())).cloned();
        let mut ids: BTreeSet<String> = gone.collect();
        for (id, (_, state)) in made().zip(job.units.iter()) {
            let is_locked = editing.locked(id).is_some();
            if !is_locked && !rows.get(id).is_some_and(|row| is_as_it_was(row, state)) {
                ids.insert(id.to_owned());
            }
        }
        if let Some(key) = self.model.phase(standing.target.phase.as_str()).and_then(editable_key) {
            ids.extend(edited_otherwise(&*self.ports.store, &prior, editing, key).await?);
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

/// Returns the ids of records that people's edits make something else of than they did in the revision before, where
/// machines say the same.
async fn edited_otherwise(
    store: &dyn Store,
    prior: &Prior,
    editing: &Editing,
    key: &str,
) -> Result<BTreeSet<String>, EngineError> {
    let mut ids = editing.keys();
    if ids.is_empty() && prior.lineage.edits.is_none() {
        return Ok(ids);
    }
    let laid = prior.record.edits.as_ref().map_or(&prior.record.artifact, |laid| &laid.machine);
    let machine = Sequence::open_whole(store, laid.digest).await?;
    let finished = Sequence::open_whole(store, prior.record.artifact.digest).await?;
    let were_edited = machine.iter().zip(finished.iter()).filter(|(was, is)| was.1.body != is.1.body);
    ids.extend(were_edited.map(|((_, entry), _)| entry.id.to_owned()));
    let record = |sequence: &Sequence| -> BTreeMap<String, Json> {
        let there = sequence.iter().filter(|(_, entry)| !entry.hole && ids.contains(entry.id));
        there.map(|(_, entry)| (entry.id.to_owned(), Json::from_canonical(entry.text()))).collect()
    };
    let (mut machine, finished) = (record(&machine), record(&finished));
    let placed = editing.placed();
    let mut becomes = |id: &str| {
        let machine = machine.remove(id);
        let machine = editing.locked(id).map(|lock| lock.record.clone()).or(machine)?;
        Some(placed.get(id).map_or_else(|| machine.clone(), |edit| lay(&machine, edit, key).record))
    };
    Ok(ids.iter().filter(|id| becomes(id).as_ref() != finished.get(*id)).cloned().collect())
}

/// Whether a unit has the replies that it had.
fn is_as_it_was(row: &UnitRow, state: &UnitState) -> bool {
    let is_over = matches!(state.progress, UnitProgress::Done | UnitProgress::Hole);
    is_over && row.failure.is_none() && state.asks.iter().map(|ask| &ask.row).eq(&row.asks)
}
