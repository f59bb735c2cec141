//! Reports about a steps file as people read them: of steps, by the names that its result has for them.

use refrain_schemas::failure::{FailureKind, PhaseError};
use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::name::{PhaseName, UnitId};
use refrain_schemas::plan::{PhasePlan, PlanReport, PlannedAction};
use refrain_schemas::progress::{PhaseProgress, RunProgress};
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport};
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::status::{PhaseState, StatusReport};
use refrain_schemas::steps::{StepKind, StepsMap};
use refrain_schemas::why::{PartChange, UnitWhy, WhyReport};

use crate::turn_name::Names;
use crate::wiring::key_of_steps;

/// Returns the report in words of steps. What was made for a step and went well is not named.
pub(crate) fn told(map: &StepsMap, report: &RunReport) -> RunReport {
    let names = Names::of(map);
    let shown = report.phases.iter().filter(|phase| is_shown(&names, phase));
    RunReport { phases: shown.map(|phase| step(&names, phase)).collect(), ..report.clone() }
}

/// Returns where the steps stand, in words of steps. What is made for one is named where it failed or waits.
pub(crate) fn status(map: &StepsMap, report: &StatusReport) -> StatusReport {
    let names = Names::of(map);
    let is_bad = |state: &PhaseState| {
        matches!(state.freshness, Freshness::Failed | Freshness::Blocked | Freshness::Waiting)
    };
    let shown = report.phases.iter().filter(|state| !is_hidden(&names, &state.phase) || is_bad(state));
    let state = |state: &PhaseState| {
        let Target { phase, scope } = named(&names, &state.phase, &state.scope);
        let error = state.error.as_ref().map(|error| alone(said(&names, error)));
        PhaseState { phase, scope, causes: causes(&names, &state.causes), error, ..state.clone() }
    };
    let run = report.run.as_ref().map(|run| progress(&names, run));
    StatusReport { phases: shown.map(state).collect(), run, ..report.clone() }
}

fn progress(names: &Names<'_>, run: &RunProgress) -> RunProgress {
    let step = |phase: &PhaseProgress| {
        let Target { phase: name, scope } = named(names, &phase.phase, &phase.scope);
        PhaseProgress { phase: name, scope, ..phase.clone() }
    };
    let shown = run.phases.iter().filter(|phase| !is_hidden(names, &phase.phase));
    RunProgress { phases: shown.map(step).collect(), ..run.clone() }
}

/// Returns a plan in words of steps. What is made for one is named where it is all that there is to do.
pub(crate) fn plan(map: &StepsMap, report: &PlanReport) -> PlanReport {
    let names = Names::of(map);
    let stays = |phase: &PhasePlan| matches!(phase.action, PlannedAction::Keep | PlannedAction::Skip);
    let is_step = |phase: &PhasePlan| !is_hidden(&names, &phase.phase);
    let is_alone = report.phases.iter().filter(|phase| is_step(phase)).all(stays);
    let shown = report.phases.iter().filter(|phase| is_step(phase) || (is_alone && !stays(phase)));
    let step = |phase: &PhasePlan| {
        let Target { phase: name, scope } = named(&names, &phase.phase, &phase.scope);
        let missing = phase.missing.iter().map(|target| named(&names, &target.phase, &target.scope));
        PhasePlan {
            phase: name,
            scope,
            causes: causes(&names, &phase.causes),
            failure: phase.failure.as_ref().map(|failure| names.words(failure)),
            missing: missing.collect(),
            // Steps are one thing each: nothing follows unit by unit.
            edges: Vec::new(),
            ..phase.clone()
        }
    };
    PlanReport { phases: shown.map(step).collect(), ..report.clone() }
}

/// Returns why a step would run and how it failed last, in words of steps.
pub(crate) fn why(
    map: &StepsMap,
    report: &WhyReport,
    error: Option<&PhaseError>,
) -> (WhyReport, Option<PhaseError>) {
    let names = Names::of(map);
    let Target { phase, scope } = named(&names, &report.phase, &report.scope);
    let part = |part: &PartChange| {
        let name = if part.part == "unit" { "parameters" } else { part.part.as_str() };
        PartChange { part: name.to_owned(), ..part.clone() }
    };
    let unit = |unit: &UnitWhy| UnitWhy {
        unit: UnitId::new(phase.as_str()),
        parts: unit.parts.iter().map(part).collect(),
        ..unit.clone()
    };
    let units = report.units.iter().map(unit).collect();
    let causes = causes(&names, &report.causes);
    let told = WhyReport { phase: phase.clone(), scope, causes, units, ..report.clone() };
    (told, error.map(|error| alone(said(&names, error))))
}

/// Returns the causes in words of steps. What is made for a step is not named beside it.
fn causes(names: &Names<'_>, causes: &[Cause]) -> Vec<Cause> {
    let is_made = |cause: &Cause| names.is_made_for_a_step(&cause.subject);
    let says_all = causes.iter().all(is_made);
    let called = |cause: &Cause| {
        let subject = match cause.kind {
            CauseKind::Definition => match cause.subject.split_once('.') {
                Some((key, rest)) => format!("{}.{rest}", key_of_steps(key)),
                None => key_of_steps(&cause.subject).to_owned(),
            },
            _ => names.called(&cause.subject),
        };
        Cause { subject, ..cause.clone() }
    };
    causes.iter().filter(|cause| says_all || !is_made(cause)).map(called).collect()
}

/// Returns the error of a step without its unit, of which it has but one.
fn alone(error: PhaseError) -> PhaseError {
    let [unit] = error.units.as_slice() else { return error };
    let (kind, message) = (unit.failure.kind, unit.failure.message.trim_end());
    let message = format!("{message} ({kind})");
    // That one may run again is no advice where it would fail again.
    let hint = error.hint.clone().filter(|_| kind.may_pass() && kind != FailureKind::Waiting);
    PhaseError { message, hint, units: Vec::new(), ..error }
}

fn is_hidden(names: &Names<'_>, phase: &PhaseName) -> bool {
    names.entry(phase).is_none_or(|entry| entry.kind == StepKind::Hidden)
}

fn is_shown(names: &Names<'_>, phase: &PhaseReport) -> bool {
    !is_hidden(names, &phase.phase)
        || !matches!(phase.status, PhaseStatus::Fresh | PhaseStatus::Completed | PhaseStatus::Skipped)
}

fn step(names: &Names<'_>, phase: &PhaseReport) -> PhaseReport {
    let Target { phase: name, scope } = named(names, &phase.phase, &phase.scope);
    let error = phase.error.as_ref().map(|error| said(names, error));
    PhaseReport { phase: name, scope, causes: causes(names, &phase.causes), error, ..phase.clone() }
}

fn named(names: &Names<'_>, phase: &PhaseName, scope: &Scope) -> Target {
    let target = Target { phase: phase.clone(), scope: scope.clone() };
    let name = names.name(&target).and_then(|name| name.parse().ok());
    name.map_or(target, |phase| Target { phase, scope: Scope::none() })
}

/// What tools, agents and people said they said in words of their own.
fn said(names: &Names<'_>, error: &PhaseError) -> PhaseError {
    let message = if error.units.is_empty() { names.words(&error.message) } else { error.message.clone() };
    let missing = error.missing.iter().map(|target| named(names, &target.phase, &target.scope));
    PhaseError {
        message,
        hint: error.hint.as_ref().map(|hint| names.words(hint)),
        missing: missing.collect(),
        ..error.clone()
    }
}
