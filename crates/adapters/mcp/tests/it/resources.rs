//! What a server has to be read.

use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::{ResourceUse, ToolResult, Tools as _};
use refrain_schemas::failure::FailureKind;
use serde_json::json;

use crate::world::{SECRET, World, command};

async fn look(world: &World, uri: Option<&str>) -> ToolResult {
    let asked = ResourceUse { server: "s".to_owned(), uri: uri.map(str::to_owned) };
    world.servers.resources(asked, &Cancel::new()).await.unwrap()
}

#[tokio::test]
async fn what_there_is_is_listed_page_by_page_and_read() {
    let world = World::of(&json!({ "command": command(&["--resources"]), "env": ["FAKE_TOKEN"] }));
    let listed = look(&world, None).await.value;
    assert_eq!(
        listed,
        json!([
            {"uri": "note://a", "name": "a", "description": "a note", "mime_type": "text/plain", "size": 5},
            {"uri": "note://b", "name": "B", "description": null, "mime_type": null, "size": null},
        ])
    );
    let note = look(&world, Some("note://a")).await;
    assert!(note.text.starts_with("hello") && !note.text.contains(SECRET), "{}", note.text);
    assert!(!note.value.to_string().contains(SECRET), "{}", note.value);
    let picture = look(&world, Some("note://b")).await;
    let blob = json!([{"uri": "note://b", "mime_type": "image/png", "blob": "AAAA"}]);
    assert_eq!((picture.text.as_str(), picture.value), ("", blob));
    let gone = look(&world, Some("note://c")).await;
    assert_eq!((gone.is_error, gone.text.as_str()), (true, "no resource note://c"));
}

#[tokio::test]
async fn a_server_that_has_nothing_lists_nothing() {
    let world = World::fake(&[]);
    assert_eq!(look(&world, None).await.value, json!([]));
    assert!(look(&world, Some("note://a")).await.is_error);
    let asked = ResourceUse { server: "t".to_owned(), uri: None };
    let unknown = world.servers.resources(asked, &Cancel::new()).await.unwrap_err();
    assert_eq!(unknown.kind, FailureKind::Permanent);
}
