//! The ladder: what happens next to asks whose call brought no good reply.
//!
//! ```text
//!   invalid ──▶ repair: asked again together, and told why ──▶ split: asked in halves, afresh ──▶ alone
//!   cut off ──▶ split; alone it is final                    anything that may pass ──▶ retry, after a pause
//!   nothing that lies with the agent is split; where that will not pass, nothing else is asked of it
//!   then the next agent of a cascade, then the unit has failed
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::ledger::Rung;

use crate::model::RetryPolicy;
use crate::ports::agent::{AgentError, Blame, Repair};

use super::gate::longer;
use super::input::{AskRef, Asks, Effect, TargetNo};
use super::pool::Pack;
use super::retry::jitter;
use super::returns::Landing;
use super::state::{PoolNo, RunState, Seat, Stop};

/// An ask that a call brought no good reply to.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) ask: AskRef,
    pub(super) key: Digest,
    pub(super) failure: Failure,
    /// What the agent said instead.
    pub(super) said: String,
}

/// How asks go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The agent is told what was wrong with its replies.
    Repair,
    /// They are asked in two halves, afresh.
    Split,
    /// They are asked again.
    Retry,
    /// They are asked again when the provider has room.
    Limited,
}

impl RunState {
    /// Goes on with the asks of a call that brought no good reply to them, and fails those that nothing helps.
    pub(super) fn climb(&mut self, landing: &Landing, missed: Vec<Miss>) {
        let pack = &landing.pack;
        let policy = self.policy(landing.no);
        let Seat { retries_reported: reported, is_tool, .. } = self.pools[landing.no];
        let n_invalid = missed.iter().filter(|miss| miss.failure.kind == FailureKind::Invalid).count();
        let mut steps: BTreeMap<Step, Vec<Miss>> = BTreeMap::new();
        for miss in missed {
            if self.ends_run_for(pack.target, &miss.failure) {
                continue;
            }
            let step = match miss.failure.kind {
                // What a tool made that is not of its schema, it would make again.
                FailureKind::Invalid if is_tool => {
                    (reported && pack.attempt < policy.attempts).then_some(Step::Retry)
                }
                FailureKind::Reported => (reported && pack.attempt < policy.attempts).then_some(Step::Retry),
                FailureKind::RateLimited => self.may_wait(landing.no, pack).then_some(Step::Limited),
                kind => next_step(pack, policy, kind, n_invalid),
            };
            match step.filter(|_| self.open_key(miss.ask).is_some()) {
                Some(step) => steps.entry(step).or_default().push(miss),
                None => self.give_up(pack, miss),
            }
        }
        for (step, missed) in steps {
            self.take_step(landing, step, missed, policy);
        }
    }

    fn give_up(&mut self, pack: &Pack, Miss { key, failure, said, .. }: Miss) {
        if matches!(failure.kind, FailureKind::Reported | FailureKind::Waiting) {
            self.note_document(key, &said);
        }
        match failure.kind {
            FailureKind::Invalid => self.refuse_key(self.targets[pack.target].phase, key, &failure),
            _ => self.fail_key(key, &with_hint(failure)),
        }
    }

    fn take_step(&mut self, landing: &Landing, step: Step, missed: Vec<Miss>, policy: RetryPolicy) {
        let Some(failure) = missed.first().map(|miss| miss.failure.clone()) else { return };
        let asks: Asks = missed.iter().map(|miss| miss.ask).collect();
        let pack = &landing.pack;
        match step {
            Step::Repair => {
                let repairs = missed.into_iter().filter_map(|miss| self.repair(miss)).collect();
                let (attempt, rung) = (pack.attempt + 1, Rung::Repair);
                let next = Pack { asks, attempt, rung, repairs, ..pack.clone() };
                self.rest(landing, next, Duration::ZERO, failure);
            }
            Step::Split => self.split(landing, &asks, Duration::ZERO, &failure),
            Step::Retry => {
                let next = Pack { asks, attempt: pack.attempt + 1, rung: Rung::Retry, ..pack.clone() };
                self.rest(landing, next, policy.pause(pack.attempt), failure);
            }
            Step::Limited => self.wait_for_room(landing, asks, None, failure),
        }
    }

    fn repair(&self, Miss { ask, failure, said, .. }: Miss) -> Option<Repair> {
        let unit = self.targets[ask.target].job()?.unit_id(ask.unit).clone();
        Some(Repair { unit, said, error: failure.message })
    }

