//! Agents and tools that give no secret away.
//!
//! A secret is with the agent that needs it, and may come back in anything it says. This is the one place where what agents
//! say is looked through before it reaches the engine, and with it the ledger, artifacts, the history and the log.

use std::sync::Arc;

use async_trait::async_trait;
use refrain_core::ports::agent::{
    Accepted, Agent, AgentError, AgentFactory, AgentTraits, AnsweredUnit, Blueprint, Draft, Remarks, Reply,
    Request, SpecProblem, Touched, Trace,
};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::rules::RecordRules;
use refrain_core::ports::tools::{ResourceUse, Tool, ToolList, ToolResult, ToolUse, Tools};
use refrain_core::redactor::Redactor;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::json::Json;
use serde_json::Value;

/// Makes agents whose every word is looked through.
#[derive(Debug)]
pub struct GuardedAgents {
    factory: Arc<dyn AgentFactory>,
    redactor: Redactor,
}

impl GuardedAgents {
    /// Wraps a factory.
    #[must_use]
    pub fn new(factory: Arc<dyn AgentFactory>, redactor: Redactor) -> Self {
        Self { factory, redactor }
    }
}

impl AgentFactory for GuardedAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        self.factory.handles(spec)
    }

    fn check(&self, draft: &Draft<'_>) -> Vec<SpecProblem> {
        self.factory.check(draft)
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        self.factory.describe(draft)
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let remarks =
            Arc::new(GuardedRemarks { remarks: blueprint.remarks.clone(), redactor: self.redactor.clone() });
        let blueprint = Blueprint { remarks, ..blueprint.clone() };
        let agent = self.factory.make(&blueprint).map_err(|error| clean_error(&self.redactor, error))?;
        Ok(Arc::new(GuardedAgent { agent, redactor: self.redactor.clone() }))
    }

    fn touches(&self, draft: &Draft<'_>, input: &Value) -> Touched {
        self.factory.touches(draft, input)
    }

    fn accepts(&self, draft: &Draft<'_>) -> Option<Accepted> {
        self.factory.accepts(draft)
    }

    /// Rules see nothing but records that were looked through, and know nobody to ask for more.
    fn rules(&self, draft: &Draft<'_>, params: &Json) -> Result<Option<Arc<dyn RecordRules>>, AgentError> {
        self.factory.rules(draft, params).map_err(|error| clean_error(&self.redactor, error))
    }
}

#[derive(Debug)]
struct GuardedAgent {
    agent: Arc<dyn Agent>,
    redactor: Redactor,
}

#[async_trait]
impl Agent for GuardedAgent {
    async fn open(&self) -> Result<(), AgentError> {
        self.agent.open().await.map_err(|error| clean_error(&self.redactor, error))
    }

    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        match self.agent.answer(request, cancel).await {
            Ok(reply) => Ok(clean_reply(&self.redactor, reply)),
            Err(error) => Err(clean_error(&self.redactor, error)),
        }
    }

    async fn close(&self) {
        self.agent.close().await;
    }
}

#[derive(Debug)]
struct GuardedRemarks {
    remarks: Arc<dyn Remarks>,
    redactor: Redactor,
}

impl Remarks for GuardedRemarks {
    fn say(&self, line: &str) {
        self.remarks.say(&self.redactor.text(line));
    }

    fn started(&self) {
        self.remarks.started();
    }

    fn restarted(&self, reason: &str) {
        self.remarks.restarted(&self.redactor.text(reason));
    }
}

/// Tools whose every word is looked through.
#[derive(Debug)]
pub struct GuardedTools {
    tools: Arc<dyn Tools>,
    redactor: Redactor,
}

impl GuardedTools {
    /// Wraps tools.
    #[must_use]
    pub fn new(tools: Arc<dyn Tools>, redactor: Redactor) -> Self {
        Self { tools, redactor }
    }
}

