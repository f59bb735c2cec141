//! Endpoints that stand in for others.

use std::time::Duration;

use refrain_core::ports::agent::Reply;
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::duration::Span;
use refrain_schemas::endpoint::{EndpointKind, EndpointModel, EndpointSpec};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::money::PriceSpec;
use serde_json::json;

use crate::openai::answer;
use crate::server::{Canned, Server};
use crate::world::{World, ask_text, endpoint, remote};

#[tokio::test]
async fn another_endpoint_stands_in_when_one_is_down() {
    let down = Server::always(Canned::json(500, &json!({"error": {"message": "oops"}}))).await;
    let up = Server::always(Canned::json(200, &answer("hallo"))).await;
    let first = EndpointSpec { fallback: vec!["there".to_owned()], ..endpoint(&down, EndpointKind::Openai) };
    let known = EndpointModel { name: Some("vendor/m".to_owned()), limits: None };
    let models = [("m".to_owned(), known)].into_iter().collect();
    let second = EndpointSpec { models, ..endpoint(&up, EndpointKind::Openai) };
    let remote = remote();
    let make = || {
        let endpoints = [("here", first.clone()), ("there", second.clone())];
        World::among(&remote, endpoints, AgentSpec::default())
    };

    let (one, two) = (make(), make());
    assert_eq!(one.ask(ask_text()).await.unwrap_err().kind, FailureKind::Transient);
    assert!(one.remarks.said().is_empty(), "once is no outage");
    assert_eq!(
        two.ask(ask_text()).await.unwrap_err().kind,
        FailureKind::Transient,
        "nothing is tried again here"
    );
    assert_eq!(two.remarks.said(), ["endpoint `here` is down; `there` stands in"]);
    for world in [&one, &two] {
        let served = world.ask(ask_text()).await.unwrap().trace.served.unwrap();
        assert!(served.fallback && served.endpoint == "there");
    }
    assert_eq!((down.asked().len(), up.asked().len()), (2, 2));
    assert_eq!(up.asked()[0].body["model"], "vendor/m");
}

#[tokio::test]
async fn a_limit_is_no_outage() {
    let busy = Server::always(Canned::json(429, &json!({"error": {"message": "slow down"}}))).await;
    let other = Server::always(Canned::json(200, &answer("hallo"))).await;
    let first = EndpointSpec { fallback: vec!["there".to_owned()], ..endpoint(&busy, EndpointKind::Openai) };
    let endpoints = [("here", first), ("there", endpoint(&other, EndpointKind::Openai))];
    let world = World::among(&remote(), endpoints, AgentSpec::default());
    for _ in 0..4 {
        assert_eq!(world.ask(ask_text()).await.unwrap_err().kind, FailureKind::RateLimited);
    }
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn calls_that_take_as_long_as_they_may_are_outages() {
    let slow = Server::always(Canned::hang()).await;
    let other = Server::always(Canned::json(200, &answer("hallo"))).await;
    let first = EndpointSpec { fallback: vec!["there".to_owned()], ..endpoint(&slow, EndpointKind::Openai) };
    let endpoints = [("here", first), ("there", endpoint(&other, EndpointKind::Openai))];
    let spec = AgentSpec { timeout: Some(Span(Duration::ZERO)), ..AgentSpec::default() };
    let world = World::among(&remote(), endpoints, spec);
    for asked in 1..=2 {
        let cancel = Cancel::new();
        let fire = async {
            while slow.asked().len() < asked {
                tokio::task::yield_now().await;
            }
            cancel.fire();
        };
        let (outcome, ()) = tokio::join!(world.agent.answer(ask_text(), &cancel), fire);
        assert_eq!(outcome.unwrap_err().kind, FailureKind::Cancelled);
    }
    assert!(world.ask(ask_text()).await.unwrap().trace.served.unwrap().fallback);
}

#[tokio::test]
async fn each_endpoint_has_its_price() {
    let busy = Canned::json(500, &json!({"error": {"message": "oops"}}));
    let fine = Canned::json(200, &answer("hallo"));
    let first_server = Server::start([fine.clone(), busy.clone(), busy]).await;
    let second_server = Server::always(fine).await;
    let first =
        EndpointSpec { fallback: vec!["there".to_owned()], ..endpoint(&first_server, EndpointKind::Openai) };
    let endpoints = [("here", first), ("there", endpoint(&second_server, EndpointKind::Openai))];
    let price = |input| PriceSpec { input, output: 0.0, ..PriceSpec::default() };
    let prices = [("here/m".to_owned(), price(1.0)), ("there/m".to_owned(), price(3.0))];
    let world = World::priced(&remote(), endpoints, prices, AgentSpec::default());
    let cost = |reply: Reply| (reply.usage.cost_usd.unwrap() * 1e6 / reply.usage.input_tokens as f64).round();
    assert_eq!(cost(world.ask(ask_text()).await.unwrap()), 1.0);
    for _ in 0..2 {
        assert!(world.ask(ask_text()).await.is_err());
    }
    assert_eq!(cost(world.ask(ask_text()).await.unwrap()), 3.0);
}
