//! Agents that are closures.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::agent::{
    Accepted, Agent, AgentError, AgentFactory, AgentRole, AgentTraits, AnsweredUnit, Blueprint, Conversation,
    Draft, Effect, GateSpec, ModelTraits, Remarks, Repair, Reply, Request, SpecProblem, Touched,
};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::clock::Clock as _;
use refrain_core::ports::rules::{RecordRules, RecordView, Reviewed};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::ledger::CallState;
use refrain_schemas::name::UnitId;
use refrain_schemas::usage::Usage;
use serde_json::Value;

use crate::clock::ManualClock;
use crate::witnessed_store::WitnessedStore;

use super::files::Files;

/// What an agent does with a call.
#[derive(Debug)]
pub enum Act {
    /// Answers.
    Reply(Reply),
    /// Answers after a time, whether it is cancelled or not.
    Late(Duration, Reply),
    /// Fails after a time, whether it is cancelled or not.
    FailLate(Duration, AgentError),
    /// Fails.
    Fail(AgentError),
    /// Answers nothing until the call is cancelled.
    Hang,
    /// Panics.
    Panic,
}

/// One unit of a call, as an agent sees it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The phase and scope, as `translate@ja`.
    pub target: String,
    /// The built-in agent's name.
    pub agent: String,
    /// The clone.
    pub clone: u32,
    /// The scope.
    pub scope: Value,
    /// The agent's params.
    pub params: Value,
    /// The unit.
    pub id: String,
    /// Its input.
    pub input: Value,
    /// What it sees besides, shared and its own.
    pub context: Value,
    /// How often this agent was asked about this unit of this phase, from 1.
    pub attempt: u32,
    /// What a model is told in the call that the unit is part of.
    pub told: Option<Arc<Conversation>>,
    /// What stood in the first of the files that a command lists when its process was started.
    pub program: Value,
}

impl Asked {
    /// Returns the phase, the scope and the unit.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.target, self.id)
    }
}

/// A whole call, as an agent sees it.
#[derive(Debug, Clone)]
pub struct AskedCall {
    /// Its units.
    pub units: Vec<Asked>,
    /// How many calls this agent has had, from 1.
    pub count: u64,
    /// The number of the call.
    pub call: u64,
    /// When it came in.
    pub at: Duration,
    /// What was wrong with the replies before, where the agent is told.
    pub repairs: Vec<Repair>,
}

/// Answers a call unit by unit.
pub fn reply_to(call: &AskedCall, answer: &dyn Fn(&Asked) -> Result<Value, Failure>) -> Reply {
    let result = |asked: &Asked| {
        let value = answer(asked)?;
        Json::of(&value).map_err(|error| Failure { kind: FailureKind::Permanent, message: error.to_string() })
    };
    let unit = |asked: &Asked| AnsweredUnit::new(UnitId::new(&asked.id), result(asked));
    let usage = Usage { input_tokens: call.units.len() as u64, ..Usage::default() };
    Reply { units: call.units.iter().map(unit).collect(), usage, ..Reply::default() }
}

type Script = Arc<dyn Fn(&AskedCall) -> Act + Send + Sync>;

type RulesScript = Arc<dyn Fn(&Value, &RecordView<'_>) -> Reviewed + Send + Sync>;

/// All agents of a project, and what they were asked.
pub(super) struct Cast {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<String, Script>,
    rules: BTreeMap<String, RulesScript>,
    seed: Option<u64>,
    effects: BTreeMap<String, Effect>,
    accepted: BTreeMap<String, Json>,
    asked: Vec<Asked>,
    attempts: BTreeMap<(String, String), u32>,
    counts: BTreeMap<String, u64>,
    witness: Option<Arc<WitnessedStore>>,
}

impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().scripts.keys()).finish()
    }
}

impl Cast {
    pub(super) fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Returns the same agents, who were asked nothing.
    pub(super) fn copy(&self, clock: Arc<ManualClock>) -> Self {
        let state = self.lock();
        let (scripts, rules) = (state.scripts.clone(), state.rules.clone());
        let (effects, accepted) = (state.effects.clone(), state.accepted.clone());
        let state = State { scripts, rules, seed: state.seed, effects, accepted, ..State::default() };
        Self { clock, state: Mutex::new(state) }
    }

    pub(super) fn register(&self, name: &str, script: Script) {
        self.lock().scripts.insert(name.to_owned(), script);
    }

    pub(super) fn register_rules(&self, name: &str, review: RulesScript) {
        self.lock().rules.insert(name.to_owned(), review);
    }

    pub(super) fn register_effect(&self, name: &str, effect: Effect) {
        self.lock().effects.insert(name.to_owned(), effect);
    }

    pub(super) fn register_schema(&self, name: &str, input: Json) {
        self.lock().accepted.insert(name.to_owned(), input);
    }