#[async_trait]
impl Tools for GuardedTools {
    async fn list(&self, server: &str) -> Result<ToolList, AgentError> {
        let list = self.tools.list(server).await.map_err(|error| clean_error(&self.redactor, error))?;
        Ok(ToolList { tools: list.tools.into_iter().map(|tool| clean_tool(&self.redactor, tool)).collect() })
    }

    fn listen(&self, server: &str, remarks: &Arc<dyn Remarks>) {
        // Those who listen are guarded themselves.
        self.tools.listen(server, remarks);
    }

    async fn call(&self, use_: ToolUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        clean_result(&self.redactor, self.tools.call(use_, cancel).await)
    }

    async fn resources(&self, asked: ResourceUse, cancel: &Cancel) -> Result<ToolResult, AgentError> {
        clean_result(&self.redactor, self.tools.resources(asked, cancel).await)
    }

    async fn close(&self) {
        self.tools.close().await;
    }
}

// Everything is taken apart by name, so that a new field is not passed on unseen.

fn clean_reply(redactor: &Redactor, reply: Reply) -> Reply {
    if redactor.is_empty() {
        return reply;
    }
    let Reply { units, usage, trace } = reply;
    let units = units.into_iter().map(|unit| clean_unit(redactor, unit)).collect();
    Reply { units, usage, trace: clean_trace(redactor, trace) }
}

fn clean_result(
    redactor: &Redactor,
    result: Result<ToolResult, AgentError>,
) -> Result<ToolResult, AgentError> {
    let ToolResult { value, mut text, is_error } = result.map_err(|error| clean_error(redactor, error))?;
    redactor.hide(&mut text);
    Ok(ToolResult { value: redactor.value(value), text, is_error })
}

fn clean_error(redactor: &Redactor, error: AgentError) -> AgentError {
    let AgentError { kind, blame, mut message, retry_after, usage, trace } = error;
    redactor.hide(&mut message);
    AgentError { kind, blame, message, retry_after, usage, trace: Box::new(clean_trace(redactor, *trace)) }
}

fn clean_unit(redactor: &Redactor, unit: AnsweredUnit) -> AnsweredUnit {
    let AnsweredUnit { id, mut result, mut said } = unit;
    match &mut result {
        Ok(json) => *json = redactor.json(json),
        Err(failure) => redactor.hide(&mut failure.message),
    }
    said.iter_mut().for_each(|said| redactor.hide(said));
    AnsweredUnit { id, result, said }
}

fn clean_trace(redactor: &Redactor, trace: Trace) -> Trace {
    let Trace { served, exchanges, signal, unsettled, resources } = trace;
    Trace {
        served: served.map(|served| clean_served(redactor, served)),
        exchanges: exchanges.into_iter().map(|exchange| clean_exchange(redactor, exchange)).collect(),
        signal,
        unsettled,
        resources,
    }
}

fn clean_served(redactor: &Redactor, served: Served) -> Served {
    let Served { endpoint, mut model, fallback, requests, mended } = served;
    model.iter_mut().for_each(|model| redactor.hide(model));
    Served { endpoint, model, fallback, requests, mended }
}

fn clean_exchange(redactor: &Redactor, exchange: Exchange) -> Exchange {
    let Exchange { mut to, request, status, response, mut error, seconds } = exchange;
    redactor.hide(&mut to);
    error.iter_mut().for_each(|error| redactor.hide(error));
    let value = |value: Value| redactor.value(value);
    Exchange { to, request: value(request), status, response: response.map(value), error, seconds }
}

fn clean_tool(redactor: &Redactor, tool: Tool) -> Tool {
    // The digest is that of what the server lists: it tells a changed tool, and gives no secret away.
    let Tool { name, mut description, input, digest } = tool;
    redactor.hide(&mut description);
    Tool { name, description, input: redactor.value(input), digest }
}

