//! The JSONL log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, EventKind, Level};
use crate::failure::FailureKind;
use crate::name::{PhaseName, RunId};
use crate::scope::Scope;
use crate::time::Timestamp;

/// One line of the log; exactly these keys, null where absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// When it happened.
    pub timestamp: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// The name of the event.
    pub event: String,
    /// The run.
    pub run_id: RunId,
    /// The phase it is about.
    pub phase: Option<PhaseName>,
    /// The scope of that phase.
    pub scope: Option<Scope>,
    /// What happened, for people.
    pub message: String,
    /// What happened, for programs; its shape is that of the event's name.
    pub data: Option<Value>,
}

impl LogLine {
    /// Writes an event as a line.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let (name, data) = name_and_data(&event.kind);
        Self {
            timestamp: event.at,
            level: event.kind.level(),
            event: name,
            run_id: event.run_id,
            phase: event.phase.clone(),
            scope: event.scope.clone(),
            message: message(event),
            data,
        }
    }
}

/// Splits the externally tagged form of an event into its name and its data.
fn name_and_data(kind: &EventKind) -> (String, Option<Value>) {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => (name, None),
        Ok(Value::Object(map)) => {
            map.into_iter().next().map_or_else(|| (String::new(), None), |(name, data)| (name, Some(data)))
        }
        _ => (String::new(), None),
    }
}

/// Returns what happened as one line for people.
#[must_use]
pub fn message(event: &Event) -> String {
    let subject = subject(event);
    match &event.kind {
        EventKind::RunStarted { targets, .. } if targets.is_empty() => "run started".to_owned(),
        EventKind::RunStarted { targets, .. } => format!("run of {} started", targets.join(", ")),
        EventKind::RunPlanned { targets } => format!("{} planned", counted(targets.len() as u64, "phase")),
        EventKind::RunCompleted(end) => format!("run completed: {}", counted(end.calls, "call")),
        EventKind::RunPartial(end) => {
            format!("run ended partial: {} failed", counted(end.units.failed, "unit"))
        }
        EventKind::RunFailed(_) => "run failed".to_owned(),
        EventKind::RunBlocked(_) => "run blocked".to_owned(),
        EventKind::RunWaiting(_) => "run waits for a person".to_owned(),
        EventKind::RunStopped(_) => "run stopped at its ceiling".to_owned(),
        EventKind::RunCancelled(_) => "run cancelled".to_owned(),
        EventKind::PhaseStreaming { upstream } => {
            let names: Vec<String> = upstream.iter().map(ToString::to_string).collect();
            format!("{subject} flows on while {} is under way", names.join(", "))
        }
        EventKind::TurnStarted { turn, .. } => format!("{subject} started turn {turn}"),
        EventKind::PhaseStarted { revision, .. } => format!("{subject} started on revision {revision}"),
        EventKind::PhasePlanned { total, reused, .. } => {
            format!("{subject} has {}, {reused} of them reused", counted(*total, "unit"))
        }
        EventKind::PhaseProgressed { units, .. } => {
            let done = units.ran + units.reused + units.failed;
            format!("{subject} is at {done} of {}", counted(units.total, "unit"))
        }
        EventKind::PhaseCompleted(end) => format!("{subject} completed revision {}", end.revision),
        EventKind::PhasePartial(end) => {
            let failed = counted(end.units.failed, "unit");
            let why = match end.units.failed {
                0 => "what it was made from lacks units".to_owned(),
                _ => format!("{failed} failed"),
            };
            format!("{subject} made partial revision {}: {why}", end.revision)
        }
        EventKind::PhaseFresh { revision } => format!("{subject} is fresh at revision {revision}"),
        EventKind::PhaseFailed(error) => format!("{subject} failed: {}", error.message),
        EventKind::PhaseRecovered(error) => {
            format!("{subject} failed, and a value stands in for what it makes: {}", error.message)
        }
        EventKind::PhaseBlocked(error) => format!("{subject} is blocked: {}", error.message),
        EventKind::PhaseWaiting(error) => format!("{subject} waits: {}", error.message),
        EventKind::PhaseSkipped { reason } => format!("{subject} skipped: {reason}"),
        EventKind::PhaseStopped(error) => format!("{subject} stopped: {}", error.message),
        EventKind::PhaseCancelled(error) => format!("{subject} cancelled: {}", error.message),
        EventKind::PhaseInvalidated { revision, cause } => {
            format!("{subject} revision {revision} is no longer fresh: {cause}")
        }
        EventKind::CallIntended { .. }
        | EventKind::CallCompleted { .. }
        | EventKind::CallRetried { .. }
        | EventKind::CallFailed { .. }
        | EventKind::CeilingPassed { .. }
        | EventKind::EndpointFellBack { .. } => format!("{subject}: {}", call(&event.kind)),
        EventKind::UnitFailed { unit, failure } if failure.kind == FailureKind::Waiting => {
            format!("{subject}/{unit} waits: {}", failure.message)
        }
        EventKind::UnitFailed { unit, failure } => format!("{subject}/{unit} failed: {}", failure.message),
        EventKind::ArtifactWritten { digest, records, .. } => {
            format!("{subject}: {} stored as {}", counted(*records, "record"), digest.short())
        }
        EventKind::ArtifactReused { digest } => format!("{subject}: contents unchanged ({})", digest.short()),
        EventKind::AgentOpened { agent, clone } => format!("{agent} #{clone} opened"),
        EventKind::AgentClosed { agent, clone } => format!("{agent} #{clone} closed"),
        EventKind::AgentRestarted { agent, clone, reason } => format!("{agent} #{clone} restarted: {reason}"),
        EventKind::AgentLogged { agent, line, .. } => format!("{agent}: {line}"),
        EventKind::SourceRead { files, records } => {
            format!("{subject}: {} read from {}", counted(*records, "record"), counted(*files, "file"))
        }
        EventKind::ExportWritten { files, records } => {
            format!("{subject}: {} written to {}", counted(*records, "record"), files.join(", "))
        }
        EventKind::ExportKept { file, copy, imported } => kept(&subject, file, copy, *imported),
        EventKind::StoreRecovered { message } => format!("store recovered: {message}"),
    }
}

