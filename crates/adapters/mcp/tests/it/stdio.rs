//! Conversations over stdio.

use refrain_core::ports::cancel::Cancel;
use refrain_schemas::failure::FailureKind;
use serde_json::{Value, json};

use crate::world::{SECRET, World, command};

async fn check(world: &World, tool: &str, arguments: Value, expect: Value) {
    assert_eq!(world.call(tool, arguments).await.unwrap().value, expect);
}

#[tokio::test]
async fn tools_answer() {
    let world = World::fake(&[]);
    check(&world, "echo", json!({"text": "日本"}), json!({"text": "日本"})).await;
    check(&world, "add", json!({"a": 1, "b": 2}), json!({"sum": 3.0})).await;
    let image = json!({"type": "image", "data": "AAAA", "mimeType": "image/png"});
    check(&world, "image", json!({}), json!({"text": "a picture", "content": [image]})).await;
    world.servers_closed().await;
}

#[tokio::test]
async fn many_calls_share_one_process() {
    let world = World::fake(&[]);
    let log = world.path("log");
    let world = world.again(&json!({ "command": command(&["--log", &log.display().to_string()]) }));
    let calls = (0..50).map(|n| world.call("echo", json!({"text": n.to_string()})));
    for (n, result) in futures::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(result.unwrap().text, n.to_string());
    }
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("initialize\n").count(), 1, "{log}");
    world.servers_closed().await;
}

#[tokio::test]
async fn a_tools_own_failure_is_a_result() {
    for flags in [&[][..], &["--protocol-error"]] {
        let world = World::fake(flags);
        let unknown = world.call("nope", json!({})).await.unwrap();
        assert!(unknown.is_error && unknown.text.contains("nope"), "{unknown:?}");
        let failed = world.call("fail", json!({"message": "no such entity"})).await.unwrap();
        assert_eq!((failed.is_error, failed.text.as_str()), (true, "no such entity"));
        world.servers_closed().await;
    }
}

#[tokio::test]
async fn garbage_between_messages_is_passed_over() {
    let world = World::fake(&["--garbage"]);
    check(&world, "echo", json!({"text": "x"}), json!({"text": "x"})).await;
    world.servers_closed().await;
}

#[tokio::test]
async fn large_results_pass_and_huge_ones_end_the_conversation() {
    let world = World::fake(&[]);
    let large = world.call("large", json!({"bytes": 8 << 20})).await.unwrap();
    assert_eq!(large.text.len(), 8 << 20);
    let huge = world.call("large", json!({"bytes": 17 << 20})).await.unwrap_err();
    assert_eq!(huge.kind, FailureKind::Transient);
    assert!(huge.message.contains("more than 16 MiB"), "{huge}");
    check(&world, "echo", json!({"text": "again"}), json!({"text": "again"})).await;
    world.servers_closed().await;
}

#[tokio::test]
async fn only_the_declared_environment_gets_in() {
    let env = ["FAKE_TOKEN", "FAKE_MODE", "OWN=a b"];
    let world = World::of(&json!({ "command": command(&[]), "env": env }));
    let get = async |name: &str| world.call("env", json!({ "name": name })).await.unwrap().text;
    assert_eq!(get("FAKE_MODE").await, "fast");
    assert_eq!(get("OWN").await, "a b");
    assert_eq!(get("CARGO_MANIFEST_DIR").await, "(unset)", "nothing of the test's own environment");
    assert_ne!(get("PATH").await, "(unset)");
    assert_eq!(get("FAKE_TOKEN").await, "[redacted]", "a secret that is repeated is taken out");
    world.servers_closed().await;
    assert!(!world.remarks.said().concat().contains(SECRET));

    let world = World::of(&json!({ "command": command(&[]), "env": ["NOWHERE"] }));
    let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credentials);
    assert!(error.message.contains("`NOWHERE` is not set"), "{error}");
}

#[tokio::test]
async fn it_runs_where_it_is_told_within_the_project() {
    let world = World::fake(&[]);
    std::fs::create_dir(world.path("sub")).unwrap();
    let folder = world.path("sub").canonicalize().unwrap().display().to_string();
    let world = world.again(&json!({ "command": command(&[]), "cwd": "sub" }));
    assert_eq!(world.call("where", json!({})).await.unwrap().text, folder);
    world.servers_closed().await;
    for cwd in ["..", "/tmp", "nowhere"] {
        let world = World::of(&json!({ "command": command(&[]), "cwd": cwd }));
        assert_eq!(world.call("where", json!({})).await.unwrap_err().kind, FailureKind::Permanent, "{cwd}");
    }
}

#[tokio::test]
async fn a_cancelled_call_returns_and_the_server_goes_on() {
    let world = World::fake(&[]);
    let cancel = Cancel::new();
    let arguments = json!({"file": world.path("never").display().to_string()});
    let fire = async {
        world.hear("waiting").await;
        cancel.fire();
    };
    let (outcome, ()) = tokio::join!(world.call_until("wait", arguments, &cancel), fire);
    assert_eq!(outcome.unwrap_err().kind, FailureKind::Cancelled);
    check(&world, "echo", json!({"text": "x"}), json!({"text": "x"})).await;
    assert_eq!(world.remarks.restarts(), Vec::<String>::new());
    world.servers_closed().await;
}

#[tokio::test]
async fn a_slow_tool_times_out_and_a_living_server_stays() {
    let world = World::of(&json!({ "command": command(&[]), "timeout": "1s" }));
    let arguments = json!({"file": world.path("never").display().to_string()});
    let error = world.call("wait", arguments).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (FailureKind::Transient, "MCP server `s`: no answer within 1s")
    );
    check(&world, "echo", json!({"text": "x"}), json!({"text": "x"})).await;
    assert_eq!(world.remarks.restarts(), Vec::<String>::new());
    world.servers_closed().await;
}

impl World {
    pub(crate) async fn servers_closed(&self) {
        refrain_core::ports::tools::Tools::close(&*self.servers).await;
    }
}
