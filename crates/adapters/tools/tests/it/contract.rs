//! What holds for every tool.

use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tool_catalogue::{ToolCatalogue as _, ToolKind};
use refrain_schemas::failure::FailureKind;
use refrain_testkit::ask::request;
use refrain_testkit::contract::agent::conforms;
use serde_json::{Map, Value, json};

use crate::world::World;

/// Makes an input that fits a schema, of the least that there is.
fn fitting(schema: &Value) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let field = |name: &Value| {
        let name = name.as_str().unwrap();
        (name.to_owned(), value(name, &schema["properties"][name]))
    };
    Value::Object(required.iter().map(field).collect::<Map<_, _>>())
}

fn value(name: &str, schema: &Value) -> Value {
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match (name, kind) {
        ("path", _) => json!("a.txt"),
        ("url", _) => json!("https://x.invalid/"),
        ("condition", _) => json!("1 < 2"),
        (_, Some("array")) => json!([[{"a": 1}]]),
        (_, Some("object")) => json!({}),
        (_, Some("number" | "integer")) => json!(1),
        (_, Some("boolean")) => json!(true),
        _ => json!("a"),
    }
}

/// Every action takes what its schema says, makes what it says, and takes nothing else.
#[test]
fn what_is_declared_is_what_is_taken_and_made() {
    let names: Vec<String> = World::new().toolbox.names().into_iter().map(str::to_owned).collect();
    for name in names {
        let world = World::new();
        let view = world.toolbox.find(&name).unwrap();
        if view.kind != ToolKind::Tool || matches!(&*name, "mcp-server" | "mcp-resource") {
            continue;
        }
        for action in view.actions {
            let world = World::new();
            let input = fitting(action.input);
            let document = world.act(&name, action.name, input.clone());
            let output = jsonschema::validator_for(action.output).unwrap();
            let is_good = document["success"] == json!(true);
            assert!(!is_good || output.is_valid(&document), "{name}.{}: {document}", action.name);
            assert!(is_good || document["error"].is_string(), "{name}.{}: {document}", action.name);
            if name != "control_flow" {
                let mut strange = input;
                strange["no_such_parameter"] = json!(1);
                world.failed(&name, action.name, strange, "no_such_parameter");
            }
        }
    }
}

/// No tool reads or writes outside of the project, whatever parameter a path comes in by.
#[test]
fn nothing_leaves_the_project() {
    let names: Vec<String> = World::new().toolbox.names().into_iter().map(str::to_owned).collect();
    for name in names {
        let world = World::new();
        let view = world.toolbox.find(&name).unwrap();
        for action in view.actions.iter().filter(|_| view.kind == ToolKind::Tool) {
            let properties = action.input["properties"].as_object().unwrap();
            for parameter in
                ["path", "destination", "working_dir"].into_iter().filter(|it| properties.contains_key(*it))
            {
                let mut input = fitting(action.input);
                input[parameter] = json!("../../outside");
                world.failed(&name, action.name, input, "leads out of the project");
                assert!(world.runner.asked().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn agents_keep_the_contract() {
    let world = World::new();
    conforms(|| world.agent("echo", None), &request(1, &[("a", json!({"text": "x"}))])).await;
    let input = json!({"data": "in/t.csv", "criteria": {"dept": "dev"}});
    conforms(|| world.agent("data-processing", Some("filter")), &request(1, &[("a", input)])).await;
}

#[tokio::test]
async fn a_cancelled_call_does_nothing() {
    let world = World::new();
    let cancel = Cancel::new();
    cancel.fire();
    let input = json!({"path": "new", "content": "x"});
    let error = world.agent("filesystem", Some("write")).answer(request(1, &[("a", input)]), &cancel).await;
    assert_eq!(error.unwrap_err().kind, FailureKind::Cancelled);
    assert!(!world.files.files().contains_key("new"));
}
