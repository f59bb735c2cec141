//! What a phase is defined by: named parts, each with a digest, so that a change can be told by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::lock::Mutex;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;
use refrain_schemas::name::AgentName;
use refrain_schemas::scope::{Scope, Target};
use serde_json::{Map, Value, json};

use crate::engine::EngineError;
use crate::fill::{FillError, fill};
use crate::model::{AgentModel, ContextSource, Model, OutputSchema, Phase, RulesAgent, Select, Work};
use crate::ports::agent::{AgentError, Draft, Effect};
use crate::ports::files::{FileError, ProjectFiles};
use crate::ports::rules::RecordRules;
use crate::ports::tools::{Tool, Tools};
use crate::prompt::Prompt;
use crate::sight::Sight;
use crate::template;
use crate::turns::Bindings;

/// Parts of a phase as written that change neither its requests nor its artifact.
const NOT_PART: [&str; 3] = ["when", "on_unit_failure", "course"];

/// What a phase in a scope is defined by.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The parts by name: `units`, `context.glossary`, `agent.critic`, `agent.critic.params`,
    /// `agent.critic.file.agents/critic.py`, `schema.schemas/line.json`, `rules.checks`, `rules.checks.params` and so on;
    /// of models also the layers of their
    /// prompts (`project.system`, `phase.prompt`, `agent.critic.prompt`), the shape of their answers
    /// (`agent.critic.output`) and their tools (`agent.critic.tools.search`).
    pub parts: BTreeMap<String, Digest>,
    /// The agents, in file order.
    pub agents: Vec<Arc<BoundAgent>>,
    /// The rules that replies must fulfil besides.
    pub rules: Option<BoundRules>,
}

/// The rules of an agent as one scope of a phase has them.
#[derive(Debug, Clone)]
pub struct BoundRules {
    /// The agent that they are of.
    pub agent: AgentName,
    /// The rules.
    pub rules: Arc<dyn RecordRules>,
}

/// An agent as one scope of a phase sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundAgent {
    /// Its name.
    pub name: AgentName,
    /// The digest of who it is: kind, command, version and files; of a model its tools and the shape of its answer too.
    pub identity: Digest,
    /// The files that are part of who it is, as they were when the target was judged.
    pub files: Arc<[FileStamp]>,
    /// Its params: filled, unless they are its own templates.
    pub params: Json,
    /// The project's params that its own templates refer to.
    pub vars: Json,
    /// The digest of params and vars.
    pub params_digest: Digest,
    /// What asking it leaves behind.
    pub effect: Effect,
    /// Whether it may answer otherwise each time.
    pub is_volatile: bool,
    /// For a model: what it is told.
    pub prompt: Option<Arc<Prompt>>,
    /// For a model: how many bytes of each of its requests tell it of its tools, at most.
    pub tool_bytes: u64,
}

/// The files of a project as one command sees them: each is looked at once.
#[derive(Debug, Clone)]
pub struct FileDigests {
    files: Arc<dyn ProjectFiles>,
    known: Arc<Mutex<BTreeMap<String, FileStamp>>>,
    sources: Arc<Mutex<BTreeMap<Target, Vec<FileStamp>>>>,
}

impl FileDigests {
    /// Starts with nothing known.
    #[must_use]
    pub fn new(files: Arc<dyn ProjectFiles>) -> Self {
        Self { files, known: Arc::default(), sources: Arc::default() }
    }

    /// Returns the digest of a file.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub async fn digest(&self, path: &str) -> Result<Digest, EngineError> {
        Ok(self.stamp(path).await?.digest)
    }

    /// Returns the stamp of a file.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub async fn stamp(&self, path: &str) -> Result<FileStamp, EngineError> {
        if let Some(stamp) = self.known.lock().await.get(path) {
            return Ok(stamp.clone());
        }
        let stamp = self.files.stamp(path, None).await?;
        self.known.lock().await.insert(path.to_owned(), stamp.clone());
        Ok(stamp)
    }

    /// Returns the stamps of the files that a target reads, which are taken at the first time; none where that fails: a
    /// source that is gone or cannot be read differs from every source that was.
    pub async fn sources(
        &self,
        target: &Target,
        stamps: impl Future<Output = Result<Vec<FileStamp>, FileError>>,
    ) -> Vec<FileStamp> {
        if let Some(sources) = self.sources.lock().await.get(target) {
            return sources.clone();
        }
        let sources = stamps.await.unwrap_or_default();
        self.sources.lock().await.insert(target.clone(), sources.clone());
        sources
    }
}