/// Returns what became of a call.
fn call(kind: &EventKind) -> String {
    match kind {
        EventKind::CallIntended { call, agent, units } => {
            format!("{call} asks {agent} about {}", counted(units.len() as u64, "unit"))
        }
        EventKind::CallCompleted { call, agent, replies, .. } => {
            let noun = if *replies == 1 { "reply" } else { "replies" };
            format!("{call} brought {replies} {noun} from {agent}")
        }
        EventKind::CallRetried { call, agent, attempt, failure, .. } => {
            format!("{call} to {agent} failed ({}); attempt {attempt} follows", failure.message)
        }
        EventKind::CallFailed { call, agent, failure } => {
            format!("{call} to {agent} failed ({})", failure.message)
        }
        EventKind::CeilingPassed { call, agent, .. } => {
            format!("{call} to {agent} consumed more than it was reckoned to at most")
        }
        EventKind::EndpointFellBack { call, agent, endpoint } => {
            format!("{endpoint} answers for {agent} in the place of an endpoint that is down ({call})")
        }
        _ => String::new(),
    }
}

fn kept(subject: &str, file: &str, copy: &str, imported: bool) -> String {
    if imported {
        return format!(
            "{subject}: {file} was imported, but not all that is in it; as it was, it is in {copy}"
        );
    }
    format!(
        "{subject}: {file} was not as a run here wrote it and is replaced; what it was is in {copy} \
         (`refrain edit import {copy}` takes it over)"
    )
}

fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn subject(event: &Event) -> String {
    match (&event.phase, &event.scope) {
        (Some(phase), Some(scope)) if !scope.is_none() => format!("{phase}@{scope}"),
        (Some(phase), _) => phase.to_string(),
        (None, _) => "run".to_owned(),
    }
}
