//! Groups that need not be looked at again.
//!
//! A group is kept if none of its records changed. Which groups changed is told from the records around each change, as
//! long as the records of these groups stand next to each other: then a group is seen whole without looking through the
//! source for the rest of it. The unit table says how long such a run is, so one that is cut in two is found out.

use std::collections::BTreeSet;
use std::ops::Range;

use refrain_schemas::json::{field, scalar_text};
use refrain_schemas::name::UnitId;

use super::{Basis, Change, Kept, Made, context_change, positions};
use crate::edits::Editing;
use crate::model::Select;
use crate::ports::store::{Store, StoreError};
use crate::prepare::{Before, LoadedFiles, Piece, Preparation, PrepareError};
use crate::tree::diff::{Stretch, stretches};
use crate::tree::search::find;
use crate::tree::sequence::Sequence;
use crate::unit_table::UnitRow;
use crate::units::{Members, Unit};

/// Says which groups can be kept; `None` where all of them are to be looked at.
pub(super) async fn kept(
    preparation: &Preparation<'_>,
    basis: &Basis<'_>,
    loaded: &LoadedFiles,
    editing: &Editing,
    by: &str,
) -> Result<Option<Kept>, PrepareError> {
    if basis.record.is_partial() || basis.lineage.edits.is_some() || editing.locks_any() {
        return Ok(None);
    }
    for context in &preparation.work.context {
        let is_window = matches!(context.select, Select::Window { .. });
        let change = context_change(preparation, basis.lineage, context, loaded).await?;
        if is_window || !matches!(change, Change::None) {
            return Ok(None);
        }
    }
    let store = preparation.store;
    let old = Sequence::open(store, basis.old_source.digest).await?;
    let new = Sequence::open(store, basis.new_source.digest).await?;
    let mut sides = Sides { store, by, old, new };
    let Some(regions) = sides.regions().await? else { return Ok(None) };
    let mut before = basis.tables(store).await?;
    let Some(stretches) = sides.stretches(&regions, &mut before).await? else { return Ok(None) };
    Ok(Some(finish(sides.new, before, stretches)))
}

/// The source as it was and as it is.
struct Sides<'a> {
    store: &'a dyn Store,
    by: &'a str,
    old: Sequence,
    new: Sequence,
}

/// A part of the source that holds whole groups on both sides; what lies between two of them is the same.
#[derive(Debug, Clone)]
struct Region {
    old: Range<u64>,
    new: Range<u64>,
}

/// Records of one group that stand next to each other.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    value: String,
    at: Range<u64>,
}

/// Groups of the revision before, by their places, and what stands in their place.
struct Replaced {
    places: Range<u64>,
    runs: Vec<Run>,
}

