//! What can be asked of a project in memory, and what a person can do to it without a run.

mod accept;
mod compare;
mod conflicts;
mod diff;
mod gc;
mod history;
mod ledger;
mod moving;
mod nearest;
mod report;
mod show;

use std::sync::Arc;

use futures::FutureExt as _;
use refrain_core::engine::{Engine, Ports, Shown};
use refrain_core::ports::store::Store;
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;
use refrain_testkit::clock::START_MICROS;
use refrain_testkit::world::{World, request};
use serde_json::{Value, json};

/// Returns a project with a source `lines.csv` of six lines, a glossary, and some more phases; of its agents, `mark`
/// puts the tone behind the text, and `note` says as little as it can.
fn project(phases: Value) -> World {
    let mut all = json!({
        "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"key": "id"}},
    });
    all.as_object_mut().unwrap().extend(phases.as_object().unwrap().clone());
    let mut world = World::new(
        json!({"refrain": 1, "name": "test", "dimensions": {"language": ["ja", "fr"]}, "phases": all}),
    );
    world.agent("mark", |asked| {
        let (text, tone) = (asked.input["text"].as_str(), asked.params["tone"].as_str());
        Ok(json!({"text": format!("{}:{}", text.unwrap_or("-"), tone.unwrap_or("-"))}))
    });
    world.agent("note", |_| Ok(json!({"text": "ok"})));
    world.set("lines.csv", lines(6));
    world.set("glossary.csv", json!([{"term": "text 2", "means": "two"}]));
    world
}

/// One phase that marks every line, with a glossary, and one that writes what it made.
fn marked() -> World {
    project(json!({
        "mark": {
            "units": {"of": "ingest"}, "agent": {"builtin": "mark", "params": {"tone": "plain"}},
            "context": {"glossary": {"file": "glossary.csv", "match": {"field": "term", "in": "text"}}},
            "output": {"key": "id", "aligned": true},
        },
        "export": {"units": {"of": "mark"}, "agent": {"builtin": "write", "params": {"path": "out.csv"}}},
    }))
}

/// Changes the tone in which lines are marked.
fn set_tone(world: &mut World, tone: &str) {
    world.redefine(|pipeline| pipeline["phases"]["mark"]["agent"]["params"]["tone"] = json!(tone));
}

/// Changes the text of a line.
fn set_text(world: &mut World, line: usize, text: &str) {
    world.edit("lines.csv", |lines| lines[line]["text"] = json!(text));
}

fn lines(n: usize) -> Value {
    (1..=n).map(|n| json!({"id": format!("l{n}"), "text": format!("text {n}")})).collect()
}

fn holder() -> Holder {
    Holder {
        pid: 2,
        host: "here".to_owned(),
        command: "refrain".to_owned(),
        since: Timestamp::from_micros(START_MICROS),
    }
}

/// Resolves a target such as `mark` or `mark@ja`.
fn target(engine: &Engine, name: &str) -> Target {
    engine.target(&request(&[name]).targets[0]).unwrap()
}

/// Returns the same engine over another store.
fn over(engine: &Engine, store: Arc<dyn Store>) -> Engine {
    Engine::new(engine.shared_model(), Ports { store, ..engine.ports().clone() })
}

/// Ends a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

/// Returns what a revision holds, as JSON; the latest where none is named.
fn shown(world: &mut World, name: &str, revision: Option<u32>) -> Value {
    let engine = world.engine(false);
    let target = target(&engine, name);
    let revision = revision.map(|number| serde_json::from_value(json!(number)).unwrap());
    match now(engine.show(&target, revision, 0, None)).unwrap() {
        Shown::Records(records) => records.iter().map(refrain_schemas::json::Json::value).collect(),
        Shown::Document(document) => document.value(),
        Shown::Files(files) => json!(files),
    }
}
