//! Agents that are tools.

use std::sync::Arc;

use refrain_core::ports::agent::{Agent, AgentError, AgentFactory as _, Blueprint, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_mcp::McpAgents;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;
use refrain_testkit::ask::{json as canonical, request, scope};
use refrain_testkit::contract::agent::conforms;
use refrain_testkit::remarks::RecordingRemarks;
use serde_json::{Value, json};

use crate::world::{Site, World};

fn agent(world: &World, mcp: Value) -> Arc<dyn Agent> {
    let mut mcp = mcp;
    mcp["server"] = json!("s");
    let spec = AgentSpec { mcp: Some(serde_json::from_value(mcp).unwrap()), ..AgentSpec::default() };
    let name = "tool".parse().unwrap();
    let remarks = RecordingRemarks::new();
    let blueprint = Blueprint { name, spec, declared: Arc::default(), clone: 0, remarks };
    McpAgents::new(world.servers.clone()).make(&blueprint).unwrap()
}

async fn answer(agent: &Arc<dyn Agent>, request: Request) -> Result<Reply, AgentError> {
    agent.open().await?;
    agent.answer(request, &Cancel::new()).await
}

#[tokio::test]
async fn it_conforms_over_stdio() {
    let world = World::fake(&[]);
    let mcp = json!({"tool": "echo", "arguments": {"text": "{{ unit.text }}"}});
    conforms(|| agent(&world, mcp.clone()), &request(1, &[("u", json!({"text": "x"}))])).await;
    world.servers_closed().await;
}

#[tokio::test]
async fn it_conforms_over_http() {
    let site = Site::new(&[]);
    let world = World::of(&json!({ "url": site.url }));
    let mcp = json!({"tool": "echo", "arguments": {"text": "{{ unit.text }}"}});
    conforms(|| agent(&world, mcp.clone()), &request(1, &[("u", json!({"text": "x"}))])).await;
    world.servers_closed().await;
}

#[tokio::test]
async fn arguments_are_filled_and_results_selected() {
    let world = World::fake(&["--json"]);
    let text = "{{ unit.id }} {{ unit.text }} {{ context.tone }} {{ context.note }} {{ scope.language }} {{ params.p }}";
    let echo =
        agent(&world, json!({"tool": "echo", "arguments": {"text": text}, "select": "result.text | upper"}));
    let mut asked = request(1, &[("a", json!({"text": "hi"}))]);
    asked.scope = scope(&[("language", "ja")]);
    asked.params = canonical(&json!({"p": 1}));
    asked.context = canonical(&json!({"tone": "dry", "note": "shared"}));
    asked.units[0].context = canonical(&json!({"note": "own"}));
    let reply = answer(&echo, asked).await.unwrap();
    assert_eq!(reply.units[0].result, Ok(canonical(&json!("A HI DRY OWN JA 1"))));

    let add = agent(&world, json!({"tool": "add", "arguments": {"a": "{{ unit.n }}", "b": 0.5}}));
    let reply = answer(&add, request(1, &[("a", json!({"n": 2}))])).await.unwrap();
    assert_eq!(reply.units[0].result, Ok(canonical(&json!({"sum": 2.5}))), "a lone template keeps its type");
    let exchange = &reply.trace.exchanges[0];
    assert_eq!((exchange.to.as_str(), &exchange.request), ("tool s/add", &json!({"a": 2, "b": 0.5})));
    assert_eq!(exchange.response, Some(json!({"sum": 2.5})));

    let whole = agent(&world, json!({"tool": "add"}));
    let reply = answer(&whole, request(1, &[("a", json!({"a": 1, "b": 2}))])).await.unwrap();
    assert_eq!(reply.units[0].result, Ok(canonical(&json!({"sum": 3.0}))));
    world.servers_closed().await;
}

#[tokio::test]
async fn every_unit_fails_by_itself() {
    let world = World::fake(&[]);
    let fail = agent(&world, json!({"tool": "fail"}));
    let units = [
        ("a", json!({"message": "no such entity"})),
        ("b", json!({"message": "the database timed out"})),
        ("c", json!({"message": 7})),
        ("d", json!({})),
    ];
    let reply = answer(&fail, request(1, &units)).await.unwrap();
    let failures: Vec<_> = reply.units.iter().map(|unit| unit.result.clone().unwrap_err()).collect();
    let kinds: Vec<_> = failures.iter().map(|failure| failure.kind).collect();
    let (permanent, transient) = (FailureKind::Permanent, FailureKind::Transient);
    assert_eq!(kinds, [permanent, transient, permanent, permanent]);
    assert_eq!(failures[0].message, "tool `fail` says: no such entity");
    assert!(
        failures[2].message.starts_with("the arguments do not fit tool `fail`: /message: 7 is not"),
        "{failures:?}"
    );
    assert!(failures[3].message.contains("\"message\" is a required property"), "{failures:?}");
    assert_eq!(reply.trace.exchanges.len(), 2, "what does not fit is not sent");
    world.servers_closed().await;
}

#[tokio::test]
async fn a_pack_outlives_the_server() {
    let world = World::fake(&[]);
    let mcp = json!({"tool": "echo", "arguments": {"text": "{{ unit.text }}"}});
    let die = agent(&world, json!({"tool": "die", "arguments": {}}));
    let error = answer(&die, request(1, &[("a", json!({}))])).await.unwrap_err();
    assert_eq!((error.kind, error.trace.exchanges.len()), (FailureKind::Transient, 1));
    let echo = agent(&world, mcp);
    let units = [("a", json!({"text": "x"})), ("b", json!({})), ("c", json!({"text": "z"}))];
    let reply = answer(&echo, request(2, &units)).await.unwrap();
    let fine: Vec<_> = reply.units.iter().map(|unit| unit.result.is_ok()).collect();
    assert_eq!(fine, [true, false, true]);
    world.servers_closed().await;
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_told_before_the_first_call() {
    let world = World::fake(&[]);
    let error = agent(&world, json!({"tool": "eco"})).open().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(
        error.message.starts_with("MCP server `s` has no tool `eco`; it has add, change, die"),
        "{error}"
    );
    world.servers_closed().await;
}
