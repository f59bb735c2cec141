//! One clone of a model agent.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::agent::{Agent, AgentError, Blueprint, Remarks, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_core::redactor::Redactor;
use refrain_schemas::agent_spec::{Structured, ToolsSpec};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::usage::Usage;
use std::time::Duration;
use tokio::time::Instant;

use super::answer::{self, Asked};
use super::classify::is_outage;
use super::endpoint::Endpoint;
use super::schema::Shape;
use super::talk::{Talk, Verdict};
use super::tools::{self, Toolbox};
use super::wire::{Heard, Settings};
use crate::RemoteAgents;
use crate::client::TransportErrorKind;

/// So many compiled schemas are kept: those of single and of packed answers, of a phase or two.
const SHAPES: usize = 4;

/// One clone of a model agent.
///
/// - One round is one HTTP request; nothing is tried again in here.
/// - Every answer is checked against its schema before it counts.
#[derive(Debug)]
pub struct ModelAgent {
    pub(super) remote: RemoteAgents,
    pub(super) settings: Settings,
    pub(super) structured: Structured,
    pub(super) stream: bool,
    /// What it may use, where it may use tools.
    pub(super) tools: Option<ToolsSpec>,
    /// Where it asks: its own endpoint first, and those that stand in.
    seats: Vec<Seat>,
    timeout: Duration,
    remarks: Arc<dyn Remarks>,
    shapes: Mutex<Vec<Arc<Shape>>>,
    /// The request that is under way: at which endpoint, and since when.
    under_way: Mutex<Option<(String, Instant)>>,
}

/// A place at an endpoint.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What the model is called there.
    pub model: String,
    /// What it costs there, where that is known.
    pub price: Option<PriceSpec>,
    /// What takes the endpoint's secrets out; it is costly to make, and made at the first call.
    redactor: OnceLock<Redactor>,
}

impl Seat {
    /// Returns a place where a model is called so.
    #[must_use]
    pub const fn new(endpoint: Endpoint, model: String, price: Option<PriceSpec>) -> Self {
        Self { endpoint, model, price, redactor: OnceLock::new() }
    }

    /// Returns what takes the endpoint's secrets out of anything that is shown or kept.
    pub fn redactor(&self, secrets: &dyn Secrets) -> &Redactor {
        self.redactor.get_or_init(|| self.endpoint.redactor(secrets))
    }
}

impl ModelAgent {
    pub(super) fn new(remote: RemoteAgents, blueprint: &Blueprint, seats: Vec<Seat>) -> Self {
        let spec = &blueprint.spec;
        let own = seats.first().map(|seat| seat.endpoint.timeout).unwrap_or_default();
        Self {
            remote,
            settings: Settings {
                temperature: spec.temperature,
                top_p: spec.top_p,
                seed: spec.seed,
                max_tokens: spec.max_tokens,
                reasoning: spec.reasoning,
                extra: spec.extra.clone(),
            },
            structured: spec.structured.unwrap_or_default(),
            stream: spec.stream,
            tools: spec.tools.clone(),
            seats,
            timeout: spec.timeout.map_or(own, |span| span.0),
            remarks: blueprint.remarks.clone(),
            shapes: Mutex::default(),
            under_way: Mutex::default(),
        }
    }

    /// Returns where the next request goes, and whether that stands in for another: the first endpoint that is not down,
    /// or the agent's own where all are.
    pub(super) fn seat(&self) -> (&Seat, bool) {
        let up = self.seats.iter().position(|seat| self.remote.breakers.admits(&seat.endpoint.name));
        let at = up.unwrap_or(0);
        (&self.seats[at], at > 0)
    }

    /// Adds what a usage costs where several endpoints may serve, each at its own price. Where there is only one, the
    /// engine knows the price.
    pub(super) fn priced(&self, seat: &Seat, usage: Usage) -> Usage {
        let own = self.seats.first().filter(|_| self.seats.len() > 1);
        let price = own.and_then(|own| seat.price.or(own.price)).filter(|_| usage.tokens() > 0);
        Usage { cost_usd: price.map(|price| price.cost(&usage)).or(usage.cost_usd), ..usage }
    }

