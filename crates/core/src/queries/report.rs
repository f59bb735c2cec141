//! The report: what there is, how good it is, what it cost and where that went.
//!
//! Records are looked at one by one as they are read, and calls without what they said, so that it takes little memory
//! however large the project is.

mod calls;
mod places;
pub(super) mod records;

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::artifact::ArtifactKind;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::ledger::CallView;
use refrain_schemas::overview::{CallSums, Coverage, EditSums, Overview, PhaseOverview, Places, TrendPoint};
use refrain_schemas::scope::Target;

use crate::define::FileDigests;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::CallFilter;
use crate::survey::{Standing, survey};

use calls::CallTally;
use places::PlaceMap;
use records::RecordSums;

/// Says what there is of some targets, or of all where none are named.
pub(crate) async fn overview(
    engine: &Engine,
    targets: &[Target],
    limit: usize,
) -> Result<Overview, EngineError> {
    let (model, ports) = (engine.model(), engine.ports());
    let history = History::fold(ports.store.history().await?);
    let digests = FileDigests::new(ports.files.clone());
    let standings = survey(model, ports, &history, &digests).await?;
    let mut calls = by_target(engine).await?;
    let mut all = CallTally::default();
    let mut phases = Vec::new();
    for standing in standings {
        let made = calls.remove(&standing.target).unwrap_or_default();
        if targets.is_empty() || targets.contains(&standing.target) {
            made.iter().for_each(|call| all.add(call));
            phases.push(phase(engine, &history, standing, &made, limit).await?);
        }
    }
    Ok(Overview {
        schema_version: 1,
        project: model.name.clone(),
        under_way: ports.store.holder().await?.is_some(),
        calls: all.sums(),
        gone: targets.is_empty().then(|| sums(calls.values().flatten())),
        phases,
    })
}

/// Returns all calls of the ledger without their replies, by target.
async fn by_target(engine: &Engine) -> Result<BTreeMap<Target, Vec<CallView>>, EngineError> {
    let filter = CallFilter { without_replies: true, ..CallFilter::default() };
    let mut targets: BTreeMap<Target, Vec<CallView>> = BTreeMap::new();
    for call in engine.ports().store.calls(&filter).await? {
        targets.entry(call.target.clone()).or_default().push(call);
    }
    Ok(targets)
}

fn sums<'a>(calls: impl Iterator<Item = &'a CallView>) -> CallSums {
    let mut tally = CallTally::default();
    calls.for_each(|call| tally.add(call));
    tally.sums()
}

async fn phase(
    engine: &Engine,
    history: &History,
    standing: Standing,
    calls: &[CallView],
    limit: usize,
) -> Result<PhaseOverview, EngineError> {
    let target = &standing.target;
    let latest = history.latest(target);
    let phase = engine.model().phase(target.phase.as_str());
    let records = match (latest, phase) {
        (Some(latest), Some(phase)) if latest.artifact.kind == ArtifactKind::Records => {
            RecordSums::of(&*engine.ports().store, latest.artifact.digest, phase).await?
        }
        _ => RecordSums::default(),
    };
    Ok(PhaseOverview {
        phase: target.phase.clone(),
        scope: target.scope.clone(),
        freshness: standing.verdict.freshness,
        causes: standing.verdict.causes.clone(),
        revision: latest.map(|latest| latest.revision),
        coverage: latest.map(coverage),
        issues: records.issues(),
        changes: records.changes,
        untranslated: records.untranslated,
        edits: edits(history, target),
        conflicts: latest.map_or(0, |latest| latest.n_conflicts),
        calls: sums(calls.iter()),
        places: where_it_went(engine, history, target, calls, limit).await?,
        trend: trend(history, target),
    })
}

fn coverage(latest: &RevisionRecord) -> Coverage {
    let (records, holes) = (latest.artifact.records, latest.artifact.holes);
    let units = if latest.counts.total > 0 { latest.counts.total } else { records.saturating_add(holes) };
    let there = units.saturating_sub(holes);
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 units")]
    let percent = if units == 0 { 100.0 } else { 100.0 * there as f64 / units as f64 };
    Coverage { units, holes, percent, records }
}

fn edits(history: &History, target: &Target) -> Option<EditSums> {
    let standing = history.edits(target).map_or(0, |edits| edits.records);
    let laid = history.latest(target).and_then(|latest| latest.edits.as_ref());
    let sums = EditSums {
        standing,
        applied: laid.map_or(0, |laid| laid.applied),
        conflicts: laid.map_or(0, |laid| laid.conflicts),
        orphans: laid.map_or(0, |laid| laid.orphans),
    };
    (sums != EditSums::default()).then_some(sums)
}

async fn where_it_went(
    engine: &Engine,
    history: &History,
    target: &Target,
    calls: &[CallView],
    limit: usize,
) -> Result<Places, EngineError> {
    if calls.is_empty() {
        return Ok(Places { by: places::UNIT.to_owned(), ..Places::default() });
    }
    let map = PlaceMap::of(engine, history, target).await?;
    Ok(map.sums(calls, limit))
}

fn trend(history: &History, target: &Target) -> Vec<TrendPoint> {
    let revisions = history.target(target).map_or(&[][..], |target| &target.revisions);
    // A revision that was published again, by edits for instance, is one all the same.
    let mut seen = BTreeSet::new();
    revisions
        .iter()
        .filter(|(_, record)| seen.insert(record.revision))
        .map(|(_, record)| point(record))
        .collect()
}

fn point(record: &RevisionRecord) -> TrendPoint {
    TrendPoint {
        revision: record.revision,
        run_id: record.run_id,
        at: record.at,
        units: record.counts,
        records: record.artifact.records,
        holes: record.artifact.holes,
        conflicts: record.n_conflicts,
        edited: record.edits.as_ref().map_or(0, |laid| laid.applied),
        usage: record.usage,
    }
}
