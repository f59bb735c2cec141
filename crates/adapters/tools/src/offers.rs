//! The tools of the registry in the hands of models, beside those of servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use refrain_core::ports::agent::{AgentError, Remarks};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tool_catalogue::{ToolCatalogue as _, ToolKind};
use refrain_core::ports::tools::{ResourceUse, Tool, ToolList, ToolResult, ToolUse, Tools};
use refrain_schemas::agent_spec::REGISTRY;
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use serde_json::{Value, json};

use crate::agents::carry_out;
use crate::envelope::document_of;
use crate::registry::{Toolbox, declared};
use crate::tool::{Books, Declared, Fault};

/// Lets models use the tools of the registry, as those of a server called `refrain`, and those of other servers.
///
/// A model knows each action by the name of its tool, with that of the action behind it where there are several.
#[derive(Debug)]
pub struct OfferedTools {
    own: Arc<Toolbox>,
    servers: Arc<dyn Tools>,
    /// How many uses there were: no two of them are the same doing.
    uses: AtomicU64,
}

impl OfferedTools {
    /// Returns the tools of the registry, beside those of servers.
    #[must_use]
    pub fn new(own: Arc<Toolbox>, servers: Arc<dyn Tools>) -> Self {
        Self { own, servers, uses: AtomicU64::new(0) }
    }

    fn list_own(&self) -> ToolList {
        let mut tools = Vec::new();
        for view in self.own.names().into_iter().filter_map(|name| self.own.find(name)) {
            if view.kind != ToolKind::Tool {
                continue;
            }
            for (name, action) in view.offers() {
                let whole = json!([name, action.description, action.input, action.version]);
                tools.push(Tool {
                    name,
                    description: action.description.to_owned(),
                    input: action.input.clone(),
                    digest: Digest::of_content(whole.to_string().as_bytes()),
                });
            }
        }
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        ToolList { tools }
    }

    /// Finds the action that a model calls so.
    fn meant(&self, name: &str) -> Option<(&'static Declared, &'static str)> {
        let tools = self.own.names().into_iter().filter_map(declared);
        let mut actions = tools.filter(|tool| tool.kind == ToolKind::Tool).flat_map(|tool| {
            let offers = self.own.find(tool.name).map(|view| view.offers()).unwrap_or_default();
            let names = offers.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
            names.into_iter().zip(&tool.actions).map(move |(name, action)| (name, tool, action.name))
        });
        actions.find(|(known, ..)| known == name).map(|(_, tool, action)| (tool, action))
    }

    async fn use_own(&self, use_: ToolUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        let Some((tool, action)) = self.meant(&use_.tool) else {
            let message = format!("there is no tool `{}`", use_.tool);
            return Ok(ToolResult { value: json!({ "text": message }), text: message, is_error: true });
        };
        let nth = self.uses.fetch_add(1, Ordering::Relaxed);
        let doing = json!([self.own.ports().clock.now(), nth, use_.tool, use_.arguments]);
        let by = Digest::of_content(doing.to_string().as_bytes());
        let done = carry_out(&self.own, tool, action, use_.arguments, (by, &Books::default()), cancel).await;
        let is_error = done.is_err();
        match done {
            Err(Fault::Raised(error)) if error.kind == FailureKind::Cancelled => Err(error),
            done => {
                let value = document_of(done);
                Ok(ToolResult { text: text(&value), value, is_error })
            }
        }
    }
}

/// What a model reads of a document: what was made, or why nothing was.
fn text(document: &Value) -> String {
    match (document.get("error").and_then(Value::as_str), document.get("result")) {
        (Some(error), None | Some(Value::Null)) => error.to_owned(),
        (None, Some(Value::String(text))) => text.clone(),
        (None, Some(result)) => result.to_string(),
        _ => document.to_string(),
    }
}

#[async_trait]
impl Tools for OfferedTools {
    async fn list(&self, server: &str) -> Result<ToolList, AgentError> {
        if server == REGISTRY { Ok(self.list_own()) } else { self.servers.list(server).await }
    }

    fn listen(&self, server: &str, remarks: &Arc<dyn Remarks>) {
        if server != REGISTRY {
            self.servers.listen(server, remarks);
        }
    }

    async fn call(&self, use_: ToolUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        if use_.server == REGISTRY {
            self.use_own(use_, cancel).await
        } else {
            self.servers.call(use_, cancel).await
        }
    }

    async fn resources(&self, asked: ResourceUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        self.servers.resources(asked, cancel).await
    }

    async fn close(&self) {
        self.servers.close().await;
    }
}
