//! The tools of servers that nobody starts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use refrain_core::model::Model;
use refrain_core::ports::agent::AgentError;
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::{Tool, ToolList, ToolResult, ToolUse, Tools};
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use serde_json::json;

/// Lists the tools that the agents of a project name; nothing is started, and nobody uses them.
#[derive(Debug)]
pub(crate) struct NamedTools(BTreeMap<String, ToolList>);

impl NamedTools {
    pub(crate) fn of(model: &Model) -> Self {
        let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for agent in model.agents.values() {
            let of_model = agent.traits.model.iter().flat_map(|model| &model.tools);
            for (server, names) in agent.traits.tools.iter().chain(of_model) {
                named.entry(server.clone()).or_default().extend(names.iter().cloned());
            }
        }
        let list = |mut names: Vec<String>| {
            names.sort();
            names.dedup();
            ToolList { tools: names.into_iter().map(tool).collect() }
        };
        Self(named.into_iter().map(|(server, names)| (server, list(names))).collect())
    }
}

fn tool(name: String) -> Tool {
    let digest = Digest::of_content(name.as_bytes());
    Tool { name, description: String::new(), input: json!({"type": "object"}), digest }
}

#[async_trait]
impl Tools for NamedTools {
    async fn list(&self, server: &str) -> Result<ToolList, AgentError> {
        Ok(self.0.get(server).cloned().unwrap_or(ToolList { tools: Vec::new() }))
    }

    async fn call(&self, _: ToolUse, _: &Cancel) -> Result<ToolResult, AgentError> {
        Err(AgentError::new(FailureKind::Permanent, "nobody uses tools in a simulation"))
    }

    async fn close(&self) {}
}