    /// Goes on after a call that failed as a whole.
    pub(super) fn try_again(&mut self, landing: &Landing, open: Vec<(AskRef, Digest)>, error: &AgentError) {
        let (pack, failure) = (&landing.pack, error.failure());
        let policy = self.policy(landing.no);
        let asks: Asks = open.iter().map(|(ask, _)| *ask).collect();
        let usual = match error.kind {
            FailureKind::Invalid | FailureKind::Truncated => Duration::ZERO,
            _ => policy.pause(pack.attempt),
        };
        let pause = error.retry_after.unwrap_or(usual);
        let has_time = self.is_out_of_time(pack.target).is_none();
        if error.kind == FailureKind::RateLimited && has_time && self.may_wait(landing.no, pack) {
            return self.wait_for_room(landing, asks, error.retry_after, failure);
        }
        if asks.len() > 1 && error.kind != FailureKind::RateLimited && error.blame == Blame::Units {
            return self.split(landing, &asks, pause, &failure);
        }
        let is_worth_it = match error.kind {
            // It was waited for often enough.
            FailureKind::RateLimited => false,
            FailureKind::Invalid => true,
            kind => kind.may_pass(),
        };
        if is_worth_it && has_time && self.tried(landing.no, pack) < policy.attempts {
            let next = Pack { asks, attempt: pack.attempt + 1, rung: Rung::Retry, ..pack.clone() };
            return self.rest(landing, next, pause, failure);
        }
        let failure = with_hint(failure);
        if self.wants(Level::Error) {
            let agent = self.pools[landing.no].agent.clone();
            let failed = EventKind::CallFailed { call: landing.call, agent, failure: failure.clone() };
            self.tell(pack.target, failed);
        }
        if error.blame == Blame::Agent {
            return self.fail_agent(landing, open, &failure);
        }
        for (_, key) in open {
            self.fail_key(key, &failure);
        }
    }

    /// Fails asks for what lies with their agent; where that will not pass, all that wait for it in this target as well.
    fn fail_agent(&mut self, landing: &Landing, open: Vec<(AskRef, Digest)>, failure: &Failure) {
        let (target, member) = (landing.pack.target, landing.pack.member);
        let is_final = matches!(failure.kind, FailureKind::Permanent | FailureKind::Credentials);
        let principal = self.principal(target);
        // What another one is, nobody has tried.
        let identity = self.identity(target, member);
        let both: Vec<TargetNo> =
            self.both(principal).into_iter().filter(|no| self.identity(*no, member) == identity).collect();
        for no in both.iter().copied() {
            if let Some(job) = self.targets[no].job_mut().filter(|_| is_final) {
                job.unable.insert(member, failure.clone());
            }
        }
        let phase = self.targets[target].phase;
        for (_, key) in open {
            self.refuse_key(phase, key, failure);
        }
        for no in both {
            if self.targets[no].job().is_some_and(|job| job.why_unable(member).is_some()) {
                let waiting = self.pools[landing.no].pool.take_waiting(no);
                self.refuse_all(no, waiting.into(), failure);
            }
        }
    }

    /// Returns who an agent is to a target that asks.
    pub(super) fn identity(&self, no: TargetNo, member: usize) -> Option<Digest> {
        self.targets[no].job()?.standing.definition.agents.get(member).map(|agent| agent.identity)
    }

    pub(super) fn refuse_all(&mut self, target: TargetNo, asks: Asks, failure: &Failure) {
        let phase = self.targets[target].phase;
        for ask in asks {
            // What somebody else has taken over is theirs, and may be on its way.
            if let Some(key) = self.open_key(ask).filter(|_| self.is_still_to_ask(ask)) {
                self.refuse_key(phase, key, failure);
            }
        }
    }

