//! What becomes of a forerunner when the turn of its target comes, or does not.

use std::collections::BTreeSet;

use refrain_schemas::failure::{Failure, FailureKind};

use crate::model::Work;

use super::super::input::{AskRef, TargetNo};
use super::super::state::RunState;
use super::super::target_state::Stage;
use super::Step;

impl RunState {
    /// Lets a forerunner ask nobody until its target's turn has come.
    pub(in super::super) fn halt(&mut self, no: TargetNo) {
        let principal = self.principal(no);
        if let Some(Some(ahead)) = self.forerunners.get_mut(principal) {
            ahead.is_halted = true;
        }
    }

    /// Takes a failure that ends a run; of a forerunner it does so when its target's turn has come.
    pub(in super::super) fn ends_run_for(&mut self, no: TargetNo, failure: &Failure) -> bool {
        // What a failure means of a phase with an input of its own, that says.
        if failure.kind == FailureKind::Credentials && self.phase(no).given().is_some() {
            return false;
        }
        let ends = matches!(failure.kind, FailureKind::Credentials | FailureKind::Budget);
        if !self.is_early(no) || !ends {
            return self.ends_run(failure);
        }
        self.halt(no);
        let principal = self.principal(no);
        if let Some(ahead) = &mut self.forerunners[principal] {
            ahead.refusal.get_or_insert_with(|| failure.clone());
        }
        true
    }

    /// Makes ready for the asks of a target whose turn has come: what its forerunner met holds for it as well.
    pub(in super::super) fn take_over(&mut self, no: TargetNo) {
        self.watch_all(no);
        for reader in self.agenda.ahead() {
            if let Some(ahead) = &mut self.forerunners[reader] {
                ahead.reread(no);
            }
        }
        let Some(forerunner) = self.forerunners.get_mut(no) else { return };
        let refusal = forerunner.as_mut().and_then(|ahead| {
            ahead.step = Step::Over;
            ahead.refusal.take()
        });
        if let Some(failure) = refusal {
            self.ends_run(&failure);
        }
        let forerunner = self.forerunner(no);
        let unable = self.targets[forerunner].job().map(|job| job.unable.clone()).unwrap_or_default();
        let is_same = |member: usize| self.identity(no, member) == self.identity(forerunner, member);
        let unable: Vec<(usize, Failure)> =
            unable.into_iter().filter(|(member, _)| is_same(*member)).collect();
        if let Some(job) = self.targets[no].job_mut() {
            job.unable.extend(unable);
        }
        self.relieve(no);
    }

    /// Lets a target ask itself, in packs as they would be without its forerunner, for what that one has not asked in packs.
    fn relieve(&mut self, no: TargetNo) {
        let Work::Ask(work) = &self.phase(no).work else { return };
        let (first, n_pools, forerunner) = (self.pool_no(no, 0), work.pool.len(), self.forerunner(no));
        // Where each unit travels alone it does not matter who asks.
        if work.pack == 1 {
            return;
        }
        let Some(job) = self.targets[forerunner].job_mut() else { return };
        job.is_relieved = true;
        let pools = &mut self.pools[first..first + n_pools];
        let asks: Vec<AskRef> = pools.iter_mut().flat_map(|seat| seat.pool.take_fresh(forerunner)).collect();
        asks.into_iter().for_each(|ask| self.disown(ask));
    }

    /// Lets go of a forerunner whose target has ended: what waits is forgotten, calls under way come home.
    pub(in super::super) fn release(&mut self, no: TargetNo) {
        self.give_up_ahead(no);
        if no >= self.targets.n_planned() {
            return;
        }
        let forerunner = self.forerunner(no);
        let Some(job) = self.targets[forerunner].job_mut() else { return };
        job.is_stopped = true;
        self.forget_packs(forerunner);
        let flying: BTreeSet<AskRef> =
            self.flights.values().flat_map(|flight| flight.pack.asks.iter().copied()).collect();
        let (mut heirs, targets) = (Vec::new(), &self.targets);
        self.by_key.retain(|_, waiting| {
            let is_left = |ask: &AskRef| ask.target == forerunner && !flying.contains(ask);
            waiting.asks.retain(|ask| !is_left(ask));
            if waiting.asked.as_ref().is_some_and(is_left) {
                heirs.extend(waiting.inherit(targets));
            }
            !waiting.asks.is_empty()
        });
        heirs.sort_unstable();
        heirs.into_iter().for_each(|ask| self.enqueue(ask));
    }

    /// Gives up an ask of a forerunner: its target has ended, or asks itself. Who else waits for it asks as well.
    pub(in super::super) fn disown(&mut self, ask: AskRef) {
        let Some(key) = self.open_key(ask) else { return };
        let Some(waiting) = self.by_key.get_mut(&key) else { return };
        waiting.asks.retain(|other| *other != ask);
        if waiting.asked != Some(ask) {
            return;
        }
        let heir = waiting.inherit(&self.targets);
        if waiting.asks.is_empty() {
            self.by_key.remove(&key);
        }
        heir.into_iter().for_each(|heir| self.enqueue(heir));
    }

    /// Returns how many calls of a target's forerunner are under way.
    pub(in super::super) fn in_flight_ahead(&self, no: TargetNo) -> usize {
        let ahead = self.both(no).into_iter().filter(|other| *other != no);
        ahead.filter_map(|no| self.targets[no].job()).map(|job| job.n_in_flight).sum()
    }

    /// Forgets forerunners that have nothing more to do.
    pub(in super::super) fn drop_forerunners(&mut self) {
        for no in self.agenda.ahead() {
            let forerunner = self.forerunner(no);
            let (target, Some(ahead)) = (&self.targets[no], &self.forerunners[no]) else { continue };
            let Some(job) = self.targets[forerunner].job() else { continue };
            let is_done = target.is_over() || job.ended.len() >= ahead.n_started;
            if is_done && job.n_in_flight == 0 && !target.is_before_asking() {
                self.targets[forerunner].stage = Stage::Over;
                self.forerunners[no] = None;
            }
        }
    }
}
