//! Where every phase stands.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::edit::EditCounts;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::scope::Target;
use refrain_schemas::status::{PhaseState, StatusReport};
use refrain_schemas::usage::Usage;

use crate::define::FileDigests;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::Store;
use crate::survey::{Standing, survey};

/// Says where every phase stands. The progress of a run under way is for the caller to add: it is told to sinks, not
/// kept in the store.
pub(crate) async fn status(engine: &Engine) -> Result<StatusReport, EngineError> {
    let ports = engine.ports();
    let history = History::fold(ports.store.history().await?);
    let digests = FileDigests::new(ports.files.clone());
    let standings = survey(engine.model(), ports, &history, &digests).await?;
    let usages = usages(&*ports.store).await?;
    let to_import = to_import(&history, &standings);
    Ok(StatusReport {
        schema_version: 1,
        holder: ports.store.holder().await?,
        run: None,
        in_doubt: ports.store.ledger_summary().await?.in_doubt,
        phases: standings.into_iter().map(|standing| state(&history, &usages, standing)).collect(),
        to_import,
        leftovers: Vec::new(),
        open_errors: Vec::new(),
        idle_edits: Vec::new(),
    })
}

/// Returns the exported files that are not as they were written, but for those that somebody imported as they are.
fn to_import(history: &History, standings: &[Standing]) -> Vec<String> {
    let past = || history.targets().map(|(_, past)| past);
    let known: BTreeSet<Digest> =
        past().flat_map(|past| past.imported().into_iter().chain(past.imported_in_part())).collect();
    let changed = standings.iter().flat_map(|Standing { now, .. }| {
        now.exports.iter().filter(|file| now.altered.contains(&file.path) && !known.contains(&file.digest))
    });
    let paths: BTreeSet<&String> = changed.map(|file| &file.path).collect();
    paths.into_iter().cloned().collect()
}

/// What the calls for a target consumed for certain, and what those in doubt can have consumed.
type Spent = (Usage, Usage);

/// Returns what all calls for each target ever consumed.
async fn usages(store: &dyn Store) -> Result<BTreeMap<Target, Spent>, EngineError> {
    let mut usages: BTreeMap<Target, Spent> = BTreeMap::new();
    for sum in store.lane_sums().await? {
        let (usage, doubtful) = usages.entry(sum.lane.target).or_default();
        usage.add(&sum.usage);
        doubtful.add(&sum.doubtful);
    }
    Ok(usages)
}

fn state(history: &History, usages: &BTreeMap<Target, Spent>, standing: Standing) -> PhaseState {
    let target = &standing.target;
    let latest = history.latest(target);
    let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
    let ended =
        matches!(standing.verdict.freshness, Freshness::Failed | Freshness::Blocked | Freshness::Waiting);
    let (usage, doubtful) = usages.get(target).copied().unwrap_or_default();
    PhaseState {
        phase: target.phase.clone(),
        scope: target.scope.clone(),
        freshness: standing.verdict.freshness,
        causes: standing.verdict.causes,
        revision: latest.map(|record| record.revision),
        digest: latest.map(|record| record.artifact.digest),
        records: latest.map(|record| record.artifact.records),
        units: latest.map(|record| record.counts),
        conflicts: latest.map_or(0, |record| record.n_conflicts),
        edits: EditCounts::of(history.edits(target), latest.and_then(|record| record.edits.as_ref())),
        usage,
        doubtful,
        error: attempt.filter(|_| ended).map(|attempt| attempt.error.clone()),
        recovered: attempt.is_some_and(|attempt| ended && attempt.recovered),
    }
}
