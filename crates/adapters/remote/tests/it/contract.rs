//! The conformance suite.

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::EndpointKind;
use refrain_testkit::contract::agent::conforms;
use serde_json::json;

use crate::server::{Canned, Server};
use crate::world::{World, ask_text};

#[tokio::test]
async fn a_model_agent_conforms() {
    let body = json!({"choices": [{"message": {"content": "hallo"}, "finish_reason": "stop"}]});
    let server = Server::always(Canned::json(200, &body)).await;
    let make = || World::at(&server, EndpointKind::Openai, AgentSpec::default()).agent;
    conforms(make, &ask_text()).await;
}