#[cfg(test)]
mod tests {
    use refrain_schemas::agent_spec::AgentSpec;
    use refrain_schemas::failure::{Failure, FailureKind};
    use refrain_schemas::name::UnitId;
    use refrain_schemas::usage::Usage;
    use refrain_testkit::ask::request;
    use refrain_testkit::remarks::RecordingRemarks;
    use serde_json::json;

    use super::*;

    const SECRET: &str = "sk-never-seen-1";

    /// Says its secret wherever an agent can say anything.
    #[derive(Debug)]
    struct Blabbers;

    #[derive(Debug)]
    struct Blabber(Arc<dyn Remarks>);

    impl AgentFactory for Blabbers {
        fn handles(&self, _: &AgentSpec) -> bool {
            true
        }

        fn check(&self, _: &Draft<'_>) -> Vec<SpecProblem> {
            Vec::new()
        }

        fn describe(&self, _: &Draft<'_>) -> AgentTraits {
            AgentTraits::plain("blabber")
        }

        fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
            Ok(Arc::new(Blabber(blueprint.remarks.clone())))
        }
    }

    #[async_trait]
    impl Agent for Blabber {
        async fn open(&self) -> Result<(), AgentError> {
            Err(AgentError::new(FailureKind::Permanent, format!("open {SECRET}")))
        }

        async fn answer(&self, request: Request, _: &Cancel) -> Result<Reply, AgentError> {
            self.0.say(&format!("I know {SECRET}"));
            self.0.restarted(&format!("died of {SECRET}"));
            let exchange = Exchange {
                to: format!("POST http://x/?key={SECRET}"),
                request: json!({"messages": [SECRET]}),
                status: Some(200),
                response: Some(json!(format!("you said {SECRET}"))),
                error: Some(SECRET.to_owned()),
                seconds: 0.5,
            };
            let served = Served { model: Some(SECRET.to_owned()), ..Served::default() };
            let trace = Trace { served: Some(served), exchanges: vec![exchange], ..Trace::default() };
            if request.call.to_string() == "c2" {
                let error = AgentError::new(FailureKind::Permanent, format!("no: {SECRET}"));
                return Err(AgentError { trace: Box::new(trace), ..error });
            }
            let failure = Failure { kind: FailureKind::Refused, message: SECRET.to_owned() };
            let good = Json::of(&json!({"text": SECRET, SECRET: 1})).unwrap();
            let mut units = vec![AnsweredUnit::new(UnitId::new("a"), Ok(good))];
            units.push(AnsweredUnit::new(UnitId::new("b"), Err(failure)));
            units[1].said = Some(SECRET.to_owned());
            Ok(Reply { units, usage: Usage::default(), trace })
        }
    }

    #[tokio::test]
    async fn whatever_an_agent_says_is_looked_through() {
        let redactor = Redactor::new([SECRET.to_owned()]);
        let remarks = RecordingRemarks::new();
        let blueprint = Blueprint {
            name: "b".parse().unwrap(),
            spec: AgentSpec::default(),
            declared: Arc::default(),
            clone: 0,
            remarks: remarks.clone(),
        };
        let agent = GuardedAgents::new(Arc::new(Blabbers), redactor).make(&blueprint).unwrap();
        let opened = agent.open().await.unwrap_err();
        let reply = agent.answer(request(1, &[]), &Cancel::new()).await.unwrap();
        let error = agent.answer(request(2, &[]), &Cancel::new()).await.unwrap_err();
        assert_eq!(
            reply.units[0].result.as_ref().unwrap().as_str(),
            r#"{"[redacted]":1,"text":"[redacted]"}"#
        );
        assert_eq!(reply.trace.exchanges[0].to, "POST http://x/?key=[redacted]");
        let everything =
            format!("{opened:?} {reply:?} {error:?} {:?} {:?}", remarks.said(), remarks.restarts());
        assert!(!everything.contains("never"), "{everything}");
        assert_eq!(remarks.said(), ["I know [redacted]", "I know [redacted]"]);
    }
}
