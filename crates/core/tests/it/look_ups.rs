//! Look-ups that take longer than calls.

use std::time::Duration;

use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::{Act, AskedCall, World, reply_to};
use serde_json::json;

use crate::pieces::{lines, pipeline};
use crate::streaming::slow;

const SECOND: Duration = Duration::from_secs(1);

/// `x` and `y` ask the same; `y` a little later, and whoever asks for `x` gets the answer after a second. What `x` is told
/// is short, and what `y` is told is long. `schema` is of one of them.
fn twice(n: usize, x: &serde_json::Value, y: &serde_json::Value) -> World {
    let output = json!({"records": "lines", "key": "id"});
    let mut phases = json!({
        "pause": {"units": {"of": "ingest"}, "agents": {"pause": 9}, "output": output},
        "x": {"units": {"of": "ingest"}, "agent": "one", "output": output},
        "y": {"units": {"of": "ingest"}, "needs": ["pause"], "agent": "one", "output": output},
    });
    for (name, more) in [("x", x), ("y", y)] {
        phases[name].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    let mut world = World::new(pipeline(phases));
    world.redefine(|file| {
        file["agents"] =
            json!({"one": {"builtin": "one", "retry": {"attempts": 1}}, "pause": {"builtin": "pause"}});
    });
    slow(&mut world, "pause", |_| 100);
    world.calls("one", |call: &AskedCall| {
        let is_first = call.units[0].target == "x";
        let text = if is_first { "short" } else { "long enough" };
        let pause = Duration::from_millis(if is_first { 1_000 } else { 10 });
        Act::Late(pause, reply_to(call, &|_| Ok(json!({"text": text}))))
    });
    world.set("long.json", long("what is said at length"));
    world.set("lines.csv", lines(n));
    world
}

fn long(description: &str) -> serde_json::Value {
    let text = json!({"type": "string", "minLength": 6});
    json!({"type": "object", "description": description, "properties": {"text": text}})
}

/// An output whose texts are long.
fn strict() -> serde_json::Value {
    json!({"records": "lines", "key": "id", "schema": "long.json"})
}

#[test]
fn an_ask_is_not_made_before_it_was_looked_up() {
    for rule in ["continue", "stop"] {
        let x = json!({"output": strict(), "on_unit_failure": rule});
        let mut world = twice(3, &x, &json!({"pack": {"max": 2}}));
        world.look_up_within(|number| if number > 1 { 5 * SECOND } else { Duration::ZERO });
        let report = world.run();
        let (x, y) = (&report.phases[2], &report.phases[3]);
        assert_eq!((x.status, y.status), (PhaseStatus::Failed, PhaseStatus::Completed), "{rule}");
        assert_eq!(y.calls, 2, "{rule}: a pack of two and one of one");
        assert_eq!(world.bought_twice(), [""; 0]);
    }
}

#[test]
fn what_is_found_counts_for_the_key_that_was_looked_up() {
    let mut world = twice(1, &json!({}), &json!({"output": strict()}));
    // That of `y` comes after `x` has bought what it looks for; that of the key after it is later still.
    world.look_up_within(|number| match number {
        2 => 5 * SECOND,
        3 => 10 * SECOND,
        _ => Duration::ZERO,
    });
    let report = world.run();
    assert_eq!((report.phases[2].calls, report.phases[3].calls), (1, 1));
    world.set("long.json", long("the same in other words"));
    assert_eq!((world.run().calls, world.unfresh()), (0, Vec::new()), "what was bought is found");
}
