//! The servers of a pipeline.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use indexmap::IndexMap;
use refrain_core::ports::agent::{AgentError, Remarks};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tools::{ResourceUse, ToolList, ToolResult, ToolUse, Tools};
use refrain_schemas::endpoint::ServerSpec;
use refrain_schemas::failure::FailureKind;

use crate::server::Server;

/// The servers of a pipeline: each has one connection, which all agents share.
///
/// - Nothing is started before a tool is used, or listed without being remembered.
/// - A server that dies, breaks off or stops answering fails the calls it held as transient and is started again at the
///   next use. One that only takes too long for a call is left alone, as long as it answers a ping.
/// - A cancelled call is withdrawn from the server and returns at once.
#[derive(Debug)]
pub struct McpServers {
    servers: BTreeMap<String, Server>,
}

impl McpServers {
    /// Returns the servers of a project, not started. What they list is remembered in `.refrain/tools` of its folder.
    ///
    /// # Errors
    /// Fails where the folder is relative and the current folder is gone.
    pub fn new(
        project: &Path,
        declared: &IndexMap<String, ServerSpec>,
        secrets: &Arc<dyn Secrets>,
    ) -> io::Result<Self> {
        let project = std::path::absolute(project)?;
        let server = |(name, spec): (&String, &ServerSpec)| {
            (name.clone(), Server::new(name, spec, &project, Arc::clone(secrets)))
        };
        Ok(Self { servers: declared.iter().map(server).collect() })
    }

    /// Starts every server, or turns to it, and lists its tools, all at once; then lets go of them. Nothing of it is
    /// remembered. A server without a list is one that took longer than the limit.
    pub async fn probe(&self, limit: Duration) -> Vec<(String, Result<Option<ToolList>, AgentError>)> {
        let probe = async |(name, server): (&String, &Server)| (name.clone(), server.probe(limit).await);
        join_all(self.servers.iter().map(probe)).await
    }

    fn server(&self, name: &str) -> Result<&Server, AgentError> {
        self.servers.get(name).ok_or_else(|| {
            AgentError::new(
                FailureKind::Permanent,
                format!("there is no MCP server `{name}` under `servers:`"),
            )
        })
    }
}

#[async_trait]
impl Tools for McpServers {
    async fn list(&self, server: &str) -> Result<ToolList, AgentError> {
        self.server(server)?.list().await
    }

    fn listen(&self, server: &str, remarks: &Arc<dyn Remarks>) {
        if let Some(server) = self.servers.get(server) {
            server.listen(remarks);
        }
    }

    async fn call(&self, use_: ToolUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        self.server(&use_.server)?.call(use_.tool, use_.arguments, cancel).await
    }

    async fn resources(&self, asked: ResourceUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        self.server(&asked.server)?.resources(asked.uri, cancel).await
    }

    async fn close(&self) {
        join_all(self.servers.values().map(Server::close)).await;
    }
}
