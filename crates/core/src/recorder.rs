//! The one place where events get their time and go to their sinks.

use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::event::{Event, EventKind, Level};
use refrain_schemas::name::RunId;
use refrain_schemas::scope::Target;

use crate::engine::Ports;
use crate::ports::clock::Clock;
use crate::ports::sink::{LogSink, ProgressSink, SinkError};
use crate::progress::ProgressFold;

/// How often progress is told between changes of status.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// A run of more targets than this is large.
const LARGE: usize = 50;

/// Stamps events, folds them into progress and hands both out, one sink after the other.
#[derive(Debug)]
pub struct Recorder {
    run_id: RunId,
    clock: Arc<dyn Clock>,
    started: Duration,
    logs: Vec<Arc<dyn LogSink>>,
    progress: Vec<Arc<dyn ProgressSink>>,
    fold: ProgressFold,
    level: Level,
    /// Whether there are so many targets that telling of all of them at each event would cost more than the events.
    is_large: bool,
    /// When progress was told last.
    told_at: Option<Duration>,
    /// Whether something was not told because it came too early.
    has_untold: bool,
    /// What sinks that have failed said; they are told nothing more.
    failures: Vec<String>,
}

impl Recorder {
    /// Starts to record a run.
    #[must_use]
    pub fn new(ports: &Ports, run_id: RunId, targets: &[Target]) -> Self {
        let level = ports.logs.iter().map(|sink| sink.level()).min().unwrap_or(Level::Error);
        Self {
            run_id,
            clock: ports.clock.clone(),
            started: ports.clock.monotonic(),
            logs: ports.logs.clone(),
            progress: ports.progress.clone(),
            fold: ProgressFold::new(run_id, ports.clock.now(), targets),
            level,
            is_large: targets.len() > LARGE,
            told_at: None,
            has_untold: false,
            failures: Vec::new(),
        }
    }

    /// Returns the least level that any sink wants.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Records one event; its effects are durable already.
    pub async fn record(&mut self, target: Option<&Target>, kind: EventKind) {
        let event = Event {
            at: self.clock.now(),
            elapsed: self.clock.monotonic().saturating_sub(self.started).as_secs_f64(),
            run_id: self.run_id,
            phase: target.map(|target| target.phase.clone()),
            scope: target.map(|target| target.scope.clone()),
            kind,
        };
        self.log(&event).await;
        if !self.progress.is_empty() {
            self.fold.apply(&event);
            self.is_large |= self.fold.n_targets() > LARGE;
            if moves_bars(&event.kind) && self.is_due(&event.kind) {
                self.tell_progress().await;
            }
        }
    }

    /// Whether progress is told at an event: of a large run not more often than anybody looks, and always at its end.
    fn is_due(&mut self, kind: &EventKind) -> bool {
        let now = self.clock.monotonic();
        let is_early = self.told_at.is_some_and(|told| now.saturating_sub(told) < PROGRESS_EVERY);
        if self.is_large && is_early && !ends_run(kind) {
            self.has_untold = true;
            return false;
        }
        (self.told_at, self.has_untold) = (Some(now), false);
        true
    }

    /// Makes up for progress that came too early to be told, once it is time.
    pub async fn catch_up(&mut self) {
        let now = self.clock.monotonic();
        if self.has_untold && self.told_at.is_none_or(|told| now.saturating_sub(told) >= PROGRESS_EVERY) {
            (self.told_at, self.has_untold) = (Some(now), false);
            self.tell_progress().await;
        }
    }

    async fn log(&mut self, event: &Event) {
        let level = event.kind.level();
        let mut failed = Vec::new();
        for (n, sink) in self.logs.iter().enumerate() {
            if level >= sink.level()
                && let Err(error) = sink.log(event).await
            {
                failed.push((n, error));
            }
        }
        for (n, error) in failed.into_iter().rev() {
            self.logs.remove(n);
            self.drop_sink(&error);
        }
    }

    async fn tell_progress(&mut self) {
        let progress = self.fold.snapshot();
        let mut failed = Vec::new();
        for (n, sink) in self.progress.iter().enumerate() {
            if let Err(error) = sink.progress(&progress).await {
                failed.push((n, error));
            }
        }
        for (n, error) in failed.into_iter().rev() {
            self.progress.remove(n);
            self.drop_sink(&error);
        }
    }

    fn drop_sink(&mut self, error: &SinkError) {
        self.failures.push(error.to_string());
    }

    /// Brings everything to its place, and returns what sinks that failed said.
    pub async fn finish(mut self) -> Vec<String> {
        for sink in std::mem::take(&mut self.logs) {
            if let Err(error) = sink.flush().await {
                self.drop_sink(&error);
            }
        }
        for sink in std::mem::take(&mut self.progress) {
            if let Err(error) = sink.flush().await {
                self.drop_sink(&error);
            }
        }
        self.failures
    }
}

const fn ends_run(kind: &EventKind) -> bool {
    use EventKind as K;
    matches!(
        kind,
        K::RunCompleted(_)
            | K::RunPartial(_)
            | K::RunFailed(_)
            | K::RunBlocked(_)
            | K::RunWaiting(_)
            | K::RunStopped(_)
            | K::RunCancelled(_)
    )
}

/// Whether an event changes what a progress bar shows; calls and units do so through `PhaseProgressed`.
const fn moves_bars(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::CallIntended { .. }
            | EventKind::CallCompleted { .. }
            | EventKind::CallRetried { .. }
            | EventKind::CallFailed { .. }
            | EventKind::UnitFailed { .. }
            | EventKind::AgentLogged { .. }
            | EventKind::AgentOpened { .. }
            | EventKind::AgentClosed { .. }
            | EventKind::AgentRestarted { .. }
    )
}
