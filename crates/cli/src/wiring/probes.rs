//! What `doctor` asks of everything that a project's phases turn to. Nothing in here is paid for.

use std::collections::BTreeSet;
use std::time::Duration;

use refrain_core::model::{AgentModel, Model, PoolMember, Work};
use refrain_core::ports::agent::AgentError;
use refrain_core::ports::tools::ToolList;
use refrain_remote::{Probe, Question, ServiceProbe};
use refrain_schemas::agent_spec::AgentSpec;

use super::Checked;

/// How long a server may take to start and to list its tools. Some are downloaded first: those are not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found out.
#[derive(Debug)]
pub(crate) struct Findings {
    /// By model agent, in the order of the phases: what was found at each endpoint it may ask.
    pub(crate) models: Vec<(Asked, Result<Vec<Probe>, String>)>,
    /// By agent.
    pub(crate) services: Vec<(String, Result<ServiceProbe, String>)>,
    /// By server: its tools, or nothing where it took too long.
    pub(crate) servers: Vec<(String, Result<Option<ToolList>, AgentError>)>,
    /// The agents, servers and tools that go together.
    pub(crate) tools: Vec<NamedTool>,
}

/// A model agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) agent: String,
    /// The model, as it is written.
    pub(crate) model: String,
}

/// A tool that an agent names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamedTool {
    /// The agent.
    pub(crate) agent: String,
    /// The server.
    pub(crate) server: String,
    /// The tool.
    pub(crate) tool: String,
}

impl Checked {
    /// Finds out whether the models, services and servers of a project could be asked, all at once.
    pub(crate) async fn probe(&self, model: &Model) -> Findings {
        let (asked, questions): (Vec<_>, Vec<_>) = questions(model).into_iter().unzip();
        let (names, specs): (Vec<_>, Vec<_>) = agents(model)
            .filter_map(|agent| Some((agent.name.to_string(), agent.spec.http.clone()?)))
            .unzip();
        let remote = &self.agents.remote;
        let (models, services, servers) = tokio::join!(
            remote.probe(&questions, &model.declared),
            remote.reach(&specs, &model.declared),
            self.agents.servers.probe(PATIENCE),
        );
        let tools: BTreeSet<NamedTool> = agents(model).flat_map(named_tools).collect();
        Findings {
            models: asked.into_iter().zip(models).collect(),
            services: names.into_iter().zip(services).collect(),
            servers,
            tools: tools.into_iter().collect(),
        }
    }
}

/// Returns the agents that take part in phases that take part, in the order of the file.
fn agents(model: &Model) -> impl Iterator<Item = &AgentModel> {
    let used: BTreeSet<_> = members(model).map(|member| member.agent.as_str()).collect();
    model.agents.values().filter(move |agent| used.contains(agent.name.as_str()))
}

fn members(model: &Model) -> impl Iterator<Item = &PoolMember> {
    let asks = model.phases.iter().filter(|phase| phase.enabled).filter_map(|phase| match &phase.work {
        Work::Ask(work) => Some(&work.pool),
        Work::Read(_) | Work::Write(_) | Work::Loop(_) => None,
    });
    asks.flatten()
}

/// Returns what there is to ask about models: an agent with another schema in another phase is another question.
fn questions(model: &Model) -> Vec<(Asked, Question)> {
    let mut questions: Vec<(Asked, Question)> = Vec::new();
    for member in members(model) {
        let spec = model.agents.get(&member.agent).map(|agent| &agent.spec);
        let Some((spec, name)) = spec.and_then(|spec| Some((spec, spec.model.as_ref()?))) else { continue };
        let schema = member.prompt.as_ref().and_then(|prompt| prompt.schema());
        let asked = Asked { agent: member.agent.to_string(), model: name.clone() };
        if !questions.iter().any(|(known, question)| *known == asked && question.schema == schema) {
            questions.push((asked, Question { spec: spec.clone(), schema }));
        }
    }
    questions
}

fn named_tools(agent: &AgentModel) -> Vec<NamedTool> {
    let AgentSpec { mcp, tools, .. } = &agent.spec;
    let own = mcp.iter().map(|mcp| (&mcp.server, &mcp.tool));
    let lent = tools.iter().flat_map(|tools| &tools.from);
    let lent = lent.flat_map(|(server, names)| names.iter().map(move |tool| (server, tool)));
    let named = |(server, tool): (&String, &String)| NamedTool {
        agent: agent.name.to_string(),
        server: server.clone(),
        tool: tool.clone(),
    };
    own.chain(lent).map(named).collect()
}
