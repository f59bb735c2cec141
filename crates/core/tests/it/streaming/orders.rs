//! Random pipelines, orders and kills: the same bytes and the same asks as with barriers.

use std::collections::BTreeSet;

use proptest::prelude::*;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{RunReport, RunStatus};
use refrain_testkit::world::World;
use serde_json::{Value, json};

use super::{dice, keys, slow_or_not, streamed, with_barriers, words};
use crate::ahead::{broken, plan};
use crate::pieces::{failure, lines, pipeline};

/// Who is asked, and in how large packs.
pub(super) fn shape() -> impl Strategy<Value = Value> {
    let fan = prop_oneof![
        3 => Just(json!({"agents": {"one": 3}})),
        1 => Just(json!({"agents": {"one": 2, "two": 2}})),
        1 => Just(json!({"agents": {"one": 2, "two": 1}, "fan": "chain"})),
        1 => Just(json!({"agents": {"one": 2, "two": 1}, "fan": "cascade", "accept": "reply.text | length > 6"})),
        1 => Just(json!({"agents": {"one": 2, "two": 2}, "fan": "panel", "merge": "first"})),
    ];
    (fan, 1..4_u32, any::<bool>(), any::<bool>()).prop_map(|(mut phase, pack, within, stops)| {
        phase["pack"] = json!({"max": pack});
        if within {
            phase["pack"]["within"] = json!("scene");
        }
        phase["on_unit_failure"] = json!(if stops { "stop" } else { "continue" });
        phase["per"] = json!(["language"]);
        phase
    })
}

/// How a phase reads the one before: `before` makes lines, or scenes.
pub(super) fn reading() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("record"), 2 => Just("group"), 2 => Just("join"), 1 => Just("both")]
}

pub(super) fn phases(first: &str, shapes: &[Value], readings: &[&str]) -> Value {
    let mut all = serde_json::Map::new();
    let mut before = "ingest".to_owned();
    let mut is_scene = false;
    for (n, (shape, reading)) in shapes.iter().zip(readings).enumerate() {
        let name = format!("p{n}");
        let mut phase = shape.clone();
        let reading = match (n, *reading, is_scene) {
            (0, _, _) => first,
            (_, "join" | "both", false) | (_, "group", true) => "record",
            (_, reading, _) => reading,
        };
        phase["units"] = match reading {
            "group" => json!({"of": before, "by": "scene"}),
            "join" => json!({"of": "ingest"}),
            "both" => json!({"of": if n > 1 { "p0" } else { "ingest" }}),
            _ => json!({"of": before}),
        };
        if matches!(reading, "join" | "both") {
            phase["context"] = json!({"scene": {"from": before, "on": "scene"}});
        }
        is_scene = match reading {
            "group" => true,
            "record" => is_scene,
            _ => false,
        };
        if reading == "both" && n > 1 && first == "group" {
            phase["units"] = json!({"of": "ingest"});
        }
        let key = if is_scene { "scene" } else { "id" };
        phase["output"] = json!({"records": "r", "key": key});
        if !is_scene {
            phase["output"]["carry"] = json!({"scene": "scene"});
        }
        all.insert(name.clone(), phase);
        before = name;
    }
    Value::Object(all)
}

pub(super) fn world(phases: Value, seed: u64, is_failing: bool) -> World {
    let mut file = pipeline(phases);
    file["agents"] = json!({
        "one": {"builtin": "one", "retry": {"attempts": 2, "backoff": "none"}}, "two": {"builtin": "two"}
    });
    let mut world = World::new(file);
    for agent in ["one", "two"] {
        let millis = move |name: &str| {
            let share = (dice(&format!("{seed} {agent} {name}")) % 1000 + 1) as f64 / 1000.0;
            (20.0 / share).min(3_000.0) as u64
        };
        slow_or_not(
            &mut world,
            agent,
            move |asked| millis(&asked.name()),
            move |asked| match dice(&format!("{seed} {} {}", asked.agent, asked.name())) % 16 {
                0 if is_failing => Err(failure(FailureKind::Permanent)),
                1 if is_failing && asked.attempt == 1 => Err(failure(FailureKind::Transient)),
                _ => Ok(words(asked)),
            },
        );
    }
    world.set("lines.csv", lines(9));
    world.unwatched();
    world
}

fn statuses(report: &RunReport) -> Vec<(String, String, u64, u64, u64)> {
    let phases = report.phases.iter();
    let row = |phase: &refrain_schemas::report::PhaseReport| {
        let (name, units) = (format!("{}@{}", phase.phase, phase.scope), phase.units);
        // What an earlier run brought to its end is fresh.
        let status = format!("{:?}", phase.status).replace("Fresh", "Completed");
        (name, status, units.total, units.ran + units.reused, units.failed)
    };
    phases.map(row).collect()
}

