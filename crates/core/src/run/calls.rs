//! Calls: cutting packs, writing intents, taking what comes back, trying again.

use std::time::Duration;

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{AskResult, Intent, IntentAsk, LedgerEntry, Outcome, OutcomeAsk, Rung};
use refrain_schemas::name::{AgentName, CallId, UnitId};
use refrain_schemas::usage::Usage;

use crate::model::{RetryPolicy, Work};
use crate::ports::agent::{AgentError, AnsweredUnit, Reply, Request};
use crate::ports::executor::{Call, Slot};

use super::input::{AskRef, Effect, TargetNo};
use super::pool::Pack;
use super::state::{Flight, PoolNo, RunState, Seat, Stop};
use super::unit_state::AskState;

impl RunState {
    /// Returns the pool of one agent of a target's phase.
    pub(super) fn pool_no(&self, no: TargetNo, member: usize) -> PoolNo {
        self.first_pool[self.targets[no].phase] + member
    }

    /// Gives free clones something to do, as far as ceilings allow.
    pub(super) fn start_calls(&mut self) {
        if self.stop.is_some() || self.fatal.is_some() {
            return;
        }
        let is_hungry = |(_, seat): &(PoolNo, &Seat)| seat.pool.has_waiting() && seat.pool.has_free();
        let mut hungry: Vec<PoolNo> =
            self.pools.iter().enumerate().filter(is_hungry).map(|(no, _)| no).collect();
        // Each round gives every pool one call, so that no pool takes all of what is left under a common ceiling.
        while !hungry.is_empty() {
            hungry.retain(|no| self.stop.is_none() && self.start_call(*no));
        }
    }

    /// Starts one call of a pool; tells whether there may be another.
    fn start_call(&mut self, no: PoolNo) -> bool {
        if !self.has_room(no) {
            return false;
        }
        let model = self.model.clone();
        let (phase, member) = (self.pools[no].phase, self.pools[no].member);
        let Work::Ask(work) = &model.phases[phase].work else { return false };
        let mut pool = std::mem::take(&mut self.pools[no].pool);
        let may_grow = |target: TargetNo, group: u32| {
            work.pack > 1
                && self.targets[target].job().is_some_and(|job| job.may_grow(work.fan, member, group))
        };
        let cut = if pool.has_free() { pool.next_pack(member, work.pack, may_grow) } else { None };
        let is_cut = cut.is_some();
        let pack = cut.and_then(|pack| self.wanted(pack));
        let more = is_cut && pool.has_waiting();
        let clone = if pack.is_some() { pool.take_clone() } else { None };
        self.pools[no].pool = pool;
        let (Some(pack), Some(clone)) = (pack, clone) else { return more };
        if !self.spend(no, &pack) {
            let target = pack.target;
            self.pools[no].pool.give_clone(clone);
            self.pools[no].pool.wait_again(pack);
            return self.pools[no].pool.has_waiting() && self.targets[target].job().is_some();
        }
        self.send(no, pack, clone);
        self.pools[no].pool.has_free()
    }

    /// Returns what of a pack is still to be asked; its target may have ended or stopped.
    fn wanted(&self, mut pack: Pack) -> Option<Pack> {
        pack.asks.retain(|ask| self.open_key(*ask).is_some());
        let job = self.targets[pack.target].job();
        (job.is_some_and(|job| !job.is_stopped) && !pack.asks.is_empty()).then_some(pack)
    }

    /// Whether the ceilings on calls in flight allow one more.
    fn has_room(&self, no: PoolNo) -> bool {
        let below =
            |count: usize, ceiling: Option<u32>| ceiling.is_none_or(|ceiling| count < ceiling as usize);
        let seat = &self.pools[no];
        below(self.flights.len(), self.model.limits.concurrency)
            && below(
                self.calls.phases[seat.phase].in_flight,
                self.model.phases[seat.phase].limits.concurrency,
            )
            && below(self.calls.agents[seat.agent_no].in_flight, seat.limits.concurrency)
    }

