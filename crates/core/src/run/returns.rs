//! Calls on their way back: what they consumed, what they brought, and what they tell of their provider.

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{AskResult, LedgerEntry, Outcome, OutcomeAsk};
use refrain_schemas::name::{CallId, UnitId};
use refrain_schemas::usage::{Resources, Usage};

use crate::ports::agent::{AgentError, AnsweredUnit, Reply, Trace};

use super::gate::Refusal;
use super::input::{AskRef, TargetNo};
use super::ladder::Miss;
use super::looping::OUT_OF_TIME;
use super::pool::Pack;
use super::purse::Amount;
use super::retry::jitter;
use super::state::{Flight, PoolNo, RunState};
use super::unit_state::AskState;

/// A call that has come back.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) call: CallId,
    /// The pool that it came from.
    pub(super) no: PoolNo,
    pub(super) pack: Pack,
    /// What it consumed, with its cost where that is known.
    pub(super) usage: Usage,
    pub(super) trace: Trace,
    /// How long it took.
    pub(super) seconds: f64,
}

impl RunState {
    /// Takes note of what a call used, of a phase with an input of its own: who started programs measured them, and the run
    /// measured how long it waited.
    fn measure(&mut self, no: TargetNo, seconds: f64, measured: Option<Resources>) {
        if self.phase(no).given().is_none() {
            return;
        }
        let used = Resources { wall_seconds: seconds, ..measured.unwrap_or_default() };
        self.targets[no].tally.resources.get_or_insert_default().add(&used);
    }

    /// Takes what a call brought.
    pub(super) fn called(&mut self, call: CallId, reply: Result<Reply, AgentError>) {
        let Some(flight) = self.flights.remove(&call) else { return };
        let (asks, target) = (flight.pack.asks.clone(), flight.pack.target);
        let no = self.pool_no(flight.pack.target, flight.pack.member);
        let reply = reply.map_err(|error| self.in_its_turn(target, error));
        let (usage, trace) = match &reply {
            Ok(reply) => (reply.usage, reply.trace.clone()),
            Err(error) => (error.usage, (*error.trace).clone()),
        };
        let usage = self.priced(no, usage);
        self.land(call, no, &flight, &reply, usage);
        self.hear(call, no, &flight, &reply, &trace);
        let seconds = self.time.saturating_sub(flight.started).as_secs_f64();
        self.measure(target, seconds, trace.resources.as_deref().copied());
        let landing = Landing { call, no, pack: flight.pack, usage, trace, seconds };
        match reply {
            Ok(reply) => self.replied(landing, reply.units),
            Err(error) => {
                self.note_flying(&asks, false);
                self.call_failed(landing, &error);
            }
        }
        self.hand_over(&asks);
        // The last unit may have ended without this call.
        self.check_over(target);
    }

    /// A call that was cut short by the end of its turn says so, and not how little time it had.
    fn in_its_turn(&self, target: TargetNo, error: AgentError) -> AgentError {
        match error.kind {
            FailureKind::TimedOut if self.is_out_of_time(target).is_some() => {
                AgentError { message: OUT_OF_TIME.to_owned(), ..error }
            }
            _ => error,
        }
    }

    /// Adds what a usage costs, where the agent did not and there is a price.
    fn priced(&self, no: PoolNo, usage: Usage) -> Usage {
        let price = self.model_of(no).and_then(|model| model.price);
        match price {
            Some(price) if usage.cost_usd.is_none() && usage.tokens() > 0 => {
                Usage { cost_usd: Some(price.cost(&usage)), ..usage }
            }
            _ => usage,
        }
    }

    /// Gives back what the call had taken, and pays for it.
    fn land(
        &mut self,
        call: CallId,
        no: PoolNo,
        flight: &Flight,
        reply: &Result<Reply, AgentError>,
        usage: Usage,
    ) {
        let seat = &mut self.pools[no];
        seat.pool.give_clone(flight.clone);
        self.in_flight.phases[seat.phase] -= 1;
        self.in_flight.agents[seat.agent_no] -= 1;
        let principal = self.principal(flight.pack.target);
        self.targets[principal].tally.usage.add(&usage);
        if let Some(job) = self.targets[flight.pack.target].job_mut() {
            job.n_in_flight -= 1;
        }
        let told = Amount::of(&usage);
        // Where nobody tells what a call took, it took all that it could.
        let taken = if flight.hold.ceiling.is_some() && is_unsettled(reply) {
            told.most(&flight.hold.amount)
        } else {
            told
        };
        self.purses.settle(self.payers(no), &flight.hold, &taken);
        let most = flight.hold.amount;
        if let Some(ceiling) = flight.hold.ceiling
            && (taken.tokens > most.tokens || taken.nanos > most.nanos)
        {
            let agent = self.pools[no].agent.clone();
            self.tell(flight.pack.target, EventKind::CeilingPassed { call, agent, ceiling, usage });
        }
    }

