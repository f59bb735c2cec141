//! What the tests have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory as _, Blueprint, Conversation, Reply, Request,
};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tools::NoTools;
use refrain_remote::RemoteAgents;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec};
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use refrain_testkit::ask::{json, request};
use refrain_testkit::remarks::RecordingRemarks;
use serde_json::{Value, json};

use crate::server::Server;

/// The key of every endpoint in these tests.
pub(crate) const KEY: &str = "sk-canary-7f3a";

#[derive(Debug)]
pub(crate) struct Keys(BTreeMap<&'static str, &'static str>);

impl Secrets for Keys {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|&value| value.to_owned())
    }
}

pub(crate) fn remote() -> RemoteAgents {
    RemoteAgents::new(Arc::new(Keys(BTreeMap::from([("KEY", KEY)]))), Arc::new(NoTools))
}

/// An agent, and what it remarked.
pub(crate) struct World {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) remarks: Arc<RecordingRemarks>,
}

pub(crate) fn endpoint(server: &Server, kind: EndpointKind) -> EndpointSpec {
    EndpointSpec {
        kind: Some(kind),
        base_url: Some(format!("{}/v1", server.url)),
        api_key_env: Some("KEY".to_owned()),
        ..EndpointSpec::default()
    }
}

impl World {
    /// An agent at an endpoint called `here`.
    pub(crate) fn at(server: &Server, kind: EndpointKind, spec: AgentSpec) -> Self {
        Self::among(&remote(), [("here", endpoint(server, kind))], spec)
    }

    pub(crate) fn among<const N: usize>(
        remote: &RemoteAgents,
        endpoints: [(&str, EndpointSpec); N],
        spec: AgentSpec,
    ) -> Self {
        Self::priced(remote, endpoints, [], spec)
    }

    /// An agent of several endpoints, each with its price.
    pub(crate) fn priced<const N: usize, const M: usize>(
        remote: &RemoteAgents,
        endpoints: [(&str, EndpointSpec); N],
        prices: [(String, PriceSpec); M],
        spec: AgentSpec,
    ) -> Self {
        let endpoints = endpoints.into_iter().map(|(name, spec)| (name.to_owned(), spec)).collect();
        let prices = prices.into_iter().collect();
        let declared = Declarations { endpoints, prices, ..Declarations::default() };
        let spec = AgentSpec { model: spec.model.or_else(|| Some("here/m".to_owned())), ..spec };
        let remarks = RecordingRemarks::new();
        let blueprint = Blueprint {
            name: "model".parse().unwrap(),
            spec,
            declared: Arc::new(declared),
            clone: 0,
            remarks: remarks.clone(),
        };
        Self { agent: remote.models().make(&blueprint).unwrap(), remarks }
    }

    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, AgentError> {
        self.agent.open().await.unwrap();
        self.agent.answer(request, &Cancel::new()).await
    }
}

/// Asks about one unit, for text.
pub(crate) fn ask_text() -> Request {
    with(request(1, &[("a", json!({}))]), None, false)
}

/// Asks about one unit, for an object with a text and, perhaps, a note.
pub(crate) fn ask_one() -> Request {
    with(request(1, &[("a", json!({}))]), Some(&line()), false)
}

/// Asks about so many units in one pack.
pub(crate) fn ask_packed(units: &[&str]) -> Request {
    let item = json!({
        "type": "object",
        "properties": {"n": {"type": "integer"}, "output": line()},
        "required": ["n", "output"],
    });
    let schema = json!({
        "type": "object",
        "properties": {"units": {"type": "array", "items": item}},
        "required": ["units"],
    });
    let units: Vec<(&str, Value)> = units.iter().map(|id| (*id, json!({}))).collect();
    with(request(1, &units), Some(&schema), true)
}

pub(crate) fn line() -> Value {
    json!({
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1}, "note": {"type": "string"}},
        "required": ["text"],
    })
}

pub(crate) fn with(request: Request, schema: Option<&Value>, numbered: bool) -> Request {
    let conversation = Conversation {
        system: "You translate.".to_owned(),
        user: "Translate: hello".to_owned(),
        schema: schema.map(json),
        numbered,
        wrapped: false,
        field: "text".to_owned(),
        under: String::new(),
    };
    Request { conversation: Some(Arc::new(conversation)), ..request }
}

/// Returns what a reply says, by unit: the output, or the kind and message of the failure.
pub(crate) fn outputs(reply: &Reply) -> Vec<(String, Result<Value, String>)> {
    let said = |unit: &refrain_core::ports::agent::AnsweredUnit| {
        let result = unit.result.as_ref().map(refrain_schemas::json::Json::value);
        (unit.id.to_string(), result.map_err(|failure| format!("{}: {}", failure.kind, failure.message)))
    };
    reply.units.iter().map(said).collect()
}
