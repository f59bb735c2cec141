//! What is declared.

use refrain_core::ports::agent::{AgentFactory as _, Draft, Effect};
use refrain_core::ports::tool_catalogue::{ToolCatalogue as _, ToolKind, Unknown, meant};
use refrain_schemas::pipeline::Pipeline;
use refrain_tools::ToolAgents;
use serde_json::{Map, Value, json};

use crate::world::World;

#[test]
fn names_and_aliases_are_of_one_tool_each() {
    let world = World::new();
    let mut names: Vec<String> = Vec::new();
    for name in world.toolbox.names() {
        let view = world.toolbox.find(name).unwrap();
        names.extend(view.aliases.iter().chain([&view.name]).map(|name| (*name).to_owned()));
        let mut actions: Vec<&str> =
            view.actions.iter().flat_map(|it| it.aliases.iter().chain([&it.name])).copied().collect();
        let n = actions.len();
        actions.sort_unstable();
        actions.dedup();
        assert_eq!(actions.len(), n, "{name}");
        assert!(view.aliases.iter().all(|alias| world.toolbox.find(alias).unwrap().name == name), "{name}");
    }
    let n = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), n);
}

#[test]
fn schemas_are_schemas_and_refuse_what_they_do_not_name() {
    let world = World::new();
    for name in world.toolbox.names() {
        for action in world.toolbox.find(name).unwrap().actions {
            let input = jsonschema::validator_for(action.input).unwrap();
            assert!(jsonschema::validator_for(action.output).is_ok(), "{name}.{}", action.name);
            let stranger = json!({"no_such_parameter": 1});
            assert!(name == "control_flow" || !input.is_valid(&stranger), "{name}.{}", action.name);
        }
    }
}

#[test]
fn actions_are_found_by_their_names_or_by_the_input() {
    let world = World::new();
    let find = |tool: &str, action: Option<&str>, input: Value| {
        let mut input: Map<String, Value> = input.as_object().unwrap().clone();
        let found = meant(&*world.toolbox, tool, action, &mut input);
        found.map(|(view, action)| format!("{}.{} {}", view.name, action.name, Value::Object(input)))
    };
    assert_eq!(find("file", Some("write"), json!({})).unwrap(), "filesystem.write {}");
    assert_eq!(find("memory", Some("execute"), json!({"action": "list"})).unwrap(), "mcp-memory.list {}");
    assert_eq!(
        find("terminal", Some("execute"), json!({"command": "x"})).unwrap(),
        "terminal.execute {\"command\":\"x\"}"
    );
    assert_eq!(find("filesystem", Some("read"), json!({"action": "read"})).unwrap(), "filesystem.read {}");
    let contrary = find("filesystem", Some("read"), json!({"action": "write"})).unwrap();
    assert_eq!(contrary, "filesystem.read {\"action\":\"write\"}", "for the schema to refuse");
    assert_eq!(find("terminal", None, json!({})).unwrap(), "terminal.execute {}");
    assert!(matches!(find("no-such-tool", None, json!({})), Err(Unknown::Tool { .. })));
    assert!(matches!(find("filesystem", Some("explode"), json!({})), Err(Unknown::Action { .. })));
    assert!(matches!(find("filesystem", None, json!({})), Err(Unknown::Unsaid { .. })));
    assert!(matches!(find("web-search", Some("search"), json!({})), Err(Unknown::Absent { .. })));
}

#[test]
fn agents_say_who_they_are() {
    let world = World::new();
    let (agents, pipeline) = (
        ToolAgents::new(world.toolbox),
        serde_json::from_value::<Pipeline>(json!({"refrain": 1, "name": "p", "phases": {}})).unwrap(),
    );
    let declared = pipeline.declarations();
    let check = |tool: &str, action: Option<&str>, expect: Result<(&str, Effect), &str>| {
        let spec = World::spec(tool, action);
        let draft = Draft { spec: &spec, declared: &declared };
        let problems = agents.check(&draft);
        match expect {
            Ok((identity, effect)) => {
                let traits = agents.describe(&draft);
                assert_eq!((traits.identity.as_str(), traits.effect), (identity, effect));
                assert!(problems.is_empty() && agents.handles(&spec), "{problems:?}");
            }
            Err(part) => assert!(problems[0].message.contains(part), "{problems:?}"),
        }
    };
    check("filesystem", Some("write"), Ok(("filesystem.write@1", Effect::Once)));
    check("filesystem", Some("read"), Ok(("filesystem.read@1", Effect::Pure)));
    check("filesystem", None, Ok(("filesystem@1", Effect::Volatile)));
    check("shell", None, Ok(("terminal.execute@1", Effect::Volatile)));
    check("nope", None, Err("no tool `nope`"));
    check("filesystem", Some("explode"), Err("no action `explode`"));
    check("visualization", None, Err("not carried out here"));
    check("pipeline-executor", None, Err("no tool that an agent carries out"));
}

#[test]
fn what_is_not_carried_out_says_what_to_do() {
    let world = World::new();
    let view = world.toolbox.find("web_search").unwrap();
    assert_eq!((view.kind, view.name), (ToolKind::Absent, "web-search"));
    assert!(view.description.contains("`accepts:`"));
}
