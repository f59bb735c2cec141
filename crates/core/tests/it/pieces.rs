//! Pieces that tests are put together from.

use refrain_core::engine::Selection;
use refrain_core::ports::agent::AgentError;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_testkit::world::{Asked, World};
use serde_json::{Value, json};

/// Returns a pipeline with a source `lines.csv` and some more phases.
pub(crate) fn pipeline(phases: Value) -> Value {
    let mut all = json!({
        "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"key": "id"}},
    });
    all.as_object_mut().unwrap().extend(phases.as_object().unwrap().clone());
    json!({"refrain": 1, "name": "test", "dimensions": {"language": ["ja", "fr"]}, "phases": all})
}

/// Returns a world of such a pipeline with the agents of [`cast`] and some lines.
pub(crate) fn world(phases: Value) -> World {
    let mut world = World::new(pipeline(phases));
    cast(&mut world);
    world.set("lines.csv", lines(6));
    world
}

/// Registers agents: `echo` says back all that it sees; `mark` says the text and the language; `note` says as little
/// as it can.
pub(crate) fn cast(world: &mut World) {
    world.agent("echo", |asked| Ok(echo(asked)));
    world.agent("mark", |asked| Ok(mark(asked)));
    world.agent("note", |_| Ok(json!({"note": "ok"})));
}

/// Everything that a unit sees.
pub(crate) fn echo(asked: &Asked) -> Value {
    json!({"saw": asked.input, "context": asked.context, "scope": asked.scope, "params": asked.params})
}

/// The text of a unit, and the language.
pub(crate) fn mark(asked: &Asked) -> Value {
    let language = asked.scope["language"].as_str().unwrap_or("-");
    let text = asked.input["text"].as_str().unwrap_or("-");
    json!({"text": format!("{text}:{language}"), "scene": asked.input["scene"]})
}

/// Returns lines `l1`, `l2` and so on, three to a scene.
pub(crate) fn lines(n: usize) -> Value {
    (1..=n).map(line).collect()
}

/// Returns a phase without a scope.
pub(crate) fn selection(phase: &str) -> Selection {
    Selection { phase: phase.parse().unwrap(), values: Vec::new() }
}

/// Returns a line.
pub(crate) fn line(n: usize) -> Value {
    json!({"id": format!("l{n}"), "text": format!("text {n}"), "scene": format!("s{}", n.div_ceil(3))})
}

/// Returns a failure of a unit.
pub(crate) fn failure(kind: FailureKind) -> Failure {
    Failure { kind, message: format!("it is {kind}") }
}

/// Returns a failure of a call.
pub(crate) fn error(kind: FailureKind) -> AgentError {
    AgentError::new(kind, format!("it is {kind}"))
}

/// Returns the ids of records.
pub(crate) fn ids(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["id"].as_str().unwrap()).collect()
}

/// Returns one field of each record.
pub(crate) fn fields<'a>(records: &'a [Value], name: &str) -> Vec<&'a Value> {
    records.iter().map(|record| &record[name]).collect()
}

/// Returns a budget of so many calls.
pub(crate) fn calls(calls: u64) -> refrain_schemas::money::Budget {
    refrain_schemas::money::Budget { calls: Some(calls), ..Default::default() }
}

/// Returns a world of a phase `t` of one agent `small`, the model `sim/small`, with so many clones, behind an endpoint with limits.
pub(crate) fn modelled(limits: &Value, agent: &Value, clones: u32) -> World {
    let mut spec = json!({"model": "sim/small", "prompt": "{{ unit.text }}"});
    spec.as_object_mut().unwrap().extend(agent.as_object().unwrap().clone());
    let mut world = world(json!({"t": {"units": {"of": "ingest"}, "agents": {"small": clones}}}));
    world.redefine(|file| {
        file["agents"] = json!({"small": spec});
        file["endpoints"] = json!({"sim": {"base_url": "http://sim", "limits": limits}});
    });
    world
}
