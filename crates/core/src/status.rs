//! Where every phase stands.

use refrain_schemas::freshness::Freshness;
use refrain_schemas::status::{PhaseState, StatusReport};

use crate::define::FileDigests;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::survey::{Standing, survey};

/// Says where every phase stands. The progress of a run under way is for the caller to add: it is told to sinks, not
/// kept in the store.
pub(crate) async fn status(engine: &Engine) -> Result<StatusReport, EngineError> {
    let ports = engine.ports();
    let history = History::fold(ports.store.history().await?);
    let digests = FileDigests::new(ports.files.clone());
    let standings = survey(engine.model(), ports, &history, &digests).await?;
    Ok(StatusReport {
        schema_version: 1,
        holder: ports.store.holder().await?,
        run: None,
        in_doubt: ports.store.ledger_summary().await?.in_doubt,
        phases: standings.into_iter().map(|standing| state(&history, standing)).collect(),
    })
}

fn state(history: &History, standing: Standing) -> PhaseState {
    let target = &standing.target;
    let latest = history.latest(target);
    let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
    let ended =
        matches!(standing.verdict.freshness, Freshness::Failed | Freshness::Blocked | Freshness::Waiting);
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
        usage: refrain_schemas::usage::Usage::default(),
        error: attempt.filter(|_| ended).map(|attempt| attempt.error.clone()),
    }
}
