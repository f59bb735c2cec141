//! Agents as they are written in a pipeline file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::duration::Span;
use crate::endpoint::HeaderValue;
use crate::money::Budget;
use crate::pipeline::Limits;

/// An agent: exactly one of `builtin`, `command`, `model`, `http`, `mcp` and `tool` says what answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// The name of a built-in agent, or of one that the embedding program registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<String>,
    /// The program to run and its arguments; it speaks JSON lines over stdio. Nothing goes through a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The model, as `endpoint/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A service that is asked over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSpec>,
    /// A tool of an MCP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<McpSpec>,
    /// A tool of the registry, or one of its actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolRef>,
    /// The JSON Schema of its input; makes it a tool of steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<SchemaRef>,
    /// Of a model: the last layer of its system prompt; a template, or the path of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Of a model: what it is told about a unit; a template, or the path of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Of a model: the JSON Schema of its answer about one unit, the path of a file or written out; the phase's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<SchemaRef>,
    /// Of a model: the field that its answer becomes (`text`); one with a schema is the record itself where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Of a model: how much it varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Of a model: the share of likely words it chooses from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Of a model: where its variation starts, for providers that know seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Of a model: the longest answer, in tokens; with a budget in dollars or tokens it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// Of a model: how long it thinks before it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Effort>,
    /// Of a model: take the answer piece by piece, so that a broken connection is noticed early.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// Of a model: whether the schema goes to the provider or into the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Structured>,
    /// Of a model: fields of the provider's request that Refrain does not know, passed on as they are.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Of a model: the tools it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsSpec>,
    /// Of a command: the variables it gets, as `NAME` from Refrain's own environment or `.env`, or as `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Of a command: the folder it runs in, within the project (the project's own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Run the command once per call instead of keeping it alive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneshot: bool,
    /// Project files whose contents are part of the agent's identity, besides those that `command` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// An expression over `params`; where it is false, the agent takes part in no phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// A version of your own; changing it makes everything the agent answered stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Settings of the agent; strings may be templates over `params` and `scope`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// How long one call may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How failed calls are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySpec>,
    /// Ask anew in every run that reaches the phase.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub volatile: bool,
    /// Ceilings for this agent over all its phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What this agent may spend in one run, over all its phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// A service that is asked over HTTP. Without a body of its own it gets the JSON that a command gets, and answers alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSpec {
    /// Where it is; behind an endpoint, the path there.
    pub url: String,
    /// An endpoint whose address, headers, key and limits it goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// How it is asked (`POST`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What is sent along.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, HeaderValue>,
    /// The body: its strings are templates over `unit`, `context`, `scope` and `params`. One unit per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The output within the response, as an expression over `response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
}

/// A tool of an MCP server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpSpec {
    /// The server, of those under `servers:`.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// Its arguments: strings are templates over `unit`, `context`, `scope` and `params`; the unit's input where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Map<String, Value>>,
    /// The output within the result, as an expression over `result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
}

/// A tool of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ToolRef {
    /// By its name; it has one action, or its input says which.
    Name(String),
    /// One of its actions.
    Action(ToolAction),
}

impl ToolRef {
    /// Returns the name of the tool.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Action(action) => &action.name,
        }
    }

    /// Returns the action, where one is named.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Action(action) => action.action.as_deref(),
        }
    }
}

/// An action of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolAction {
    /// The tool.
    pub name: String,
    /// The action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// A JSON Schema: the path of a file, or written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SchemaRef {
    /// The path of a file.
    File(String),
    /// The schema itself.
    Inline(Map<String, Value>),
}

impl SchemaRef {
    /// Returns the path, where it is one of a file.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }
}

impl From<&str> for SchemaRef {
    fn from(path: &str) -> Self {
        Self::File(path.to_owned())
    }
}

/// The name by which models have the tools of the registry beside those of servers.
pub const REGISTRY: &str = "refrain";

/// The tools a model may use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolsSpec {
    /// Tools by server, or those of the registry as `refrain`: a list of names; an empty list for all of them.
    pub from: IndexMap<String, Vec<String>>,
    /// Tools that must have been used before an answer counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<String>,
    /// How often the model may turn to its tools in one call (8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub rounds: Option<u32>,
    /// How many bytes of a tool's result the model sees (16384).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub result_bytes: Option<u32>,
}

/// How long a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// Briefly.
    Low,
    /// For a while.
    Medium,
    /// For long.
    High,
}

/// How a model is told the shape of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// By the provider where it can, else in the prompt.
    #[default]
    Auto,
    /// By the provider.
    Native,
    /// In the prompt.
    Prompt,
}

/// How failed calls are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    /// How often a call is tried in all, the first time included (4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
    /// How the pauses grow (`exponential`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// The first pause (`500ms`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Span>,
    /// The longest pause (`30s`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
}

/// How the pauses between attempts grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// No pause.
    None,
    /// The same pause every time.
    Fixed,
    /// Twice as long every time.
    #[default]
    Exponential,
}
