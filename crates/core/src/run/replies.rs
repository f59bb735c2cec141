//! From asks to replies: what the ledger has, what calls bring, and what that makes of asks.

use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;

use crate::engine::EngineError;
use crate::model::Work;

use super::failed_units::unrecorded;
use super::input::{AskRef, Asks, TargetNo};
use super::state::RunState;
use super::unit_state::{AskState, UnitProgress};
use super::waiting::{Waiting, is_looking};

impl RunState {
    pub(super) fn work(&self, no: TargetNo) -> Option<(Arc<crate::model::Model>, usize)> {
        let phase = self.targets[no].phase;
        matches!(self.model.phases[phase].work, Work::Ask(_)).then(|| (self.model.clone(), phase))
    }

    /// Makes the first asks of a target's units and looks them up, as many units at first as a run holds in memory.
    pub(super) fn start_asks(&mut self, no: TargetNo) {
        self.begin_units(no, self.options.window);
        self.check_planned(no);
        self.check_over(no);
    }

    /// Begins a number of units: makes their first asks and looks them up.
    pub(super) fn begin_units(&mut self, no: TargetNo, n: usize) {
        let Some((model, phase)) = self.work(no) else { return };
        let Work::Ask(work) = &model.phases[phase].work else { return };
        for _ in 0..n {
            let Some(job) = self.targets[no].job_mut() else { return };
            let Some((unit, group)) = job.begin() else { return };
            match job.units[unit].progress {
                UnitProgress::Hole => job.counts.failed += 1,
                UnitProgress::Open => drop(self.start_stage(no, work, unit, 0, None)),
                UnitProgress::Done | UnitProgress::Failed(_) => {}
            }
            if let Some(job) = self.targets[no].job_mut() {
                job.has_begun(group);
            }
        }
    }

    pub(super) fn look_up(&mut self, ask: AskRef, key: Digest) {
        self.by_key.entry(key).or_default().asks.push(ask);
        self.look_ups.push((ask, key));
    }