    /// Stops the run where a failure says that no other call will do better.
    pub(super) fn ends_run(&mut self, failure: &Failure) -> bool {
        match failure.kind {
            FailureKind::Credentials => {
                self.credentials.get_or_insert_with(|| failure.message.clone());
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

    /// Asks in two halves: one bad unit must not cost the others their replies, and their attempts are not spent by it.
    fn split(&mut self, landing: &Landing, asks: &[AskRef], pause: Duration, failure: &Failure) {
        let (head, tail) = asks.split_at(asks.len().div_ceil(2));
        for half in [head, tail].into_iter().filter(|half| !half.is_empty()) {
            let (asks, repairs) = (Asks::from_slice(half), Vec::new());
            let next = Pack { asks, repairs, rung: Rung::Split, ..landing.pack.clone() };
            self.rest(landing, next, pause, failure.clone());
        }
    }

    /// Lets asks wait until the provider has room; where there is a gate, it knows when that is.
    fn wait_for_room(
        &mut self,
        landing: &Landing,
        asks: Asks,
        retry_after: Option<Duration>,
        failure: Failure,
    ) {
        let limited = landing.pack.limited + 1;
        let next = Pack { asks, limited, rung: Rung::Retry, ..landing.pack.clone() };
        let seat = &self.pools[landing.no];
        let pause = match retry_after {
            // The gate keeps everybody waiting, unless such refusals come anyway.
            _ if !seat.chain.is_empty() && !self.gates.is_scattered(&seat.chain) => Duration::ZERO,
            Some(pause) => pause,
            None => seat.retry.pause(limited),
        };
        if self.patience(landing.no, landing.pack.target).is_some_and(|patience| pause > patience) {
            return self.refuse_all(landing.pack.target, next.asks, &failure);
        }
        self.rest(landing, next, pause, failure);
    }

    /// Lets a pack rest before it is tried again.
    fn rest(&mut self, landing: &Landing, pack: Pack, pause: Duration, failure: Failure) {
        if self.is_released(pack.target) {
            return pack.asks.into_iter().for_each(|ask| self.disown(ask));
        }
        let call = landing.call;
        let pause = longer(pause, jitter(self.run_id, call));
        // What people are told is when it goes on, whoever keeps it waiting.
        let closed = self.gates.opens(&self.pools[landing.no].chain, self.time);
        let (attempt, pause_seconds) = (pack.attempt + pack.limited, pause.max(closed).as_secs_f64());
        let agent = self.pools[landing.no].agent.clone();
        self.tell(pack.target, EventKind::CallRetried { call, agent, attempt, pause_seconds, failure });
        if pause.is_zero() {
            self.go_on(pack);
        } else {
            if let Some(job) = self.targets[pack.target].job_mut() {
                job.n_resting += 1;
            }
            self.effect(Effect::Rest(pause, pack));
        }
    }

    pub(super) fn rested(&mut self, pack: Pack) {
        if let Some(job) = self.targets[pack.target].job_mut() {
            job.n_resting = job.n_resting.saturating_sub(1);
        }
        self.go_on(pack);
    }

    fn go_on(&mut self, pack: Pack) {
        let Some(job) = self.targets[pack.target].job() else { return };
        if let Some(failure) = job.why_unable(pack.member) {
            self.refuse_all(pack.target, pack.asks, &failure);
        } else {
            let no = self.pool_no(pack.target, pack.member);
            self.agenda.waits(no);
            self.pools[no].pool.wait_again(pack);
        }
    }

    pub(super) fn policy(&self, no: PoolNo) -> RetryPolicy {
        self.pools[no].retry
    }

    /// Keeps the document of a failure that an agent reported, for all who asked.
    fn note_document(&mut self, key: Digest, said: &str) {
        let Ok(document) = Json::parse(said) else { return };
        let asks = self.by_key.get(&key).map(|waiting| waiting.asks.clone()).unwrap_or_default();
        for ask in asks {
            if let Some(job) = self.targets[ask.target].job_mut() {
                job.documents.insert((ask.unit, ask.ask), document.clone());
            }
        }
    }
}

/// Returns how an ask of a pack goes on; nothing where its agent cannot help it any more.
fn next_step(pack: &Pack, policy: RetryPolicy, kind: FailureKind, n_invalid: usize) -> Option<Step> {
    let has_attempts = pack.attempt < policy.attempts;
    let is_several = n_invalid > 1;
    match kind {
        FailureKind::Invalid if pack.rung == Rung::Repair && is_several => Some(Step::Split),
        FailureKind::Invalid if has_attempts => Some(Step::Repair),
        FailureKind::Invalid => (pack.rung == Rung::Split && is_several).then_some(Step::Split),
        // An answer about fewer units is shorter.
        FailureKind::Truncated => (pack.asks.len() > 1).then_some(Step::Split),
        kind => (kind.may_pass() && has_attempts).then_some(Step::Retry),
    }
}

/// Says what helps against answers that are cut off even about one unit.
fn with_hint(failure: Failure) -> Failure {
    if failure.kind != FailureKind::Truncated {
        return failure;
    }
    Failure { message: format!("{}; raise `max_tokens:` of the agent", failure.message), ..failure }
}
