//! Events to feed sinks with.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{Event, EventKind, PhaseEnded, RunEnded};
use refrain_schemas::failure::{Failure, FailureKind, PhaseError, UnitFailure};
use refrain_schemas::freshness::{Cause, CauseKind};
use refrain_schemas::name::{CallId, Revision, RunId, UnitId};
use refrain_schemas::progress::{PhaseProgress, RunProgress};
use refrain_schemas::report::{PhaseStatus, UnitCounts};
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;

pub(crate) fn run_id() -> RunId {
    "0192d4e0-0000-7000-8000-000000000000".parse().unwrap()
}

pub(crate) fn scope(value: &str) -> Scope {
    Scope::new([("language".parse().unwrap(), value.to_owned())])
}

pub(crate) fn event(kind: EventKind) -> Event {
    Event {
        at: Timestamp::from_micros(1_700_000_000_000_000),
        elapsed: 1.5,
        run_id: run_id(),
        phase: Some("translate".parse().unwrap()),
        scope: Some(scope("ja")),
        kind,
    }
}

pub(crate) fn logged(line: &str) -> Event {
    event(EventKind::AgentLogged { agent: "critic".parse().unwrap(), clone: 0, line: line.to_owned() })
}

/// Returns one event of every shape, with a text wherever one can stand.
pub(crate) fn every_kind(text: &str) -> Vec<EventKind> {
    let agent = || "critic".parse().unwrap();
    let (call, clone, revision) = (CallId(1), 0, Revision(2));
    let failure = || Failure { kind: FailureKind::Transient, message: text.to_owned() };
    let unit = || UnitId::new(text);
    let cause = Cause {
        kind: CauseKind::Upstream,
        subject: text.to_owned(),
        old: Some(text.to_owned()),
        new: Some(text.to_owned()),
    };
    let target = Target { phase: "translate".parse().unwrap(), scope: scope(text) };
    let error = || PhaseError {
        code: "x".to_owned(),
        message: text.to_owned(),
        hint: Some(text.to_owned()),
        units: vec![UnitFailure { unit: unit(), failure: failure() }],
        missing: vec![target.clone()],
    };
    let (digest, units, usage) = (Digest::of_content(b""), UnitCounts::default(), Usage::default());
    let run = || RunEnded { calls: 0, units, usage };
    let phase = || PhaseEnded { revision, digest, units, calls: 0, usage, resources: None };
    vec![
        EventKind::RunStarted { targets: vec![text.to_owned()], in_doubt: 0 },
        EventKind::RunPlanned { targets: vec![target.clone()] },
        EventKind::RunCompleted(run()),
        EventKind::RunPartial(run()),
        EventKind::RunFailed(run()),
        EventKind::RunBlocked(run()),
        EventKind::RunWaiting(run()),
        EventKind::RunStopped(run()),
        EventKind::RunCancelled(run()),
        EventKind::PhaseStarted { revision, causes: vec![cause.clone()] },
        EventKind::PhaseStreaming { upstream: vec![target.clone()] },
        EventKind::PhasePlanned { total: 1, reused: 0, holes: 0 },
        EventKind::PhaseProgressed { units, calls: 0, usage, resources: None },
        EventKind::PhaseCompleted(phase()),
        EventKind::PhasePartial(phase()),
        EventKind::PhaseFresh { revision },
        EventKind::PhaseFailed(error()),
        EventKind::PhaseBlocked(error()),
        EventKind::PhaseWaiting(error()),
        EventKind::PhaseSkipped { reason: text.to_owned() },
        EventKind::PhaseStopped(error()),
        EventKind::PhaseCancelled(error()),
        EventKind::PhaseInvalidated { revision, cause },
        EventKind::CallIntended { call, agent: agent(), units: vec![unit()] },
        EventKind::CallCompleted { call, agent: agent(), replies: 1, usage, seconds: 0.1 },
        EventKind::CallRetried { call, agent: agent(), attempt: 2, pause_seconds: 0.1, failure: failure() },
        EventKind::CallFailed { call, agent: agent(), failure: failure() },
        EventKind::CeilingPassed { call, agent: agent(), ceiling: usage, usage },
        EventKind::EndpointFellBack { call, agent: agent(), endpoint: text.to_owned() },
        EventKind::UnitFailed { unit: unit(), failure: failure() },
        EventKind::ArtifactWritten { digest, records: 1, holes: 0, conflicts: 0 },
        EventKind::ArtifactReused { digest },
        EventKind::AgentOpened { agent: agent(), clone },
        EventKind::AgentClosed { agent: agent(), clone },
        EventKind::AgentRestarted { agent: agent(), clone, reason: text.to_owned() },
        EventKind::AgentLogged { agent: agent(), clone, line: text.to_owned() },
        EventKind::SourceRead { files: 1, records: 1 },
        EventKind::ExportWritten { files: vec![text.to_owned()], records: 1 },
        EventKind::ExportKept { file: text.to_owned(), copy: text.to_owned(), imported: false },
        EventKind::StoreRecovered { message: text.to_owned() },
    ]
}

pub(crate) fn phase(status: Option<PhaseStatus>, ran: u64) -> PhaseProgress {
    PhaseProgress {
        phase: "translate".parse().unwrap(),
        scope: scope("ja"),
        revision: Some(Revision(2)),
        status,
        started: true,
        locked: true,
        units: UnitCounts { total: 1000, ran, reused: 900, failed: 0 },
        calls: ran,
        usage: Usage::default(),
        resources: None,
        percent: Some(90.0),
        rate: Some(2.0),
        eta_seconds: Some(80.0),
    }
}

pub(crate) fn progress(elapsed_seconds: f64, phases: Vec<PhaseProgress>) -> RunProgress {
    RunProgress {
        schema_version: 1,
        run_id: run_id(),
        at: Timestamp::from_micros(1_700_000_000_000_000),
        status: None,
        percent: 90.0,
        units: UnitCounts::default(),
        calls: 0,
        usage: Usage::default(),
        elapsed_seconds,
        eta_seconds: None,
        phases,
    }
}

/// A stream whose contents a test can look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
