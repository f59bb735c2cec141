//! One run of a story, from what was told of it.

use refrain_schemas::event::{Event, EventKind};
use refrain_schemas::log_line::LogLine;
use refrain_schemas::report::{PhaseStatus, UnitCounts};
use refrain_schemas::simulation::{SimulatedIncident, SimulatedPhase, SimulatedRun};
use refrain_testkit::sim::{Passage, PassageEnd};

/// What a phase is called that its run left in the middle.
const CUT_SHORT: &str = "cut_short";

/// Returns what became of a run.
pub(super) fn run(passage: &Passage) -> SimulatedRun {
    let mut phases = Vec::new();
    passage.events.iter().for_each(|event| note(&mut phases, event));
    SimulatedRun {
        end: passage.end.as_str().to_owned(),
        message: match &passage.end {
            PassageEnd::Failed(message) => Some(message.clone()),
            _ => None,
        },
        seconds: passage.seconds,
        calls: phases.iter().map(|phase| phase.calls).sum(),
        faults: passage.faults.clone(),
        phases,
        incidents: passage.events.iter().filter(|event| went_wrong(&event.kind)).map(incident).collect(),
    }
}

const fn went_wrong(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::CallRetried { .. }
            | EventKind::CallFailed { .. }
            | EventKind::CeilingPassed { .. }
            | EventKind::EndpointFellBack { .. }
            | EventKind::UnitFailed { .. }
            | EventKind::AgentRestarted { .. }
            | EventKind::StoreRecovered { .. }
    )
}

fn incident(event: &Event) -> SimulatedIncident {
    let LogLine { event: name, message, .. } = LogLine::of(event);
    SimulatedIncident { seconds: event.elapsed, event: name, message }
}

/// Returns the entry of the phase that an event is about.
fn entry<'a>(phases: &'a mut Vec<SimulatedPhase>, event: &Event) -> Option<&'a mut SimulatedPhase> {
    let phase = event.phase.clone()?;
    let scope = event.scope.clone().unwrap_or_default();
    let known = phases.iter().position(|known| known.phase == phase && known.scope == scope);
    let at = known.unwrap_or_else(|| {
        let end = CUT_SHORT.to_owned();
        phases.push(SimulatedPhase {
            phase,
            scope,
            end,
            units: UnitCounts::default(),
            calls: 0,
            message: None,
        });
        phases.len() - 1
    });
    phases.get_mut(at)
}

/// Whether an event is about the work of a phase in a scope; those of agents belong to all scopes at once.
const fn is_of_phase(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::PhaseInvalidated { .. }
            | EventKind::AgentOpened { .. }
            | EventKind::AgentClosed { .. }
            | EventKind::AgentRestarted { .. }
            | EventKind::AgentLogged { .. }
    )
}

/// Notes what an event tells of a phase.
fn note(phases: &mut Vec<SimulatedPhase>, event: &Event) {
    if !is_of_phase(&event.kind) {
        return;
    }
    let Some(phase) = entry(phases, event) else { return };
    match &event.kind {
        EventKind::PhasePlanned { total, reused, holes } => {
            phase.units = UnitCounts { total: *total, reused: *reused, ran: 0, failed: *holes };
        }
        EventKind::PhaseProgressed { units, .. } => phase.units = *units,
        EventKind::CallIntended { .. } => phase.calls += 1,
        EventKind::PhaseCompleted(end) => over(phase, PhaseStatus::Completed, end.units),
        EventKind::PhasePartial(end) => over(phase, PhaseStatus::Partial, end.units),
        EventKind::PhaseFresh { .. } => phase.end = PhaseStatus::Fresh.as_str().to_owned(),
        EventKind::PhaseSkipped { reason } => ended(phase, PhaseStatus::Skipped, reason),
        EventKind::PhaseFailed(error) => ended(phase, PhaseStatus::Failed, &error.message),
        EventKind::PhaseRecovered(error) => ended(phase, PhaseStatus::Completed, &error.message),
        EventKind::PhaseBlocked(error) => ended(phase, PhaseStatus::Blocked, &error.message),
        EventKind::PhaseWaiting(error) => ended(phase, PhaseStatus::Waiting, &error.message),
        EventKind::PhaseStopped(error) => ended(phase, PhaseStatus::Stopped, &error.message),
        EventKind::PhaseCancelled(error) => ended(phase, PhaseStatus::Cancelled, &error.message),
        _ => {}
    }
}

/// Notes that a phase came to its end.
fn over(phase: &mut SimulatedPhase, status: PhaseStatus, units: UnitCounts) {
    phase.end = status.as_str().to_owned();
    phase.units = units;
}

/// Notes that a phase ended without a revision.
fn ended(phase: &mut SimulatedPhase, status: PhaseStatus, message: &str) {
    phase.end = status.as_str().to_owned();
    phase.message = Some(message.to_owned());
}
