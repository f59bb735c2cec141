//! One clone of an agent that is a tool.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use refrain_core::expression::Expression;
use refrain_core::ports::agent::{
    Agent, AgentError, AnsweredUnit, AskedUnit, Blueprint, Remarks, Reply, Request,
};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::{Tool, ToolResult, ToolUse, Tools};
use refrain_core::template::Context;
use refrain_schemas::agent_spec::McpSpec;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

use crate::arguments::{Arguments, complaint};
use crate::trouble::kind_of_tool_error;

/// The longest result that is kept with a call so that people can look at it; the reply itself is kept whole.
const SHOWN: usize = 64 << 10;
/// The most names of tools that a message lists.
const NAMES: usize = 12;

/// One clone of an agent that is a tool of an MCP server: one use per unit, one after the other.
#[derive(Debug)]
pub(crate) struct McpAgent {
    server: String,
    tool: String,
    arguments: Arguments,
    select: Option<Expression>,
    tools: Arc<dyn Tools>,
    /// Held, because it is heard through for as long as it is.
    remarks: Arc<dyn Remarks>,
}

impl McpAgent {
    /// Returns a clone.
    ///
    /// # Errors
    /// Fails where the templates or the expression of the spec do not parse.
    pub(crate) fn new(
        spec: &McpSpec,
        tools: Arc<dyn Tools>,
        blueprint: &Blueprint,
    ) -> Result<Self, AgentError> {
        let wrong = |message: String| AgentError::new(FailureKind::Permanent, message);
        Ok(Self {
            server: spec.server.clone(),
            tool: spec.tool.clone(),
            arguments: Arguments::compile(spec).map_err(|error| wrong(error.to_string()))?,
            select: spec
                .select
                .as_deref()
                .map(Expression::compile)
                .transpose()
                .map_err(|error| wrong(format!("mcp.select: {error}")))?,
            tools,
            remarks: blueprint.remarks.clone(),
        })
    }

    /// Returns the tool as its server lists it.
    async fn listed(&self) -> Result<Tool, AgentError> {
        let list = self.tools.list(&self.server).await?;
        let names: Vec<&str> = list.tools.iter().map(|tool| tool.name.as_str()).take(NAMES).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        list.tools.iter().find(|tool| tool.name == self.tool).cloned().ok_or_else(|| {
            let message = format!("MCP server `{}` has no tool `{}`; it has {names}", self.server, self.tool);
            AgentError::new(FailureKind::Permanent, message)
        })
    }

    /// Asks about one unit. An error is about the server, a failure about the unit.
    async fn ask(
        &self,
        tool: &Tool,
        unit: &AskedUnit,
        request: &Request,
        cancel: &Cancel,
    ) -> (Option<Exchange>, Result<Result<Json, Failure>, AgentError>) {
        let arguments = match self.fitting(tool, unit, request) {
            Ok(arguments) => arguments,
            Err(message) => return (None, Ok(Err(permanent(message)))),
        };
        let sent = Value::Object(arguments.clone());
        let use_ = ToolUse { server: self.server.clone(), tool: self.tool.clone(), arguments };
        let begun = Instant::now();
        let outcome = self.tools.call(use_, cancel).await;
        let exchange = Exchange {
            to: format!("tool {}/{}", self.server, self.tool),
            request: sent,
            status: None,
            response: outcome.as_ref().ok().map(|result| shown(&result.value)),
            error: outcome.as_ref().err().map(ToString::to_string),
            seconds: begun.elapsed().as_secs_f64(),
        };
        (Some(exchange), outcome.map(|result| self.output(result)))
    }

    fn fitting(
        &self,
        tool: &Tool,
        unit: &AskedUnit,
        request: &Request,
    ) -> Result<Map<String, Value>, String> {
        let arguments = self.arguments.of(unit, request)?;
        let value = Value::Object(arguments);
        match (complaint(&tool.input, &value), value) {
            (Some(complaint), _) => {
                Err(format!("the arguments do not fit tool `{}`: {complaint}", tool.name))
            }
            (None, Value::Object(arguments)) => Ok(arguments),
            (None, _) => Err("the arguments are no object".to_owned()),
        }
    }

    fn output(&self, result: ToolResult) -> Result<Json, Failure> {
        if result.is_error {
            let kind = kind_of_tool_error(&result.text);
            let said: String = result.text.chars().take(1000).collect();
            return Err(Failure { kind, message: format!("tool `{}` says: {said}", self.tool) });
        }
        let value = match &self.select {
            None => result.value,
            Some(select) => {
                let context = Context::of(&json!({ "result": result.value }));
                select.eval(&context).map_err(|error| permanent(format!("mcp.select: {error}")))?
            }
        };
        Json::of(&value).map_err(|error| permanent(format!("the result of tool `{}`: {error}", self.tool)))
    }
}

/// Whether an error is about all units of a call alike, whichever was asked about.
const fn is_about_all(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Cancelled | FailureKind::Credentials | FailureKind::RateLimited)
}

#[async_trait]
impl Agent for McpAgent {
    async fn open(&self) -> Result<(), AgentError> {
        self.tools.listen(&self.server, &self.remarks);
        self.listed().await.map(drop)
    }

    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let tool = tokio::select! {
            biased;
            () = cancel.fired() => return Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled")),
            tool = self.listed() => tool?,
        };
        let mut reply = Reply::default();
        let alone = request.units.len() == 1;
        for unit in &request.units {
            let (exchange, outcome) = self.ask(&tool, unit, &request, cancel).await;
            reply.trace.exchanges.extend(exchange);
            let result = match outcome {
                Ok(result) => result,
                Err(mut error) if alone || is_about_all(error.kind) && reply.units.is_empty() => {
                    error.trace.exchanges = reply.trace.exchanges;
                    return Err(error);
                }
                Err(error) if error.kind == FailureKind::Cancelled => return Err(error),
                Err(error) => Err(error.failure()),
            };
            reply.units.push(AnsweredUnit::new(unit.id.clone(), result));
        }
        Ok(reply)
    }
}

fn permanent(message: String) -> Failure {
    Failure { kind: FailureKind::Permanent, message }
}

fn shown(value: &Value) -> Value {
    let size = value.to_string().len();
    if size <= SHOWN { value.clone() } else { Value::String(format!("({size} bytes)")) }
}
