//! Progress as a pure fold over events: the one reducer behind bars, `status`, the progress file and every later view.
//!
//! Figures are kept per phase, scope and revision and only ever grow; a phase that starts on another revision opens
//! new figures beside the old ones. Nothing here knows the time: everything comes from the events.

mod attempt;
mod pace;

use std::collections::{BTreeMap, HashMap};

use refrain_schemas::event::{Event, EventKind, RunEnded};
use refrain_schemas::name::{PhaseName, Revision, RunId};
use refrain_schemas::progress::RunProgress;
use refrain_schemas::report::{RunStatus, UnitCounts};
use refrain_schemas::scope::Target;
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;

use crate::progress::attempt::{Attempt, grow_counts, grow_usage};

/// Folds the events of one run into its progress.
///
/// - Events MUST come in the order in which they happened.
/// - No figure of a phase, scope and revision ever decreases, whatever comes; neither does the run's percentage.
/// - A target has an ETA once its totals are locked and units of its phase are being done; the run has one once every
///   target is over or has one. They are guesses, and may grow.
/// - The snapshot lists targets in plan order, and the attempts at one target in the order of their start, so the last
///   entry of a target is its present one.
#[derive(Debug, Clone)]
pub struct ProgressFold {
    run_id: RunId,
    at: Timestamp,
    elapsed: f64,
    status: Option<RunStatus>,
    percent: f64,
    ended: Option<RunEnded>,
    targets: Vec<Attempts>,
    /// Where the attempts at each target stand.
    places: HashMap<Target, usize>,
    /// Where those of all scopes of a phase stand.
    scopes: HashMap<PhaseName, Vec<usize>>,
    /// How many targets are done.
    n_done: u64,
    /// What the others add to the progress of the run, as far as that is something.
    begun: BTreeMap<usize, f64>,
}

/// The attempts at one target; there is always a present one.
#[derive(Debug, Clone)]
struct Attempts {
    target: Target,
    earlier: Vec<Attempt>,
    present: Attempt,
    /// What the present one adds to the progress of the run, from 0 to 1.
    share: f64,
}

impl ProgressFold {
    /// Starts with nothing done.
    #[must_use]
    pub fn new(run_id: RunId, started_at: Timestamp, targets: &[Target]) -> Self {
        let mut fold = Self {
            run_id,
            at: started_at,
            elapsed: 0.0,
            status: None,
            percent: 0.0,
            ended: None,
            targets: Vec::new(),
            places: HashMap::new(),
            scopes: HashMap::new(),
            n_done: 0,
            begun: BTreeMap::new(),
        };
        for target in targets {
            fold.place(target);
        }
        fold
    }

    /// Takes one event.
    pub fn apply(&mut self, event: &Event) {
        self.at = event.at;
        self.elapsed = self.elapsed.max(event.elapsed);
        if let EventKind::RunPlanned { targets } = &event.kind {
            for target in targets {
                self.place(target);
            }
        } else if let Some((status, end)) = run_end(&event.kind) {
            self.end(status, end);
        } else if let (Some(phase), true) = (event.phase.clone(), moves_phase(&event.kind)) {
            let target = Target { phase, scope: event.scope.clone().unwrap_or_default() };
            let (at, elapsed) = (self.place(&target), self.elapsed);
            self.targets[at].apply(&event.kind, elapsed);
            self.weigh(at);
        }
        self.percent = self.percent.max(self.share());
    }

    /// Returns the progress as it is now.
    #[must_use]
    pub fn snapshot(&self) -> RunProgress {
        let mut progress = RunProgress {
            schema_version: 1,
            run_id: self.run_id,
            at: self.at,
            status: self.status,
            percent: self.percent,
            units: UnitCounts::default(),
            calls: 0,
            usage: Usage::default(),
            elapsed_seconds: self.elapsed,
            eta_seconds: self.eta(),
            phases: Vec::with_capacity(self.targets.len()),
        };
        for attempts in &self.targets {
            for attempt in attempts.all() {
                let eta = if attempt.is_open() { self.eta_of(&attempts.target, attempt) } else { None };
                let phase = attempt.progress(&attempts.target, eta);
                progress.units.add(&phase.units);
                progress.calls += phase.calls;
                progress.usage.add(&phase.usage);
                progress.phases.push(phase);
            }
        }
        if let Some(end) = &self.ended {
            grow_counts(&mut progress.units, &end.units);
            grow_usage(&mut progress.usage, &end.usage);
            progress.calls = progress.calls.max(end.calls);
        }
        progress
    }

    /// Returns where the attempts at a target stand; one that the plan did not name is added at its end.
    fn place(&mut self, target: &Target) -> usize {
        if let Some(at) = self.places.get(target) {
            return *at;
        }
        let at = self.targets.len();
        self.targets.push(Attempts::new(target.clone()));
        self.places.insert(target.clone(), at);
        self.scopes.entry(target.phase.clone()).or_default().push(at);
        at
    }

    /// Takes note of what a target adds to the progress of the run now.
    fn weigh(&mut self, at: usize) {
        let Attempts { present, share, .. } = &mut self.targets[at];
        let was_done = is_whole(*share);
        *share = present.fraction();
        self.n_done += u64::from(is_whole(*share));
        self.n_done -= u64::from(was_done);
        if is_whole(*share) || *share <= 0.0 {
            self.begun.remove(&at);
        } else {
            self.begun.insert(at, *share);
        }
    }

