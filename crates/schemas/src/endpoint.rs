//! Where models and tools are reached, as it is written in a pipeline file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// Where models are reached. Nothing in here is part of any key: a call may go elsewhere and nothing is asked again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// What is spoken there; `openai` where the name of the endpoint is no known provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EndpointKind>,
    /// The address before `/chat/completions`, `/messages` and so on, such as `http://localhost:11434/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable, or entry of `.env`, that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// What is sent along.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, HeaderValue>,
    /// How long one call may take where the agent does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// What the provider allows for all models together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RateLimits>,
    /// What is to be known of single models.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub models: IndexMap<String, EndpointModel>,
    /// Endpoints that serve the same models and are asked when this one is down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// Whether JSON Schemas can be sent along; what is usual for the kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_schema: Option<bool>,
}

/// What is to be known of one model of an endpoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointModel {
    /// What the provider allows for this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RateLimits>,
    /// What the model is called there, where it is called otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What is spoken at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// OpenAI's chat completions, which most servers speak.
    #[default]
    Openai,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
}

/// The value of a header: text, or a secret from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderValue {
    /// The value itself; never a secret.
    Text(String),
    /// A value from the environment.
    Env(EnvValue),
}

/// A value from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvValue {
    /// The variable, or entry of `.env`.
    pub env: String,
    /// What stands before it, such as `Bearer `.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// What a provider allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    /// The most requests in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub concurrency: Option<u32>,
    /// The most requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub requests_per_minute: Option<u32>,
    /// The most tokens per minute, sent and received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tokens_per_minute: Option<u64>,
}

/// An MCP server: exactly one of `command` and `url` says how it is reached.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    /// The program to run and its arguments; it speaks MCP over stdio. Nothing goes through a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The variables it gets, as `NAME` from Refrain's own environment or `.env`, or as `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The folder it runs in, within the project (the project's own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Where it is reached over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What is sent along over HTTP.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, HeaderValue>,
    /// A version of your own; changing it makes everything stale that its tools took part in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How long its start, and one use of a tool, may take (60s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

impl ServerSpec {
    /// Says what is wrong with it as it is written, if something is.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let is_web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        match (&self.command, &self.url) {
            (Some(_), Some(_)) => Some("it has both `command` and `url`"),
            (None, None) => Some("it has neither `command` nor `url`"),
            (Some(command), None) if command.first().is_none_or(|program| program.trim().is_empty()) => {
                Some("its command names no program")
            }
            (None, Some(url)) if !is_web(url) => {
                Some("its address does not begin with `http://` or `https://`")
            }
            (Some(_), None) if !self.headers.is_empty() => Some("`headers` are for servers with a `url`"),
            (None, Some(_)) if !self.env.is_empty() => Some("`env` is for servers with a `command`"),
            (None, Some(_)) if self.cwd.is_some() => Some("`cwd` is for servers with a `command`"),
            _ => None,
        }
    }
}
