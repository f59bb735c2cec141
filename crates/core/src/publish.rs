//! From the replies of a target's units to the trees of a revision.

mod laying;
mod publisher;

pub use publisher::Publisher;

use std::collections::BTreeMap;
use std::ops::Range;

use refrain_schemas::artifact::{ArtifactKind, ArtifactRef, FileStamp};
use refrain_schemas::digest::Digest;
use refrain_schemas::edit::EditsLaid;
use refrain_schemas::failure::Failure;
use refrain_schemas::json::Json;
use refrain_schemas::name::{AgentName, PhaseName, UnitId};
use refrain_schemas::phase_spec::MergeSpec;
use refrain_schemas::why::Conflict;
use smallvec::SmallVec;

use crate::artifact::{Pages, reference};
use crate::edits::Editing;
use crate::merge::{Merged, Proposed, merge};
use crate::model::{AskWork, OutputShape};
use crate::ports::store::{Batch, Store, StoreError};
use crate::prepare::{Before, Piece};
use crate::reply::Records;
use crate::tree::build::TreeBuilder;
use crate::tree::page::{Entry, NodeRef};
use crate::tree::sequence::Sequence;
use crate::unit_table::{AskRow, encode_row};
use crate::units::ALL;

/// The most missing units that a revision names.
const NAMED_MISSING: usize = 1000;
/// How many pages are handed to the store at once.
const PAGE_BATCH: usize = 512;

/// What came of one unit.
#[derive(Debug)]
pub struct UnitOutcome {
    /// The unit.
    pub id: UnitId,
    /// The asks it was made from.
    pub asks: SmallVec<[AskRow; 1]>,
    /// Of a group whose records stand next to each other in the source, how many these are.
    pub run: Option<u64>,
    /// Its records by ask, or how it failed; a failure of `None` is a hole because of another unit.
    pub result: Result<Replies, Option<Failure>>,
}

/// The records that one ask brought, with the place of its agent in the pool and its sample.
pub type AskRecords = (u32, u32, Records);

/// What the asks of a unit brought, of which there is mostly one.
pub type Replies = SmallVec<[AskRecords; 1]>;

/// What a revision holds.
#[derive(Debug)]
pub struct Published {
    /// The artifact, with people's edits laid over it.
    pub artifact: ArtifactRef,
    /// What these made of it.
    pub edits: Option<EditsLaid>,
    /// The unit table.
    pub units: Digest,
    /// Whether every record's key is its unit's id.
    pub local: bool,
    /// The conflicts: a page.
    pub conflicts: Option<Digest>,
    /// How many.
    pub n_conflicts: u64,
    /// A conflict that the rule leaves open.
    pub open_conflict: Option<Conflict>,
    /// The first units that are missing.
    pub missing: Vec<UnitId>,
    /// How many units failed by themselves.
    pub own_failures: u64,
    /// The files that were written for it.
    pub files: Vec<FileStamp>,
    /// The files that were read for it.
    pub read: Vec<FileStamp>,
    /// The phase that it goes on with, where a template says that.
    pub goes_to: Option<PhaseName>,
}

/// What is to be published.
#[derive(Debug)]
pub struct Publication<'a> {
    /// Where to.
    pub store: &'a dyn Store,
    /// The work of the phase.
    pub work: &'a AskWork,
    /// The units in order, kept and made.
    pub pieces: &'a [Piece],
    /// What came of those that were made, in order.
    pub outcomes: Vec<UnitOutcome>,
    /// The tables that kept ones are in.
    pub before: Option<Before>,
    /// What people edited.
    pub editing: &'a Editing,
    /// What was handed over before, unit by unit, if anything was.
    pub begun: Option<Publisher>,
}