    pub(super) fn shuffle(&self, seed: Option<u64>) {
        self.lock().seed = seed;
    }

    pub(super) fn watch(&self, witness: Option<Arc<WitnessedStore>>) {
        self.lock().witness = witness;
    }

    pub(super) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lock().asked)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, agent: &str, clone: u32, program: &Value, request: &Request) -> AskedCall {
        let mut state = self.lock();
        let scope = &request.scope;
        let at = if scope.is_none() { String::new() } else { format!("@{scope}") };
        let target = format!("{}{at}", request.phase);
        let mut units = Vec::new();
        for unit in &request.units {
            let mut context = request.context.value();
            if let (Value::Object(all), Value::Object(own)) = (&mut context, unit.context.value()) {
                all.extend(own);
            }
            let attempt =
                state.attempts.entry((agent.to_owned(), format!("{target}/{}", unit.id))).or_default();
            *attempt += 1;
            units.push(Asked {
                target: target.clone(),
                agent: agent.to_owned(),
                clone,
                scope: serde_json::to_value(&**scope).unwrap_or_default(),
                params: request.params.value(),
                id: unit.id.as_str().to_owned(),
                input: unit.input.value(),
                context,
                attempt: *attempt,
                told: request.conversation.clone(),
                program: program.clone(),
            });
        }
        state.asked.extend(units.iter().cloned());
        let count = state.counts.entry(agent.to_owned()).or_default();
        *count += 1;
        let (count, repairs) = (*count, request.repairs.clone());
        AskedCall { units, count, call: request.call.0, at: self.clock.monotonic(), repairs }
    }

    /// Returns how long a call takes.
    fn latency(&self, call: u64) -> Duration {
        match self.lock().seed {
            None => Duration::from_millis(10),
            Some(seed) => Duration::from_millis(1 + mix(seed ^ call.wrapping_mul(0x9e37_79b9)) % 50),
        }
    }
}

/// Spreads the bits of a number.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Makes the agents of a cast, and the `read` and `write` of its files.
#[derive(Debug)]
pub(super) struct Factory {
    cast: Arc<Cast>,
    files: Arc<Files>,
}

impl Factory {
    pub(super) const fn new(cast: Arc<Cast>, files: Arc<Files>) -> Self {
        Self { cast, files }
    }
}

/// What an agent is called in its cast: a command by its program.
fn played_name(spec: &AgentSpec) -> Option<&String> {
    let program = spec.command.as_ref().and_then(|command| command.first());
    spec.builtin.as_ref().or(spec.model.as_ref()).or(program)
}

impl AgentFactory for Factory {
    fn handles(&self, spec: &AgentSpec) -> bool {
        let known = |name: &String| {
            let state = self.cast.lock();
            let is_played = state.scripts.contains_key(name) || state.rules.contains_key(name);
            is_played || matches!(name.as_str(), "read" | "write")
        };
        played_name(spec).is_some_and(known)
    }

    fn check(&self, _: &Draft<'_>) -> Vec<SpecProblem> {
        Vec::new()
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        if let Some(name) = &draft.spec.model {
            return model_traits(name, draft);
        }
        let name = played_name(draft.spec).cloned().unwrap_or_default();
        let role = match name.as_str() {
            "read" => AgentRole::Read,
            "write" => AgentRole::Write,
            _ => AgentRole::Answer,
        };
        let effect = self.cast.lock().effects.get(&name).copied().unwrap_or_default();
        AgentTraits { role, effect, ..AgentTraits::plain(format!("{name}@1")) }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let spec = &blueprint.spec;
        let name = played_name(spec).cloned().unwrap_or_default();
        let script = self.cast.lock().scripts.get(&name).cloned();
        let script = script.ok_or_else(|| AgentError::new(FailureKind::Permanent, "no such agent"))?;
        Ok(Arc::new(Player {
            name,
            clone: blueprint.clone,
            script,
            cast: self.cast.clone(),
            busy: Mutex::default(),
            process: PlayedProcess {
                files: self.files.clone(),
                path: spec.files.first().cloned(),
                is_kept: !spec.oneshot,
                remarks: blueprint.remarks.clone(),
                program: Mutex::default(),
            },
        }))
    }

    fn accepts(&self, draft: &Draft<'_>) -> Option<Accepted> {
        let input = self.cast.lock().accepted.get(played_name(draft.spec)?).cloned()?;
        Some(Accepted { input, output: None })
    }

    fn touches(&self, _: &Draft<'_>, input: &Value) -> Touched {
        let paths = |field: &str| {
            let paths = input[field].as_array().into_iter().flatten().filter_map(Value::as_str);
            paths.map(str::to_owned).collect()
        };
        Touched { reads: paths("reads"), writes: paths("writes") }
    }