impl Sides<'_> {
    /// Returns the parts of the source in which groups changed; `None` where that is not to be told from around the changes.
    async fn regions(&mut self) -> Result<Option<Vec<Region>>, StoreError> {
        let mut regions: Vec<Region> = Vec::new();
        for stretch in stretches(&self.old, &self.new) {
            let Stretch::Changed { old: a, new: b } = stretch else { continue };
            self.old.load(self.store, a.clone()).await?;
            self.new.load(self.store, b.clone()).await?;
            let region = Region { old: positions(&self.old, &a), new: positions(&self.new, &b) };
            if a.is_empty() || b.is_empty() {
                // Where there is nothing, nothing says where that is.
                return Ok(None);
            }
            let Some(region) = self.trimmed(region) else { continue };
            let Some(region) = self.widened(region).await? else { return Ok(None) };
            let overlaps = |last: &Region| region.old.start < last.old.end || region.new.start < last.new.end;
            if regions.last().is_some_and(overlaps) {
                return Ok(None);
            }
            regions.push(region);
        }
        Ok(Some(regions))
    }

    /// Leaves out the records at both ends that are the same; `None` where nothing is left.
    fn trimmed(&self, region: Region) -> Option<Region> {
        let Region { mut old, mut new } = region;
        while !old.is_empty() && !new.is_empty() && self.old.entry(old.start) == self.new.entry(new.start) {
            (old.start, new.start) = (old.start + 1, new.start + 1);
        }
        while !old.is_empty() && !new.is_empty() && self.old.entry(old.end - 1) == self.new.entry(new.end - 1)
        {
            (old.end, new.end) = (old.end - 1, new.end - 1);
        }
        (!(old.is_empty() && new.is_empty())).then_some(Region { old, new })
    }

    /// Widens a region until it holds whole groups, as far as they stand next to each other.
    async fn widened(&mut self, region: Region) -> Result<Option<Region>, StoreError> {
        let Region { mut old, mut new } = region;
        let Some(mut touched) = self.values(&old, &new) else { return Ok(None) };
        // Groups that only come need one beside them that was there, to know their place.
        if old.is_empty() && old.start > 0 {
            let Some(beside) = self.value(old.start - 1).await? else { return Ok(None) };
            touched.insert(beside);
        }
        while old.start > 0 && new.start > 0 {
            let Some(value) = self.value(old.start - 1).await? else { return Ok(None) };
            if !touched.contains(&value) {
                break;
            }
            (old.start, new.start) = (old.start - 1, new.start - 1);
        }
        while old.end < self.old.count() && new.end < self.new.count() {
            let Some(value) = self.value(old.end).await? else { return Ok(None) };
            if !touched.contains(&value) {
                break;
            }
            (old.end, new.end) = (old.end + 1, new.end + 1);
        }
        let seen: Vec<u64> = new.clone().collect();
        self.new.load_positions(self.store, &seen).await?;
        Ok((!old.is_empty()).then_some(Region { old, new }))
    }

    fn values(&self, old: &Range<u64>, new: &Range<u64>) -> Option<BTreeSet<String>> {
        let was = old.clone().map(|at| value_at(&self.old, at, self.by));
        let is = new.clone().map(|at| value_at(&self.new, at, self.by));
        was.chain(is).collect()
    }

    /// Returns the group of an old record.
    async fn value(&mut self, at: u64) -> Result<Option<String>, StoreError> {
        self.old.load_positions(self.store, &[at]).await?;
        Ok(value_at(&self.old, at, self.by))
    }

    /// Returns which groups of the revision before are replaced by which; `None` where groups are not whole.
    async fn stretches(
        &mut self,
        regions: &[Region],
        before: &mut Before,
    ) -> Result<Option<Vec<Replaced>>, StoreError> {
        let mut out: Vec<Replaced> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for region in regions {
            let was = runs(&self.old, region.old.clone(), self.by);
            let is = runs(&self.new, region.new.clone(), self.by);
            let (Some(was), Some(is)) = (was, is) else { return Ok(None) };
            let Some(places) = places(self.store, &mut before.units, &was).await? else { return Ok(None) };
            for run in &is {
                let is_known = was.iter().any(|was| was.value == run.value);
                if !seen.insert(run.value.clone())
                    || (!is_known && find(self.store, &mut before.units, &run.value).await?.is_some())
                {
                    return Ok(None);
                }
            }
            if out.last().is_some_and(|last| places.start < last.places.end) {
                return Ok(None);
            }
            out.push(Replaced { places, runs: is });
        }
        Ok(Some(out))
    }
}

/// Returns the places of old groups in the unit table, if they are whole and stand next to each other there too.
async fn places(
    store: &dyn Store,
    units: &mut Sequence,
    was: &[Run],
) -> Result<Option<Range<u64>>, StoreError> {
    let Some(first) = was.first() else { return Ok(None) };
    let Some(start) = find(store, units, &first.value).await? else { return Ok(None) };
    let places = start..start + was.len() as u64;
    let all: Vec<u64> = places.clone().filter(|place| *place < units.count()).collect();
    units.load_positions(store, &all).await?;
    let is_whole = |(place, run): (u64, &Run)| {
        units.entry(place).is_some_and(|entry| {
            let row = UnitRow::decode(&entry);
            entry.id == run.value && row.and_then(|row| row.run) == Some(run.at.end - run.at.start)
        })
    };
    Ok(places.clone().zip(was).all(is_whole).then_some(places))
}

/// Cuts a part of a source into the runs of its groups; `None` where one of them has two, or a record has no group.
fn runs(source: &Sequence, part: Range<u64>, by: &str) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for at in part {
        let value = value_at(source, at, by)?;
        match runs.last_mut() {
            Some(run) if run.value == value => run.at.end = at + 1,
            _ => runs.push(Run { value, at: at..at + 1 }),
        }
    }
    let values: BTreeSet<&str> = runs.iter().map(|run| run.value.as_str()).collect();
    (values.len() == runs.len()).then_some(runs)
}

fn value_at(source: &Sequence, at: u64, by: &str) -> Option<String> {
    let entry = source.entry(at).filter(|entry| !entry.hole)?;
    Some(scalar_text(field(entry.text(), by)?)?.into_owned())
}

fn finish(source: Sequence, before: Before, replaced: Vec<Replaced>) -> Kept {
    let (mut pieces, mut units, mut next) = (Vec::new(), Vec::new(), 0);
    let keep = |pieces: &mut Vec<Piece>, range: Range<u64>| {
        if !range.is_empty() {
            pieces.push(Piece::Kept(range));
        }
    };
    for Replaced { places, runs } in replaced {
        keep(&mut pieces, next..places.start);
        next = places.end;
        if !runs.is_empty() {
            pieces.push(Piece::Made(runs.len()));
        }
        let unit = |run: Run| Unit { id: UnitId::new(&run.value), members: Members::Many(run.at.collect()) };
        units.extend(runs.into_iter().map(unit));
    }
    keep(&mut pieces, next..before.units.count());
    Kept { source, pieces, made: Made::Groups(units), read: Vec::new(), before }
}