    /// Lets the gates hear how it went, and people of an endpoint that stands in for another one.
    fn hear(
        &mut self,
        call: CallId,
        no: PoolNo,
        flight: &Flight,
        reply: &Result<Reply, AgentError>,
        trace: &Trace,
    ) {
        let (chain, passes, now) = (&self.pools[no].chain, &flight.passes, self.time);
        let jitter = jitter(self.run_id, call);
        let used = match reply {
            Ok(reply) => Some(reply.usage.tokens()).filter(|tokens| *tokens > 0),
            Err(error) => Some(error.usage.tokens()).filter(|_| !error.trace.unsettled),
        };
        self.gates.leave(chain, passes, used, now);
        match reply {
            Ok(_) => self.gates.succeeded(chain, passes),
            Err(error) if error.kind == FailureKind::RateLimited => {
                let policy = self.policy(no);
                let refusal = Refusal { retry_after: error.retry_after, jitter };
                self.gates.refused(chain, passes, refusal, now, |strikes| policy.pause(strikes));
            }
            Err(_) => {}
        }
        self.gates.told(chain, trace.signal, jitter, now);
        if let Some(served) = trace.served.as_ref().filter(|served| served.fallback)
            && self.fell_back.insert(served.endpoint.clone())
        {
            let (agent, endpoint) = (self.pools[no].agent.clone(), served.endpoint.clone());
            self.tell(flight.pack.target, EventKind::EndpointFellBack { call, agent, endpoint });
        }
    }

    /// Writes down how a call ended.
    fn outcome(&mut self, landing: &mut Landing, asks: Vec<OutcomeAsk>) {
        let (call, usage) = (landing.call, landing.usage);
        let served = landing.trace.served.take();
        let exchanges = std::mem::take(&mut landing.trace.exchanges);
        if !exchanges.is_empty() {
            self.exchanged(call, exchanges);
        }
        self.ledger(LedgerEntry::Outcome(Outcome { call, at: self.now, usage, served, asks }));
    }

    fn replied(&mut self, mut landing: Landing, units: Vec<AnsweredUnit>) {
        let mut answers = Answers::of(units);
        let mut outcomes = Vec::with_capacity(landing.pack.asks.len());
        let mut good: Vec<(AskRef, Digest, Json, AskState)> = Vec::new();
        let mut missed: Vec<Miss> = Vec::new();
        for ask in landing.pack.asks.iter().copied() {
            let Some(key) = self.open_key(ask) else { continue };
            match self.check_answer(ask, &mut answers) {
                Ok((reply, done)) => {
                    outcomes.push(OutcomeAsk { key, result: AskResult::Reply(reply.clone()) });
                    good.push((ask, key, reply, done));
                }
                Err((failure, said)) => {
                    outcomes.push(OutcomeAsk { key, result: AskResult::Failed(failure.clone()) });
                    self.note_flying(&[ask], false);
                    missed.push(Miss { ask, key, failure, said });
                }
            }
        }
        self.outcome(&mut landing, outcomes);
        if self.wants(Level::Debug) {
            let agent = self.pools[landing.no].agent.clone();
            let (call, usage, seconds) = (landing.call, landing.usage, landing.seconds);
            let replies = good.len() as u64;
            let completed = EventKind::CallCompleted { call, agent, replies, usage, seconds };
            self.tell(landing.pack.target, completed);
        }
        for (ask, key, reply, done) in good {
            self.answer_key(ask, key, &reply, done);
        }
        self.climb(&landing, missed);
    }

    /// Takes the answer to an ask; where it is no good, says what is wrong and what was said.
    fn check_answer(
        &self,
        ask: AskRef,
        answers: &mut Answers,
    ) -> Result<(Json, AskState), (Failure, String)> {
        let id = self.targets[ask.target].job().map(|job| job.unit_id(ask.unit));
        let invalid = |message: &str| Failure { kind: FailureKind::Invalid, message: message.to_owned() };
        let (result, said) = match id.and_then(|id| answers.take(id)) {
            Some(Some(answer)) => (answer.result, answer.said.unwrap_or_default()),
            Some(None) => (Err(invalid("the unit was answered twice in one call")), String::new()),
            None => (Err(invalid("the answer leaves the unit out")), String::new()),
        };
        let reply = result.map_err(|failure| (failure, said))?;
        match self.check_reply(ask, &reply) {
            Ok(done) => Ok((reply, done)),
            Err(failure) => Err((failure, reply.as_str().to_owned())),
        }
    }

    fn call_failed(&mut self, mut landing: Landing, error: &AgentError) {
        let failure = error.failure();
        let open: Vec<(AskRef, Digest)> =
            landing.pack.asks.iter().filter_map(|ask| Some((*ask, self.open_key(*ask)?))).collect();
        let asks =
            open.iter().map(|(_, key)| OutcomeAsk { key: *key, result: AskResult::Failed(failure.clone()) });
        self.outcome(&mut landing, asks.collect());
        if self.stop.is_some() || self.ends_run_for(landing.pack.target, &failure) {
            return;
        }
        self.try_again(&landing, open, error);
    }
}

/// Whether a call may have consumed more than its usage tells. An answer is never free.
fn is_unsettled(reply: &Result<Reply, AgentError>) -> bool {
    match reply {
        Ok(reply) => reply.trace.unsettled || (reply.usage.tokens() == 0 && reply.usage.cost_usd.is_none()),
        Err(error) => error.trace.unsettled,
    }
}

/// Answers in the order of their units' ids.
struct Answers(Vec<(UnitId, Option<AnsweredUnit>)>);

impl Answers {
    fn of(mut units: Vec<AnsweredUnit>) -> Self {
        units.sort_by(|a, b| a.id.cmp(&b.id));
        let mut answers: Vec<(UnitId, Option<AnsweredUnit>)> = Vec::with_capacity(units.len());
        for unit in units {
            match answers.last_mut() {
                Some((id, answer)) if *id == unit.id => *answer = None,
                _ => answers.push((unit.id.clone(), Some(unit))),
            }
        }
        Self(answers)
    }

    /// Takes out what was said about a unit, once; `Some(None)` where it was answered twice.
    fn take(&mut self, id: &UnitId) -> Option<Option<AnsweredUnit>> {
        let place = self.0.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        Some(self.0[place].1.take())
    }
}