impl Publication<'_> {
    /// Merges, builds and stores; `None` where units of the revision before cannot be kept after all.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn publish(mut self) -> Result<Option<Published>, StoreError> {
        let OutputShape::Records { key } = &self.work.output.shape else {
            return self.publish_document().await.map(Some);
        };
        let published = match (self.begun.is_some() || self.is_local(), &self.before) {
            (true, _) => self.publish_local(key).await?,
            (false, None) => self.publish_global(key).await?,
            (false, Some(_)) => return Ok(None),
        };
        laying::lay_over(self.store, self.editing.layer(key), published).await.map(Some)
    }

    /// Whether each unit's records can be merged without looking at the others': all keys are the unit's own id.
    fn is_local(&self) -> bool {
        let OutputShape::Records { .. } = &self.work.output.shape else { return false };
        let own = |outcome: &UnitOutcome| match &outcome.result {
            Ok(replies) => replies
                .iter()
                .flat_map(|(_, _, records)| records)
                .all(|record| *record.key == *outcome.id.as_str()),
            Err(_) => true,
        };
        !matches!(self.work.merge, MergeSpec::Union(_)) && self.outcomes.iter().all(own)
    }

    async fn publish_local(&mut self, key: &str) -> Result<Published, StoreError> {
        let fresh = || Publisher::new(self.pieces.to_vec(), self.before.take());
        let mut publisher = self.begun.take().unwrap_or_else(fresh);
        let outcomes = std::mem::take(&mut self.outcomes);
        publisher.feed(self.store, self.work, key, outcomes).await?;
        publisher.finish(self.store).await
    }

    /// Merges the records of all units at once, since any two of them may have a key in common.
    async fn publish_global(&mut self, key: &str) -> Result<Published, StoreError> {
        let mut out = Trees::default();
        let mut proposals = Vec::new();
        let outcomes = std::mem::take(&mut self.outcomes);
        let mut rows = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let UnitOutcome { id, asks, run, result } = outcome;
            let failed = match result {
                Ok(replies) => {
                    proposals.extend(proposed(self.work, &id, replies));
                    None
                }
                Err(failure) => Some(failure),
            };
            rows.push(((id, asks, run), failed));
        }
        let merged = merge(&self.work.merge, key, proposals);
        let mut by_unit: BTreeMap<UnitId, Records> = BTreeMap::new();
        for (unit, stamped) in merged.records {
            by_unit.entry(unit).or_default().push(stamped);
        }
        out.conflicts = merged.conflicts;
        out.failed = merged.failed;
        for (made, failed) in rows {
            let records = by_unit.remove(&made.0).unwrap_or_default();
            out.row(made, failed, records);
            out.store_pages(self.store, PAGE_BATCH).await?;
        }
        out.finish(self.store, false).await
    }

    /// Makes one document: the output of the one unit, or the list of the units' outputs in order.
    async fn publish_document(&mut self) -> Result<Published, StoreError> {
        let mut out = Trees::default();
        let outcomes = std::mem::take(&mut self.outcomes);
        let single = outcomes.len() == 1;
        let mut outputs: Vec<Json> = Vec::new();
        let mut missing = Vec::new();
        for UnitOutcome { id, asks, run, result } in outcomes {
            let failed = match result {
                Ok(replies) => {
                    let merged = merge(&self.work.merge, "", proposed(self.work, &id, replies).collect());
                    outputs.extend(merged.records.into_iter().map(|(_, stamped)| stamped.record));
                    out.conflicts.extend(merged.conflicts);
                    out.failed |= merged.failed;
                    None
                }
                Err(failure) => {
                    missing.push(id.clone());
                    Some(failure)
                }
            };
            out.row_only((id, asks, run), failed, 0);
        }
        let document = match outputs.first() {
            Some(only) if single => only.clone(),
            _ => Json::array(outputs.iter().map(Json::as_str)),
        };
        out.is_document = true;
        out.artifact.push(&Entry::record(ALL, document.as_str()));
        missing.iter().for_each(|id| out.artifact.push(&Entry::hole(id.as_str())));
        out.finish(self.store, false).await
    }
}

fn proposed(work: &AskWork, unit: &UnitId, replies: Replies) -> impl Iterator<Item = Proposed> {
    let names: Vec<AgentName> = work.pool.iter().map(|member| member.agent.clone()).collect();
    let unit = unit.clone();
    replies.into_iter().flat_map(move |(member, sample, records)| {
        let (unit, agent) = (unit.clone(), names.get(member as usize).cloned());
        records.into_iter().filter_map(move |stamped| {
            Some(Proposed { unit: unit.clone(), agent: agent.clone()?, sample, stamped })
        })
    })
}

/// A unit, the asks it was made from, and how long a run of records it is.
type MadeUnit = (UnitId, SmallVec<[AskRow; 1]>, Option<u64>);

/// The two trees of a revision as they grow.
#[derive(Debug, Default)]
struct Trees {
    artifact: TreeBuilder,
    units: TreeBuilder,
    is_document: bool,
    conflicts: Vec<Conflict>,
    failed: bool,
    missing: Vec<UnitId>,
    own_failures: u64,
    pages: Pages,
    /// Where rows are put together.
    body: Vec<u8>,
}

impl Trees {
    /// Adds a unit whose records are its own business.
    fn unit(&mut self, work: &AskWork, key: &str, outcome: UnitOutcome) {
        let UnitOutcome { id, asks, run, result } = outcome;
        let (failed, records) = match result {
            Err(failure) => (Some(failure), Records::new()),
            Ok(replies) => {
                let single = replies.len() == 1 && replies.iter().all(|(_, _, records)| records.len() <= 1);
                let records = if single {
                    replies.into_iter().flat_map(|(_, _, records)| records).collect()
                } else {
                    let merged = merge(&work.merge, key, proposed(work, &id, replies).collect());
                    self.take(merged)
                };
                (None, records)
            }
        };
        self.row((id, asks, run), failed, records);
    }

    fn take(&mut self, merged: Merged) -> Records {
        self.conflicts.extend(merged.conflicts);
        self.failed |= merged.failed;
        merged.records.into_iter().map(|(_, stamped)| stamped).collect()
    }

