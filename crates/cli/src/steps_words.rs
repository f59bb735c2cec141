//! The report of a run of a steps file as people read it: of steps, by the names that its result has for them.

use refrain_schemas::failure::PhaseError;
use refrain_schemas::name::PhaseName;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport};
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::steps::{StepKind, StepsMap};

use crate::turn_name;
use crate::wiring::in_words_of_steps;

/// Returns the report in words of steps. What was made for a step and went well is not named.
pub(crate) fn told(map: &StepsMap, report: &RunReport) -> RunReport {
    let phases = report.phases.iter().filter(|phase| is_shown(map, phase)).map(|phase| step(map, phase));
    RunReport { phases: phases.collect(), ..report.clone() }
}

fn is_shown(map: &StepsMap, phase: &PhaseReport) -> bool {
    let entry = map.entries.iter().find(|entry| entry.phase == phase.phase);
    let is_hidden = entry.is_none_or(|entry| entry.kind == StepKind::Hidden);
    !is_hidden || !matches!(phase.status, PhaseStatus::Fresh | PhaseStatus::Completed | PhaseStatus::Skipped)
}

fn step(map: &StepsMap, phase: &PhaseReport) -> PhaseReport {
    let Target { phase: name, scope } = named(map, &phase.phase, &phase.scope);
    let error = phase.error.as_ref().map(|error| said(map, error));
    PhaseReport { phase: name, scope, error, ..phase.clone() }
}

fn named(map: &StepsMap, phase: &PhaseName, scope: &Scope) -> Target {
    let target = Target { phase: phase.clone(), scope: scope.clone() };
    let name = turn_name::of(map, &target).and_then(|name| name.parse().ok());
    name.map_or(target, |phase| Target { phase, scope: Scope::none() })
}

/// What tools, agents and people said they said in words of their own.
fn said(map: &StepsMap, error: &PhaseError) -> PhaseError {
    let message = if error.units.is_empty() { words(map, &error.message) } else { error.message.clone() };
    let missing = error.missing.iter().map(|target| named(map, &target.phase, &target.scope));
    PhaseError {
        message,
        hint: error.hint.as_ref().map(|hint| words(map, hint)),
        missing: missing.collect(),
        ..error.clone()
    }
}

/// Returns a message of the engine in words of the file and of the result.
pub(crate) fn words(map: &StepsMap, text: &str) -> String {
    turn_name::in_text(map, &in_words_of_steps(map, text))
}
