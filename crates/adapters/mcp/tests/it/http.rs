//! Conversations over streamable HTTP.

use std::time::Duration;

use refrain_schemas::failure::FailureKind;
use serde_json::{Value, json};

use crate::world::{SECRET, Site, World};

fn spec(site: &Site) -> Value {
    json!({ "url": site.url, "timeout": "5s" })
}

#[tokio::test]
async fn tools_answer() {
    let site = Site::new(&[]);
    let world = World::of(&spec(&site));
    assert_eq!(world.names().await.unwrap().len(), 10);
    let calls = (0..30).map(|n| world.call("echo", json!({"text": n.to_string()})));
    for (n, result) in futures::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(result.unwrap().value, json!({"text": n.to_string()}));
    }
    assert!(world.call("nope", json!({})).await.unwrap().is_error);
    world.servers_closed().await;
}

#[tokio::test]
async fn headers_are_sent_and_never_seen() {
    let site = Site::new(&["--want", &format!("authorization: Bearer {SECRET}")]);
    let headers = json!({"Authorization": {"env": "FAKE_TOKEN", "prefix": "Bearer "}, "X-Kind": "test"});
    let world = World::of(&json!({ "url": site.url, "headers": headers }));
    assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
    world.servers_closed().await;
    assert!(!format!("{:?}", world.servers).contains(SECRET));

    // A server that repeats in its refusal what it was given.
    let wrong = json!({"Authorization": {"env": "FAKE_TOKEN", "prefix": "Basic "}});
    let world = World::of(&json!({ "url": site.url, "headers": wrong }));
    let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credentials, "{error}");
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");

    let unset = json!({"Authorization": {"env": "NOWHERE"}});
    let world = World::of(&json!({ "url": site.url, "headers": unset }));
    assert_eq!(world.names().await.unwrap_err().kind, FailureKind::Credentials);
}

#[tokio::test]
async fn a_busy_server_says_how_long() {
    let site = Site::new(&["--busy", "1"]);
    let world = World::of(&spec(&site));
    let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (FailureKind::RateLimited, Some(Duration::from_secs(7))),
        "{error}"
    );
    assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
    world.servers_closed().await;
}

#[tokio::test]
async fn a_server_that_went_away_is_a_transient_failure() {
    let mut site = Site::new(&[]);
    let world = World::of(&spec(&site));
    assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
    site.kill();
    for _ in 0..2 {
        let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Transient, "{error}");
    }
    world.servers_closed().await;
}

#[tokio::test]
async fn what_speaks_something_else_is_told() {
    let nobody = World::of(&json!({ "url": "http://127.0.0.1:9/mcp" }));
    let error = nobody.call("echo", json!({"text": "x"})).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Transient);
    assert!(error.message.contains("it cannot be reached"), "{error}");
}
