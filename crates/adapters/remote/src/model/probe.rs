//! Whether models can be asked, found out without asking them anything: no call in here costs money.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use refrain_schemas::agent_spec::{AgentSpec, Structured};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::json::Json;
use refrain_schemas::pipeline::Declarations;
use serde_json::Value;

use super::agent::Seat;
use super::factory::seats;
use super::price::{self, KnownPrice};
use super::schema;
use crate::RemoteAgents;
use crate::client::{Outgoing, TransportError, public};

/// How long whoever is asked may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A model agent, and the schema that is sent along where there is one.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its spec.
    pub spec: AgentSpec,
    /// The shape of its answers.
    pub schema: Option<Json>,
}

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
    pub price: Option<KnownPrice>,
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
    /// It answers, and says nothing against the key.
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

/// What an endpoint said when it was asked what it has, without its secrets.
#[derive(Debug)]
enum Heard {
    /// It was not asked: this name has no value.
    KeyMissing(String),
    /// Nothing; why.
    Nothing(String),
    /// A status and a body.
    Answer(u16, Value),
}

impl RemoteAgents {
    /// Finds out whether model agents could be asked: each at its endpoint, and at those that stand in for it. All are
    /// asked at once, and each only once about the same thing; nobody is waited for longer than five seconds. An agent
    /// whose spec names no endpoint has an error that says why.
    pub async fn probe(
        &self,
        questions: &[Question],
        declared: &Declarations,
    ) -> Vec<Result<Vec<Probe>, String>> {
        let seated = |question: &Question| seats(&question.spec, declared).map_err(|problem| problem.message);
        let seated: Vec<Result<Vec<Seat>, String>> = questions.iter().map(seated).collect();
        let heard = self.hear(seated.iter().flatten().flatten()).await;
        let probes = seated.into_iter().zip(questions).map(|(seats, question)| {
            let probe = |seat: &Seat| {
                let heard = heard.get(&(seat.endpoint.name.clone(), path(seat)))?;
                Some(probe(question, seat, heard, declared))
            };
            Ok(seats?.iter().filter_map(probe).collect())
        });
        probes.collect()
    }

    /// Asks every endpoint what it has, by its name and the path that is asked for.
    async fn hear(&self, seats: impl Iterator<Item = &Seat>) -> BTreeMap<(String, String), Heard> {
        let apart: BTreeMap<_, _> =
            seats.map(|seat| ((seat.endpoint.name.clone(), path(seat)), seat)).collect();
        let heard = apart.into_iter().map(async |(key, seat)| (key, self.ask_for_models(seat).await));
        join_all(heard).await.into_iter().collect()
    }

    async fn ask_for_models(&self, seat: &Seat) -> Heard {
        let endpoint = &seat.endpoint;
        let headers = match endpoint.all_headers(self.secrets.as_ref()) {
            Ok(headers) => headers,
            Err(missing) => return Heard::KeyMissing(missing.name),
        };
        let redactor = endpoint.redactor(self.secrets.as_ref());
        let outgoing =
            Outgoing { method: "GET".to_owned(), url: endpoint.url(&path(seat), None), headers, body: None };
        match self.told(outgoing).await {
            Ok((status, body)) => {
                let body = serde_json::from_str(&body).unwrap_or(Value::Null);
                Heard::Answer(status, redactor.value(body))
            }
            Err(why) => Heard::Nothing(redactor.text(&why).into_owned()),
        }
    }

    /// Sends a request and waits for its whole response, but not for long.
    pub(crate) async fn told(&self, outgoing: Outgoing) -> Result<(u16, String), String> {
        let response = tokio::time::timeout(PATIENCE, async {
            let mut incoming = self.client.send(outgoing).await?;
            Ok((incoming.status, incoming.rest().await?))
        });
        let response = response.await.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
        response.map_err(|error: TransportError| error.message)
    }
}

fn probe(question: &Question, seat: &Seat, heard: &Heard, declared: &Declarations) -> Probe {
    let Question { spec, schema } = question;
    let endpoint = &seat.endpoint;
    let key = endpoint.key.clone().map_or(KeyFound::NotNeeded, KeyFound::Found);
    let (key, reached, has_model) = match heard {
        Heard::KeyMissing(name) => (KeyFound::Missing(name.clone()), Reached::Untried, None),
        Heard::Nothing(why) => (key, Reached::No(why.clone()), None),
        Heard::Answer(status, body) => {
            let (reached, has_model) = judge(seat, *status, body);
            (key, reached, has_model)
        }
    };
    Probe {
        endpoint: endpoint.name.clone(),
        address: public(&endpoint.base_url),
        model: seat.model.clone(),
        key,
        reached,
        has_model,
        schema: schema.as_ref().map(|schema| schema_way(spec, seat, &schema.value())),
        price: price::of(declared, endpoint, spec.model.as_deref().unwrap_or_default()),
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
        // Some keys may ask models and may not ask which there are.
        403 if said.contains("scope") => (Reached::Yes, None),
        401 | 403 => (Reached::KeyRefused(said.to_owned()), None),
        // Google says so of a key that it does not know.
        400 if body.to_string().contains("API_KEY_INVALID") => (Reached::KeyRefused(said.to_owned()), None),
        // Not every server tells what it has.
        404 | 405 if lists => (Reached::Yes, None),
        429 => (Reached::Yes, None),
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
