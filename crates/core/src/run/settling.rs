//! Units on their way out of memory: those at the head of a target that are over go into its revision while others are
//! being asked about, and as many are begun behind them. What a run holds hangs on how far its units are out of order,
//! not on how many there are.

use refrain_schemas::failure::UnitFailure;

use crate::engine::EngineError;
use crate::model::Work;
use crate::publish::{Publisher, UnitOutcome};
use crate::reply::Rules;

use super::failed_units::NAMED_FAILURES;
use super::input::{Effect, TargetNo};
use super::job::Job;
use super::state::RunState;

/// The window moves in steps of this share of it: so many units are begun at once, or handed over.
const STEPS: usize = 2;

/// What has left the window of a job and is not published.
#[derive(Debug, Default)]
pub struct Settling {
    outcomes: Vec<UnitOutcome>,
    publisher: Option<Box<Publisher>>,
    is_away: bool,
    failures: Vec<UnitFailure>,
}

impl Settling {
    /// Whether a handful of units is being stored.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        self.is_away
    }

    /// Returns the first units that failed and have left the window.
    #[must_use]
    pub fn failures(&self) -> &[UnitFailure] {
        &self.failures
    }

    /// Takes out what there is, to be published with the rest.
    pub fn take(&mut self) -> (Vec<UnitOutcome>, Option<Box<Publisher>>) {
        (std::mem::take(&mut self.outcomes), self.publisher.take())
    }
}

impl RunState {
    /// Lets units out of the windows that are over, and others in.
    pub(super) fn move_windows(&mut self) {
        for no in self.agenda.wide() {
            if self.targets[no].job().is_some() {
                self.settle(no);
                self.begin_more(no);
            }
        }
    }

    /// Hands the units at the head over that have ended, where their records are their own business.
    fn settle(&mut self, no: TargetNo) {
        if !self.is_settled_early(no) {
            return;
        }
        let step = self.step();
        let Some(job) = self.targets[no].job_mut() else { return };
        while let Some(outcome) = job.take_outcome() {
            if let Err(Some(failure)) = &outcome.result
                && job.settling.failures.len() < NAMED_FAILURES
            {
                let (unit, failure) = (outcome.id.clone(), failure.clone());
                job.settling.failures.push(UnitFailure { unit, failure });
            }
            job.settling.outcomes.push(outcome);
        }
        if job.settling.is_away || job.settling.outcomes.len() < step {
            return;
        }
        let prepared = &mut job.prepared;
        let publisher = job.settling.publisher.take().unwrap_or_else(|| {
            Box::new(Publisher::new(std::mem::take(&mut prepared.pieces), prepared.before.take()))
        });
        let outcomes = std::mem::take(&mut job.settling.outcomes);
        job.settling.is_away = true;
        let place = self.place(no);
        self.effect(Effect::Settle(place, publisher, outcomes));
    }

    /// Whether units of a target may be published before all of them are over: no other unit can have a say in their
    /// records, and there are more of them than a run holds.
    fn is_settled_early(&self, no: TargetNo) -> bool {
        let (Work::Ask(work), Some(job)) = (&self.phase(no).work, self.targets[no].job()) else {
            return false;
        };
        let rules = Rules::of(work, None).gathered(!self.phase(no).gather.is_empty());
        job.prepared.units.len() > self.options.window && rules.keys_are_units()
    }

    /// Takes the revision back that a handful of units was added to.
    pub(super) fn settled(&mut self, no: TargetNo, publisher: Result<Box<Publisher>, EngineError>) {
        match publisher {
            Ok(publisher) => {
                if let Some(job) = self.targets[no].job_mut() {
                    job.settling.publisher = Some(publisher);
                    job.settling.is_away = false;
                    self.check_over(no);
                }
            }
            Err(error) => self.fail_or_abort(no, None, error),
        }
    }

    const fn step(&self) -> usize {
        self.options.window.div_ceil(STEPS)
    }

    /// Begins units where there is room for them. Where nothing moves although there is none, packs wait for units that
    /// have not been begun.
    fn begin_more(&mut self, no: TargetNo) {
        let step = self.step();
        let mut has_begun = false;
        while self.may_begin(no, step) {
            self.begin_units(no, step);
            has_begun = true;
        }
        if has_begun {
            self.check_planned(no);
            self.check_over(no);
        }
    }

    fn may_begin(&self, no: TargetNo, step: usize) -> bool {
        let Some(job) = self.targets[no].job() else { return false };
        if job.n_ahead() == 0 || job.is_stopped || self.stop.is_some() {
            return false;
        }
        let n_held = job.n_open - job.n_ahead();
        n_held + step <= self.options.window || (job.n_looking == 0 && self.is_stuck(no))
    }

    /// Whether all that a target asks waits in packs that are not full.
    fn is_stuck(&self, no: TargetNo) -> bool {
        let Work::Ask(work) = &self.phase(no).work else { return false };
        let both = self.both(no);
        let is_moving = |job: &Job| job.n_in_flight > 0 || job.n_resting > 0;
        if work.pack == 1 || both.iter().any(|no| self.targets[*no].job().is_some_and(is_moving)) {
            return false;
        }
        let pools = (0..work.pool.len()).map(|member| (member, &self.pools[self.pool_no(no, member)].pool));
        let waiting = pools.flat_map(|(member, pool)| both.iter().map(move |no| (member, pool, *no)));
        let mut waiting = waiting.filter(|(_, pool, no)| pool.awaits(*no)).peekable();
        waiting.peek().is_some()
            && waiting.all(|(member, pool, no)| {
                let job = self.targets[no].job();
                let may_grow = |group| job.is_some_and(|job| job.may_grow(work.fan, member, group));
                !pool.has_ready(no, work.pack, may_grow)
            })
    }
}
