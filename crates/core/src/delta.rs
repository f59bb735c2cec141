//! What is as it was: units of the revision before that need not be looked at again.
//!
//! A unit may be kept only if nothing that its request is made from can have changed. Whoever is in doubt here looks
//! at the unit: keeping is a short cut whose absence costs time and whose misuse would cost truth.

mod groups;
mod locks;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use refrain_schemas::artifact::{ArtifactKind, ArtifactRef};
use refrain_schemas::digest::Digest;
use refrain_schemas::history::{Lineage, RevisionRecord};
use refrain_schemas::json::{field, scalar_text};

use crate::edits::Editing;
use crate::model::{Context, ContextSource, OutputShape, Select, Split};
use crate::ports::store::{Store, StoreError};
use crate::prepare::{
    Before, LoadedFiles, Piece, Preparation, PrepareError, artifacts_of, chosen_source, is_gathered,
};
use crate::terms::{Finder, Term};
use crate::tree::diff::{Stretch, stretches};
use crate::tree::page::Entry;
use crate::tree::sequence::Sequence;
use crate::units::Unit;

/// What can be kept of the revision before.
#[derive(Debug)]
pub struct Kept {
    /// The source, with the leaves that were compared read.
    pub source: Sequence,
    /// The units in order.
    pub pieces: Vec<Piece>,
    /// The units to be made.
    pub made: Made,
    /// The places of records that those units see.
    pub read: Vec<u64>,
    /// The tables of the revision before.
    pub before: Before,
}

/// Units to be made, in order.
#[derive(Debug)]
pub enum Made {
    /// One of each record at these places.
    Records(Vec<u64>),
    /// These groups, whose records have been read.
    Groups(Vec<Unit>),
}

/// Says what can be kept; `None` where every unit is to be looked at.
///
/// # Errors
/// Fails where the store does.
pub async fn kept(
    preparation: &Preparation<'_>,
    loaded: &LoadedFiles,
    editing: &Editing,
) -> Result<Option<Kept>, PrepareError> {
    let Some(basis) = Basis::of(preparation) else { return Ok(None) };
    if let Split::By(by) = &preparation.work.units.split {
        return groups::kept(preparation, &basis, loaded, editing, by).await;
    }
    let store = preparation.store;
    let mut tables = basis.tables(store).await?;
    let mut old = Sequence::open(store, basis.old_source.digest).await?;
    let mut new = Sequence::open(store, basis.new_source.digest).await?;
    let mut map = Map::compare(store, &mut old, &mut new).await?;
    for context in &preparation.work.context {
        let change = context_change(preparation, basis.lineage, context, loaded).await?;
        match change {
            Change::None => {}
            Change::All => return Ok(None),
            Change::Values(name, values) => map.drop_values(store, &mut new, &name, &values).await?,
            Change::Terms(sought) => map.drop_texts(store, &mut new, &sought).await?,
        }
    }
    for context in &preparation.work.context {
        if let Select::Window { n, within } = &context.select {
            map.drop_windows(store, &mut old, &mut new, *n, within.as_deref()).await?;
        }
    }
    if basis.record.is_partial() {
        map.drop_holes(&tables.units);
    }
    if basis.lineage.edits.is_some() {
        map.drop_unlocked(store, &mut tables.units).await?;
    }
    if editing.locks_any() {
        map.drop_locked(store, &mut new, editing).await?;
    }
    let n = widest_window(&preparation.work.context);
    Ok(Some(map.finish(new, tables, n)))
}

/// A revision whose units may be kept, and what it was made from.
struct Basis<'a> {
    record: &'a RevisionRecord,
    lineage: &'a Lineage,
    units: Digest,
    old_source: &'a ArtifactRef,
    new_source: &'a ArtifactRef,
}

impl<'a> Basis<'a> {
    fn of(preparation: &Preparation<'a>) -> Option<Self> {
        let prior = preparation.prior?;
        let (record, lineage) = (&prior.record, &prior.lineage);
        let work = preparation.work;
        // Conflicts are told of a whole revision; those of units that are kept would be lost.
        let simple = record.local
            && record.n_conflicts == 0
            && matches!(work.units.split, Split::Record | Split::By(_))
            && matches!(work.output.shape, OutputShape::Records { .. });
        let same = lineage.definition == preparation.now.definition
            && lineage.generation == preparation.now.generation;
        let phase = chosen_source(preparation.now, &work.units.of)?;
        let was_chosen =
            work.units.of.iter().find(|name| {
                lineage.upstream.values().flatten().any(|upstream| upstream.target.phase == **name)
            });
        let same = same && was_chosen == Some(phase);
        let [(upstream, new_source)] = artifacts_of(preparation.now, phase)[..] else { return None };
        let old_source = &lineage.upstream.get(&upstream.target.to_string())?.as_ref()?.artifact;
        let records = new_source.kind == ArtifactKind::Records && old_source.kind == ArtifactKind::Records;
        let fits = simple && same && records && !is_gathered(preparation, upstream);
        let units = prior.units?;
        fits.then_some(Self { record, lineage, units, old_source, new_source })
    }

