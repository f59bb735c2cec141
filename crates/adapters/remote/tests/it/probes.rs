//! Whether a model can be asked.

use refrain_remote::{KeyFound, Probe, Reached, SchemaWay};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec};
use refrain_schemas::pipeline::Declarations;
use refrain_testkit::ask::json;
use serde_json::json;

use crate::server::{Canned, Server};
use crate::world::{KEY, endpoint, line, remote};

async fn probe(spec: EndpointSpec) -> Probe {
    let endpoints = [("here".to_owned(), spec)].into_iter().collect();
    let declared = Declarations { endpoints, ..Declarations::default() };
    let agent = AgentSpec { model: Some("here/m".to_owned()), ..AgentSpec::default() };
    remote().probe(&agent, &declared, Some(&json(&line()))).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_model_that_is_there_is_found_without_being_asked() {
    let list = json!({"object": "list", "data": [{"id": "x"}, {"id": "m"}]});
    let server = Server::start([Canned::json(200, &list)]).await;
    let probe = probe(endpoint(&server, EndpointKind::Openai)).await;
    assert_eq!(probe.key, KeyFound::Found("KEY".to_owned()));
    assert_eq!((&probe.reached, probe.has_model), (&Reached::Yes, Some(true)));
    assert_eq!((probe.schema, probe.price), (Some(SchemaWay::Native), None));
    assert_eq!(server.asked()[0].line, "GET /v1/models");

    let server = Server::start([Canned::json(200, &json!({"id": "m", "type": "model"}))]).await;
    let probe = self::probe(endpoint(&server, EndpointKind::Anthropic)).await;
    assert_eq!((probe.reached, probe.has_model), (Reached::Yes, Some(true)));
    assert_eq!(server.asked()[0].line, "GET /v1/models/m");
    assert_eq!(server.asked()[0].header("x-api-key"), Some(KEY));
}

#[tokio::test]
async fn what_is_wrong_is_told_apart() {
    let check = async |canned: Canned, reached: Reached, has_model| {
        let server = Server::start([canned]).await;
        let probe = probe(endpoint(&server, EndpointKind::Openai)).await;
        assert_eq!((probe.reached, probe.has_model), (reached, has_model));
    };
    check(Canned::json(200, &json!({"data": []})), Reached::Yes, Some(false)).await;
    check(Canned::text(404, "not here"), Reached::Yes, None).await;
    let wrong = json!({"error": {"message": format!("wrong key {KEY}")}});
    check(Canned::json(401, &wrong), Reached::KeyRefused("wrong key [redacted]".to_owned()), None).await;
    check(Canned::text(502, "bad gateway"), Reached::Odd("502: no reason given".to_owned()), None).await;

    let spec = EndpointSpec {
        base_url: Some("http://127.0.0.1:1/v1".to_owned()),
        api_key_env: Some("NO_KEY".to_owned()),
        ..EndpointSpec::default()
    };
    let missing = probe(spec.clone()).await;
    assert_eq!((missing.key, missing.reached), (KeyFound::Missing("NO_KEY".to_owned()), Reached::Untried));
    let nobody = probe(EndpointSpec { api_key_env: None, ..spec }).await;
    assert_eq!(nobody.key, KeyFound::NotNeeded);
    assert!(matches!(nobody.reached, Reached::No(_)), "{:?}", nobody.reached);
}
