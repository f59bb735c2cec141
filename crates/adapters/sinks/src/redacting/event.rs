//! Events without secrets.
//!
//! Every kind of event is taken apart by name, so that a new one, or a new text in one, is not passed on unseen.

use refrain_core::redactor::Redactor;
use refrain_schemas::event::{Event, EventKind};
use refrain_schemas::failure::{Failure, PhaseError, UnitFailure};
use refrain_schemas::freshness::Cause;
use refrain_schemas::name::UnitId;
use refrain_schemas::scope::{Scope, Target};

pub(super) fn redact(secrets: &Redactor, event: &Event) -> Event {
    let mut event = event.clone();
    event.scope = event.scope.as_ref().map(|found| scope(secrets, found));
    kind(secrets, &mut event.kind);
    event
}

pub(super) fn scope(secrets: &Redactor, scope: &Scope) -> Scope {
    Scope::new(scope.iter().map(|(name, value)| (name.clone(), secrets.text(value).into_owned())))
}

fn kind(secrets: &Redactor, kind: &mut EventKind) {
    match kind {
        EventKind::RunStarted { targets, in_doubt: _ } => targets.iter_mut().for_each(|t| text(secrets, t)),
        EventKind::RunPlanned { targets: found } | EventKind::PhaseStreaming { upstream: found } => {
            targets(secrets, found);
        }
        EventKind::PhaseStarted { revision: _, causes } => causes.iter_mut().for_each(|c| cause(secrets, c)),
        EventKind::PhaseInvalidated { revision: _, cause: found } => cause(secrets, found),
        EventKind::PhaseFailed(found)
        | EventKind::PhaseRecovered(found)
        | EventKind::PhaseBlocked(found)
        | EventKind::PhaseWaiting(found)
        | EventKind::PhaseStopped(found)
        | EventKind::PhaseCancelled(found) => error(secrets, found),
        EventKind::PhaseSkipped { reason } => text(secrets, reason),
        EventKind::CallIntended { call: _, agent: _, units } => {
            units.iter_mut().for_each(|u| unit(secrets, u));
        }
        EventKind::CallRetried { call: _, agent: _, attempt: _, pause_seconds: _, failure: found }
        | EventKind::CallFailed { call: _, agent: _, failure: found } => failure(secrets, found),
        EventKind::UnitFailed { unit: id, failure: found } => {
            unit(secrets, id);
            failure(secrets, found);
        }
        EventKind::AgentRestarted { agent: _, clone: _, reason } => text(secrets, reason),
        EventKind::AgentLogged { agent: _, clone: _, line } => text(secrets, line),
        EventKind::ExportWritten { files, records: _ } => files.iter_mut().for_each(|f| text(secrets, f)),
        EventKind::ExportKept { file, copy, imported: _ } => {
            text(secrets, file);
            text(secrets, copy);
        }
        EventKind::EndpointFellBack { call: _, agent: _, endpoint } => text(secrets, endpoint),
        EventKind::StoreRecovered { message } => text(secrets, message),
        // These hold counts, digests and names from the pipeline file.
        EventKind::RunCompleted(_)
        | EventKind::RunPartial(_)
        | EventKind::RunFailed(_)
        | EventKind::RunBlocked(_)
        | EventKind::RunWaiting(_)
        | EventKind::RunStopped(_)
        | EventKind::RunCancelled(_)
        | EventKind::CeilingPassed { call: _, agent: _, ceiling: _, usage: _ }
        | EventKind::PhasePlanned { total: _, reused: _, holes: _ }
        | EventKind::PhaseProgressed { units: _, calls: _, usage: _, resources: _ }
        | EventKind::PhaseCompleted(_)
        | EventKind::PhasePartial(_)
        | EventKind::PhaseFresh { revision: _ }
        | EventKind::CallCompleted { call: _, agent: _, replies: _, usage: _, seconds: _ }
        | EventKind::ArtifactWritten { digest: _, records: _, holes: _, conflicts: _ }
        | EventKind::ArtifactReused { digest: _ }
        | EventKind::AgentOpened { agent: _, clone: _ }
        | EventKind::AgentClosed { agent: _, clone: _ }
        | EventKind::SourceRead { files: _, records: _ } => {}
    }
}

fn text(secrets: &Redactor, text: &mut String) {
    secrets.hide(text);
}

fn unit(secrets: &Redactor, unit: &mut UnitId) {
    *unit = UnitId::new(&secrets.text(unit.as_str()));
}

fn targets(secrets: &Redactor, targets: &mut [Target]) {
    for target in targets {
        target.scope = scope(secrets, &target.scope);
    }
}

fn cause(secrets: &Redactor, cause: &mut Cause) {
    let Cause { kind: _, subject, old, new } = cause;
    text(secrets, subject);
    old.iter_mut().chain(new).for_each(|mark| text(secrets, mark));
}

fn failure(secrets: &Redactor, failure: &mut Failure) {
    let Failure { kind: _, message } = failure;
    text(secrets, message);
}

fn error(secrets: &Redactor, error: &mut PhaseError) {
    let PhaseError { code: _, message, hint, units, missing } = error;
    text(secrets, message);
    hint.iter_mut().for_each(|hint| text(secrets, hint));
    targets(secrets, missing);
    for UnitFailure { unit: id, failure: found } in units {
        unit(secrets, id);
        failure(secrets, found);
    }
}
