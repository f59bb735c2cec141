//! The life and death of server processes.

use refrain_schemas::failure::FailureKind;
use serde_json::{Value, json};

use crate::world::{World, command, is_running, until};

async fn check_fails(spec: &Value, kind: FailureKind, expect: &str) {
    let world = World::of(spec);
    let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(expect), "{error}");
    let error = world.names().await.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let missing = json!({"command": ["refrain-no-such-program"]});
    check_fails(&missing, FailureKind::Permanent, "no program `refrain-no-such-program` on PATH").await;
    check_fails(&json!({"command": ["./nope"]}), FailureKind::Permanent, "there is no file").await;
    let dies = json!({"command": command(&["--die-at-start"])});
    check_fails(&dies, FailureKind::Transient, "it said: there is no database").await;
    let slow = json!({"command": command(&["--never-begin"]), "timeout": "300ms"});
    check_fails(&slow, FailureKind::Transient, "it did not begin within 0.3s").await;
    let stranger = json!({"command": ["cat"], "timeout": "300ms"});
    check_fails(&stranger, FailureKind::Transient, "MCP server `s`").await;
}

#[tokio::test]
async fn a_server_that_dies_fails_its_calls_and_is_started_again() {
    let world = World::fake(&[]);
    let waiting = world.call("wait", json!({"file": world.path("never").display().to_string()}));
    let dying = async {
        world.hear("waiting").await;
        world.call("die", json!({})).await
    };
    let (waiting, dying) = tokio::join!(waiting, dying);
    for error in [waiting.unwrap_err(), dying.unwrap_err()] {
        assert_eq!(error.kind, FailureKind::Transient, "{error}");
        assert!(error.message.contains("dying as asked"), "{error}");
    }
    assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
    let restarts = world.remarks.restarts();
    assert!(restarts.len() == 1 && restarts[0].contains("exit status: 3"), "{restarts:?}");
    world.servers_closed().await;
}

#[tokio::test]
async fn a_server_that_stops_answering_is_replaced() {
    let world = World::of(&json!({ "command": command(&["--deaf"]), "timeout": "300ms" }));
    for n in 0..2 {
        let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Transient);
        assert_eq!(world.remarks.restarts().len(), n);
    }
    world.servers_closed().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_server() {
    for linger in [&["--fork"][..], &["--fork", "--linger"]] {
        let world = World::fake(linger);
        world.call("echo", json!({"text": "x"})).await.unwrap();
        let child = world.hear("child ").await;
        assert!(is_running(&child));
        world.servers_closed().await;
        until(|| (!is_running(&child)).then_some(())).await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_was_dropped_or_died() {
    let world = World::fake(&["--fork"]);
    world.call("echo", json!({"text": "x"})).await.unwrap();
    let first = world.hear("child ").await;
    world.call("die", json!({})).await.unwrap_err();
    world.call("echo", json!({"text": "x"})).await.unwrap();
    assert!(!is_running(&first), "its group died with it");
    let said = until(|| {
        Some(world.remarks.said()).filter(|said| said.iter().filter(|l| l.starts_with("child ")).count() == 2)
    })
    .await;
    let second = said.iter().rev().find_map(|line| line.strip_prefix("child ")).unwrap().to_owned();
    assert!(is_running(&second));
    drop(world);
    until(|| (!is_running(&second)).then_some(())).await;
}

#[tokio::test]
async fn a_closed_server_starts_anew() {
    let world = World::fake(&[]);
    for _ in 0..2 {
        assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
        world.servers_closed().await;
        world.servers_closed().await;
    }
}
