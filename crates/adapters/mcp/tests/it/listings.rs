//! What is remembered of a server's tools.

use std::time::Duration;

use refrain_core::ports::tools::Tools as _;
use refrain_schemas::failure::FailureKind;
use serde_json::{Value, json};

use crate::world::{World, command};

/// A server that lists one tool more for each line of a file outside the project.
fn listing(world: &World, more: &str) -> Value {
    let (tools, log) = (world.path("tools"), world.path("log"));
    std::fs::write(&tools, more).unwrap();
    json!({ "command": command(&["--tools", &tools.display().to_string(), "--log", &log.display().to_string()]) })
}

fn starts(world: &World) -> usize {
    std::fs::read_to_string(world.path("log")).unwrap_or_default().matches("initialize\n").count()
}

#[tokio::test]
async fn a_listing_is_remembered() {
    let world = World::fake(&[]);
    let spec = listing(&world, "");
    let world = world.again(&spec);
    let first = world.servers.list("s").await.unwrap();
    assert_eq!(first.tools.len(), 10);
    assert_eq!(starts(&world), 1);
    world.servers_closed().await;
    let world = world.again(&spec);
    assert_eq!(world.servers.list("s").await.unwrap(), first);
    assert_eq!(starts(&world), 1, "it was not started again");
    let timeout = json!({ "command": spec["command"], "timeout": "5s" });
    let world = world.again(&timeout);
    assert_eq!(world.servers.list("s").await.unwrap(), first);
    assert_eq!(starts(&world), 1, "a timeout changes nothing");
}

#[tokio::test]
async fn another_spec_or_another_script_is_another_listing() {
    let world = World::fake(&[]);
    let mut spec = listing(&world, "");
    std::fs::write(world.path("server.js"), "1").unwrap();
    spec["command"].as_array_mut().unwrap().push(json!("server.js"));
    let world = world.again(&spec);
    let first = world.servers.list("s").await.unwrap();
    std::fs::write(world.path("server.js"), "2").unwrap();
    let world = world.again(&spec);
    let second = world.servers.list("s").await.unwrap();
    assert_ne!(first.tools[0].digest, second.tools[0].digest, "the script is part of who the server is");
    assert_eq!(starts(&world), 2);
    spec["version"] = json!("2");
    let world = world.again(&spec);
    assert_ne!(second.tools[0].digest, world.servers.list("s").await.unwrap().tools[0].digest);
    assert_eq!(starts(&world), 3);
}

#[tokio::test]
async fn a_changed_listing_is_found_out() {
    let world = World::fake(&[]);
    let spec = listing(&world, "");
    let world = world.again(&spec);
    world.names().await.unwrap();
    world.servers_closed().await;
    // The next process goes by what is remembered, and the server has something new.
    std::fs::write(world.path("tools"), "brand_new\n").unwrap();
    let world = world.again(&spec);
    assert!(!world.names().await.unwrap().contains(&"brand_new".to_owned()));
    for _ in 0..2 {
        let error = world.call("echo", json!({"text": "x"})).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent);
        assert_eq!(error.message, "MCP server `s`: its tools changed since they were listed; run again");
    }
    // It was remembered, so the next run goes by it.
    let world = world.again(&spec);
    assert!(world.names().await.unwrap().contains(&"brand_new".to_owned()));
    assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
    world.servers_closed().await;
}

#[tokio::test]
async fn a_change_that_a_server_announces_is_found_out() {
    let world = World::fake(&[]);
    world.call("change", json!({})).await.unwrap();
    let refused = async || world.call("echo", json!({"text": "x"})).await.err();
    // The announcement comes a moment after the answer.
    let error = loop {
        if let Some(error) = refused().await {
            break error;
        }
    };
    assert!(error.message.contains("its tools changed"), "{error}");
    world.servers_closed().await;
    // A new process of the server has the old tools: that is a change again, and then all is well.
    assert!(refused().await.is_some());
    world.servers_closed().await;
    assert!(refused().await.is_none());
    world.servers_closed().await;
}

#[tokio::test]
async fn pages_are_put_together_and_an_endless_list_ends() {
    let world = World::fake(&["--pages", "3"]);
    assert_eq!(world.names().await.unwrap().len(), 10);
    world.servers_closed().await;
    let world = World::fake(&["--pages", "3", "--endless"]);
    let error = world.names().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(error.message.contains("does not end"), "{error}");
}

#[tokio::test]
async fn a_project_that_cannot_be_written_to_is_read_all_the_same() {
    let world = World::fake(&[]);
    std::fs::write(world.path(".refrain"), "no folder").unwrap();
    assert_eq!(world.names().await.unwrap().len(), 10);
    assert_eq!(world.call("echo", json!({"text": "x"})).await.unwrap().text, "x");
    world.servers_closed().await;
}

#[tokio::test]
async fn names_may_be_anything() {
    let world = World::fake(&[]);
    let odd = ["a b", "日本/語", "\"quoted\"", "x\u{202e}"];
    let spec = listing(&world, &odd.join("\n"));
    let world = world.again(&spec);
    let names = world.names().await.unwrap();
    assert!(odd.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    world.servers_closed().await;
    let again = world.again(&spec);
    assert_eq!(again.names().await.unwrap(), names);
}

#[tokio::test]
async fn a_server_nobody_declared_is_told() {
    let world = World::fake(&[]);
    let error = world.servers.list("other").await.unwrap_err();
    assert_eq!(error.message, "there is no MCP server `other` under `servers:`");
}

#[tokio::test]
async fn a_probe_asks_the_server_itself_and_remembers_nothing() {
    let world = World::fake(&[]);
    let spec = listing(&world, "");
    let world = world.again(&spec);
    let probe = async |world: &World| {
        let (name, listed) = world.servers.probe(Duration::from_secs(20)).await.remove(0);
        assert_eq!(name, "s");
        listed.unwrap().unwrap()
    };
    assert_eq!(probe(&world).await.tools.len(), 10);
    assert!(!world.path(".refrain").exists());
    let listed = world.servers.list("s").await.unwrap();
    world.servers_closed().await;
    let more = listing(&world, "more\n");
    let world = world.again(&more);
    assert_eq!(probe(&world).await.tools.len(), 11, "it was asked, and its memory was not");
    let world = world.again(&spec);
    assert_eq!(world.servers.list("s").await.unwrap(), listed, "what was remembered stays");
}

#[tokio::test]
async fn a_probe_waits_no_longer_than_it_may() {
    let world = World::fake(&["--never-begin"]);
    let (_, listed) = world.servers.probe(Duration::from_millis(200)).await.remove(0);
    assert_eq!(listed.unwrap(), None);
    let world = world.again(&json!({ "command": ["no-such-program-anywhere"] }));
    let (_, failed) = world.servers.probe(Duration::from_secs(20)).await.remove(0);
    assert!(failed.unwrap_err().message.contains("MCP server `s`"));
}