    /// Takes one call from the ceilings on calls, or says what happens because there is none left.
    fn spend(&mut self, no: PoolNo, pack: &Pack) -> bool {
        let run_ceiling = [self.options.max_calls, self.model.limits.calls].into_iter().flatten().min();
        let reached = |count: u64, ceiling: Option<u64>| ceiling.is_some_and(|ceiling| count >= ceiling);
        if reached(self.calls.run, run_ceiling) {
            self.stop(Stop::Ceiling);
            return false;
        }
        let seat = &self.pools[no];
        let of_phase = &mut self.calls.phases[seat.phase].calls;
        let of_agent = &mut self.calls.agents[seat.agent_no].calls;
        let phase_ceiling = self.model.phases[seat.phase].limits.calls;
        if reached(*of_phase, phase_ceiling) || reached(*of_agent, seat.limits.calls) {
            if let Some(job) = self.targets[pack.target].job_mut() {
                job.is_stopped = true;
            }
            return false;
        }
        (*of_phase, *of_agent) = (*of_phase + 1, *of_agent + 1);
        self.calls.run += 1;
        true
    }

    fn send(&mut self, no: PoolNo, pack: Pack, clone: u32) {
        let call = self.next_call;
        self.next_call = call.next();
        let agent = self.pools[no].agent.clone();
        let lane = self.lane(pack.target, &agent);
        let Some(request) = self.request(call, &pack) else { return };
        let asks =
            pack.asks.iter().zip(&request.units).filter_map(|(ask, unit)| {
                Some(IntentAsk { key: self.open_key(*ask)?, unit: unit.id.clone() })
            });
        let intent = Intent {
            call,
            lane,
            attempt: pack.attempt,
            rung: Rung::First,
            at: self.now,
            ceiling: None,
            asks: asks.collect(),
        };
        if self.wants(Level::Debug) {
            let units = intent.asks.iter().map(|ask| ask.unit.clone()).collect();
            self.tell(pack.target, EventKind::CallIntended { call, agent: agent.clone(), units });
        }
        self.ledger(LedgerEntry::Intent(intent));
        let timeout = self.pools[no].timeout;
        let slot = Slot { phase: request.phase.clone(), agent, clone };
        self.effect(Effect::Call(Box::new(Call { slot, request, timeout })));
        self.depart(no, pack, call, clone);
    }

    fn depart(&mut self, no: PoolNo, pack: Pack, call: CallId, clone: u32) {
        let seat = &self.pools[no];
        self.calls.phases[seat.phase].in_flight += 1;
        self.calls.agents[seat.agent_no].in_flight += 1;
        let target = &mut self.targets[pack.target];
        target.tally.calls += 1;
        if pack.attempt > 1 {
            target.tally.retries += 1;
            self.calls.retries += 1;
        }
        if let Some(job) = target.job_mut() {
            job.n_in_flight += 1;
            for ask in &pack.asks {
                job.units[ask.unit].was_called = true;
            }
        }
        self.flights.insert(call, Flight { pack, clone, started: self.time });
    }

    fn request(&self, call: CallId, pack: &Pack) -> Option<Request> {
        let job = self.targets[pack.target].job()?;
        let agent = job.standing.definition.agents.get(pack.member)?;
        let units = pack.asks.iter().filter(|ask| self.open_key(**ask).is_some()).map(|ask| {
            let request = job.prepared.requests.request(&job.prepared.units[ask.unit]);
            request.asked(job.previous(ask.unit, ask.ask).as_ref())
        });
        let open = pack.asks.iter().filter(|ask| self.open_key(**ask).is_some());
        let conversation = job.conversation(pack.member, open.map(|ask| (ask.unit, ask.ask)));
        Some(Request {
            call,
            phase: self.targets[pack.target].target.phase.clone(),
            scope: job.prepared.requests.scope.clone(),
            params: agent.params.clone(),
            vars: agent.vars.clone(),
            context: job.shared.clone(),
            units: units.collect(),
            conversation,
            repairs: Vec::new(),
        })
    }

    /// Takes what a call brought.
    pub(super) fn called(&mut self, call: CallId, reply: Result<Reply, AgentError>) {
        let Some(Flight { pack, clone, started }) = self.flights.remove(&call) else { return };
        let no = self.pool_no(pack.target, pack.member);
        let seat = &mut self.pools[no];
        seat.pool.give_clone(clone);
        self.calls.phases[seat.phase].in_flight -= 1;
        self.calls.agents[seat.agent_no].in_flight -= 1;
        let agent = seat.agent.clone();
        if let Some(job) = self.targets[pack.target].job_mut() {
            job.n_in_flight -= 1;
        }
        let seconds = self.time.saturating_sub(started).as_secs_f64();
        match reply {
            Ok(reply) => self.replied(call, &agent, pack, reply, seconds),
            Err(error) => self.call_failed(call, &agent, pack, &error),
        }
    }

