//! The history as a report.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::edit::EditsRecord;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::{AttemptRecord, HistoryEntry, RevisionRecord, WaiverRecord};
use refrain_schemas::name::{PhaseName, RunId};
use refrain_schemas::scope::Target;
use refrain_schemas::status::{HistoryReport, RevisionView, RunView};

use crate::define::FileDigests;
use crate::engine::{Engine, EngineError};
use crate::history::{History, PastRun};
use crate::survey::survey;

/// Returns what happened, to one phase or to all.
pub(crate) async fn history(
    engine: &Engine,
    phase: Option<&PhaseName>,
) -> Result<HistoryReport, EngineError> {
    let entries = engine.ports().store.history().await?;
    let mut told = Told::default();
    entries.iter().for_each(|entry| told.take(entry, phase));
    let folded = History::fold(entries);
    if let Some(phase) = phase {
        check_phase(engine, &folded, phase)?;
    }
    let words = if told.revisions.is_empty() { BTreeMap::new() } else { words(engine, &folded).await? };
    let runs = folded.runs().iter().filter(|run| phase.is_none_or(|phase| told.took_part(run, phase)));
    Ok(HistoryReport {
        schema_version: 1,
        runs: runs.map(run_view).collect(),
        revisions: told.revisions.into_iter().map(|record| revision_view(record, &folded, &words)).collect(),
        attempts: told.attempts,
        waivers: told.waivers,
        edits: told.edits,
    })
}

/// What the entries tell of the phases that are asked about, in the order in which it happened.
#[derive(Default)]
struct Told {
    revisions: Vec<RevisionRecord>,
    attempts: Vec<AttemptRecord>,
    waivers: Vec<WaiverRecord>,
    edits: Vec<EditsRecord>,
    /// The runs that did something about these phases.
    runs: BTreeSet<RunId>,
}

impl Told {
    fn take(&mut self, entry: &HistoryEntry, phase: Option<&PhaseName>) {
        let wanted = |target: &Target| phase.is_none_or(|phase| *phase == target.phase);
        match entry {
            HistoryEntry::Revision(record) if wanted(&record.target) => {
                self.runs.insert(record.run_id);
                self.revisions.push((**record).clone());
            }
            HistoryEntry::Attempt(attempt) if wanted(&attempt.target) => {
                self.runs.insert(attempt.run_id);
                self.attempts.push(attempt.clone());
            }
            HistoryEntry::Generation(raised) if wanted(&raised.target) => {
                self.runs.insert(raised.run_id);
            }
            HistoryEntry::Waiver(waiver) if wanted(&waiver.target) => self.waivers.push(waiver.clone()),
            HistoryEntry::Edits(record) if wanted(&record.target) => self.edits.push(record.clone()),
            _ => {}
        }
    }

    /// Whether a run had to do with a phase; of one without an end, what it was asked for has to tell.
    fn took_part(&self, run: &PastRun, phase: &PhaseName) -> bool {
        let reported = match &run.end {
            Some((_, report)) => report.phases.iter().any(|report| report.phase == *phase),
            None => {
                let named = |target: &String| target.split('@').next() == Some(phase.as_str());
                run.start.targets.is_empty() || run.start.targets.iter().any(named)
            }
        };
        reported || self.runs.contains(&run.start.run_id)
    }
}

/// A phase that is no longer in the pipeline may still have a past.
fn check_phase(engine: &Engine, history: &History, phase: &PhaseName) -> Result<(), EngineError> {
    let model = engine.model();
    let known =
        model.phase(phase.as_str()).is_some() || history.targets().any(|(target, _)| target.phase == *phase);
    if known {
        return Ok(());
    }
    let known = model.phases.iter().map(|phase| phase.name.to_string()).collect();
    Err(EngineError::UnknownPhase { phase: phase.to_string(), known })
}

async fn words(engine: &Engine, history: &History) -> Result<BTreeMap<Target, Freshness>, EngineError> {
    let digests = FileDigests::new(engine.ports().files.clone());
    let standings = survey(engine.model(), engine.ports(), history, &digests).await?;
    Ok(standings.into_iter().map(|standing| (standing.target, standing.verdict.freshness)).collect())
}

fn run_view(run: &PastRun) -> RunView {
    let (ended_at, report) = run.end.as_ref().map(|(at, report)| (*at, report)).unzip();
    RunView {
        run_id: run.start.run_id,
        started_at: run.start.at,
        ended_at,
        status: report.map(|report| report.status),
        targets: run.start.targets.clone(),
        calls: report.map(|report| report.calls),
    }
}

fn revision_view(
    record: RevisionRecord,
    history: &History,
    words: &BTreeMap<Target, Freshness>,
) -> RevisionView {
    let superseded = history.latest(&record.target).is_some_and(|latest| latest.revision != record.revision);
    let freshness = if superseded { None } else { words.get(&record.target).copied() };
    RevisionView { record, superseded, freshness }
}