/// Says what a phase in a scope is defined by.
///
/// # Errors
/// Fails where a file of the definition cannot be read, or a template in an agent's params fails.
pub async fn define(
    model: &Model,
    phase: &Phase,
    scope: &Scope,
    files: &FileDigests,
    (tools, bindings): (&dyn Tools, &Bindings),
) -> Result<Definition, EngineError> {
    let written = phase.written.iter().filter(|(name, _)| !NOT_PART.contains(&name.as_str()));
    let mut parts: BTreeMap<String, Digest> =
        written.map(|(name, json)| (name.clone(), Digest::of_content(json.as_str().as_bytes()))).collect();
    parts.extend(joined_needs(phase));
    parts.extend(params_given(model, phase));
    parts.extend(sight_of(phase).map(|sight| bindings.parts(sight)).unwrap_or_default());
    // An input that was good enough before is held to what is accepted now; that is in no key, for it changes no reply.
    let accepts = phase.given().into_iter().flat_map(|given| &given.accepts);
    parts.extend(accepts.map(|(agent, accepts)| (format!("agent.{agent}.accepts"), accepts.digest)));
    if let Some(schema) = schema(phase) {
        parts.insert(format!("schema.{}", schema.path), Digest::of_content(schema.json.as_str().as_bytes()));
    }
    let mut agents = Vec::new();
    for (name, prompt) in agent_names(phase).into_iter().zip(prompts(phase)) {
        if let Some(agent) = model.agents.get(name.as_str()) {
            let mut bound = bind(model, agent, scope, files, &mut parts).await?;
            if let Some(prompt) = prompt {
                as_model(model, agent, &prompt, &mut bound, tools, &mut parts).await?;
                bound.prompt = Some(prompt);
            }
            for (server, names) in &agent.traits.tools {
                let (digest, _) = tools_digest(model, server, names, tools).await?;
                parts.insert(format!("agent.{name}.tools.{server}"), digest);
                // What such a server is called here, nobody outside is told.
                let mut digester = Digester::new("refrain tool agent v1");
                bound.identity = digester.digest(&bound.identity).digest(&digest).finish();
            }
            agents.push(Arc::new(bound));
        }
    }
    let rules = bind_rules(model, phase, scope, files, &mut parts).await?;
    Ok(Definition { parts, agents, rules })
}

/// Makes the rules that replies must fulfil. Who they are of and with which params is part of the definition, and of no
/// key: a reply that other rules accepted is reviewed again, and asked for again only where it is refused.
async fn bind_rules(
    model: &Model,
    phase: &Phase,
    scope: &Scope,
    files: &FileDigests,
    parts: &mut BTreeMap<String, Digest>,
) -> Result<Option<BoundRules>, EngineError> {
    let Work::Ask(work) = &phase.work else { return Ok(None) };
    let Some(RulesAgent { agent, factory }) = &work.output.rules else { return Ok(None) };
    let Some(agent) = model.agents.get(agent.as_str()) else { return Ok(None) };
    let mut own = BTreeMap::new();
    let bound = bind(model, agent, scope, files, &mut own).await?;
    parts.extend(own.into_iter().map(|(part, digest)| (part.replacen("agent.", "rules.", 1), digest)));
    let draft = Draft { spec: &agent.spec, declared: &model.declared };
    let failed =
        |message: String| EngineError::Expression { what: format!("agents.{}.params", agent.name), message };
    let rules = factory.rules(&draft, &bound.params).map_err(|error| failed(error.message))?;
    let rules = rules.ok_or_else(|| failed("the agent offers no rules for replies".to_owned()))?;
    Ok(Some(BoundRules { agent: agent.name.clone(), rules }))
}

/// Adds what only models are defined by. What they are told is a part of the definition and not of who they are: in
/// their keys counts what is rendered.
async fn as_model(
    model: &Model,
    agent: &AgentModel,
    prompt: &Prompt,
    bound: &mut BoundAgent,
    tools: &dyn Tools,
    parts: &mut BTreeMap<String, Digest>,
) -> Result<(), EngineError> {
    let name = agent.name.as_str();
    parts.extend(prompt.parts(name));
    parts.extend(params_read(model, prompt));
    let shape = prompt.shape();
    parts.insert(format!("agent.{name}.output"), shape);
    let mut digester = Digester::new("refrain model v1");
    digester.digest(&bound.identity).digest(&shape);
    for (server, names) in agent.traits.model.iter().flat_map(|model| &model.tools) {
        let (digest, bytes) = tools_digest(model, server, names, tools).await?;
        bound.tool_bytes += bytes;
        parts.insert(format!("agent.{name}.tools.{server}"), digest);
        digester.part(server.as_bytes()).digest(&digest);
    }
    bound.identity = digester.finish();
    Ok(())
}

