//! The tools of MCP servers.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value};

use super::agent::{AgentError, Remarks};
use super::cancel::Cancel;

/// Knows the tools of the pipeline's MCP servers, and uses them.
///
/// - A server's tools are listed once and remembered beside the project, so that `status` and `plan` start nothing; what
///   is remembered goes with the server's spec, and is forgotten when that changes.
/// - A server that is connected to and lists other tools than are remembered MUST be found out: the call fails with
///   [`FailureKind::Permanent`](refrain_schemas::failure::FailureKind::Permanent), and the new list is remembered.
/// - Nothing of Refrain's own environment reaches a server but what its spec names.
#[async_trait]
pub trait Tools: Debug + Send + Sync + 'static {
    /// Returns the tools of a server, from memory where they are remembered.
    async fn list(&self, server: &str) -> Result<ToolList, AgentError>;

    /// Takes somebody who wants to hear what a server says besides its answers, on stderr for instance. One of those who
    /// listen hears a line, for as long as somebody else holds them.
    fn listen(&self, _server: &str, _remarks: &Arc<dyn Remarks>) {}

    /// Uses a tool. What it says of itself, and that there is no such tool, is a result; an error is about the server.
    async fn call(&self, use_: ToolUse, cancel: &Cancel) -> Result<ToolResult, AgentError>;

    /// Lists what a server has to be read, or reads one of these: as the `value`, a list of what there is or of what it holds.
    /// That there is no such thing is a result.
    async fn resources(&self, asked: ResourceUse, _cancel: &Cancel) -> Result<ToolResult, AgentError> {
        Err(unknown(&asked.server))
    }

    /// Lets go of every server, and of what was listed; the next use starts anew.
    async fn close(&self);
}

/// The tools of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolList {
    /// The tools, by name in order.
    pub tools: Vec<Tool>,
}

/// One tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input: Value,
    /// The digest of all of the above, and of who the server is: its command and version, the project files that its
    /// command names, or its address.
    pub digest: Digest,
}

impl Tool {
    /// Returns how many bytes it takes to tell a model of the tool, at most.
    #[must_use]
    pub fn told_bytes(&self) -> u64 {
        (TOLD_AROUND + self.name.len() + self.description.len() + self.input.to_string().len()) as u64
    }
}

/// What stands around the description of a tool: its server's name, and how a provider writes it down.
const TOLD_AROUND: usize = 200;

/// A use of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

/// A look at what a server has to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUse {
    /// The server.
    pub server: String,
    /// What is read; nothing where all that there is is listed.
    pub uri: Option<String>,
}

/// What a tool said.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// Its structured result where it has one, else its text where that is a JSON object or list, else `{"text": …}`.
    pub value: Value,
    /// Its text, for a model to read.
    pub text: String,
    /// Whether the tool says that it failed.
    pub is_error: bool,
}

/// Knows no servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTools;

#[async_trait]
impl Tools for NoTools {
    async fn list(&self, server: &str) -> Result<ToolList, AgentError> {
        Err(unknown(server))
    }

    async fn call(&self, use_: ToolUse, _: &Cancel) -> Result<ToolResult, AgentError> {
        Err(unknown(&use_.server))
    }

    async fn close(&self) {}
}

fn unknown(server: &str) -> AgentError {
    AgentError::new(
        refrain_schemas::failure::FailureKind::Permanent,
        format!("nothing here connects to MCP servers, `{server}` among them"),
    )
}
