//! Writing a plan down, so that a run can be held to it.

use refrain_schemas::money::Budget;
use refrain_schemas::plan::PlanReport;
use refrain_schemas::plan_file::{PLAN_FILE_VERSION, PlanFile, PlannedRequest};

use crate::engine::{Engine, EngineError, RunRequest};

use super::drift::{compare, origins};
use super::look_ahead;

/// How many more calls are allowed for each planned one where retries have no bound of their own, because a pack that
/// fails is split.
const MORE_CALLS: u64 = 3;

/// Plans and writes down what the plan was made from and what a run of it may spend.
pub(crate) async fn plan_file(engine: &Engine, request: &RunRequest) -> Result<PlanFile, EngineError> {
    let before = origins(engine, request).await?;
    let (plan, dearest) = look_ahead(engine, request).await?;
    let drift = origins(engine, request).await?;
    // What changes while it is being planned is in the plan or not: nobody knows.
    compare(&before, &drift)?;
    Ok(PlanFile {
        refrain_plan: PLAN_FILE_VERSION,
        project: engine.model().name.clone(),
        at: engine.ports().clock.now(),
        request: PlannedRequest {
            targets: request.targets.iter().map(ToString::to_string).collect(),
            scopes: request.scopes.clone(),
            only: request.only,
            force: request.force,
        },
        drift,
        ceiling: Budget {
            usd: request.budget.usd.or_else(|| dollars(&plan, dearest?)),
            tokens: request.budget.tokens,
            calls: request.budget.calls.or_else(|| calls(&plan)),
        },
        plan,
    })
}

/// Returns the most calls of a plan, retries included; `None` where there may be any number.
fn calls(plan: &PlanReport) -> Option<u64> {
    let of_phase = |phase: &refrain_schemas::plan::PhasePlan| {
        let calls = phase.calls.max?;
        Some(calls + phase.retries.unwrap_or(calls * MORE_CALLS))
    };
    plan.phases.iter().map(of_phase).sum()
}

/// Returns the most dollars of a plan. A call leaves only if the most that it can cost is still there, so the last one
/// needs so much on top of what all of them are likely to cost; `dearest` is the most that any one can.
fn dollars(plan: &PlanReport, dearest: f64) -> Option<f64> {
    plan.calls.max?;
    let cost = plan.outlay?.cost_usd?;
    Some(cost.high + dearest)
}