    async fn tables(&self, store: &dyn Store) -> Result<Before, StoreError> {
        let machine = self.record.edits.as_ref().map_or(&self.record.artifact, |edits| &edits.machine);
        let mut tables = Before {
            units: Sequence::open(store, self.units).await?,
            artifact: Sequence::open(store, machine.digest).await?,
        };
        if self.record.is_partial() {
            let n = tables.units.n_leaves();
            tables.units.load(store, 0..n).await?;
        }
        Ok(tables)
    }
}

/// Where each record of the new source was in the old one; strictly rising where known.
struct Map {
    places: Vec<Option<u64>>,
    /// Places of old records that are not in the new source as they were.
    gone: Vec<u64>,
}

impl Map {
    async fn compare(store: &dyn Store, old: &mut Sequence, new: &mut Sequence) -> Result<Self, StoreError> {
        let mut map = Self { places: Vec::new(), gone: Vec::new() };
        for stretch in stretches(old, new) {
            match stretch {
                Stretch::Same { old: a, .. } => map.places.extend(positions(old, &a).map(Some)),
                Stretch::Changed { old: a, new: b } => {
                    old.load(store, a.clone()).await?;
                    new.load(store, b.clone()).await?;
                    map.compare_entries(old, new, positions(old, &a), positions(new, &b));
                }
            }
        }
        Ok(map)
    }