/// The project's params that a prompt reads. They are in no key by themselves, but where one differs every unit is to be
/// looked at.
fn params_read(model: &Model, prompt: &Prompt) -> Vec<(String, Digest)> {
    let read = prompt.params();
    let read = model.params.iter().filter(|(name, _)| read.as_ref().is_none_or(|read| read.contains(*name)));
    let digest =
        |value: &Value| Json::of(value).ok().map(|json| Digest::of_content(json.as_str().as_bytes()));
    read.filter_map(|(name, value)| Some((format!("params.{name}"), digest(value)?))).collect()
}

/// Returns the digest of the tools of a server that an agent may use, all where none is named, and how many bytes it
/// takes to tell a model of them.
async fn tools_digest(
    model: &Model,
    server: &str,
    names: &[String],
    tools: &dyn Tools,
) -> Result<(Digest, u64), EngineError> {
    let listed = tools.list(server).await.map_err(|error| tools_error(server, error))?;
    let version = model.declared.servers.get(server).and_then(|server| server.version.as_deref());
    let mut digester = Digester::new("refrain tools v1");
    digester.part(version.unwrap_or_default().as_bytes());
    let used = |tool: &&Tool| names.is_empty() || names.contains(&tool.name);
    let mut bytes = 0;
    for tool in listed.tools.iter().filter(used) {
        digester.part(tool.name.as_bytes()).digest(&tool.digest);
        bytes += tool.told_bytes();
    }
    Ok((digester.finish(), bytes))
}

/// Says which server it was, once.
fn tools_error(server: &str, error: AgentError) -> EngineError {
    let why = error.message.strip_prefix(&format!("MCP server `{server}`: ")).unwrap_or(&error.message);
    let message = format!("MCP server `{server}` failed to start, and its tools are not known: {why}");
    EngineError::Tools { server: server.to_owned(), kind: error.kind, message }
}

/// The params that the input of a phase reads: in its key counts what comes of them, but where one differs it is to be
/// filled again.
fn params_given(model: &Model, phase: &Phase) -> Vec<(String, Digest)> {
    let Some(sight) = sight_of(phase) else { return Vec::new() };
    let digest =
        |value: &Value| Json::of(value).ok().map(|json| Digest::of_content(json.as_str().as_bytes()));
    let read = sight.params(&model.params);
    read.filter_map(|(name, value)| Some((format!("params.{name}"), digest(value)?))).collect()
}

/// Returns what the texts read that a phase is made from.
fn sight_of(phase: &Phase) -> Option<&Sight> {
    phase.given().map(|given| &*given.sight).or_else(|| phase.rounds().map(|work| &*work.sight))
}

/// Whether a joined phase is needed or wanted: a hole in a needed one makes its units holes.
fn joined_needs(phase: &Phase) -> Vec<(String, Digest)> {
    let Work::Ask(work) = &phase.work else { return Vec::new() };
    let joined = work.context.iter().filter_map(|context| match (&context.source, &context.select) {
        (ContextSource::Phase(name), Select::On { .. }) => {
            let is_need = phase.needs.iter().any(|edge| edge.phase == *name);
            Some((format!("context.{}.need", context.name), Digest::of_content(&[u8::from(is_need)])))
        }
        _ => None,
    });
    joined.collect()
}

async fn bind(
    model: &Model,
    agent: &AgentModel,
    scope: &Scope,
    files: &FileDigests,
    parts: &mut BTreeMap<String, Digest>,
) -> Result<BoundAgent, EngineError> {
    let name = &agent.name;
    let own = own_identity(agent);
    parts.insert(format!("agent.{name}"), own);
    let mut identity = Digester::new("refrain agent v1");
    identity.digest(&own);
    let mut stamps = Vec::with_capacity(agent.files.len());
    for path in &agent.files {
        let stamp = files.stamp(path).await?;
        parts.insert(format!("agent.{name}.file.{path}"), stamp.digest);
        identity.part(path.as_bytes()).digest(&stamp.digest);
        stamps.push(stamp);
    }
    let vars = used_vars(model, agent)?;
    let params = agent_params(&model.params, agent, scope)?;
    let mut params_digest = Digester::new("refrain params v1");
    let params_digest =
        params_digest.part(params.as_str().as_bytes()).part(vars.as_str().as_bytes()).finish();
    parts.insert(format!("agent.{name}.params"), params_digest);
    let (name, identity, files) = (name.clone(), identity.finish(), stamps.into());
    let effect = agent.traits.effect;
    Ok(BoundAgent {
        name,
        identity,
        files,
        params,
        vars,
        params_digest,
        effect,
        is_volatile: agent.spec.volatile,
        prompt: None,
        tool_bytes: 0,
    })
}