    fn replied(&mut self, call: CallId, agent: &AgentName, pack: Pack, reply: Reply, seconds: f64) {
        let usage = reply.usage;
        self.targets[pack.target].tally.usage.add(&usage);
        let mut answers = answers(reply.units);
        let mut outcomes = Vec::with_capacity(pack.asks.len());
        let mut good: Vec<(AskRef, Digest, Json, AskState)> = Vec::new();
        let mut bad: Vec<(AskRef, Digest, Failure)> = Vec::new();
        for ask in pack.asks.iter().copied() {
            let Some(key) = self.open_key(ask) else { continue };
            let answer = self.take_answer(&mut answers, ask);
            match answer.and_then(|reply| self.check_reply(ask, &reply).map(|done| (reply, done))) {
                Ok((reply, done)) => {
                    outcomes.push(OutcomeAsk { key, result: AskResult::Reply(reply.clone()) });
                    good.push((ask, key, reply, done));
                }
                Err(failure) => {
                    outcomes.push(OutcomeAsk { key, result: AskResult::Failed(failure.clone()) });
                    bad.push((ask, key, failure));
                }
            }
        }
        self.ledger(LedgerEntry::Outcome(Outcome {
            call,
            at: self.now,
            usage,
            served: None,
            asks: outcomes,
        }));
        if self.wants(Level::Debug) {
            let replies = good.len() as u64;
            self.tell(
                pack.target,
                EventKind::CallCompleted { call, agent: agent.clone(), replies, usage, seconds },
            );
        }
        for (ask, key, reply, done) in good {
            self.answer_key(ask, key, &reply, done);
        }
        self.retry_units(call, agent, &pack, bad);
    }

    fn take_answer(&self, answers: &mut Answers, ask: AskRef) -> Result<Json, Failure> {
        let id = self.targets[ask.target].job().map(|job| job.unit_id(ask.unit).clone());
        let answer = id.as_ref().and_then(|id| answers.remove(id));
        let invalid = |message: &str| Failure { kind: FailureKind::Invalid, message: message.to_owned() };
        match answer {
            Some(Some(result)) => result,
            Some(None) => Err(invalid("the unit was answered twice in one call")),
            None => Err(invalid("the answer leaves the unit out")),
        }
    }

    /// Tries the units of a call again that can be, and fails the others.
    fn retry_units(
        &mut self,
        call: CallId,
        agent: &AgentName,
        pack: &Pack,
        bad: Vec<(AskRef, Digest, Failure)>,
    ) {
        let policy = self.policy(agent);
        let mut again = Vec::new();
        let mut first: Option<Failure> = None;
        for (ask, key, failure) in bad {
            if self.ends_run(failure.kind) {
                continue;
            }
            let retried = is_retried(failure.kind) && pack.attempt < policy.attempts;
            if retried && self.open_key(ask).is_some() {
                again.push(ask);
                first.get_or_insert(failure);
            } else if failure.kind == FailureKind::Invalid {
                self.refuse_key(self.targets[pack.target].phase, key, &failure);
            } else {
                self.fail_key(key, &failure);
            }
        }
        if let Some(failure) = first {
            let pause = if failure.kind == FailureKind::Invalid {
                Duration::ZERO
            } else {
                policy.pause(pack.attempt)
            };
            let pack =
                Pack { target: pack.target, member: pack.member, asks: again, attempt: pack.attempt + 1 };
            self.rest(call, agent, pack, pause, failure);
        }
    }

    fn call_failed(&mut self, call: CallId, agent: &AgentName, pack: Pack, error: &AgentError) {
        let failure = error.failure();
        let open: Vec<(AskRef, Digest)> =
            pack.asks.iter().filter_map(|ask| Some((*ask, self.open_key(*ask)?))).collect();
        let asks =
            open.iter().map(|(_, key)| OutcomeAsk { key: *key, result: AskResult::Failed(failure.clone()) });
        let outcome =
            Outcome { call, at: self.now, usage: Usage::default(), served: None, asks: asks.collect() };
        self.ledger(LedgerEntry::Outcome(outcome));
        if self.stop.is_some() || self.ends_run(error.kind) {
            return;
        }
        let policy = self.policy(agent);
        if open.len() > 1 && error.kind != FailureKind::RateLimited {
            return self.halve(call, agent, &pack, open, policy.pause_after(error, pack.attempt), failure);
        }
        if is_retried(error.kind) && pack.attempt < policy.attempts {
            let pause = policy.pause_after(error, pack.attempt);
            let asks = open.into_iter().map(|(ask, _)| ask).collect();
            let pack = Pack { target: pack.target, member: pack.member, asks, attempt: pack.attempt + 1 };
            return self.rest(call, agent, pack, pause, failure);
        }
        if self.wants(Level::Error) {
            self.tell(
                pack.target,
                EventKind::CallFailed { call, agent: agent.clone(), failure: failure.clone() },
            );
        }
        for (_, key) in open {
            self.fail_key(key, &failure);
        }
    }

