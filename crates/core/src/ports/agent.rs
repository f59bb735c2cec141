//! What answers.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::RateLimits;
use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::name::{AgentName, CallId, PhaseName, UnitId};
use refrain_schemas::pipeline::Declarations;
use refrain_schemas::scope::Scope;
use refrain_schemas::usage::{Resources, Usage};
use serde_json::Value;

use super::cancel::Cancel;
use super::rules::RecordRules;

/// One clone of an agent: it answers one call at a time.
///
/// - `open` is called once before the first call and `close` once after the last, whatever happened in between;
///   `close` MUST NOT fail and MUST leave nothing behind (no process, no file, no connection).
/// - `answer` is never called while another `answer` of the same clone is under way. After a failed `answer` the next
///   one MUST work as far as the agent can see to it (a dead process is started again).
/// - `answer` MUST return soon after `cancel` fires, with [`FailureKind::Cancelled`]; what it returns later is lost.
/// - A reply names units by id, in any order. Units it does not name, names twice or invents are the engine's to
///   judge, not the agent's.
/// - An agent MUST NOT block the thread it is polled on; one that computes for long yields or uses a thread.
#[async_trait]
pub trait Agent: Debug + Send + Sync + 'static {
    /// Gets ready; called once, before the first call.
    async fn open(&self) -> Result<(), AgentError> {
        Ok(())
    }

    /// Answers one call.
    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError>;

    /// Lets go of everything; called once, after the last call.
    async fn close(&self) {}
}

/// Makes the agents of one technology.
pub trait AgentFactory: Debug + Send + Sync + 'static {
    /// Whether this factory makes what the spec describes.
    fn handles(&self, spec: &AgentSpec) -> bool;

    /// Checks a spec without running anything; every problem names a field of the spec, such as `params.sentences`.
    fn check(&self, draft: &Draft<'_>) -> Vec<SpecProblem>;

    /// Says who the agent is, beyond what the spec's `command`, `files`, `version` and `params` tell.
    fn describe(&self, draft: &Draft<'_>) -> AgentTraits;

    /// Makes one clone. Nothing is started before [`Agent::open`].
    ///
    /// # Errors
    /// Fails where the spec does not describe an agent of this technology.
    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError>;

    /// Returns the agent's rules for replies of other agents (`output: { rules: NAME }`), made from its params as one
    /// scope fills them; `None` where an agent like this offers none.
    ///
    /// # Errors
    /// Fails where it would offer rules but these params make none.
    fn rules(&self, _draft: &Draft<'_>, _params: &Json) -> Result<Option<Arc<dyn RecordRules>>, AgentError> {
        Ok(None)
    }

    /// Says which files a call with this input will read and write. Called before the call, and MUST look at nothing but
    /// what it is given.
    fn touches(&self, _draft: &Draft<'_>, _input: &Value) -> Touched {
        Touched::default()
    }

    /// Returns what the agent takes and gives, where it declares that.
    fn accepts(&self, _draft: &Draft<'_>) -> Option<Accepted> {
        None
    }
}

/// An agent as it is written, and what it may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// Its spec.
    pub spec: &'a AgentSpec,
    /// The endpoints, servers and prices of the pipeline.
    pub declared: &'a Declarations,
}

/// What an agent is like.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentTraits {
    /// Name and version for built-in agents (`summary@1`); the technology for others (`command`). Keyed.
    pub identity: String,
    /// Whether strings in `params` are the agent's own templates and expressions, not to be filled by the engine.
    pub raw_params: bool,
    /// What the agent is to the engine.
    pub role: AgentRole,
    /// The time-out where the spec gives none; `None` for agents that cannot hang.
    pub default_timeout: Option<Duration>,
    /// The gate that its calls go through, if there is one; agents with the same gate share its limits.
    pub gate: Option<GateSpec>,
    /// What there is to know of the model behind it, if it is one. The engine renders its prompts.
    pub model: Option<ModelTraits>,
    /// What asking it leaves behind.
    pub effect: Effect,
    /// The MCP servers whose tools it uses besides those of [`ModelTraits::tools`], and which of them; all where empty.
    /// The digests of these tools are part of its identity.
    pub tools: Vec<(String, Vec<String>)>,
}

impl AgentTraits {
    /// Returns the traits of an agent that answers, has no gate and is no model.
    #[must_use]
    pub fn plain(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            raw_params: false,
            role: AgentRole::Answer,
            effect: Effect::Pure,
            default_timeout: None,
            gate: None,
            model: None,
            tools: Vec::new(),
        }
    }
}

