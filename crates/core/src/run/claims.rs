//! What the phases that come first will still take, by the look of it: calls ahead of their turns leave that alone, so that
//! money that does not suffice for everything goes to phases in their order, as far as anybody can tell.

use crate::model::{AskWork, Work};

use super::input::TargetNo;
use super::job::Job;
use super::purse::Amount;
use super::purses::Claims;
use super::state::RunState;

impl RunState {
    /// Returns what a call of a forerunner has to leave behind in each purse: for targets whose turn has come, and for units
    /// of other forerunners that come before it.
    pub(super) fn claims(&self, no: TargetNo) -> Claims {
        let mut claims = Claims::default();
        let first = self.principal(no);
        // What a forerunner lacks whose turn has come, its target waits for.
        let comes_first = |other: &TargetNo| {
            !self.is_forerunner(*other) || (self.is_early(*other) && self.principal(*other) < first)
        };
        for other in (0..self.targets.len()).filter(|other| *other != no).filter(comes_first) {
            let phase_no = self.targets[other].phase;
            let (Some(job), Work::Ask(work)) = (self.targets[other].job(), &self.phase(other).work) else {
                continue;
            };
            let Some(amount) = self.to_come(other, job, work) else { continue };
            let first_pool = self.first_pool[phase_no];
            let agents = (0..work.pool.len()).map(|member| self.pools[first_pool + member].agent_no);
            claims.add(phase_no, agents, &amount);
        }
        claims
    }

    /// Returns what the open units of a target will take: those that nobody is being asked about each what units took so far,
    /// and one more call, since any may have to be made again, what the dearest may have taken. Where none has come back,
    /// each call may take that.
    fn to_come(&self, no: TargetNo, job: &Job, work: &AskWork) -> Option<Amount> {
        if job.n_open == 0 || job.is_stopped {
            return None;
        }
        let n_to_ask = job.n_open.saturating_sub(job.n_in_flight.saturating_mul(work.pack)) as u64;
        let target = &self.targets[self.principal(no)];
        let n_over = job.counts.ran + job.own_failures;
        let (so_far, per) = if n_over == 0 {
            (target.dearest, work.pack as u64)
        } else {
            (Amount { calls: target.tally.calls, ..Amount::of(&target.tally.usage) }, n_over)
        };
        Some(so_far.share(n_to_ask, per).plus(&target.dearest))
    }
}
