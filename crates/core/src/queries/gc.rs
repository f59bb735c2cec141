//! Forgetting old revisions and what only they needed.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::history::{HistoryEntry, Lineage};
use refrain_schemas::name::{Revision, RunId};
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;

use crate::engine::{Engine, EngineError, GcReport, GcRequest};
use crate::history::History;
use crate::model::Model;
use crate::ports::store::{Keep, Store, StoreError};
use crate::queries::leftovers::{Leftover, leftovers, witnesses};
use crate::tree::sequence::{Sequence, all_pages};
use crate::unit_table::{AskRow, UnitRow};

/// How many runs stay in the history, the latest ones.
const RUNS: usize = 50;
/// How many leaves of a unit table are read at once.
const LEAVES: usize = 256;

/// Forgets all but the latest revisions of each target; all revisions of phases that the project no longer has.
pub(crate) async fn gc(
    engine: &Engine,
    request: GcRequest,
    holder: &Holder,
) -> Result<GcReport, EngineError> {
    let store = &*engine.ports().store;
    store.begin_writing(holder).await?;
    let report = gc_held(engine, request).await;
    let ended = store.end_writing().await;
    let report = report?;
    ended?;
    Ok(report)
}

async fn gc_held(engine: &Engine, request: GcRequest) -> Result<GcReport, EngineError> {
    let GcRequest { keep, replies, exports, dry_run } = request;
    let store = &*engine.ports().store;
    // Which files are left over is known from the revisions that are about to go; where one cannot be removed, they stay.
    let exports = if exports { remove(engine, leftovers(engine).await?, dry_run).await? } else { Vec::new() };
    let entries = store.history().await?;
    let history = History::fold(entries.clone());
    let mut stay = latest_revisions(engine, &history, keep);
    stay.extend(witnesses(engine, &history, &exports).await);
    let chosen = Chosen::of(engine.model(), &history, &entries, &stay);
    let refs = Refs::of(chosen.positions.iter().filter_map(|n| entries.get(*n)));
    let pages = refs.all_pages(store).await?;
    let replies = if replies { Some(refs.all_keys(store).await?) } else { None };
    let keep = Keep { pages, replies, history: Some(chosen.positions), dry_run };
    let collected = store.collect(keep).await?;
    Ok(GcReport { collected, revisions: chosen.forgotten, exports })
}

/// Removes files that are still as they were written; returns which these were.
async fn remove(engine: &Engine, files: Vec<Leftover>, dry_run: bool) -> Result<Vec<String>, EngineError> {
    let mut removed = Vec::new();
    for Leftover { file, .. } in files {
        if dry_run || engine.ports().writer.remove(&file).await? {
            removed.push(file.path);
        }
    }
    Ok(removed)
}

/// Which entries of the history stay.
#[derive(Default)]
struct Chosen {
    positions: BTreeSet<usize>,
    /// The revisions that go, oldest first.
    forgotten: Vec<(Target, Revision)>,
}

impl Chosen {
    fn of(
        model: &Model,
        history: &History,
        entries: &[HistoryEntry],
        revisions: &BTreeSet<(Target, Revision)>,
    ) -> Self {
        let holds = |target: &Target, revision| revisions.contains(&(target.clone(), revision));
        let runs = history.runs().iter().rev().take(RUNS);
        let runs: BTreeSet<RunId> = runs.map(|run| run.start.run_id).collect();
        let mut chosen = Self::default();
        for (n, entry) in entries.iter().enumerate() {
            let stays = match entry {
                HistoryEntry::RunStarted(start) => runs.contains(&start.run_id),
                HistoryEntry::RunEnded(end) => runs.contains(&end.report.run_id),
                HistoryEntry::Revision(record) => holds(&record.target, record.revision),
                HistoryEntry::Waiver(waiver) => holds(&waiver.target, waiver.revision),
                HistoryEntry::Stamps(stamps) => holds(&stamps.target, stamps.revision),
                // The last attempt is what says failed, blocked or waiting.
                HistoryEntry::Attempt(attempt) => {
                    let last =
                        history.target(&attempt.target).and_then(|target| target.last_attempt.as_ref());
                    let is_present = model.phase(attempt.target.phase.as_str()).is_some();
                    is_present && last == Some(attempt) && is_named(model, history, &attempt.target)
                }
                // People's work is not to be made again by anybody.
                HistoryEntry::Generation(_) | HistoryEntry::Edits(_) => true,
            };
            if stays {
                chosen.positions.insert(n);
            } else if let HistoryEntry::Revision(record) = entry {
                chosen.forgotten.push((record.target.clone(), record.revision));
            }
        }
        chosen
    }
}