    fn end(&mut self, status: RunStatus, end: &RunEnded) {
        self.status = Some(status);
        let kept = self.ended.get_or_insert_with(|| end.clone());
        kept.calls = kept.calls.max(end.calls);
        grow_counts(&mut kept.units, &end.units);
        grow_usage(&mut kept.usage, &end.usage);
    }

    /// Returns the seconds left for a target that is not over. One whose turn has not come waits behind the other scopes
    /// of its phase, which share its agents, and will be as fast as they are together.
    fn eta_of(&self, target: &Target, attempt: &Attempt) -> Option<f64> {
        if let Some(own) = attempt.eta(self.elapsed) {
            return Some(own);
        }
        let mates = self.scopes.get(&target.phase).into_iter().flatten().map(|at| &self.targets[*at]);
        let mates = mates.filter(|attempts| attempts.present.is_open()).filter_map(|attempts| {
            let mate = &attempts.present;
            Some((mate.left()?, mate.rate()?))
        });
        let (left, rate) =
            mates.fold((attempt.left()?, 0.0), |(left, rate), (more, faster)| (left + more, rate + faster));
        (rate > 0.0).then(|| count(left) / rate)
    }

    /// Returns the seconds left for the run: those of the target that will be over last.
    fn eta(&self) -> Option<f64> {
        let open = self.targets.iter().filter(|attempts| attempts.present.is_open());
        let etas = open.map(|attempts| self.eta_of(&attempts.target, &attempts.present));
        let last = etas.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max);
        last.filter(|_| self.status.is_none())
    }

    /// Returns the share of the work that is done: every target weighs the same.
    fn share(&self) -> f64 {
        if matches!(self.status, Some(RunStatus::Completed | RunStatus::Partial)) {
            return 100.0;
        }
        let done = count(self.n_done) + self.begun.values().sum::<f64>();
        let weight = count(self.targets.len() as u64).max(1.0);
        (100.0 * done / weight).min(100.0)
    }
}

impl Attempts {
    fn new(target: Target) -> Self {
        Self { target, earlier: Vec::new(), present: Attempt::new(), share: 0.0 }
    }

    fn all(&self) -> impl Iterator<Item = &Attempt> {
        self.earlier.iter().chain(std::iter::once(&self.present))
    }

    fn apply(&mut self, kind: &EventKind, elapsed: f64) {
        match revision(kind) {
            Some(revision) => self.at(revision).apply(kind, elapsed),
            None => self.present.apply(kind, elapsed),
        }
    }

    /// Returns the attempt at a revision. One that is not known becomes the present attempt, unless that one does not
    /// have a revision yet: then it is the one that is meant.
    fn at(&mut self, revision: Revision) -> &mut Attempt {
        if let Some(at) = self.earlier.iter().position(|attempt| attempt.revision() == Some(revision)) {
            return &mut self.earlier[at];
        }
        if self.present.revision().is_some_and(|present| present != revision) {
            self.earlier.push(std::mem::replace(&mut self.present, Attempt::new()));
        }
        self.present.adopt(revision);
        &mut self.present
    }
}

/// Returns the revision that an event of a phase is about, where it says so. An invalidated revision is not worked on.
const fn revision(kind: &EventKind) -> Option<Revision> {
    match kind {
        EventKind::PhaseStarted { revision, .. } | EventKind::PhaseFresh { revision } => Some(*revision),
        EventKind::PhaseCompleted(end) | EventKind::PhasePartial(end) => Some(end.revision),
        _ => None,
    }
}

/// Whether an event is about how far a phase is. Others, such as that a clone was opened which all scopes of a phase
/// share, name the phase without a scope, and there is no such target.
const fn moves_phase(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::PhaseStarted { .. }
            | EventKind::PhasePlanned { .. }
            | EventKind::PhaseProgressed { .. }
            | EventKind::PhaseCompleted(_)
            | EventKind::PhasePartial(_)
            | EventKind::PhaseFresh { .. }
            | EventKind::PhaseFailed(_)
            | EventKind::PhaseRecovered(_)
            | EventKind::PhaseBlocked(_)
            | EventKind::PhaseWaiting(_)
            | EventKind::PhaseSkipped { .. }
            | EventKind::PhaseStopped(_)
            | EventKind::PhaseCancelled(_)
    )
}

/// Whether a share is all there is.
fn is_whole(share: f64) -> bool {
    share >= 1.0
}

const fn run_end(kind: &EventKind) -> Option<(RunStatus, &RunEnded)> {
    Some(match kind {
        EventKind::RunCompleted(end) => (RunStatus::Completed, end),
        EventKind::RunPartial(end) => (RunStatus::Partial, end),
        EventKind::RunFailed(end) => (RunStatus::Failed, end),
        EventKind::RunBlocked(end) => (RunStatus::Blocked, end),
        EventKind::RunWaiting(end) => (RunStatus::Waiting, end),
        EventKind::RunStopped(end) => (RunStatus::Stopped, end),
        EventKind::RunCancelled(end) => (RunStatus::Cancelled, end),
        _ => return None,
    })
}

/// Returns a count as a number to calculate with; counts beyond 2^53 lose their last digits, which no percentage shows.
const fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