/// Returns the part of an agent's identity that stands in the pipeline file and in its technology. Two that share it are one
/// agent by two names, and share their replies.
#[must_use]
pub fn own_identity(agent: &AgentModel) -> Digest {
    let mut digester = Digester::new("refrain agent own v1");
    digester.part(agent.traits.identity.as_bytes());
    for argument in agent.spec.command.iter().flatten() {
        digester.part(argument.as_bytes());
    }
    digester.part(agent.spec.version.as_deref().unwrap_or_default().as_bytes());
    digester.finish()
}

fn raw_params(agent: &AgentModel) -> Json {
    Json::of(&Value::Object(agent.spec.params.clone())).unwrap_or_else(|_| Json::object([]))
}

/// Returns an agent's params as a scope has them: filled, unless they are the agent's own templates.
///
/// # Errors
/// Fails where a template does, or a number has no canonical form.
pub fn agent_params(
    params: &Map<String, Value>,
    agent: &AgentModel,
    scope: &Scope,
) -> Result<Json, EngineError> {
    if agent.traits.raw_params { Ok(raw_params(agent)) } else { filled_params(params, agent, scope) }
}

/// Fills the templates in an agent's params with `params` and `scope`.
///
/// # Errors
/// Fails where a template does, or a number has no canonical form.
pub fn filled_params(
    params: &Map<String, Value>,
    agent: &AgentModel,
    scope: &Scope,
) -> Result<Json, EngineError> {
    let context = template::Context::of(&json!({ "params": params, "scope": scope }));
    let params = Value::Object(agent.spec.params.clone());
    let filled = fill(&params, &context, &format!("agents.{}.params", agent.name)).map_err(
        |FillError { path, error }| EngineError::Expression { what: path, message: error.to_string() },
    )?;
    Json::of(&filled).map_err(|error| EngineError::Expression {
        what: format!("agents.{}.params", agent.name),
        message: error.to_string(),
    })
}

/// Returns the project's params that an agent's own templates refer to: those of raw params, of a tool's arguments and of
/// a service's request.
fn used_vars(model: &Model, agent: &AgentModel) -> Result<Json, EngineError> {
    let mut text = String::new();
    let spec = &agent.spec;
    if agent.traits.raw_params {
        spec.params.values().for_each(|value| collect_strings(value, &mut text));
    }
    let arguments = spec.mcp.iter().filter_map(|mcp| mcp.arguments.as_ref());
    arguments.flat_map(Map::values).for_each(|value| collect_strings(value, &mut text));
    if let Some(http) = &spec.http {
        http.body.iter().for_each(|body| collect_strings(body, &mut text));
        text.push_str(&http.url);
    }
    let used = model
        .params
        .iter()
        .filter(|(name, _)| text.contains(&format!("params.{name}")) || text.contains("params["));
    let used: Map<String, Value> = used.map(|(name, value)| (name.clone(), value.clone())).collect();
    Json::of(&Value::Object(used))
        .map_err(|error| EngineError::Expression { what: "params".to_owned(), message: error.to_string() })
}

fn collect_strings(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => {
            into.push_str(text);
            into.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, into)),
        Value::Object(map) => map.values().for_each(|item| collect_strings(item, into)),
        _ => {}
    }
}

/// Returns the agents of a phase, in file order.
#[must_use]
pub fn agent_names(phase: &Phase) -> Vec<&AgentName> {
    match &phase.work {
        Work::Read(work) => vec![&work.agent],
        Work::Write(work) => vec![&work.agent],
        Work::Ask(work) => work.pool.iter().map(|member| &member.agent).collect(),
        Work::Loop(_) => Vec::new(),
    }
}

/// Returns what the agents of a phase are told, in file order; nothing where they are no models.
fn prompts(phase: &Phase) -> Vec<Option<Arc<Prompt>>> {
    match &phase.work {
        Work::Read(_) | Work::Write(_) => vec![None],
        Work::Loop(_) => Vec::new(),
        Work::Ask(work) => work.pool.iter().map(|member| member.prompt.clone()).collect(),
    }
}

fn schema(phase: &Phase) -> Option<&OutputSchema> {
    match &phase.work {
        Work::Read(work) => work.schema.as_ref(),
        Work::Write(_) | Work::Loop(_) => None,
        Work::Ask(work) => work.output.schema.as_ref(),
    }
}