    fn rules(&self, draft: &Draft<'_>, params: &Json) -> Result<Option<Arc<dyn RecordRules>>, AgentError> {
        let name = draft.spec.builtin.as_deref().unwrap_or_default();
        let review = self.cast.lock().rules.get(name).cloned();
        let params = params.value();
        if let Some(wrong) = params.get("wrong").and_then(Value::as_str) {
            return Err(AgentError::new(FailureKind::Permanent, wrong));
        }
        Ok(review.map(|review| Arc::new(PlayedRules { params, review }) as Arc<dyn RecordRules>))
    }
}

/// Rules that are a closure.
struct PlayedRules {
    params: Value,
    review: RulesScript,
}

impl fmt::Debug for PlayedRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlayedRules").field(&self.params).finish()
    }
}

impl RecordRules for PlayedRules {
    fn review(&self, view: &RecordView<'_>) -> Reviewed {
        (self.review)(&self.params, view)
    }
}

/// A scripted model goes by its endpoint's limits and its declared price, like a real one.
fn model_traits(name: &str, Draft { spec, declared }: &Draft<'_>) -> AgentTraits {
    let endpoint = name.split('/').next().and_then(|endpoint| declared.endpoints.get(endpoint));
    let limits = endpoint.and_then(|endpoint| endpoint.limits);
    let tools = spec.tools.iter().flat_map(|tools| tools.from.clone()).collect();
    let model = ModelTraits {
        name: name.to_owned(),
        price: declared.prices.get(name).copied(),
        dearest: None,
        max_output: spec.max_tokens.map(u64::from),
        requests: 1,
        round_bytes: 0,
        tools,
    };
    let gate = GateSpec { name: name.to_owned(), limits: limits.unwrap_or_default(), within: None };
    AgentTraits { model: Some(model), gate: Some(gate), ..AgentTraits::plain(format!("model {name}")) }
}

/// The process of a command: what its program said when it was started.
struct PlayedProcess {
    files: Arc<Files>,
    path: Option<String>,
    is_kept: bool,
    remarks: Arc<dyn Remarks>,
    program: Mutex<Value>,
}

impl PlayedProcess {
    fn start(&self) {
        let Some(path) = &self.path else { return };
        self.remarks.started();
        let program = self.files.contents(path).unwrap_or_default();
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = program;
    }

    /// Returns what the program said that a call is answered by.
    fn program(&self) -> Value {
        if !self.is_kept {
            self.start();
        }
        self.program.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One clone.
struct Player {
    name: String,
    clone: u32,
    script: Script,
    cast: Arc<Cast>,
    busy: Mutex<bool>,
    process: PlayedProcess,
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Player").field(&self.name).field(&self.clone).finish()
    }
}

impl Player {
    fn set_busy(&self, busy: bool) -> bool {
        std::mem::replace(&mut *self.busy.lock().unwrap_or_else(PoisonError::into_inner), busy)
    }

    /// Checks that the call's intent is durable.
    async fn check_intent(&self, request: &Request) {
        let witness = self.cast.lock().witness.clone();
        if let Some(witness) = witness {
            let state = witness.state(request.call).await;
            assert!(state == Some(CallState::InDoubt), "{} left before its intent was durable", request.call);
        }
    }
}

/// Gives a clone back even where its answer is dropped.
struct Busy<'a>(&'a Player);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set_busy(false);
    }
}

#[async_trait]
impl Agent for Player {
    async fn open(&self) -> Result<(), AgentError> {
        if self.process.is_kept {
            self.process.start();
        }
        Ok(())
    }

    #[expect(clippy::panic, reason = "a script may ask for it")]
    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        assert!(!self.set_busy(true), "two calls in one clone");
        let _busy = Busy(self);
        self.check_intent(&request).await;
        let program = self.process.program();
        let call = self.cast.note(&self.name, self.clone, &program, &request);
        let act = (self.script)(&call);
        let clock = &self.cast.clock;
        if !matches!(act, Act::Late(..) | Act::FailLate(..)) {
            let pause = clock.sleep(self.cast.latency(request.call.0));
            let cancelled = std::pin::pin!(cancel.fired());
            if let futures::future::Either::Right(_) = futures::future::select(pause, cancelled).await {
                return Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"));
            }
        }
        match act {
            Act::Reply(reply) => Ok(reply),
            Act::Late(pause, reply) => {
                clock.sleep(pause).await;
                Ok(reply)
            }
            Act::FailLate(pause, error) => {
                clock.sleep(pause).await;
                Err(error)
            }
            Act::Fail(error) => Err(error),
            Act::Hang => {
                cancel.fired().await;
                Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"))
            }
            Act::Panic => panic!("as the script asks"),
        }
    }
}
