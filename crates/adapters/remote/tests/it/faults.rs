//! What goes wrong on the way.

use std::time::Duration;

use refrain_core::ports::agent::AgentError;
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec};
use refrain_schemas::failure::FailureKind;
use serde_json::json;

use crate::openai::answer;
use crate::server::{Canned, Server};
use crate::world::{World, ask_packed, ask_text, outputs, remote};

async fn fail(canned: Canned) -> (AgentError, usize) {
    let server = Server::start([canned]).await;
    let error =
        World::at(&server, EndpointKind::Openai, AgentSpec::default()).ask(ask_text()).await.unwrap_err();
    (error, server.asked().len())
}

#[tokio::test]
async fn every_failure_is_one_request() {
    let limited = json!({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}});
    let spent = json!({"error": {"message": "slow down", "code": 429}});
    let checks = [
        (Canned::json(429, &limited).with("retry-after", "7"), FailureKind::RateLimited, true),
        (Canned::json(500, &json!({"error": {"message": "oops"}})), FailureKind::Transient, true),
        (Canned::json(504, &json!({"error": {"message": "too slow"}})), FailureKind::Transient, false),
        (Canned::json(200, &spent), FailureKind::RateLimited, true),
        (Canned::text(200, "{\"choices\": [{\"mess"), FailureKind::Transient, false),
        (Canned::text(200, "<html>gateway</html>"), FailureKind::Transient, false),
        (Canned::text(200, ""), FailureKind::Transient, false),
        (Canned::json(200, &answer("hallo")).cut(), FailureKind::Transient, false),
        (Canned::text(307, "").with("location", "/v2/chat/completions"), FailureKind::Permanent, true),
        (Canned::json(200, &json!({"choices": []})), FailureKind::Transient, false),
    ];
    for (canned, kind, is_settled) in checks {
        let what = format!("{canned:?}");
        let (error, requests) = fail(canned).await;
        assert_eq!((error.kind, requests), (kind, 1), "{what}: {error}");
        assert_eq!(error.trace.exchanges.len(), 1, "{what}");
        assert_eq!(error.trace.unsettled, !is_settled, "{what}");
        assert_eq!(error.trace.served.map(|served| served.requests), Some(1), "{what}");
    }
}

#[tokio::test]
async fn pauses_are_passed_on() {
    let canned =
        Canned::json(429, &json!({"error": {"message": "slow down"}})).with("retry-after-ms", "1500");
    assert_eq!(fail(canned).await.0.retry_after, Some(Duration::from_millis(1500)));
}

#[tokio::test]
async fn nobody_there_is_transient() {
    // Bound and let go: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base_url = Some(format!("http://127.0.0.1:{port}/v1"));
    let nobody = EndpointSpec { base_url, ..EndpointSpec::default() };
    let world = World::among(&remote(), [("here", nobody)], AgentSpec::default());
    let error = world.ask(ask_text()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Transient);
    assert!(error.message.starts_with("endpoint `here`: no connection: "), "{error}");
    assert!(!error.message.contains("/v1"), "the address stays out: {error}");
    assert!(!error.trace.unsettled, "nothing was sent");
}

#[tokio::test]
async fn a_call_that_hangs_is_cancelled() {
    let server = Server::start([Canned::hang(), Canned::json(200, &answer("hallo"))]).await;
    let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
    let cancel = Cancel::new();
    let fire = async {
        while server.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.fire();
    };
    let (outcome, ()) = tokio::join!(world.agent.answer(ask_text(), &cancel), fire);
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.trace.unsettled), (FailureKind::Cancelled, true));
    assert_eq!(error.trace.exchanges[0].error.as_deref(), Some("the call was cancelled"));
    assert!(world.ask(ask_text()).await.is_ok(), "the next call works");
}

#[tokio::test]
async fn what_is_whole_of_a_pack_that_was_cut_off_counts() {
    let text = r#"{"units": [{"n": 1, "output": {"text": "eins"}}, {"n": 2, "output": {"te"#;
    let mut body = answer(text);
    body["choices"][0]["finish_reason"] = "length".into();
    let server = Server::start([Canned::json(200, &body)]).await;
    let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
    let reply = world.ask(ask_packed(&["a", "b"])).await.unwrap();
    let [one, two] = &outputs(&reply)[..] else { panic!("two units") };
    assert_eq!(one.1, Ok(json!({"text": "eins"})));
    assert!(two.1.as_ref().unwrap_err().starts_with("truncated: "), "{two:?}");
    assert!(reply.trace.served.unwrap().mended);
}

#[tokio::test]
async fn numbers_that_would_be_rounded_are_invalid() {
    let server =
        Server::start([Canned::json(200, &answer("{\"text\": \"x\", \"big\": 9007199254740993}"))]).await;
    let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
    let reply = world.ask(crate::world::ask_one()).await.unwrap();
    assert!(outputs(&reply)[0].1.as_ref().unwrap_err().starts_with("invalid: the integer 9007199254740993"));
}

#[tokio::test]
async fn a_connection_that_is_closed_without_an_answer_is_not_tried_again() {
    let server = Server::start([Canned::json(200, &answer("hallo"))]).await;
    let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
    assert!(world.ask(ask_text()).await.is_ok());
    // The connection is kept, and behind the end of its script the server hangs up.
    let error = world.ask(ask_text()).await.unwrap_err();
    assert_eq!((error.kind, server.asked().len()), (FailureKind::Transient, 2), "{error}");
}