    /// Stops the run where a failure says that no other call will do better.
    fn ends_run(&mut self, kind: FailureKind) -> bool {
        match kind {
            FailureKind::Credentials => {
                self.credentials_failed = true;
                self.stop(Stop::Credentials);
                true
            }
            FailureKind::Budget => {
                self.stop(Stop::Ceiling);
                true
            }
            _ => false,
        }
    }

    /// Asks about the two halves of a pack that failed as a whole: one bad unit must not cost the others their replies,
    /// and their attempts are not spent by it.
    fn halve(
        &mut self,
        call: CallId,
        agent: &AgentName,
        pack: &Pack,
        open: Vec<(AskRef, Digest)>,
        pause: Duration,
        failure: Failure,
    ) {
        let asks: Vec<AskRef> = open.into_iter().map(|(ask, _)| ask).collect();
        let (head, tail) = asks.split_at(asks.len().div_ceil(2));
        for half in [head, tail] {
            let pack =
                Pack { target: pack.target, member: pack.member, asks: half.to_vec(), attempt: pack.attempt };
            self.rest(call, agent, pack, pause, failure.clone());
        }
    }

    /// Lets a pack rest before it is tried again.
    fn rest(&mut self, call: CallId, agent: &AgentName, pack: Pack, pause: Duration, failure: Failure) {
        let (attempt, pause_seconds) = (pack.attempt, pause.as_secs_f64());
        self.tell(
            pack.target,
            EventKind::CallRetried { call, agent: agent.clone(), attempt, pause_seconds, failure },
        );
        if pause.is_zero() {
            self.rested(pack);
        } else {
            self.effect(Effect::Rest(pause, pack));
        }
    }

    pub(super) fn rested(&mut self, pack: Pack) {
        if self.targets[pack.target].job().is_some() {
            let no = self.pool_no(pack.target, pack.member);
            self.pools[no].pool.wait_again(pack);
        }
    }

    fn policy(&self, agent: &AgentName) -> RetryPolicy {
        let known = self.model.agents.get(agent.as_str()).map(|agent| agent.retry);
        known.unwrap_or(RetryPolicy { attempts: 1, initial: Duration::ZERO, max: Duration::ZERO, factor: 0 })
    }
}

/// Answers by unit; `None` where a unit was answered twice.
type Answers = std::collections::BTreeMap<UnitId, Option<Result<Json, Failure>>>;

fn answers(units: Vec<AnsweredUnit>) -> Answers {
    let mut answers = Answers::new();
    for AnsweredUnit { id, result, .. } in units {
        let is_second = answers.contains_key(&id);
        answers.insert(id, if is_second { None } else { Some(result) });
    }
    answers
}

const fn is_retried(kind: FailureKind) -> bool {
    // A call that was cancelled although nobody cancelled it here may work next time.
    matches!(
        kind,
        FailureKind::Transient | FailureKind::RateLimited | FailureKind::Invalid | FailureKind::Cancelled
    )
}

impl RetryPolicy {
    /// Returns the pause after a failed attempt.
    #[must_use]
    pub fn pause(&self, attempt: u32) -> Duration {
        let growth = self.factor.saturating_pow(attempt.saturating_sub(1));
        if self.factor == 0 { Duration::ZERO } else { self.initial.saturating_mul(growth).min(self.max) }
    }

    /// Returns the pause after an error: what the agent asks for, if it asks.
    fn pause_after(&self, error: &AgentError, attempt: u32) -> Duration {
        match error.retry_after {
            Some(pause) => pause,
            None if error.kind == FailureKind::Invalid => Duration::ZERO,
            None => self.pause(attempt),
        }
    }
}