fn check(world: &World, barriers: &World, n_before: &BTreeSet<String>) -> Result<(), TestCaseError> {
    prop_assert_eq!(world.digests(), barriers.digests());
    let new = |keys: BTreeSet<String>| -> BTreeSet<String> { keys.difference(n_before).cloned().collect() };
    prop_assert_eq!(new(keys(world)), new(keys(barriers)));
    prop_assert_eq!(world.bought_twice(), [""; 0]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_order_makes_the_same_bytes_by_the_same_asks(
        first in prop_oneof![Just("record"), Just("group")],
        shapes in prop::collection::vec(shape(), 2..5), readings in prop::collection::vec(reading(), 4),
        limit in 2..12_u32, seed in any::<u64>(), is_failing in any::<bool>(), steps in 0..150_u64, edit in 0..9_usize,
        window in 1..20_usize,
    ) {
        let mut world = world(phases(first, &shapes, &readings), seed, is_failing);
        world.redefine(|file| file["limits"] = json!({"concurrency": limit}));
        // Nobody may accept what a cascade says.
        let may_stop = |shape: &Value| {
            shape["on_unit_failure"] == "stop" && (is_failing || shape["fan"] == "cascade")
        };
        let stops = shapes.iter().any(may_stop);
        let mut barriers = with_barriers(&world);
        world.hold(window);
        let planned = plan(&mut world);
        let whole = barriers.run();
        if steps < 50 {
            let _ending = world.run_killed(steps * 3);
        }
        let report = world.run();
        let is_plain = steps >= 50;
        // A kill spends attempts, so that what fails at first is told apart by how often it was asked.
        if stops {
            // How much was asked before the first failure hangs on the order; what stands in the end does not.
            if is_plain {
                prop_assert_eq!(world.digests(), barriers.digests());
            }
        } else if is_plain || !is_failing {
            prop_assert_eq!(statuses(&report), statuses(&whole));
            check(&world, &barriers, &BTreeSet::new())?;
        }
        prop_assert_eq!(world.bought_twice(), [""; 0]);
        // Whoever fails leaves room in a pack, or is asked again in another: which one that is hangs on the order.
        let is_cascade = |shape: &Value| shape["fan"] == "cascade";
        let is_quiet = is_plain && !is_failing && !shapes.iter().any(is_cascade);
        if is_quiet {
            prop_assert_eq!(report.calls, whole.calls);
            let broken: Vec<String> = planned.phases.iter().zip(&report.phases).filter_map(broken).collect();
            prop_assert_eq!(broken, [""; 0]);
        }
        let (mut last, mut calls) = (report, Vec::new());
        for world in [&mut barriers, &mut world] {
            world.edit("lines.csv", |lines| lines[edit]["text"] = json!("another"));
            last = world.run();
            calls.push(last.calls);
        }
        if is_quiet {
            prop_assert_eq!(calls[0], calls[1]);
        }
        if stops && !is_failing {
            prop_assert_eq!(world.digests(), barriers.digests());
        } else if !is_failing {
            check(&world, &barriers, &BTreeSet::new())?;
            if last.status == RunStatus::Completed {
                prop_assert_eq!(world.unfresh(), [""; 0]);
            }
        }
    }
}

#[test]
fn random_pipelines_do_stream() {
    let plain = json!({"agents": {"one": 3}, "per": ["language"]});
    let shapes = vec![plain; 4];
    let mut world = world(phases("group", &shapes, &["group", "join", "record", "group"]), 7, false);
    world.run();
    assert_eq!(streamed(&world).iter().collect::<BTreeSet<_>>().len(), 3);
}

/// What waits ahead of its turn is asked by the turn when that comes: otherwise both would have packs that are not full.
#[test]
fn what_waits_ahead_is_handed_over_to_the_turn() {
    let phase = |agents: Value, pack: u32| json!({"agents": agents, "on_unit_failure": "continue", "pack": {"max": pack}, "per": ["language"]});
    let one = phase(json!({"one": 3}), 1);
    let shapes = [one.clone(), one, phase(json!({"one": 2, "two": 2}), 2)];
    let mut world = world(phases("record", &shapes, &["record", "group", "join"]), 0, false);
    world.redefine(|file| file["limits"] = json!({"concurrency": 2}));
    let mut barriers = with_barriers(&world);
    world.hold(4);
    let planned = plan(&mut world);
    let (whole, report) = (barriers.run(), world.run());
    assert_eq!(report.calls, whole.calls);
    let broken: Vec<String> = planned.phases.iter().zip(&report.phases).filter_map(broken).collect();
    assert_eq!(broken, [""; 0]);
    assert_eq!(world.digests(), barriers.digests());
}
