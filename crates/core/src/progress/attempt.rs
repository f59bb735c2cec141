//! The figures of one attempt at one revision.

use refrain_schemas::event::EventKind;
use refrain_schemas::name::Revision;
use refrain_schemas::progress::PhaseProgress;
use refrain_schemas::report::{PhaseStatus, UnitCounts};
use refrain_schemas::scope::Target;
use refrain_schemas::usage::{Resources, Usage};

use crate::progress::count;
use crate::progress::pace::Pace;

/// What is known of one attempt at one revision of a target.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    revision: Option<Revision>,
    status: Option<PhaseStatus>,
    started: Option<f64>,
    ended: Option<f64>,
    locked: bool,
    units: UnitCounts,
    /// Units that were done before anything was asked; they say nothing about the rate.
    given: u64,
    calls: u64,
    usage: Usage,
    resources: Option<Resources>,
    percent: f64,
    pace: Pace,
}

impl Attempt {
    pub(super) fn new() -> Self {
        Self {
            revision: None,
            status: None,
            started: None,
            ended: None,
            locked: false,
            units: UnitCounts { total: 0, ran: 0, reused: 0, failed: 0 },
            given: 0,
            calls: 0,
            usage: Usage::default(),
            resources: None,
            percent: 0.0,
            pace: Pace::default(),
        }
    }

    pub(super) const fn revision(&self) -> Option<Revision> {
        self.revision
    }

    pub(super) const fn adopt(&mut self, revision: Revision) {
        self.revision = Some(revision);
    }

    pub(super) fn apply(&mut self, kind: &EventKind, elapsed: f64) {
        match kind {
            EventKind::PhaseStarted { .. } => self.start(elapsed),
            EventKind::PhasePlanned { total, reused, holes } => {
                let units = UnitCounts { total: *total, ran: 0, reused: *reused, failed: *holes };
                self.given = self.given.max(reused.saturating_add(*holes));
                self.grow(&units, 0, &Usage::default());
                self.locked = true;
            }
            EventKind::PhaseProgressed { units, calls, usage, resources } => {
                self.grow(units, *calls, usage);
                self.use_up(*resources);
            }
            EventKind::PhaseCompleted(end) | EventKind::PhasePartial(end) => {
                self.grow(&end.units, end.calls, &end.usage);
                self.use_up(end.resources);
                self.locked = true;
            }
            // There is nothing to do, and that is known.
            EventKind::PhaseFresh { .. } | EventKind::PhaseSkipped { .. } => self.locked = true,
            _ => {}
        }
        if self.started.is_some() && self.ended.is_none() {
            self.pace.note(elapsed, self.asked(), self.calls > 0);
        }
        if let Some(status) = status(kind) {
            self.status = Some(status);
            self.ended = Some(elapsed);
        }
        self.percent = self.percent.max(self.share());
    }

