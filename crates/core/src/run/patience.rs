//! How long asks wait for a provider that has no room. Those of a phase that says itself how often it tries wait no longer than
//! all of its attempts may take; the others for as long as they are told.

use std::time::Duration;

use refrain_schemas::duration::Span;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::phase_spec::Fan;

use crate::model::{Phase, Work};

use super::input::TargetNo;
use super::pool::Pack;
use super::state::{PoolNo, RunState};

/// How often a provider may have no room for a pack until it has failed.
const MOST_LIMITED: u32 = 50;
/// How long an agent is waited for behind which there is another one to ask.
const BEFORE_OTHERS: Duration = Duration::from_secs(30);

impl RunState {
    /// Whether being refused for want of room is an attempt like any other.
    fn counts_refusals(&self, no: PoolNo) -> bool {
        is_bounded(&self.model.phases[self.pools[no].phase])
    }

    /// Returns how many attempts a pack has had.
    pub(super) fn tried(&self, no: PoolNo, pack: &Pack) -> u32 {
        pack.attempt + if self.counts_refusals(no) { pack.limited } else { 0 }
    }

    /// Whether a pack that was refused for want of room may wait for some.
    pub(super) fn may_wait(&self, no: PoolNo, pack: &Pack) -> bool {
        if self.counts_refusals(no) {
            self.tried(no, pack) < self.policy(no).attempts
        } else {
            pack.limited < MOST_LIMITED
        }
    }

    /// Returns the longest that a target may wait for room, where that is bounded.
    pub(super) fn patience(&self, no: PoolNo, target: TargetNo) -> Option<Duration> {
        let seat = &self.pools[no];
        let phase = &self.model.phases[seat.phase];
        if !is_bounded(phase) {
            return None;
        }
        let own = seat.timeout.map(|time| time.saturating_mul(seat.retry.attempts));
        let in_turn = self.targets[target].deadline.map(|deadline| deadline.saturating_sub(self.time));
        let has_next = matches!(
            &phase.work,
            Work::Ask(work) if work.fan == Fan::Cascade && seat.member + 1 < work.pool.len()
        );
        [own, in_turn, has_next.then_some(BEFORE_OTHERS)].into_iter().flatten().min()
    }

    /// Fails what waits in a pool whose gate opens too late for it.
    pub(super) fn give_up_waiting(&mut self, no: PoolNo, opens: Duration) {
        if !self.counts_refusals(no) {
            return;
        }
        let wait = opens.saturating_sub(self.time);
        for target in self.pools[no].pool.waiting() {
            let Some(patience) = self.patience(no, target).filter(|patience| wait > *patience) else {
                continue;
            };
            let failure = self.too_late(no, wait, patience);
            let asks = self.pools[no].pool.take_waiting(target);
            self.refuse_all(target, asks.into(), &failure);
            self.check_over(target);
        }
    }

    fn too_late(&self, no: PoolNo, wait: Duration, patience: Duration) -> Failure {
        let whole = |time: Duration| Span(Duration::from_secs(time.as_secs_f64().ceil() as u64));
        let agent = &self.pools[no].agent;
        let message = format!(
            "`{agent}` has no room for another {}, and is waited for {} at most",
            whole(wait),
            whole(patience)
        );
        Failure { kind: FailureKind::RateLimited, message }
    }
}

/// Whether a phase says itself how often it tries, and what that is about is an input of its own.
fn is_bounded(phase: &Phase) -> bool {
    phase.given().is_some() && phase.course.retry.is_some()
}
