//! One call to a model: what is said, and what is known of how it went.

use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{AgentError, AskedUnit, Conversation, Repair, Trace};
use refrain_core::redactor::Redactor;
use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::usage::Usage;
use serde_json::Value;
use tokio::time::Instant;

use super::agent::{ModelAgent, Seat};
use super::classify::{self, Failed};
use super::repair::repair_turns;
use super::schema::{self, Shape};
use super::signal::{rate_signal, refused, retry_after};
use super::stream::Assembly;
use super::wire::{self, Chat, Heard, ToolOffer, Turn};
use crate::client::{Incoming, Outgoing, TransportError, TransportErrorKind};
use refrain_schemas::agent_spec::Structured;
use refrain_schemas::endpoint::EndpointKind;

/// One call under way.
#[derive(Debug)]
pub struct Talk<'a> {
    pub(crate) agent: &'a ModelAgent,
    system: String,
    shape: Option<Arc<Shape>>,
    /// What was said so far, the last word being ours.
    pub turns: Vec<Turn>,
    /// The tools that are offered.
    pub offers: Vec<ToolOffer>,
    /// Whether a tool has to be used in the next round.
    pub must_use: bool,
    /// Whether the provider was told the shape in the last round.
    pub(super) native: bool,
    /// What the call consumed so far.
    pub usage: Usage,
    /// What else is known so far.
    pub trace: Trace,
    /// Whether a request that is over may have consumed more than was told of it.
    is_unsettled: bool,
}

/// A response as it came.
struct Received {
    status: u16,
    retry_after: Option<Duration>,
    body: Value,
    /// What ended it before it was whole.
    broken: Option<TransportError>,
}

impl<'a> Talk<'a> {
    /// Begins a call.
    pub(super) fn new(
        agent: &'a ModelAgent,
        conversation: &Conversation,
        shape: Option<Arc<Shape>>,
        units: &[AskedUnit],
        repairs: &[Repair],
    ) -> Self {
        let mut turns = vec![Turn::User(conversation.user.clone())];
        turns.extend(repair_turns(conversation, units, repairs));
        Self {
            agent,
            system: conversation.system.clone(),
            shape,
            turns,
            offers: Vec::new(),
            must_use: false,
            native: false,
            usage: Usage::default(),
            trace: Trace::default(),
            is_unsettled: false,
        }
    }

    /// Says all there is to say, in one HTTP request, and returns what the model says to it.
    ///
    /// # Errors
    /// Fails where no answer came; what it cost all the same is noted here.
    pub async fn round(&mut self) -> Result<Heard, AgentError> {
        let (seat, fallback) = self.agent.seat();
        let secrets = self.agent.remote.secrets.clone();
        let redactor = seat.redactor(secrets.as_ref()).clone();
        let (outgoing, body) = self.outgoing(seat)?;
        let exchange = Exchange {
            to: outgoing.to(),
            request: redactor.value(body),
            status: None,
            response: None,
            error: None,
            seconds: 0.0,
        };
        self.agent.began(seat);
        let started = Instant::now();
        self.begin(exchange, seat, fallback);
        let received = self.receive(seat, outgoing, &redactor).await;
        self.agent.ended();
        self.note_received(started.elapsed().as_secs_f64(), received.as_ref());
        self.agent.judge(
            seat,
            received.as_ref().map_or_else(|e| Err(e.kind), |r| Ok((r.status, r.broken.is_some()))),
        );
        let heard = self.heard(seat, received);
        self.trace.unsettled = self.is_unsettled;
        let heard = heard?;
        self.trace.served.get_or_insert_default().model.clone_from(&heard.model);
        Ok(heard)
    }

    /// Returns an error with all that is known of the call.
    pub(super) fn failed(mut self, error: AgentError) -> AgentError {
        let is_open = |last: &&mut Exchange| last.response.is_none() && last.status.is_none();
        if let Some(last) = self.trace.exchanges.last_mut().filter(is_open) {
            last.error.get_or_insert_with(|| error.message.clone());
        }
        AgentError { usage: self.usage, trace: Box::new(self.trace), ..error }
    }