    /// Returns what the attempt adds to the progress of the run, from 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        match self.status {
            Some(
                PhaseStatus::Fresh | PhaseStatus::Completed | PhaseStatus::Partial | PhaseStatus::Skipped,
            ) => 1.0,
            // What was stopped half-way or failed is not done: the percentage of the run stays where it was.
            _ if self.locked => self.percent / 100.0,
            _ => 0.0,
        }
    }

    /// Whether units are being asked about, or will be.
    pub(super) const fn is_open(&self) -> bool {
        self.status.is_none()
    }

    /// Returns how many units are left; `None` while that is not known.
    pub(super) fn left(&self) -> Option<u64> {
        (self.locked && self.is_open()).then(|| self.units.total.saturating_sub(self.done()))
    }

    /// Returns the units done per second by asking: of late, or over all where the attempt has ended.
    pub(super) fn rate(&self) -> Option<f64> {
        match self.ended {
            Some(ended) => self.pace.overall(ended),
            None => self.pace.rate(),
        }
    }

    /// Returns the seconds left at the attempt's own pace.
    pub(super) fn eta(&self, elapsed: f64) -> Option<f64> {
        match self.left()? {
            0 => Some(0.0),
            left => self.pace.eta(left, elapsed),
        }
    }

    pub(super) fn progress(&self, target: &Target, eta_seconds: Option<f64>) -> PhaseProgress {
        PhaseProgress {
            phase: target.phase.clone(),
            scope: target.scope.clone(),
            revision: self.revision,
            status: self.status,
            started: self.started.is_some(),
            locked: self.locked,
            units: self.units,
            calls: self.calls,
            usage: self.usage,
            resources: self.resources,
            percent: self.locked.then_some(self.percent),
            rate: self.rate(),
            eta_seconds,
        }
    }

    /// Starts the attempt, or takes it up again: a failed attempt made no revision, so the next one has its number.
    fn start(&mut self, elapsed: f64) {
        self.started.get_or_insert(elapsed);
        self.pace.begin(elapsed);
        self.status = None;
        self.ended = None;
    }

    fn grow(&mut self, units: &UnitCounts, calls: u64, usage: &Usage) {
        // Locked totals are final; whoever reports others means another revision.
        let total = if self.locked { self.units.total } else { units.total };
        grow_counts(&mut self.units, &UnitCounts { total, ..*units });
        grow_usage(&mut self.usage, usage);
        self.calls = self.calls.max(calls);
    }

    /// Takes over what was used, which only grows; what was measured once stays known.
    fn use_up(&mut self, resources: Option<Resources>) {
        let Some(to) = resources else { return };
        let used = self.resources.get_or_insert_default();
        used.wall_seconds = used.wall_seconds.max(to.wall_seconds);
        used.cpu_seconds = match (used.cpu_seconds, to.cpu_seconds) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        used.peak_bytes = used.peak_bytes.max(to.peak_bytes);
    }

    fn done(&self) -> u64 {
        self.units.ran.saturating_add(self.units.reused).saturating_add(self.units.failed)
    }

    fn share(&self) -> f64 {
        match self.status {
            Some(
                PhaseStatus::Completed | PhaseStatus::Partial | PhaseStatus::Fresh | PhaseStatus::Skipped,
            ) => 100.0,
            _ if !self.locked => 0.0,
            // A phase without units is done when it has ended, not before.
            _ if self.units.total == 0 => 0.0,
            _ => (100.0 * count(self.done()) / count(self.units.total)).min(100.0),
        }
    }

    /// Returns how many units were done by asking.
    fn asked(&self) -> u64 {
        self.done().saturating_sub(self.given.max(self.units.reused))
    }
}

/// Raises counts to others where these are higher.
pub(super) fn grow_counts(counts: &mut UnitCounts, to: &UnitCounts) {
    counts.total = counts.total.max(to.total);
    counts.ran = counts.ran.max(to.ran);
    counts.reused = counts.reused.max(to.reused);
    counts.failed = counts.failed.max(to.failed);
}

/// Raises a usage to another where that is higher; a known cost stays known.
pub(super) fn grow_usage(usage: &mut Usage, to: &Usage) {
    usage.input_tokens = usage.input_tokens.max(to.input_tokens);
    usage.cached_input_tokens = usage.cached_input_tokens.max(to.cached_input_tokens);
    usage.output_tokens = usage.output_tokens.max(to.output_tokens);
    usage.cost_usd = match (usage.cost_usd, to.cost_usd) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
}

const fn status(kind: &EventKind) -> Option<PhaseStatus> {
    Some(match kind {
        EventKind::PhaseFresh { .. } => PhaseStatus::Fresh,
        EventKind::PhaseCompleted(_) | EventKind::PhaseRecovered(_) => PhaseStatus::Completed,
        EventKind::PhasePartial(_) => PhaseStatus::Partial,
        EventKind::PhaseFailed(_) => PhaseStatus::Failed,
        EventKind::PhaseBlocked(_) => PhaseStatus::Blocked,
        EventKind::PhaseWaiting(_) => PhaseStatus::Waiting,
        EventKind::PhaseSkipped { .. } => PhaseStatus::Skipped,
        EventKind::PhaseStopped(_) => PhaseStatus::Stopped,
        EventKind::PhaseCancelled(_) => PhaseStatus::Cancelled,
        _ => return None,
    })
}