/// What asking an agent leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effect {
    /// Nothing: what it answers is all there is, and whoever asks the same may have the answer.
    #[default]
    Pure,
    /// Something outside, such as a file: each target that asks has it done for itself, once.
    Once,
    /// It answers otherwise each time: it is asked anew in every run.
    Volatile,
}

impl Effect {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Once => "once",
            Self::Volatile => "volatile",
        }
    }
}

/// The files that a call reads and writes, by their paths in the project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Those whose contents are part of what is asked.
    pub reads: Vec<String>,
    /// Those that are there afterwards.
    pub writes: Vec<String>,
}

/// What an agent takes and gives, as JSON Schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The schema of a unit's input.
    pub input: Json,
    /// The schema of its answer, where there is one.
    pub output: Option<Json>,
}

/// Where calls queue for what a provider allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSpec {
    /// Its name, such as `openai/gpt-5-mini`.
    pub name: String,
    /// What the provider is known to allow. What it allows in truth is found out on the way.
    pub limits: RateLimits,
    /// The gate around it, such as that of the whole endpoint.
    pub within: Option<Box<Self>>,
}

/// What there is to know of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTraits {
    /// What it is called in ledgers and reports: `provider/name`.
    pub name: String,
    /// What it costs, where that is known.
    pub price: Option<PriceSpec>,
    /// What it costs at the dearest of the places that may serve it; nothing where there is only one.
    pub dearest: Option<PriceSpec>,
    /// The most tokens of one answer, where the spec says.
    pub max_output: Option<u64>,
    /// How many requests one call can take: 1 and, with tools, one more for each round.
    pub requests: u32,
    /// The most bytes that each round of tools adds to the next request.
    pub round_bytes: u64,
    /// The MCP servers whose tools it may use, and which of them; all where empty. Their schemas are part of its identity.
    pub tools: Vec<(String, Vec<String>)>,
}

/// What an agent is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentRole {
    /// It answers asks.
    Answer,
    /// It reads source files; see [`SourceReader`](super::files::SourceReader).
    Read,
    /// It writes files; see [`TargetWriter`](super::files::TargetWriter).
    Write,
}

/// Something wrong with an agent's spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecProblem {
    /// The field of the spec, such as `params.sentences`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a clone is made from.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The agent's name.
    pub name: AgentName,
    /// Its spec.
    pub spec: AgentSpec,
    /// The endpoints, servers and prices of the pipeline.
    pub declared: Arc<Declarations>,
    /// The number of the clone, from 0.
    pub clone: u32,
    /// Where the agent's remarks go.
    pub remarks: Arc<dyn Remarks>,
}

/// Where agents say things that are not replies. Never blocks.
pub trait Remarks: Debug + Send + Sync {
    /// Takes a line the agent said, on stderr for instance.
    fn say(&self, line: &str);

    /// Takes the news that a program was started; said before it is asked anything. What the agent's files say is compared
    /// once more before the next answer counts, so an agent that starts programs MUST tell of each.
    fn started(&self);

    /// Takes the news that the clone died and will be started again.
    fn restarted(&self, reason: &str);
}

/// What one agent is asked in one call.
#[derive(Debug, Clone)]
pub struct Request {
    /// The call; a label, not part of any key.
    pub call: CallId,
    /// The phase; a label, not part of any key.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Arc<Scope>,
    /// The turns that the phase is in.
    pub turns: Scope,
    /// The agent's own params, filled unless they are raw.
    pub params: Json,
    /// The project's params that raw agent params refer to, as an object; `{}` otherwise.
    pub vars: Json,
    /// What all units share, by name.
    pub context: Json,
    /// What is asked.
    pub units: Vec<AskedUnit>,
    /// For a model: what it is told about these units.
    pub conversation: Option<Arc<Conversation>>,
    /// What was wrong with the replies to these units before, if the agent is asked to do better.
    pub repairs: Vec<Repair>,
}

