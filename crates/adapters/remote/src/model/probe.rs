//! Whether a model can be asked, found out without asking it anything: no call in here costs money.

use std::time::Duration;

use refrain_schemas::agent_spec::{AgentSpec, Structured};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::json::Json;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use serde_json::Value;

use super::agent::Seat;
use super::factory::seats;
use super::{price, schema};
use crate::RemoteAgents;
use crate::client::{Outgoing, public};

/// How long an endpoint may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found out about a model at one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The endpoint.
    pub endpoint: String,
    /// Its address.
    pub address: String,
    /// What the model is called there.
    pub model: String,
    /// Whether its key is there.
    pub key: KeyFound,
    /// Whether it answers.
    pub reached: Reached,
    /// Whether it has the model; `None` where it does not tell.
    pub has_model: Option<bool>,
    /// How the model is told the shape of its answer, where it has one.
    pub schema: Option<SchemaWay>,
    /// What the model costs, where that is known.
    pub price: Option<PriceSpec>,
}

/// Whether a key is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFound {
    /// None is needed.
    NotNeeded,
    /// It is there, under this name.
    Found(String),
    /// The name has no value.
    Missing(String),
}

/// Whether an endpoint answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// It was not asked, because its key is missing.
    Untried,
    /// It answers and takes the key.
    Yes,
    /// It answers and does not take the key; why.
    KeyRefused(String),
    /// It answers, but not as such an endpoint does; what it says.
    Odd(String),
    /// It does not answer; why.
    No(String),
}

/// How a model is told the shape of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaWay {
    /// By the provider.
    Native,
    /// In its prompt; why.
    Prompt(String),
    /// Not at all: `structured: native` is wanted, and the provider does not take the schema; why.
    Refused(String),
}

impl RemoteAgents {
    /// Finds out whether a model agent could be asked: at its endpoint, and at those that stand in for it.
    ///
    /// # Errors
    /// Says why its spec names no endpoint.
    pub async fn probe(
        &self,
        spec: &AgentSpec,
        declared: &Declarations,
        answer: Option<&Json>,
    ) -> Result<Vec<Probe>, String> {
        let seats = seats(spec, declared).map_err(|problem| problem.message)?;
        let written = spec.model.as_deref().unwrap_or_default();
        let mut probes = Vec::with_capacity(seats.len());
        for seat in &seats {
            let price = price::of(declared, &seat.endpoint, written);
            let schema = answer.map(|answer| schema_way(spec, seat, &answer.value()));
            probes.push(Probe { price, schema, ..self.probe_seat(seat).await });
        }
        Ok(probes)
    }

    async fn probe_seat(&self, seat: &Seat) -> Probe {
        let endpoint = &seat.endpoint;
        let key = endpoint.key.clone();
        let mut probe = Probe {
            endpoint: endpoint.name.clone(),
            address: public(&endpoint.base_url),
            model: seat.model.clone(),
            key: key.map_or(KeyFound::NotNeeded, KeyFound::Found),
            reached: Reached::Untried,
            has_model: None,
            schema: None,
            price: None,
        };
        match endpoint.all_headers(self.secrets.as_ref()) {
            Err(missing) => probe.key = KeyFound::Missing(missing.name),
            Ok(headers) => (probe.reached, probe.has_model) = self.ask_for_models(seat, headers).await,
        }
        probe
    }

    async fn ask_for_models(&self, seat: &Seat, headers: Vec<(String, String)>) -> (Reached, Option<bool>) {
        let url = seat.endpoint.url(&path(seat), None);
        let redactor = seat.endpoint.redactor(self.secrets.as_ref());
        let outgoing = Outgoing { method: "GET".to_owned(), url, headers, body: None };
        let response = tokio::time::timeout(PATIENCE, async {
            let mut incoming = self.client.send(outgoing).await?;
            Ok((incoming.status, incoming.rest().await?))
        });
        match response.await {
            Err(_) => (Reached::No(format!("no answer within {} s", PATIENCE.as_secs())), None),
            Ok(Err(error)) => {
                let error: crate::client::TransportError = error;
                (Reached::No(redactor.text(&error.message)), None)
            }
            Ok(Ok((status, body))) => {
                let body = serde_json::from_str(&body).unwrap_or(Value::Null);
                judge(seat, status, &redactor.value(body))
            }
        }
    }
}

/// Where an endpoint tells what it has: OpenAI's kin tell all, the others are asked for the one.
fn path(seat: &Seat) -> String {
    match seat.endpoint.kind {
        EndpointKind::Openai | EndpointKind::Responses => "/models".to_owned(),
        EndpointKind::Anthropic => format!("/models/{}", seat.model),
        EndpointKind::Gemini if seat.model.contains('/') => format!("/{}", seat.model),
        EndpointKind::Gemini => format!("/models/{}", seat.model),
    }
}

fn judge(seat: &Seat, status: u16, body: &Value) -> (Reached, Option<bool>) {
    let said = body.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
    let lists = matches!(seat.endpoint.kind, EndpointKind::Openai | EndpointKind::Responses);
    match status {
        200..=299 if lists => (Reached::Yes, lists_model(body, &seat.model)),
        200..=299 => (Reached::Yes, Some(true)),
        401 | 403 => (Reached::KeyRefused(said.to_owned()), None),
        // Google says so of a key that it does not know.
        400 if body.to_string().contains("API_KEY_INVALID") => (Reached::KeyRefused(said.to_owned()), None),
        // Not every server tells what it has.
        404 | 405 if lists => (Reached::Yes, None),
        404 => (Reached::Yes, Some(false)),
        _ => (Reached::Odd(format!("{status}: {said}")), None),
    }
}

fn lists_model(body: &Value, model: &str) -> Option<bool> {
    let models = body.get("data")?.as_array()?;
    let mut ids = models.iter().filter_map(|model| model.get("id")?.as_str());
    // A server may know a model by a tag that need not be said.
    Some(ids.any(|id| id == model || id.strip_prefix(model) == Some(":latest")))
}

fn schema_way(spec: &AgentSpec, seat: &Seat, answer: &Value) -> SchemaWay {
    let structured = spec.structured.unwrap_or_default();
    let kind = seat.endpoint.kind;
    if structured == Structured::Prompt {
        return SchemaWay::Prompt("the agent says so".to_owned());
    }
    match schema::fit(kind, answer) {
        Err(unfit) if structured == Structured::Native => SchemaWay::Refused(unfit.to_string()),
        Err(unfit) => SchemaWay::Prompt(format!("the provider does not take {unfit}")),
        Ok(_) if structured == Structured::Native => SchemaWay::Native,
        Ok(_) if !seat.endpoint.native_schema => {
            SchemaWay::Prompt("the endpoint takes no schemas".to_owned())
        }
        Ok(_) if !schema::is_known_to_model(kind, &seat.model) => {
            SchemaWay::Prompt("the model takes no schemas".to_owned())
        }
        Ok(_) => SchemaWay::Native,
    }
}
