//! Agents that make their answers up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{Either, select};
use refrain_core::model::Model;
use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentTraits, AnsweredUnit, Blueprint, Draft, Remarks, Reply, Request,
    SpecProblem, Trace,
};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::clock::Clock;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::name::{AgentName, CallId, UnitId};
use refrain_schemas::usage::Usage;

use super::answer::Author;
use super::book::Book;
use super::finding::FindingKind;
use super::weather::{Fault, Weather};

/// Everybody who answers in one run.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) model: Arc<Model>,
    /// Agents that are part of the program and answer for themselves.
    pub(crate) real: Vec<Arc<dyn AgentFactory>>,
    pub(crate) author: Arc<Author>,
    pub(crate) book: Arc<Book>,
    pub(crate) weather: Weather,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Makes the agents of a simulation.
#[derive(Debug)]
pub(crate) struct Players(pub(crate) Arc<Stage>);

impl AgentFactory for Players {
    fn handles(&self, _: &AgentSpec) -> bool {
        true
    }

    fn check(&self, _: &Draft<'_>) -> Vec<SpecProblem> {
        Vec::new()
    }

    fn describe(&self, _: &Draft<'_>) -> AgentTraits {
        AgentTraits::plain("simulated")
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let stage = self.0.clone();
        let spec = &blueprint.spec;
        let is_inside = spec.builtin.is_some();
        let real = stage.real.iter().find(|factory| is_inside && factory.handles(spec));
        let voice = real.map(|factory| factory.make(blueprint)).transpose()?;
        let agent = stage.model.agents.get(blueprint.name.as_str());
        let traits = agent.map(|agent| &agent.traits);
        let gate = traits.and_then(|traits| traits.gate.as_ref()).map(|gate| gate.name.clone());
        Ok(Arc::new(Player {
            gate: gate.unwrap_or_else(|| blueprint.name.to_string()),
            price: traits.and_then(|traits| traits.model.as_ref()).and_then(|model| model.price),
            is_model: traits.is_some_and(|traits| traits.model.is_some()),
            hangs: agent.is_some_and(|agent| agent.timeout.is_some()),
            name: blueprint.name.clone(),
            remarks: blueprint.remarks.clone(),
            voice,
            stage,
            busy: Mutex::default(),
        }))
    }
}

/// One clone.
#[derive(Debug)]
struct Player {
    name: AgentName,
    gate: String,
    price: Option<PriceSpec>,
    is_model: bool,
    /// Whether somebody would notice if it hung.
    hangs: bool,
    remarks: Arc<dyn Remarks>,
    /// Who answers in truth, where it is an agent that is part of the program.
    voice: Option<Arc<dyn Agent>>,
    stage: Arc<Stage>,
    busy: Mutex<bool>,
}

/// Gives a clone back, and ends its call, even where nobody waits for the answer any more.
struct Busy<'a> {
    player: &'a Player,
    call: CallId,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.player.set_busy(false);
        self.player.stage.book.leaves(self.call);
    }
}

#[async_trait]
impl Agent for Player {
    async fn open(&self) -> Result<(), AgentError> {
        if let Some(voice) = &self.voice {
            return voice.open().await;
        }
        let (pause, starts) = self.stage.weather.start();
        self.stage.clock.sleep(pause).await;
        if starts {
            return Ok(());
        }
        self.stage.book.fault("no_start");
        Err(AgentError::new(FailureKind::Transient, "the agent does not start").settled())
    }

    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let book = &self.stage.book;
        if self.set_busy(true) {
            book.find(FindingKind::Crowded, format!("two calls in one clone of {}", self.name));
        }
        let call = request.call;
        let _busy = Busy { player: self, call };
        book.arrives(&request);
        let answer = self.perform(request, cancel).await;
        let usage = answer.as_ref().map_or_else(|error| error.usage, |reply| reply.usage);
        let units = answer.as_ref().map_or(&[][..], |reply| &reply.units);
        let answered = units.iter().filter(|unit| unit.result.is_ok()).map(|unit| unit.id.clone());
        book.answers(call, self.priced(usage), answered.collect());
        answer
    }

    async fn close(&self) {
        if let Some(voice) = &self.voice {
            voice.close().await;
        }
    }
}

impl Player {
    fn set_busy(&self, busy: bool) -> bool {
        std::mem::replace(&mut *self.busy.lock().unwrap_or_else(PoisonError::into_inner), busy)
    }

    /// What a provider would put on its bill.
    fn priced(&self, usage: Usage) -> Usage {
        match self.price {
            Some(price) if usage.cost_usd.is_none() && usage.tokens() > 0 => {
                Usage { cost_usd: Some(price.cost(&usage)), ..usage }
            }
            _ => usage,
        }
    }