/// What a model is told in one call, rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// What it is; empty where nobody wrote a system prompt.
    pub system: String,
    /// What it is asked.
    pub user: String,
    /// The JSON Schema of its answer, always of an object; where there is none the answer is text. What it is about:
    /// the one unit; where `wrapped`, `{"answer": …}` about the one unit; where `numbered`,
    /// `{"units": [{"n": 1, "output": …}, …]}`, `n` counting from 1 in the order of the request.
    /// [`Conversation::outputs`] undoes either.
    pub schema: Option<Json>,
    /// Whether the answer carries several units.
    pub numbered: bool,
    /// Whether the answer about the one unit is no object and stands in the field `answer` of one.
    pub wrapped: bool,
    /// The field of the record that a text becomes: the whole answer where there is no schema, and each output where
    /// texts are asked for and `numbered`; see [`Conversation::record`]. Empty where the outputs have a schema.
    pub field: String,
    /// The field of the record under which an output stands that has a schema; empty where the output is the record.
    pub under: String,
}

/// A reply that was no good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The unit it was about.
    pub unit: UnitId,
    /// The reply as it came.
    pub said: String,
    /// What is wrong with it.
    pub error: String,
}

/// One unit of a call.
#[derive(Debug, Clone)]
pub struct AskedUnit {
    /// The unit.
    pub id: UnitId,
    /// Its record, or `{"records": […]}` for groups.
    pub input: Json,
    /// What this unit sees besides its input, by name.
    pub context: Json,
}

/// What an agent answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The answers, in any order.
    pub units: Vec<AnsweredUnit>,
    /// What the call consumed. The engine adds the cost where the agent is a model with a price and the agent does not.
    pub usage: Usage,
    /// What else there is to know of the call.
    pub trace: Trace,
}

/// What is known of how a call went, whether it succeeded or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Who served it.
    pub served: Option<Served>,
    /// What went over the wire, without secrets.
    pub exchanges: Vec<Exchange>,
    /// What the provider said of its limits.
    pub signal: RateSignal,
    /// Whether the call may have consumed more than its usage tells: something was sent, it may have been served, and
    /// nobody said what that took. Budgets reckon with all that it could take.
    pub unsettled: bool,
    /// What the programs used that the call started, where somebody measured it.
    pub resources: Option<Box<Resources>>,
}

/// What a provider said of its limits along with a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateSignal {
    /// Requests that it allows per minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens that it allows per minute.
    pub tokens_per_minute: Option<u64>,
    /// When nothing is left of one of the two: how long until there is.
    pub exhausted_for: Option<Duration>,
}

/// The answer to one unit.
#[derive(Debug, Clone)]
pub struct AnsweredUnit {
    /// The unit.
    pub id: UnitId,
    /// One record, a list of records, or any JSON for a document; or why there is none.
    pub result: Result<Json, Failure>,
    /// What the agent said instead, where it can be asked to do better.
    pub said: Option<String>,
}

impl AnsweredUnit {
    /// Returns an answer as the agent meant it.
    #[must_use]
    pub const fn new(id: UnitId, result: Result<Json, Failure>) -> Self {
        Self { id, result, said: None }
    }
}

/// What a failure lies with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Blame {
    /// What was asked, as far as anybody can tell: asked otherwise, or about fewer units, it may work.
    #[default]
    Units,
    /// The agent: any other call to it would have failed alike. Its packs are never split.
    Agent,
}

/// A call that failed as a whole.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct AgentError {
    /// The kind; the engine's policy decides from this and from `blame` alone.
    pub kind: FailureKind,
    /// What it lay with.
    pub blame: Blame,
    /// What to tell people.
    pub message: String,
    /// How long the agent asks to be left alone.
    pub retry_after: Option<Duration>,
    /// What the call consumed all the same.
    pub usage: Usage,
    /// What else there is to know of the call.
    pub trace: Box<Trace>,
}

impl AgentError {
    /// Returns an error without a wish for a pause. It is unsettled, because most errors say nothing of what was served.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            blame: Blame::Units,
            message: message.into(),
            retry_after: None,
            usage: Usage::default(),
            trace: Box::new(Trace { unsettled: true, ..Trace::default() }),
        }
    }

    /// Returns the error of a call that consumed what its usage tells, for certain: nothing was sent, or what was sent was
    /// turned away.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.trace.unsettled = false;
        self
    }

    /// Returns the error of a call that would have failed whatever was asked: what answers is not there, or refuses
    /// everything.
    #[must_use]
    pub const fn of_agent(mut self) -> Self {
        self.blame = Blame::Agent;
        self
    }

    /// Returns the failure of each unit of the call.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure { kind: self.kind, message: self.message.clone() }
    }
}
