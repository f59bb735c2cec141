//! One clone of a service agent.

use async_trait::async_trait;
use refrain_core::fill::Pattern;
use refrain_core::ports::agent::{Agent, AgentError, AnsweredUnit, AskedUnit, Reply, Request, Trace};
use refrain_core::ports::cancel::Cancel;
use refrain_core::protocol::{request_line, template_context};
use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::usage::Usage;
use serde_json::Value;
use tokio::time::Instant;

use super::response::{Response, transport};
use super::spec::Service;
use crate::RemoteAgents;
use crate::client::{Outgoing, TransportError};
use crate::model::signal::{rate_signal, retry_after};

/// One clone of a service agent. It holds nothing between calls; a request is never sent twice.
#[derive(Debug)]
pub(super) struct ServiceAgent {
    pub(super) remote: RemoteAgents,
    pub(super) service: Service,
}

#[async_trait]
impl Agent for ServiceAgent {
    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let mut talk = Talk { agent: self, headers: self.headers()?, trace: Trace::default() };
        let answered = tokio::select! {
            biased;
            () = cancel.fired() => Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled")),
            answered = talk.answer(&request) => answered,
        };
        let trace = talk.trace;
        match answered {
            Ok((units, usage)) => Ok(Reply { units, usage, trace }),
            Err(error) => Err(AgentError { trace: Box::new(trace), ..error }),
        }
    }
}

impl ServiceAgent {
    fn headers(&self) -> Result<Vec<(String, String)>, AgentError> {
        self.service.headers(&*self.remote.secrets)
    }

    /// Returns what messages call the service.
    fn name(&self) -> String {
        self.service
            .endpoint
            .as_ref()
            .map_or_else(|| "the service".to_owned(), |endpoint| format!("endpoint `{}`", endpoint.name))
    }
}

/// One call under way.
struct Talk<'a> {
    agent: &'a ServiceAgent,
    headers: Vec<(String, String)>,
    trace: Trace,
}

impl Talk<'_> {
    async fn answer(&mut self, request: &Request) -> Result<(Vec<AnsweredUnit>, Usage), AgentError> {
        let agent = self.agent;
        if let Some(body) = &agent.service.body {
            return Ok((self.one_by_one(body, request).await?, Usage::default()));
        }
        let line = String::from_utf8_lossy(&request_line(request)).trim_end().to_owned();
        let body = serde_json::from_str(&line).unwrap_or_default();
        let reply = self.send(line, body).await?.answer(&request.call.to_string(), &agent.name())?;
        Ok((reply.units, reply.usage))
    }

    /// Asks about each unit in a request of its own. A failure that is about the service rather than about one unit ends the
    /// call; units that were answered before it keep their answers.
    async fn one_by_one(
        &mut self,
        body: &Pattern,
        request: &Request,
    ) -> Result<Vec<AnsweredUnit>, AgentError> {
        let mut answered: Vec<AnsweredUnit> = Vec::with_capacity(request.units.len());
        let mut down: Option<Failure> = None;
        for unit in &request.units {
            let result = match &down {
                Some(failure) => Err(failure.clone()),
                None => match self.one(body, request, unit).await {
                    Ok(result) => result,
                    Err(error) if is_about_the_unit(error.kind) => Err(error.failure()),
                    Err(error) if answered.is_empty() => return Err(error),
                    Err(error) => Err(down.insert(error.failure()).clone()),
                },
            };
            answered.push(AnsweredUnit::new(unit.id.clone(), result));
        }
        Ok(answered)
    }

    async fn one(
        &mut self,
        body: &Pattern,
        request: &Request,
        unit: &AskedUnit,
    ) -> Result<Result<refrain_schemas::json::Json, Failure>, AgentError> {
        let filled = body.fill(&template_context(request, unit));
        let filled = filled.map_err(|error| AgentError::new(FailureKind::Permanent, error.to_string()))?;
        let response = self.send(filled.to_string(), filled).await?;
        Ok(response.output(self.agent.service.select.as_ref()))
    }

    /// Sends one request and returns its response, if that is a good one.
    async fn send(&mut self, text: String, body: Value) -> Result<Response, AgentError> {
        let service = &self.agent.service;
        let outgoing = Outgoing {
            method: service.method.clone(),
            url: service.url.clone(),
            headers: self.headers.clone(),
            body: Some(text),
        };
        let to = outgoing.to();
        let started = Instant::now();
        let received = self.receive(outgoing).await;
        let seconds = started.elapsed().as_secs_f64();
        let (status, response, error) = match &received {
            Ok(response) => (Some(response.status), Some(response.body.clone()), None),
            Err((status, error)) => (*status, None, Some(error.to_string())),
        };
        self.trace.exchanges.push(Exchange { to, request: body, status, response, error, seconds });
        self.note_served();
        let name = self.agent.name();
        received.map_err(|(_, error)| transport(&name, &error))?.good(&name)
    }

    /// Returns the response, or what went wrong and the status where one had come already.
    async fn receive(&mut self, outgoing: Outgoing) -> Result<Response, (Option<u16>, TransportError)> {
        let client = &self.agent.remote.client;
        let mut incoming = client.send(outgoing).await.map_err(|error| (None, error))?;
        let now = jiff::Timestamp::now();
        self.trace.signal = rate_signal(&incoming.headers, now);
        let (status, retry_after) = (incoming.status, retry_after(&incoming.headers, now));
        let text = incoming.rest().await.map_err(|error| (Some(status), error))?;
        let parsed = serde_json::from_str(&text);
        let is_json = parsed.is_ok();
        Ok(Response { status, retry_after, body: parsed.unwrap_or(Value::String(text)), is_json })
    }

    fn note_served(&mut self) {
        let Some(endpoint) = &self.agent.service.endpoint else { return };
        let served = self
            .trace
            .served
            .get_or_insert_with(|| Served { endpoint: endpoint.name.clone(), ..Served::default() });
        served.requests += 1;
    }
}

/// Whether a failure says something of what was asked, and nothing of the service.
const fn is_about_the_unit(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Invalid | FailureKind::Permanent | FailureKind::Refused)
}
