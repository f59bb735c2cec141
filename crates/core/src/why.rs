//! Why a phase, or one of its units, would run: what its requests were made from, and what they would be made from now.
//!
//! Nothing is kept for this. What a revision was made from is rebuilt from its lineage, what a run would make it from is
//! found by looking [ahead](crate::plan), and the two are compared part by part.

mod changes;
mod comparison;
mod past;
mod refused;
mod unrecorded;
mod untouched;

pub(crate) use unrecorded::unrecorded;

use std::collections::BTreeSet;

use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::scope::Target;
use refrain_schemas::why::WhyReport;

use crate::engine::{Engine, EngineError, RunRequest, Selection};
use crate::model::Work;
use crate::plan::Ahead;
use crate::run::request::Planned;
use crate::survey::{Standing, survey_some};

use comparison::compare;

/// Says why a target, or one of its units, would run.
pub(crate) async fn why(
    engine: &Engine,
    target: &Target,
    unit: Option<&str>,
    limit: usize,
) -> Result<WhyReport, EngineError> {
    let mut ahead = Ahead::new(engine).await?;
    let (ports, targets) = (engine.ports(), with_upstream(engine, target)?);
    // What comes behind the target is nobody's question: its files need not be read.
    let standings = survey_some(&ahead.model, ports, &ahead.history, &ahead.digests, targets.clone()).await?;
    let causes = all_causes(&standings, target);
    let freshness = standings
        .iter()
        .find(|standing| standing.target == *target)
        .map(|standing| standing.verdict.freshness);
    let standing = look_ahead(&mut ahead, &targets, target).await?;
    let mut report = WhyReport {
        schema_version: 1,
        phase: target.phase.clone(),
        scope: target.scope.clone(),
        freshness: freshness.unwrap_or(Freshness::Missing),
        causes,
        units: Vec::new(),
        n_units: Some(0),
    };
    let model = ahead.model.clone();
    let Some(phase) = model.phase(target.phase.as_str()) else { return Ok(report) };
    if let Work::Ask(work) = &phase.work {
        let comparison = compare(&ahead, phase, work, &standing, unit).await?;
        comparison.fill(&ahead, phase, work, unit, limit, &mut report).await?;
    } else if let Some(unit) = unit {
        return Err(EngineError::NoUnit { target: target.to_string(), unit: unit.to_owned() });
    }
    Ok(report)
}

/// Returns the causes of a target and of everything upstream that makes it stale, each once.
fn all_causes(standings: &[Standing], target: &Target) -> Vec<Cause> {
    let mut out: Vec<Cause> = Vec::new();
    let mut open = vec![target.to_string()];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let standing = standings.iter().find(|standing| standing.target.to_string() == name);
        for cause in standing.into_iter().flat_map(|standing| &standing.verdict.causes) {
            if cause.kind == CauseKind::UpstreamStale {
                open.push(cause.subject.clone());
            }
            if !out.contains(cause) {
                out.push(cause.clone());
            }
        }
    }
    out
}

/// Returns everything that comes before a target, and the target, in plan order.
fn with_upstream(engine: &Engine, target: &Target) -> Result<Vec<Target>, EngineError> {
    let values = target.scope.iter().map(|(_, value)| value.to_owned()).collect();
    let request = RunRequest {
        targets: vec![Selection { phase: target.phase.clone(), values }],
        ..RunRequest::of_everything(crate::plan::nobody())
    };
    Ok(Planned::of(engine, &request)?.targets.into_iter().map(|(target, _)| target).collect())
}

/// Plays everything before a target ahead, and judges the target as it would be then.
async fn look_ahead(ahead: &mut Ahead, targets: &[Target], target: &Target) -> Result<Standing, EngineError> {
    // What a loop does before the turn that is asked about is played as well, and nothing behind it.
    ahead.halt_at = Some(target.clone());
    for before in targets.iter().filter(|before| *before != target) {
        ahead.plan_target(before, false).await?;
    }
    ahead.stand(target).await
}
