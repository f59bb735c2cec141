//! Whether a model can be asked.

use refrain_remote::{KeyFound, KnownPrice, Probe, Question, Reached, SchemaWay};
use refrain_schemas::agent_spec::{AgentSpec, HttpSpec};
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec};
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use refrain_testkit::ask::json;
use serde_json::json;

use crate::server::{Canned, Server};
use crate::world::{KEY, endpoint, line, remote};

async fn probe(spec: EndpointSpec) -> Probe {
    let endpoints = [("here".to_owned(), spec)].into_iter().collect();
    let declared = Declarations { endpoints, ..Declarations::default() };
    remote().probe(&[question("here/m")], &declared).await.remove(0).unwrap().remove(0)
}

fn question(model: &str) -> Question {
    let spec = AgentSpec { model: Some(model.to_owned()), ..AgentSpec::default() };
    Question { spec, schema: Some(json(&line())) }
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
    check(Canned::text(429, "not so fast"), Reached::Yes, None).await;
    let scope = json!({"error": {"message": "Missing scopes: api.model.read"}});
    check(Canned::json(403, &scope), Reached::Yes, None).await;
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

#[tokio::test]
async fn whoever_knows_about_several_is_asked_once() {
    let list = json!({"data": [{"id": "m"}]});
    let server = Server::start([Canned::json(200, &list)]).await;
    let endpoints = [("here".to_owned(), endpoint(&server, EndpointKind::Openai))].into_iter().collect();
    let mut declared = Declarations { endpoints, ..Declarations::default() };
    let own = PriceSpec { input: 1.0, output: 2.0, ..PriceSpec::default() };
    declared.prices.insert("here/m".to_owned(), own);
    let questions = [question("here/m"), question("here/n"), question("here/m"), question("nowhere/m")];
    let probes = remote().probe(&questions, &declared).await;
    let found = |probes: &Vec<Probe>| (probes[0].has_model, probes[0].price);
    let found: Vec<_> = probes.iter().map(|probes| probes.as_ref().map(found).ok()).collect();
    let there = Some((Some(true), Some(KnownPrice::Own(own))));
    assert_eq!(found, [there, Some((Some(false), None)), there, None]);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_service_is_reached_without_being_asked_for_anything() {
    let server = Server::start([Canned::text(405, "")]).await;
    let spec = |text: serde_json::Value| -> HttpSpec { serde_json::from_value(text).unwrap() };
    let url = endpoint(&server, EndpointKind::Openai).base_url.unwrap();
    let specs = [
        spec(json!({"url": format!("{url}/label?mode=x"), "headers": {"X-Key": {"env": "KEY"}}})),
        spec(json!({"url": "http://127.0.0.1:1/", "headers": {"X-Key": {"env": "NO_KEY"}}})),
        spec(json!({"url": "ftp://here"})),
    ];
    let found = remote().reach(&specs, &Declarations::default()).await;
    let there = found[0].as_ref().unwrap();
    assert_eq!((&there.address, &there.missing, &there.reached), (&format!("{url}/label"), &None, &Ok(())));
    let asked = &server.asked()[0];
    assert_eq!((asked.line.as_str(), asked.header("x-key")), ("HEAD /v1/label", None));
    let nobody = found[1].as_ref().unwrap();
    assert!(nobody.reached.is_err() && nobody.missing.as_ref().unwrap().contains("NO_KEY"), "{nobody:?}");
    assert!(found[2].is_err());
}
