//! Forerunners of targets with more units than a run holds in memory.

use refrain_testkit::world::World;
use serde_json::{Value, json};

use crate::pieces::pipeline;

use super::{asked_at, check_same, ended_at, slow, streamed};

/// `a` takes its time over lines of these scenes, two at a time, and the longest over one of them; `b` and `c` are about its
/// scenes, and `c` wants something that takes a second.
fn world(scenes: &[&str], slowest: usize, window: usize) -> World {
    let by_scene = |more: Value| {
        let mut phase =
            json!({"units": {"of": "a", "by": "scene"}, "output": {"records": "scenes", "key": "scene"}});
        phase.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        phase
    };
    let output = json!({"records": "lines", "key": "id", "carry": {"scene": "scene"}});
    let mut world = World::new(pipeline(json!({
        "a": {"units": {"of": "ingest"}, "agents": {"first": 2}, "output": output},
        "slow": {"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "slow"}, "output": {"document": "d"}},
        "b": by_scene(json!({"agents": {"second": 2}})),
        "c": by_scene(json!({"agents": {"third": 2}, "wants": ["slow"]})),
    })));
    world.redefine(|file| {
        let builtin = |name: &str| json!({"builtin": name});
        file["agents"] =
            json!({"first": builtin("first"), "second": builtin("second"), "third": builtin("third")});
    });
    let slowest = format!("l{slowest}");
    slow(&mut world, "first", move |asked| if asked.id == slowest { 10_000 } else { 300 });
    slow(&mut world, "slow", |_| 1_000);
    slow(&mut world, "second", |_| 100);
    slow(&mut world, "third", |_| 100);
    let line = |(n, scene): (usize, &&str)| json!({"id": format!("l{}", n + 1), "text": format!("{n}"), "scene": scene});
    world.set("lines.csv", scenes.iter().enumerate().map(line).collect());
    world.hold(window);
    world
}

#[test]
fn who_comes_late_asks_about_no_group_that_lacks_what_has_gone() {
    let scenes = [
        "first", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
        "first",
    ];
    let mut world = world(&scenes, 15, 12);
    let report = world.run();
    assert_eq!(streamed(&world), ["b", "c"]);
    check_same(&world, &report);
    let (at, end) = (asked_at(&world), ended_at(&world, "a"));
    assert!(at["c/s14"] < end && at["c/first"] >= end, "{at:?}");
}

#[test]
fn no_more_records_are_put_aside_than_units_are_held() {
    let scenes = ["odd", "even", "odd", "even", "odd", "even", "odd", "even", "odd", "even", "odd", "even"];
    for (window, is_ahead) in [(12, true), (4, false)] {
        let mut world = world(&scenes, 12, window);
        let report = world.run();
        check_same(&world, &report);
        assert_eq!(asked_at(&world)["b/odd"] < ended_at(&world, "a"), is_ahead, "a window of {window}");
    }
}