/// Returns the latest revisions of each target, of each pipeline file that made some: those of another one are its own, even of
/// phases that this one does not have.
fn latest_revisions(engine: &Engine, history: &History, keep: u32) -> BTreeSet<(Target, Revision)> {
    let n = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
    let mut latest = BTreeSet::new();
    for (target, past) in history.targets() {
        let is_present = engine.model().phase(target.phase.as_str()).is_some()
            && is_named(engine.model(), history, target);
        let mut by_pipeline: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for (_, record) in past.revisions.iter().rev() {
            let pipeline = record.pipeline.as_deref();
            let is_others = pipeline.is_some() && pipeline != engine.pipeline();
            let taken = by_pipeline.entry(pipeline).or_default();
            if (is_present || is_others) && *taken < n {
                *taken += 1;
                latest.insert((target.clone(), record.revision));
            }
        }
    }
    latest
}

/// Whether a target is in no turn, or in one that its loop has: of a list that is shorter than it was, the last turns are gone.
/// What a loop has begun since it was over last, it may go on with.
fn is_named(model: &Model, history: &History, target: &Target) -> bool {
    let Some(phase) = model.phase(target.phase.as_str()) else { return true };
    let Some((inner, outer)) = phase.loops.split_last() else { return true };
    let Some(around) = model.phase(inner.as_str()) else { return true };
    let scope = target.scope.project(&[&phase.per[..], outer].concat());
    let of = around.target(scope);
    let Some((over, record)) = history.target(&of).and_then(|past| past.revisions.last()) else {
        return true;
    };
    let own = history.target(target).and_then(|past| past.revisions.last());
    let is_later = own.is_some_and(|(at, _)| at > over);
    is_later || (record.lineage.upstream.contains_key(&target.to_string()) && is_named(model, history, &of))
}

/// What the entries that stay refer to.
#[derive(Default)]
struct Refs {
    /// Artifacts: those of revisions, and those that revisions were made from, which comparing with now needs.
    artifacts: BTreeSet<Digest>,
    tables: BTreeSet<Digest>,
    conflicts: BTreeSet<Digest>,
}

impl Refs {
    fn of<'a>(entries: impl Iterator<Item = &'a HistoryEntry>) -> Self {
        let mut refs = Self::default();
        for entry in entries {
            match entry {
                HistoryEntry::Revision(record) => {
                    refs.artifacts.insert(record.artifact.digest);
                    refs.lineage(&record.lineage);
                    refs.tables.extend(record.units);
                    refs.conflicts.extend(record.conflicts);
                    refs.artifacts.extend(record.edits.iter().map(|edits| edits.machine.digest));
                }
                HistoryEntry::Edits(record) => {
                    refs.artifacts.extend(record.edits.iter().map(|edits| edits.digest));
                }
                HistoryEntry::Waiver(waiver) => {
                    refs.lineage(&waiver.lineage);
                    refs.tables.extend(waiver.units);
                }
                HistoryEntry::Attempt(attempt) => {
                    refs.conflicts.extend(attempt.conflicts);
                    refs.artifacts.extend(
                        attempt.document.iter().chain(&attempt.failure).map(|document| document.digest),
                    );
                }
                HistoryEntry::RunStarted(_)
                | HistoryEntry::RunEnded(_)
                | HistoryEntry::Generation(_)
                | HistoryEntry::Stamps(_) => {}
            }
        }
        refs
    }

    fn lineage(&mut self, lineage: &Lineage) {
        let upstream = lineage.upstream.values().flatten();
        self.artifacts.extend(upstream.map(|upstream| upstream.artifact.digest));
        self.artifacts.extend(lineage.context_files.values().map(|file| file.artifact.digest));
    }

    async fn all_pages(&self, store: &dyn Store) -> Result<BTreeSet<Digest>, StoreError> {
        let mut pages = BTreeSet::new();
        for root in self.artifacts.iter().chain(&self.tables) {
            all_pages(store, *root, &mut pages).await?;
        }
        pages.extend(&self.conflicts);
        Ok(pages)
    }

    async fn all_keys(&self, store: &dyn Store) -> Result<BTreeSet<Digest>, StoreError> {
        keys_of(store, &self.tables).await
    }
}

/// Returns the keys of all asks that the units of some tables came from, those of a cascade's rejected rungs included.
pub(super) async fn keys_of(
    store: &dyn Store,
    tables: &BTreeSet<Digest>,
) -> Result<BTreeSet<Digest>, StoreError> {
    let mut keys = BTreeSet::new();
    for root in tables {
        let table = Sequence::open(store, *root).await?;
        for first in (0..table.n_leaves()).step_by(LEAVES) {
            // A copy, so that no more than one stretch of a large table is held at a time.
            let mut part = table.clone();
            part.load(store, first..(first + LEAVES).min(table.n_leaves())).await?;
            for (_, entry) in part.iter() {
                let row = UnitRow::decode(&entry).ok_or_else(|| malformed(*root))?;
                keys.extend(row.asks.iter().flat_map(AskRow::keys));
            }
        }
    }
    Ok(keys)
}

/// A row that is not understood must not cost the replies it names.
pub(super) fn malformed(table: Digest) -> StoreError {
    StoreError::Damaged {
        what: format!("the unit table {}", table.short()),
        message: "a row is not understood".to_owned(),
    }
}