    fn outgoing(&mut self, seat: &Seat) -> Result<(Outgoing, Value), AgentError> {
        let endpoint = &seat.endpoint;
        let fitted = self.fitted(seat)?;
        self.native = fitted.is_some();
        let system = self.system_prompt();
        let chat = Chat {
            model: &seat.model,
            system: &system,
            turns: &self.turns,
            settings: &self.agent.settings,
            schema: fitted.as_ref(),
            tools: &self.offers,
            must_use: self.must_use,
            stream: self.agent.stream,
            completion_tokens: endpoint.is_openai(),
        };
        let body = wire::encode(endpoint.kind, &chat);
        let url = endpoint.url(&wire::path(endpoint.kind, &chat), wire::query(endpoint.kind, chat.stream));
        let headers = endpoint.all_headers(self.agent.remote.secrets.as_ref());
        let headers =
            headers.map_err(|missing| AgentError::new(FailureKind::Credentials, missing.to_string()))?;
        let outgoing = Outgoing { method: "POST".to_owned(), url, headers, body: Some(body.to_string()) };
        Ok((outgoing, body))
    }

    /// Returns the schema as the provider is told it, or `None` where it stands in the prompt.
    fn fitted(&self, seat: &Seat) -> Result<Option<Value>, AgentError> {
        let Some(shape) = &self.shape else { return Ok(None) };
        let structured = self.agent.structured;
        let tools_forbid = seat.endpoint.kind == EndpointKind::Gemini && !self.offers.is_empty();
        let wanted = match structured {
            Structured::Native => true,
            Structured::Prompt => false,
            Structured::Auto => {
                seat.endpoint.native_schema
                    && !tools_forbid
                    && schema::is_known_to_model(seat.endpoint.kind, &seat.model)
            }
        };
        match wanted.then(|| schema::fit(seat.endpoint.kind, &shape.value)) {
            None => Ok(None),
            Some(Ok(fitted)) => Ok(Some(fitted)),
            Some(Err(_)) if structured == Structured::Auto => Ok(None),
            Some(Err(unfit)) => {
                let why = format!("the provider does not take the schema: {unfit}; say `structured: prompt`");
                Err(AgentError::new(FailureKind::Permanent, why))
            }
        }
    }

    fn system_prompt(&self) -> String {
        let Some(shape) = self.shape.as_ref().filter(|_| !self.native) else { return self.system.clone() };
        let gap = if self.system.is_empty() { "" } else { "\n\n" };
        format!(
            "{}{gap}Answer with one JSON value that fits this JSON Schema, and with nothing else: no prose, no fences.\n{}",
            self.system,
            shape.json.as_str()
        )
    }

    async fn receive(
        &mut self,
        seat: &Seat,
        outgoing: Outgoing,
        redactor: &Redactor,
    ) -> Result<Received, TransportError> {
        let redacted = |error: TransportError| TransportError {
            message: redactor.text(&error.message).into_owned(),
            ..error
        };
        let mut incoming = self.agent.remote.client.send(outgoing).await.map_err(redacted)?;
        let now = jiff::Timestamp::now();
        let retry_after = retry_after(&incoming.headers, now);
        let signal = rate_signal(&incoming.headers, now);
        self.trace.signal = if incoming.status == 429 { refused(signal, retry_after) } else { signal };
        let (body, broken) = self.body(seat.endpoint.kind, &mut incoming).await;
        let (body, broken) = (redactor.value(body), broken.map(redacted));
        Ok(Received { status: incoming.status, retry_after, body, broken })
    }

    async fn body(&self, kind: EndpointKind, incoming: &mut Incoming) -> (Value, Option<TransportError>) {
        if self.agent.stream && (200..300).contains(&incoming.status) && !is_json(incoming) {
            return streamed(kind, incoming).await;
        }
        match incoming.rest().await {
            Ok(text) => (serde_json::from_str(&text).unwrap_or(Value::String(text)), None),
            Err(error) => (Value::Null, Some(error)),
        }
    }

