//! One call with its exchanges, and what a request that is not on record is nearest to.

use refrain_core::engine::{EngineError, Nearest};
use refrain_core::ports::agent::Trace;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::name::CallId;
use refrain_testkit::world::{Act, AskedCall, World, reply_to};
use serde_json::json;

use super::{now, set_text, target};

/// A phase of a model that is told of each line; the glossary stands in the system prompt of its agent.
fn told() -> World {
    let mut world = super::project(json!({
        "say": {"units": {"of": "ingest"}, "agent": "speaker", "output": {"key": "id"}, "pack": {"max": 1}},
        "mark": {"units": {"of": "ingest"}, "agent": {"builtin": "mark", "params": {"tone": "plain"}},
            "output": {"key": "id"}},
    }));
    world.redefine(|pipeline| {
        pipeline["agents"] = json!({"speaker": {
            "model": "local/small", "temperature": 0.5, "system": "You say things again.",
            "prompt": "Say it again, in other words.\n\nThe line is:\n{{ unit.text }}",
        }});
    });
    world.calls("local/small", |call| {
        let mut reply = reply_to(call, &|_| Ok(json!({"text": "ok"})));
        reply.trace = Trace { exchanges: vec![exchange(call)], ..Trace::default() };
        Act::Reply(reply)
    });
    world
}

fn exchange(call: &AskedCall) -> Exchange {
    let told = call.units[0].told.clone().unwrap();
    let messages =
        json!([{"role": "system", "content": told.system}, {"role": "user", "content": told.user}]);
    Exchange {
        to: "POST http://127.0.0.1/v1/chat/completions".to_owned(),
        request: json!({"model": "small", "temperature": 0.5, "messages": messages}),
        status: Some(200),
        response: Some(json!({"said": "ok"})),
        error: None,
        seconds: 0.5,
    }
}

fn nearest(world: &mut World, name: &str, unit: &str) -> Option<Nearest> {
    let engine = world.engine(false);
    let target = target(&engine, name);
    now(engine.nearest(&target, unit)).unwrap()
}

#[test]
fn a_call_comes_with_what_went_over_the_wire() {
    let mut world = told();
    world.run_targets(&["say"]);
    let engine = world.engine(false);
    let report = now(engine.call(CallId(2))).unwrap();
    assert_eq!((report.schema_version, report.call.call), (1, CallId(2)));
    let said = report.exchanges[0].request["messages"][1]["content"].as_str().unwrap();
    let text = report.call.asks[0].unit.as_str().replace('l', "text ");
    assert!(said.ends_with(&format!("The line is:\n{text}")), "{said}");
    let none = now(engine.call(CallId(77)));
    assert!(matches!(none, Err(EngineError::NoCall { call: CallId(77) })), "{none:?}");
}

#[test]
fn a_unit_that_changed_is_nearest_to_itself() {
    let mut world = told();
    world.run_targets(&["say"]);
    assert_eq!(nearest(&mut world, "say", "l2"), None, "it is on record");
    set_text(&mut world, 1, "text 3 and more");
    let found = nearest(&mut world, "say", "l2").unwrap();
    let recorded = found.recorded.unwrap();
    assert_eq!(
        (found.agent.as_str(), recorded.unit.as_str()),
        ("speaker", "l2"),
        "not l3, which it is more like"
    );
    let head = "You say things again.\n\nSay it again, in other words.\n\nThe line is:\n";
    assert_eq!((recorded.told, found.now), (format!("{head}text 2"), format!("{head}text 3 and more")));
    assert_eq!(recorded.settings, []);
}

#[test]
fn a_unit_that_is_new_is_nearest_to_what_is_most_alike() {
    let mut world = told();
    set_text(&mut world, 3, "the dragon sleeps in the old tower");
    world.run_targets(&["say"]);
    world.edit("lines.csv", |lines| {
        lines.push(json!({"id": "l7", "text": "the dragon sleeps in the new tower"}));
    });
    let recorded = nearest(&mut world, "say", "l7").unwrap().recorded.unwrap();
    assert_eq!(recorded.unit.as_str(), "l4");
}

#[test]
fn settings_that_differ_are_named() {
    let mut world = told();
    world.run_targets(&["say"]);
    world.calls("local/large", |_| Act::Hang);
    world.redefine(|pipeline| pipeline["agents"]["speaker"]["model"] = json!("local/large"));
    let found = nearest(&mut world, "say", "l1").unwrap();
    let recorded = found.recorded.unwrap();
    assert_eq!(recorded.told, found.now);
    assert_eq!(recorded.settings, [("model", Some(json!("small")), Some(json!("large")))]);
}

#[test]
fn nothing_is_near_where_nothing_was_asked() {
    let mut world = told();
    let found = nearest(&mut world, "say", "l1").unwrap();
    assert_eq!(found.recorded, None);
    assert!(found.now.ends_with("text 1"));
    assert_eq!(nearest(&mut world, "mark", "l1"), None, "it is no model");
    assert_eq!(nearest(&mut world, "say", "l99"), None::<Nearest>);
}