    async fn perform(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let Stage { weather, clock, book, .. } = &*self.stage;
        if let Some(voice) = &self.voice {
            return voice.answer(request, cancel).await;
        }
        let fault = weather.next(&self.gate, clock.monotonic(), self.hangs);
        if let Some(fault) = fault {
            book.fault(fault.as_str());
        }
        if fault == Some(Fault::Late) {
            clock.sleep(weather.latency(self.usual() * 4)).await;
            return Ok(self.reply(&request));
        }
        if fault == Some(Fault::Hang) {
            cancel.fired().await;
            return Err(AgentError::new(FailureKind::Cancelled, "the call was called off"));
        }
        let pause = clock.sleep(weather.latency(self.usual()));
        let called_off = std::pin::pin!(cancel.fired());
        if let Either::Right(_) = select(pause, called_off).await {
            return Err(AgentError::new(FailureKind::Cancelled, "the call was called off"));
        }
        match fault {
            None => Ok(self.reply(&request)),
            Some(fault) => self.fail(fault, &request),
        }
    }

    /// How long an answer usually takes.
    const fn usual(&self) -> Duration {
        if self.is_model { Duration::from_millis(1500) } else { Duration::from_millis(300) }
    }

    fn reply(&self, request: &Request) -> Reply {
        let answer = |unit| self.stage.author.answer(&self.name, request, unit);
        let units: Vec<AnsweredUnit> =
            request.units.iter().map(|unit| AnsweredUnit::new(unit.id.clone(), answer(unit))).collect();
        let usage = self.usage(request, &units);
        Reply { units, usage, trace: Trace::default() }
    }

    /// What an answer consumes: four bytes are a token.
    fn usage(&self, request: &Request, units: &[AnsweredUnit]) -> Usage {
        if !self.is_model {
            return Usage::default();
        }
        let told = request.conversation.as_ref().map_or(0, |conversation| conversation.bytes());
        let said: usize =
            units.iter().filter_map(|unit| Some(unit.result.as_ref().ok()?.as_str().len())).sum();
        Usage { input_tokens: told.div_ceil(4), output_tokens: (said as u64).div_ceil(4), ..Usage::default() }
    }

    fn fail(&self, fault: Fault, request: &Request) -> Result<Reply, AgentError> {
        let error = |kind, message: &str| AgentError::new(kind, message);
        match fault {
            Fault::Transient => Err(error(FailureKind::Transient, "an error that may pass").settled()),
            Fault::Lost => Err(self.paid(request, error(FailureKind::Transient, "the connection broke"))),
            Fault::Limited(pause) => {
                let error = error(FailureKind::RateLimited, "too many requests").settled();
                Err(AgentError { retry_after: pause, ..error })
            }
            Fault::CutOff => Err(self.paid(request, error(FailureKind::Truncated, "the answer was cut off"))),
            Fault::Death => {
                self.remarks.restarted("it died");
                Err(error(FailureKind::Transient, "the process died"))
            }
            Fault::LeavesOut | Fault::Malformed | Fault::Refused => Ok(self.garbled(fault, request)),
            Fault::Hang | Fault::Late => Ok(self.reply(request)),
        }
    }

    /// An error of a call that was served and paid for.
    fn paid(&self, request: &Request, error: AgentError) -> AgentError {
        let mut error = error.settled();
        error.usage = self.reply(request).usage;
        error
    }

    /// An answer of which a part is not as it should be.
    fn garbled(&self, fault: Fault, request: &Request) -> Reply {
        let mut reply = self.reply(request);
        let mut chance = self.stage.weather.roll();
        let at = usize::try_from(chance.below(reply.units.len() as u64)).unwrap_or(0);
        let failed = |kind| Err(Failure { kind, message: "no".to_owned() });
        let anything_goes = self.stage.author.takes_anything(&request.phase);
        match (fault, chance.below(if anything_goes { 3 } else { 6 })) {
            (Fault::LeavesOut, _) => drop(reply.units.drain(at..)),
            (Fault::Refused, n) => {
                let kind = if n == 0 { FailureKind::Filtered } else { FailureKind::Refused };
                reply.units[at].result = failed(kind);
            }
            (_, 0) => reply.units.push(reply.units[at].clone()),
            (_, 1) => reply.units.push(AnsweredUnit::new(UnitId::new("nobody"), Ok(Json::object([])))),
            (_, 2) => reply.units[at].result = failed(FailureKind::Invalid),
            (_, 3) => reply.units[at].result = Ok(Json::string("garbage")),
            (_, 4) => reply.units[at].result = Ok(Json::null()),
            (_, _) => reply.units[at].result = Ok(Json::array(["1", "\"x\""])),
        }
        reply
    }
}
