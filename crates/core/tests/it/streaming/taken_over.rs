//! Asks that one target takes over from the forerunner of another.

use std::time::Duration;

use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::{Act, AskedCall, World, reply_to};
use serde_json::json;

use crate::pieces::{error, lines, pipeline};

use super::slow_or_not;

/// `a` says the same of `l3` in both languages, and is over in French after a second. In Japanese it brings line after line,
/// and the last one late; the first one of these is what `t` chokes on.
fn world() -> World {
    let output = json!({"records": "lines", "key": "id"});
    let mut world = World::new(pipeline(json!({
        "a": {"per": ["language"], "units": {"of": "ingest"}, "agents": {"a": 8}, "output": output},
        "t": {"per": ["language"], "units": {"of": "a"}, "agents": {"small": 2}, "output": output},
    })));
    world.redefine(|file| {
        let small = json!({"model": "sim/small", "prompt": "{{ unit.text }}"});
        file["agents"] = json!({"a": {"builtin": "a"}, "small": small});
        file["endpoints"] = json!({"sim": {"base_url": "http://sim"}});
    });
    let millis = |asked: &refrain_testkit::world::Asked| match asked.id.as_str() {
        _ if asked.scope["language"] == "fr" => 1_000,
        "l1" => 100,
        "l2" => 200,
        "l3" => 300,
        _ => 20_000,
    };
    slow_or_not(&mut world, "a", millis, |asked| {
        let language = asked.scope["language"].as_str().unwrap();
        Ok(
            json!({"text": if asked.id == "l3" { "both".to_owned() } else { format!("{language} {}", asked.id) }}),
        )
    });
    world.calls("sim/small", |call: &AskedCall| {
        let reply = reply_to(call, &|asked| Ok(json!({"text": asked.input["text"]})));
        let late = |millis: u64| Act::Late(Duration::from_millis(millis), reply.clone());
        match call.units[0].input["text"].as_str().unwrap() {
            "ja l1" => Act::FailLate(Duration::from_secs(2), error(FailureKind::Permanent).of_agent()),
            "ja l2" => late(900),
            "both" => late(3_000),
            _ => late(10),
        }
    });
    world.set("lines.csv", lines(4));
    world
}

#[test]
fn what_is_on_its_way_for_another_is_not_given_up() {
    let mut world = world();
    let report = world.run();
    let ends: Vec<(String, PhaseStatus)> =
        report.phases[3..].iter().map(|phase| (phase.scope.to_string(), phase.status)).collect();
    assert_eq!(ends, [("ja".to_owned(), PhaseStatus::Failed), ("fr".to_owned(), PhaseStatus::Completed)]);
    assert_eq!(world.bought_twice(), [""; 0]);
    let asked: Vec<String> =
        world.take_asked().into_iter().map(|asked| asked.input["text"].to_string()).collect();
    assert_eq!(asked.iter().filter(|text| text.contains("both")).count(), 1);
}