    fn compare_entries(&mut self, old: &Sequence, new: &Sequence, old_at: Range<u64>, new_at: Range<u64>) {
        let was: HashMap<&str, (u64, Entry<'_>)> =
            old_at.clone().filter_map(|at| old.entry(at).map(|entry| (entry.id, (at, entry)))).collect();
        let mut next = old_at.start;
        let mut found = BTreeSet::new();
        for at in new_at {
            let same = new.entry(at).and_then(|entry| {
                let (place, before) = was.get(entry.id)?;
                (*place >= next && *before == entry).then_some(*place)
            });
            if let Some(place) = same {
                next = place + 1;
                found.insert(place);
            }
            self.places.push(same);
        }
        self.gone.extend(old_at.filter(|at| !found.contains(at)));
    }

    /// Forgets the units whose value of a field is among some.
    async fn drop_values(
        &mut self,
        store: &dyn Store,
        new: &mut Sequence,
        name: &str,
        values: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        new.load(store, 0..new.n_leaves()).await?;
        for (at, entry) in new.iter() {
            if field(entry.text(), name)
                .and_then(scalar_text)
                .is_some_and(|value| values.contains(value.as_ref()))
            {
                self.forget(at);
            }
        }
        Ok(())
    }

    /// Forgets the units in whose texts one of some terms occurs.
    async fn drop_texts(
        &mut self,
        store: &dyn Store,
        new: &mut Sequence,
        sought: &Sought,
    ) -> Result<(), PrepareError> {
        let terms: Vec<Term> = sought.terms.iter().cloned().collect();
        let finder =
            Finder::new(&terms, sought.words).map_err(|error| PrepareError::Data(error.to_string()))?;
        new.load(store, 0..new.n_leaves()).await?;
        for (at, entry) in new.iter() {
            let mut texts = sought.fields.iter().filter_map(|name| scalar_text(field(entry.text(), name)?));
            if texts.any(|text| finder.finds(&text)) {
                self.forget(at);
            }
        }
        Ok(())
    }

    /// Forgets the units that see a neighbour which is not the one they saw.
    async fn drop_windows(
        &mut self,
        store: &dyn Store,
        old: &mut Sequence,
        new: &mut Sequence,
        n: usize,
        within: Option<&str>,
    ) -> Result<(), StoreError> {
        if let Some(name) = within {
            let values = self.changed_values(store, old, new, name).await?;
            return self.drop_values(store, new, name, &values).await;
        }
        let (n, old_count, count) = (n as u64, old.count(), new.count());
        let before = self.places.clone();
        for (at, place) in (0_u64..).zip(&before) {
            let Some(place) = *place else { continue };
            let same_after = (1..=n).all(|d| {
                let (new_is, old_is) = (at + d < count, place + d < old_count);
                new_is == old_is && (!new_is || before[as_index(at + d)] == Some(place + d))
            });
            let same_before = (1..=n).all(|d| match (at.checked_sub(d), place.checked_sub(d)) {
                (Some(new_at), Some(old_at)) => before[as_index(new_at)] == Some(old_at),
                (new_at, old_at) => new_at.is_none() && old_at.is_none(),
            });
            if !(same_after && same_before) {
                self.forget(at);
            }
        }
        Ok(())
    }

    /// Returns the values of a field in all records that are new, changed or gone.
    async fn changed_values(
        &self,
        store: &dyn Store,
        old: &mut Sequence,
        new: &mut Sequence,
        name: &str,
    ) -> Result<BTreeSet<String>, StoreError> {
        let dirty: Vec<u64> =
            (0_u64..).zip(&self.places).filter(|(_, place)| place.is_none()).map(|(at, _)| at).collect();
        old.load_positions(store, &self.gone).await?;
        new.load_positions(store, &dirty).await?;
        let gone = self.gone.iter().filter_map(|at| old.entry(*at));
        let came = dirty.iter().filter_map(|at| new.entry(*at));
        let values =
            gone.chain(came).filter_map(|entry| scalar_text(field(entry.text(), name)?).map(String::from));
        Ok(values.collect())
    }

    /// Forgets the units that are holes.
    fn drop_holes(&mut self, units: &Sequence) {
        for place in &mut self.places {
            if place.is_some_and(|at| units.entry(at).is_none_or(|entry| entry.hole)) {
                *place = None;
            }
        }
    }

    fn forget(&mut self, at: u64) {
        if let Some(place) = self.places.get_mut(as_index(at)) {
            *place = None;
        }
    }

    fn finish(self, source: Sequence, before: Before, window: u64) -> Kept {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut dirty = Vec::new();
        for (at, place) in (0_u64..).zip(&self.places) {
            match (place, pieces.last_mut()) {
                (Some(place), Some(Piece::Kept(range))) if range.end == *place => range.end += 1,
                (Some(place), _) => pieces.push(Piece::Kept(*place..place + 1)),
                (None, Some(Piece::Made(n))) => *n += 1,
                (None, _) => pieces.push(Piece::Made(1)),
            }
            if place.is_none() {
                dirty.push(at);
            }
        }
        let read = if window == u64::MAX && !dirty.is_empty() {
            (0..source.count()).collect()
        } else {
            let around = |at: &u64| {
                at.saturating_sub(window)..at.saturating_add(window).saturating_add(1).min(source.count())
            };
            let read: BTreeSet<u64> = dirty.iter().flat_map(around).collect();
            read.into_iter().collect()
        };
        Kept { source, pieces, made: Made::Records(dirty), read, before }
    }
}

/// Returns how far units look around; everywhere where they look within a group.
fn widest_window(contexts: &[Context]) -> u64 {
    let width = |context: &Context| match &context.select {
        Select::Window { within: Some(_), .. } => u64::MAX,
        Select::Window { n, within: None } => *n as u64,
        _ => 0,
    };
    contexts.iter().map(width).max().unwrap_or(0)
}

/// What a change of a context entry touches.
enum Change {
    None,
    /// Units whose value of a field is one of these.
    Values(String, BTreeSet<String>),
    /// Units in whose texts one of these terms occurs.
    Terms(Sought),
    All,
}

/// Terms of entries that came, went or changed, and where they are looked for.
struct Sought {
    fields: Vec<String>,
    terms: BTreeSet<Term>,
    words: bool,
}

async fn context_change(
    preparation: &Preparation<'_>,
    lineage: &Lineage,
    context: &Context,
    loaded: &LoadedFiles,
) -> Result<Change, PrepareError> {
    if matches!(context.select, Select::Window { .. }) {
        return Ok(Change::None);
    }
    let (old, new) = match &context.source {
        ContextSource::File(file) => {
            let path = file.path(preparation.scope);
            (lineage.context_files.get(path).map(|file| &file.artifact), loaded.artifact(path))
        }
        ContextSource::Phase(phase) => {
            let found = artifacts_of(preparation.now, phase);
            let now: Vec<_> =
                preparation.now.upstream.iter().filter(|upstream| upstream.target.phase == *phase).collect();
            let was = |name: String| {
                lineage.upstream.get(&name).and_then(Option::as_ref).map(|upstream| &upstream.artifact)
            };
            if let [(upstream, artifact)] = found[..]
                && !is_gathered(preparation, upstream)
            {
                (was(upstream.target.to_string()), Some(artifact))
            } else {
                let same = now.iter().all(|upstream| {
                    was(upstream.target.to_string()).map(|artifact| artifact.digest)
                        == upstream.artifact.as_ref().map(|(_, artifact)| artifact.digest)
                });
                return Ok(if same { Change::None } else { Change::All });
            }
        }
    };
    match (old, new) {
        (None, None) => Ok(Change::None),
        (Some(old), Some(new)) if old == new => Ok(Change::None),
        (Some(old), Some(new)) if old.kind == new.kind && old.kind == ArtifactKind::Records => {
            selected_change(preparation, context, old, new, loaded).await
        }
        _ => Ok(Change::All),
    }
}

async fn selected_change(
    preparation: &Preparation<'_>,
    context: &Context,
    old: &ArtifactRef,
    new: &ArtifactRef,
    loaded: &LoadedFiles,
) -> Result<Change, PrepareError> {
    let name = match &context.select {
        Select::On { field, .. } | Select::Match { field, .. } => field,
        Select::Whole | Select::Window { .. } => return Ok(Change::All),
    };
    let store = preparation.store;
    let mut old = Sequence::open(store, old.digest).await?;
    let mut new = match &context.source {
        ContextSource::File(file) => {
            loaded.sequence(file.path(preparation.scope))?.unwrap_or_else(|| old.clone())
        }
        ContextSource::Phase(_) => Sequence::open(store, new.digest).await?,
    };
    let by_key = matches!(context.select, Select::On { unique: true, .. });
    let (mut values, mut terms) = (BTreeSet::new(), BTreeSet::new());
    for stretch in stretches(&old, &new) {
        if let Stretch::Changed { old: a, new: b } = stretch {
            old.load(store, a.clone()).await?;
            new.load(store, b.clone()).await?;
            let was: BTreeSet<(&str, &str)> = entries(&old, &a);
            let is: BTreeSet<(&str, &str)> = entries(&new, &b);
            if was.len() < positions(&old, &a).count() || is.len() < positions(&new, &b).count() {
                // An entry that is there twice is seen twice, which sets do not tell.
                return Ok(Change::All);
            }
            let value = |(id, text): &(&str, &str)| {
                if by_key {
                    Some((*id).to_owned())
                } else {
                    scalar_text(field(text, name)?).map(String::from)
                }
            };
            match &context.select {
                // Both as it was and as it is: the unit saw the one or sees the other.
                Select::Match { how, .. } => {
                    let term = |(_, text): &(&str, &str)| how.term_of(text, name);
                    terms.extend(was.symmetric_difference(&is).filter_map(term));
                }
                _ => values.extend(was.symmetric_difference(&is).filter_map(value)),
            }
        }
    }
    Ok(match &context.select {
        // The order of entries is part of what a unit sees of a list.
        Select::On { unique: false, .. } | Select::Match { .. } if reordered(&old, &new) => Change::All,
        Select::Match { within, how, .. } => {
            Change::Terms(Sought { fields: within.clone(), terms, words: how.words })
        }
        _ => Change::Values(name.clone(), values),
    })
}

/// Whether entries that both sequences have stand in another order, as far as the leaves that were read tell.
fn reordered(old: &Sequence, new: &Sequence) -> bool {
    let was: HashMap<(&str, &[u8]), u64> =
        old.iter().map(|(at, entry)| ((entry.id, entry.body), at)).collect();
    let common: Vec<u64> =
        new.iter().filter_map(|(_, entry)| was.get(&(entry.id, entry.body)).copied()).collect();
    !common.is_sorted()
}

fn entries<'a>(sequence: &'a Sequence, leaves: &Range<usize>) -> BTreeSet<(&'a str, &'a str)> {
    positions(sequence, leaves)
        .filter_map(|at| sequence.entry(at))
        .map(|entry| (entry.id, entry.text()))
        .collect()
}

fn positions(sequence: &Sequence, leaves: &Range<usize>) -> Range<u64> {
    if leaves.is_empty() {
        return 0..0;
    }
    sequence.span(leaves.start).start..sequence.span(leaves.end - 1).end
}

fn as_index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