    fn heard(
        &mut self,
        seat: &Seat,
        received: Result<Received, TransportError>,
    ) -> Result<Heard, AgentError> {
        let (kind, endpoint) = (seat.endpoint.kind, seat.endpoint.name.as_str());
        let received = received.map_err(|error| {
            self.is_unsettled |= classify::may_be_served(error.kind);
            classify::transport(endpoint, &error)
        })?;
        let Received { status, retry_after, body, broken } = received;
        let heard = wire::decode(kind, &body);
        if let Ok(heard) = &heard {
            self.usage.add(&self.agent.priced(seat, heard.usage));
        }
        let has_error = body.get("error").is_some_and(|error| !error.is_null());
        let failed = (!(200..300).contains(&status) || has_error)
            .then(|| classify::response(kind, &Failed { endpoint, status, body: &body, retry_after }));
        self.is_unsettled |= match &failed {
            Some(error) => classify::is_in_doubt(status, error.kind, heard.as_ref().ok()),
            None => broken.is_some() || !heard.as_ref().is_ok_and(|heard| heard.usage.tokens() > 0),
        };
        if let Some(error) = broken {
            return Err(classify::transport(endpoint, &error));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let transient =
            |what: String| AgentError::new(FailureKind::Transient, format!("endpoint `{endpoint}`: {what}"));
        if body.is_string() || body.is_null() {
            return Err(transient("the response is not JSON".to_owned()));
        }
        heard.map_err(|odd| transient(odd.to_string()))
    }

    /// Notes a request that is about to be sent: whatever comes of it, it may be served.
    fn begin(&mut self, exchange: Exchange, seat: &Seat, fallback: bool) {
        self.trace.exchanges.push(exchange);
        self.trace.unsettled = true;
        self.note_served(seat, fallback);
    }

    fn note_received(&mut self, seconds: f64, received: Result<&Received, &TransportError>) {
        let Some(exchange) = self.trace.exchanges.last_mut() else { return };
        exchange.seconds = seconds;
        match received {
            Ok(received) => {
                exchange.status = Some(received.status);
                exchange.response = (!received.body.is_null()).then(|| received.body.clone());
                exchange.error = received.broken.as_ref().map(ToString::to_string);
            }
            Err(error) => exchange.error = Some(error.to_string()),
        }
    }

    fn note_served(&mut self, seat: &Seat, fallback: bool) {
        let served = self.trace.served.get_or_insert_with(Served::default);
        served.endpoint.clone_from(&seat.endpoint.name);
        served.fallback |= fallback;
        served.requests += 1;
    }
}

/// Whether a server answers at once although it was asked for pieces.
fn is_json(incoming: &Incoming) -> bool {
    let kind = incoming.headers.get("content-type").and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// How long the rest of a stream is waited for once its end marker has come, so that the connection can be used again.
const REST: Duration = Duration::from_secs(1);

/// Puts a stream together; what came is returned even where it was cut off.
async fn streamed(kind: EndpointKind, incoming: &mut Incoming) -> (Value, Option<TransportError>) {
    let mut assembly = Assembly::new(kind);
    let cut = |message: String| TransportError { kind: TransportErrorKind::Cut, message };
    let broken = loop {
        match incoming.chunk().await {
            Ok(Some(chunk)) => {
                if let Err(odd) = assembly.push(&chunk) {
                    break Some(cut(odd.to_string()));
                }
            }
            Ok(None) if assembly.has_ended() => break None,
            Ok(None) => break Some(cut("the stream ended before the answer did".to_owned())),
            Err(error) => break Some(error),
        }
        if assembly.has_ended() && kind != EndpointKind::Gemini {
            let _rest = tokio::time::timeout(REST, incoming.rest()).await;
            break None;
        }
    };
    let body = assembly.into_body();
    // A stream that ends with an error says so itself.
    let has_error = body.get("error").is_some_and(|error| !error.is_null());
    (body, broken.filter(|_| !has_error))
}

/// What a response said of an endpoint: its status and whether it broke off, or why there was none.
pub(super) type Verdict = Result<(u16, bool), TransportErrorKind>;