    /// Takes what the ledger had.
    pub(super) fn found(
        &mut self,
        asks: Vec<(AskRef, Digest)>,
        found: Result<Vec<Option<Json>>, EngineError>,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.fatal = Some(error);
                return;
            }
        };
        for ((ask, key), reply) in asks.into_iter().zip(found) {
            // One that was asked for under another key since is being looked up under that one as well.
            let is_awaited = self.is_looking(ask) && self.open_key(ask) == Some(key);
            if !is_awaited || self.is_released(ask.target) {
                continue;
            }
            match reply {
                Some(reply) => self.answer(ask, key, &reply),
                None => self.miss(ask, key),
            }
        }
    }

    fn is_looking(&self, ask: AskRef) -> bool {
        is_looking(&self.targets, ask)
    }

    /// Returns the key of an ask that is still open.
    pub(super) fn open_key(&self, ask: AskRef) -> Option<Digest> {
        let ask = self.targets[ask.target].job()?.units.get(ask.unit)?.asks.get(ask.ask)?;
        matches!(ask.state, AskState::Looking | AskState::Pending).then_some(ask.row.key)
    }

    /// The ledger has no reply: the ask waits for a call, its own or that of another ask with its key.
    fn miss(&mut self, ask: AskRef, key: Digest) {
        self.leave_looking(ask);
        if let Some(state) = self.ask_state(ask) {
            *state = AskState::Pending;
        }
        if let Some(failure) = self.targets[ask.target].failed_ahead.get(&key).cloned() {
            self.leave_key(ask, key);
            return self.fail_ask(ask, &failure);
        }
        if self.options.offline {
            self.offline_missed = true;
            self.fail_key(key, &unrecorded());
        } else if self.is_to_ask(ask, key) {
            self.entrust(ask, key);
        }
        self.check_planned(ask.target);
    }

    fn leave_looking(&mut self, ask: AskRef) {
        if let Some(job) = self.targets[ask.target].job_mut()
            && let Some(group) = job.units.get(ask.unit).map(|unit| unit.group)
        {
            job.has_looked(group);
        }
    }

    fn ask_state(&mut self, ask: AskRef) -> Option<&mut AskState> {
        let job = self.targets[ask.target].job_mut()?;
        Some(&mut job.units.get_mut(ask.unit)?.asks.get_mut(ask.ask)?.state)
    }

    /// Checks a reply against the rules of an ask's phase.
    pub(super) fn check_reply(&self, ask: AskRef, reply: &Json) -> Result<AskState, Failure> {
        let (Some(job), Work::Ask(work)) = (self.targets[ask.target].job(), &self.phase(ask.target).work)
        else {
            return Err(Failure { kind: FailureKind::Cancelled, message: "the phase has ended".to_owned() });
        };
        job.accept(self.phase(ask.target), work, ask.unit, ask.ask, reply)
    }

    /// Takes a recorded reply; one that today's rules refuse is asked for again under a key of its own.
    pub(super) fn answer(&mut self, ask: AskRef, key: Digest, reply: &Json) {
        if self.is_looking(ask) {
            self.leave_looking(ask);
        }
        self.leave_key(ask, key);
        match self.check_reply(ask, reply) {
            Ok(done) => self.take_reply(ask, done),
            Err(_) => self.redo(ask),
        }
        self.check_planned(ask.target);
    }

    fn redo(&mut self, ask: AskRef) {
        let Some(job) = self.targets[ask.target].job_mut() else { return };
        let group = job.units[ask.unit].group;
        job.looks(group);
        let key = job.redo(ask.unit, ask.ask);
        self.look_up(ask, key);
    }

    /// Gives a reply that has just been paid for to all asks with its key.
    pub(super) fn answer_key(&mut self, payer: AskRef, key: Digest, reply: &Json, done: AskState) {
        let waiting = self.by_key.remove(&key);
        self.take_reply(payer, done);
        for ask in waiting.into_iter().flat_map(|waiting| waiting.asks).filter(|ask| *ask != payer) {
            self.answer(ask, key, reply);
        }
    }

    fn take_reply(&mut self, ask: AskRef, done: AskState) {
        if let Some(state) = self.ask_state(ask) {
            *state = done;
        }
        self.check_unit(ask.target, ask.unit);
    }

    /// Fails all asks with a key for good.
    pub(super) fn fail_key(&mut self, key: Digest, failure: &Failure) {
        let Some(waiting) = self.by_key.remove(&key) else { return };
        for ask in waiting.asks {
            self.fail_ask(ask, failure);
        }
    }

    /// Fails the asks of one phase with a key for good, because its rules refuse what was answered, or because its agent
    /// answers nothing; another phase may have other rules and another way to the model, and asks for itself.
    pub(super) fn refuse_key(&mut self, phase: usize, key: Digest, failure: &Failure) {
        let Some(waiting) = self.by_key.remove(&key) else { return };
        let own = |ask: &AskRef| self.targets[ask.target].phase == phase;
        let (refused, others): (Asks, Asks) = waiting.asks.into_iter().partition(own);
        if !others.is_empty() {
            let mut waiting = Waiting { asks: others, ..Waiting::default() };
            let heir = waiting.inherit(&self.targets);
            self.by_key.insert(key, waiting);
            heir.into_iter().for_each(|heir| self.enqueue(heir));
        }
        for ask in refused {
            self.fail_ask(ask, failure);
        }
    }

    fn fail_ask(&mut self, ask: AskRef, failure: &Failure) {
        // Once in a run is enough: for whom it was asked ahead of, and should all units have to be made again.
        let is_provisional = self.targets[ask.target].job().is_some_and(|job| job.prepared.before.is_some());
        let is_early = self.is_forerunner(ask.target);
        if let Some(key) = self.open_key(ask).filter(|_| is_early || is_provisional) {
            let principal = self.principal(ask.target);
            self.targets[principal].failed_ahead.insert(key, failure.clone());
        }
        if self.is_looking(ask) {
            self.leave_looking(ask);
        }
        if let Some(job) = self.targets[ask.target].job_mut().filter(|_| failure.kind == FailureKind::Offline)
        {
            job.missed.insert(ask.unit);
        }
        if let Some(state) = self.ask_state(ask) {
            *state = AskState::Failed(failure.clone());
        }
        self.check_unit(ask.target, ask.unit);
        self.check_planned(ask.target);
    }

    /// Tells the totals once the ledger has been looked into for all units that a run holds at first.
    pub(super) fn check_planned(&mut self, no: TargetNo) {
        let Some(job) = self.targets[no].job_mut() else { return };
        if job.is_planned || job.n_looking > 0 {
            return;
        }
        job.is_planned = true;
        let counts = job.counts;
        let holes = counts.failed - job.own_failures;
        if self.is_forerunner(no) {
            return;
        }
        self.tell(no, EventKind::PhasePlanned { total: counts.total, reused: counts.reused, holes });
    }

    pub(super) fn check_over(&mut self, no: TargetNo) {
        let Some(job) = self.targets[no].job().filter(|_| !self.is_forerunner(no)) else { return };
        if job.n_open == 0 && job.n_in_flight == 0 && !job.settling.is_away() {
            if !job.is_planned {
                if let Some(job) = self.targets[no].job_mut() {
                    job.n_looking = 0;
                }
                self.check_planned(no);
            }
            self.finish_asking(no);
        }
    }
}
