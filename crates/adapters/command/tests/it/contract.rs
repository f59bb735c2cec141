//! The conformance suite.

use refrain_testkit::ask::request;
use refrain_testkit::contract::agent::conforms;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_kept_agent_conforms() {
    conforms(|| World::fake(&[]).agent, &request(1, &[("u", json!({"text": "x"}))])).await;
}

#[tokio::test]
async fn a_oneshot_agent_conforms() {
    conforms(|| World::oneshot(&[]).agent, &request(1, &[("u", json!({"text": "x"}))])).await;
}

#[tokio::test]
async fn a_slow_agent_conforms() {
    let make = || World::fake(&["--delay-ms", "20"]).agent;
    conforms(make, &request(1, &[("u", json!({"text": "x"}))])).await;
}