    pub(super) fn began(&self, seat: &Seat) {
        let under_way = Some((seat.endpoint.name.clone(), Instant::now()));
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = under_way;
    }

    pub(super) fn ended(&self) {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Notes what a response says of its endpoint.
    pub(super) fn judge(&self, seat: &Seat, verdict: Verdict) {
        match verdict {
            Ok((status, _)) if is_outage(status) => self.outage(&seat.endpoint.name),
            Ok((_, false)) => self.remote.breakers.worked(&seat.endpoint.name),
            Err(TransportErrorKind::Connect | TransportErrorKind::Timeout) => {
                self.outage(&seat.endpoint.name);
            }
            // A connection that broke says neither, and what cannot be sent says nothing of where it would have gone.
            Ok((_, true)) | Err(_) => {}
        }
    }

    fn outage(&self, endpoint: &str) {
        if self.remote.breakers.outage(endpoint) {
            let next = self.seats.iter().find(|seat| seat.endpoint.name != endpoint);
            if let Some(next) = next.filter(|_| self.seats.len() > 1) {
                self.remarks
                    .say(&format!("endpoint `{endpoint}` is down; `{}` stands in", next.endpoint.name));
            }
        }
    }

    /// Notes a call that was given up on: an outage where it took as long as it may.
    fn given_up(&self) -> AgentError {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The engine's clock started a little earlier than this one.
        let limit = self.timeout.mul_f64(0.98);
        if let Some((endpoint, _)) = under_way.filter(|(_, since)| since.elapsed() >= limit) {
            self.outage(&endpoint);
        }
        AgentError::new(FailureKind::Cancelled, "the call was cancelled")
    }

    fn shape(&self, schema: Option<&Json>) -> Result<Option<Arc<Shape>>, AgentError> {
        let Some(schema) = schema else { return Ok(None) };
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shapes.iter().find(|shape| &shape.json == schema) {
            return Ok(Some(known.clone()));
        }
        let shape = Shape::new(schema).map_err(|why| {
            AgentError::new(FailureKind::Permanent, format!("the schema of the answer is none: {why}"))
        })?;
        let shape = Arc::new(shape);
        shapes.insert(0, shape.clone());
        shapes.truncate(SHAPES);
        Ok(Some(shape))
    }

    async fn converse(&self, request: &Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let conversation = request.conversation.as_deref().ok_or_else(|| {
            AgentError::new(FailureKind::Permanent, "there is nothing to tell the model: it has no prompt")
        })?;
        let shape = self.shape(conversation.schema.as_ref())?;
        let mut talk = Talk::new(self, conversation, shape.clone(), &request.units, &request.repairs);
        let heard = tokio::select! {
            biased;
            () = cancel.fired() => Err(self.given_up()),
            heard = self.hear(&mut talk) => heard,
        };
        let heard = match heard {
            Ok(heard) => heard,
            Err(error) => return Err(talk.failed(error)),
        };
        let asked =
            Asked { conversation, units: &request.units, shape: shape.as_deref(), native: talk.native };
        match answer::read(&asked, &heard) {
            Ok(answered) => {
                talk.trace.served.get_or_insert_default().mended = answered.mended;
                Ok(Reply { units: answered.units, usage: talk.usage, trace: talk.trace })
            }
            Err(error) => Err(talk.failed(error)),
        }
    }

    async fn hear(&self, talk: &mut Talk<'_>) -> Result<Heard, AgentError> {
        match &self.tools {
            None => talk.round().await,
            Some(spec) => tools::converse(talk, &Toolbox::open(&self.remote.tools, spec).await?).await,
        }
    }
}

#[async_trait]
impl Agent for ModelAgent {
    async fn open(&self) -> Result<(), AgentError> {
        for server in self.tools.iter().flat_map(|tools| tools.from.keys()) {
            self.remote.tools.listen(server, &self.remarks);
        }
        let Some(seat) = self.seats.first() else { return Ok(()) };
        let found = seat.endpoint.all_headers(self.remote.secrets.as_ref());
        found.map(drop).map_err(|missing| AgentError::new(FailureKind::Credentials, missing.to_string()))
    }

    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        self.converse(&request, cancel).await
    }
}
