//! What a person would do next, after a run.

use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::failure::{FailureKind, UnitFailure};
use refrain_schemas::freshness::CauseKind;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport, RunStatus};

use crate::again::Again;
use crate::render::run::Holes;
use crate::render::words;

/// Returns what a person would do next.
pub(super) fn next(report: &RunReport, holes: &[Holes], again: &Again) -> Option<String> {
    let first = |status: PhaseStatus| report.phases.iter().find(|phase| phase.status == status);
    let named = |phase: &PhaseReport| words::target(&phase.phase, &phase.scope);
    if report.exit_code == ExitCode::Drift.number() {
        let online = again.without("--offline").unwrap_or_else(|| again.clone());
        return Some(format!("run without `--offline` (`{online}`) to ask for what is not on record"));
    }
    match report.status {
        RunStatus::Completed => {
            let made = report.phases.iter().rev().find(|phase| phase.status == PhaseStatus::Completed)?;
            Some(format!("`{} show {}` shows what was made", again.program(), named(made)))
        }
        RunStatus::Partial if first(PhaseStatus::Failed).is_none() => {
            Some(after_partial(&named(first(PhaseStatus::Partial)?), holes, again))
        }
        RunStatus::Failed | RunStatus::Partial => {
            let failed = first(PhaseStatus::Failed)?;
            if let Some(with_needs) = again.without("--only").filter(|_| reads_stale(failed)) {
                return Some(format!("`{with_needs}` brings what {} reads up to date first", named(failed)));
            }
            let units = failed.error.iter().flat_map(|error| &error.units);
            Some(if passes(units) {
                format!("run again (`{again}`): every reply that came back is kept")
            } else {
                format!("mend {}, then `{again}`: every reply that came back is kept", named(failed))
            })
        }
        RunStatus::Blocked => Some(match again.without("--only") {
            Some(with_needs) => format!("`{with_needs}` makes what is missing first"),
            None => format!("see to what is missing, then `{again}`"),
        }),
        RunStatus::Waiting => {
            Some(format!("`{} answer` lists what is asked; then `{again}`", again.program()))
        }
        RunStatus::Stopped if report.calls == 0 => Some(match dearest(report) {
            Some(most) => format!(
                "the ceiling is below what one call may cost ({most}): raise it, then `{again}`, or plan anew"
            ),
            None => format!("nothing was asked: raise the budget, then `{again}`, or plan anew"),
        }),
        RunStatus::Stopped => Some(format!("`{again}` goes on where this run stopped, with a new budget")),
        RunStatus::Cancelled => Some(format!("`{again}` goes on where this run stopped")),
    }
}

/// Whether a phase read something that was not up to date.
fn reads_stale(phase: &PhaseReport) -> bool {
    phase.causes.iter().any(|cause| cause.kind == CauseKind::UpstreamStale)
}

/// Returns what the call may take for which the money did not do, in the words of the phase that was to make it.
fn dearest(report: &RunReport) -> Option<&str> {
    let mut messages = report.phases.iter().filter_map(|phase| Some(phase.error.as_ref()?.message.as_str()));
    let rest = messages.find_map(|message| Some(message.split_once("the next call may take ")?.1))?;
    Some(rest.split([',', ';']).next().unwrap_or(rest).trim_end_matches('.'))
}

fn after_partial(target: &str, holes: &[Holes], again: &Again) -> String {
    let mut units = holes.iter().flat_map(|holes| &holes.units).peekable();
    if units.peek().is_none() {
        let program = again.program();
        return format!("`{program} why {target}` names the units; `{again}` asks only them again");
    }
    if passes(units) {
        format!("run again (`{again}`): only the units that failed are asked")
    } else {
        format!("mend what they failed for, then `{again}`: only the units that failed are asked")
    }
}

/// Whether all failures may be gone the next time, though nothing is changed. No failures are no such thing.
fn passes<'a>(units: impl Iterator<Item = &'a UnitFailure>) -> bool {
    let mut kinds = units.map(|unit| unit.failure.kind).peekable();
    kinds.peek().is_some() && kinds.all(FailureKind::may_pass)
}
