//! The report of a run of a steps file as people read it: of steps, by the names that its result has for them.

use refrain_schemas::failure::PhaseError;
use refrain_schemas::name::PhaseName;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport};
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::steps::{StepKind, StepsMap};

use crate::turn_name::Names;

/// Returns the report in words of steps. What was made for a step and went well is not named.
pub(crate) fn told(map: &StepsMap, report: &RunReport) -> RunReport {
    let names = Names::of(map);
    let shown = report.phases.iter().filter(|phase| is_shown(&names, phase));
    RunReport { phases: shown.map(|phase| step(&names, phase)).collect(), ..report.clone() }
}

fn is_shown(names: &Names<'_>, phase: &PhaseReport) -> bool {
    let is_hidden = names.entry(&phase.phase).is_none_or(|entry| entry.kind == StepKind::Hidden);
    !is_hidden || !matches!(phase.status, PhaseStatus::Fresh | PhaseStatus::Completed | PhaseStatus::Skipped)
}

fn step(names: &Names<'_>, phase: &PhaseReport) -> PhaseReport {
    let Target { phase: name, scope } = named(names, &phase.phase, &phase.scope);
    let error = phase.error.as_ref().map(|error| said(names, error));
    PhaseReport { phase: name, scope, error, ..phase.clone() }
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