    /// Adds a unit's row and its entries: its records, or a hole.
    fn row(&mut self, made: MadeUnit, failed: Option<Option<Failure>>, records: Records) {
        if failed.is_some() {
            self.artifact.push(&Entry::hole(made.0.as_str()));
            self.row_only(made, failed, 1);
            return;
        }
        for stamped in &records {
            self.artifact.push(&Entry::record(&stamped.key, stamped.record.as_str()));
        }
        self.row_only(made, None, u32::try_from(records.len()).unwrap_or(u32::MAX));
    }

    fn row_only(&mut self, (id, asks, run): MadeUnit, failed: Option<Option<Failure>>, weight: u32) {
        let hole = failed.is_some();
        let failure = failed.flatten();
        if hole && self.missing.len() < NAMED_MISSING {
            self.missing.push(id.clone());
        }
        self.own_failures += u64::from(failure.is_some());
        self.body.clear();
        encode_row(&mut self.body, &asks, failure.as_ref(), run);
        self.units.push(&Entry { id: id.as_str(), hole, weight, body: &self.body });
    }

    /// Adds units as they are in the revision before, with their entries.
    async fn keep(
        &mut self,
        store: &dyn Store,
        before: &mut Before,
        range: Range<u64>,
    ) -> Result<(), StoreError> {
        let start = entries_before(store, &mut before.units, range.start).await?;
        let end = entries_before(store, &mut before.units, range.end).await?;
        copy(store, &mut before.units, range, &mut self.units).await?;
        copy(store, &mut before.artifact, start..end, &mut self.artifact).await?;
        self.store_pages(store, PAGE_BATCH).await
    }

    async fn store_pages(&mut self, store: &dyn Store, at_least: usize) -> Result<(), StoreError> {
        self.pages.extend(self.artifact.take_pages());
        self.pages.extend(self.units.take_pages());
        if self.pages.len() < at_least {
            return Ok(());
        }
        let pages = std::mem::take(&mut self.pages);
        store.commit(Batch { pages, ..Batch::default() }).await
    }

    async fn finish(mut self, store: &dyn Store, local: bool) -> Result<Published, StoreError> {
        self.store_pages(store, usize::MAX).await?;
        let (root, artifact_pages) = std::mem::take(&mut self.artifact).finish();
        let (units, unit_pages) = std::mem::take(&mut self.units).finish();
        self.pages.extend(artifact_pages);
        self.pages.extend(unit_pages);
        let conflicts = conflict_page(&self.conflicts);
        self.pages.extend(conflicts.clone());
        self.store_pages(store, 0).await?;
        let kind = if self.is_document { ArtifactKind::Document } else { ArtifactKind::Records };
        Ok(Published {
            artifact: reference(kind, &root),
            edits: None,
            units: units.digest,
            local,
            conflicts: conflicts.map(|(digest, _)| digest),
            n_conflicts: self.conflicts.len() as u64,
            open_conflict: self
                .conflicts
                .into_iter()
                .find(|conflict| self.failed && conflict.chosen.is_none()),
            missing: self.missing,
            own_failures: self.own_failures,
            files: Vec::new(),
            read: Vec::new(),
            goes_to: None,
        })
    }
}

fn conflict_page(conflicts: &[Conflict]) -> Option<(Digest, Vec<u8>)> {
    if conflicts.is_empty() {
        return None;
    }
    let bytes = serde_json::to_vec(conflicts).unwrap_or_default();
    Some((Digest::of_content(&bytes), bytes))
}

/// Returns how many entries of the artifact belong to the units before a place.
async fn entries_before(store: &dyn Store, units: &mut Sequence, place: u64) -> Result<u64, StoreError> {
    let leaf = units.leaf_of(place);
    let before = units.weight_before(leaf);
    if leaf >= units.n_leaves() || units.span(leaf).start == place {
        return Ok(before);
    }
    units.load(store, leaf..leaf + 1).await?;
    let start = units.span(leaf).start;
    let within =
        (start..place).filter_map(|at| units.entry(at)).map(|entry| u64::from(entry.weight)).sum::<u64>();
    Ok(before + within)
}

/// Copies entries of a tree into another: whole pages where that is possible, their entries elsewhere.
async fn copy(
    store: &dyn Store,
    from: &mut Sequence,
    range: Range<u64>,
    into: &mut TreeBuilder,
) -> Result<(), StoreError> {
    let mut leaf = from.leaf_of(range.start);
    while leaf < from.n_leaves() && from.span(leaf).start < range.end {
        let span = from.span(leaf);
        let whole = range.start <= span.start && span.end <= range.end;
        let node: NodeRef = from.node(leaf);
        if !(whole && into.push_leaf(node, leaf + 1 == from.n_leaves())) {
            from.load(store, leaf..leaf + 1).await?;
            let overlap = span.start.max(range.start)..span.end.min(range.end);
            overlap.filter_map(|at| from.entry(at)).for_each(|entry| into.push(&entry));
        }
        leaf += 1;
    }
    Ok(())
}
