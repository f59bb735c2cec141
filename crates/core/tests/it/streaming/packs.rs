//! Packs of what is asked early: no call more than a plan foretells and than phases that wait for each other take.

use std::time::Duration;

use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseReport, RunReport};
use refrain_testkit::world::World;
use serde_json::{Value, json};

use super::{asked_at, ended_at, slow, slow_or_not, streamed, with_barriers, words};
use crate::ahead::{broken, plan};
use crate::pieces::{failure, lines, pipeline};

/// `a` takes its time over so many lines, ten seconds over the one that is named, and `b` is about what it makes of them.
fn world(n: usize, slowest: &'static str, b: Value) -> World {
    let mut phases = json!({
        "a": {"units": {"of": "ingest"}, "agents": {"first": 6}, "output": {"records": "a", "key": "id", "carry": {"scene": "scene"}}},
        "b": {"units": {"of": "a"}, "agents": {"second": 6}, "pack": {"max": 3}, "output": {"records": "b", "key": "id"}},
    });
    let own = b.as_object().unwrap().clone();
    phases["b"].as_object_mut().unwrap().extend(own);
    let mut world = World::new(pipeline(phases));
    world.redefine(|file| {
        file["agents"] = json!({"first": {"builtin": "first"}, "second": {"builtin": "second"}, "third": {"builtin": "third"}});
    });
    slow(&mut world, "first", move |asked| if asked.name().ends_with(slowest) { 10_000 } else { 100 });
    slow(&mut world, "second", |_| 100);
    slow(&mut world, "third", |_| 1_000);
    world.set("lines.csv", lines(n));
    world
}

fn phase<'a>(report: &'a RunReport, name: &str) -> &'a PhaseReport {
    report.phases.iter().find(|phase| phase.phase.as_str() == name).unwrap()
}

/// Takes a project through its runs, and the same with barriers: neither takes another call, and both what was planned.
#[track_caller]
fn check(world: &mut World, changes: &[&dyn Fn(&mut World)]) -> RunReport {
    let mut barriers = with_barriers(world);
    for change in changes {
        for world in [&mut *world, &mut barriers] {
            world.run();
            change(world);
        }
    }
    let planned = plan(world);
    let report = world.run();
    let left: Vec<String> = planned.phases.iter().zip(&report.phases).filter_map(broken).collect();
    assert!(left.is_empty(), "{}", left.join("\n"));
    let other = barriers.run();
    let calls = |report: &RunReport| report.phases.iter().map(|phase| phase.calls).collect::<Vec<_>>();
    assert_eq!((calls(&report), report.status), (calls(&other), other.status));
    assert_eq!(world.digests(), barriers.digests());
    assert_eq!(world.bought_twice(), [""; 0]);
    report
}

/// Asserts that only so many units of `b` were asked about before `a` was over in the last run.
#[track_caller]
fn check_early(world: &World, n: usize) {
    let (at, end) = (asked_at(world), ended_at(world, "a"));
    let n_early = at.iter().filter(|(name, at)| name.starts_with("b/") && **at < end).count();
    assert_eq!(n_early, n, "{at:?}");
}

#[test]
fn a_window_cuts_no_pack_short() {
    for (window, n_early) in [(1, 0), (4, 3), (6, 6), (11, 9), (100, 9)] {
        let mut world = world(12, "l12", json!({}));
        world.hold(window);
        let report = check(&mut world, &[]);
        assert_eq!(phase(&report, "b").calls, 4, "a window of {window}");
        check_early(&world, n_early);
    }
}

#[test]
fn units_that_came_before_anybody_followed_share_packs_with_the_others() {
    // `b` begins to follow `a` after a second, when two thirds have left the run's memory.
    let mut world = world(16, "l15", json!({"wants": ["late"]}));
    world.redefine(|file| {
        file["phases"]["late"] = json!({"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "third"}, "output": {"document": "d"}});
        file["phases"]["a"]["agents"] = json!({"first": 1});
    });
    slow(&mut world, "first", |asked| if asked.id == "l15" { 10_000 } else { 125 });
    world.hold(4);
    let report = check(&mut world, &[]);
    assert_eq!(streamed(&world), ["b"]);
    assert_eq!(phase(&report, "b").calls, 6);
}

#[test]
fn what_is_kept_upstream_shares_packs_where_it_is_asked_about() {
    let mut world = world(12, "new", json!({}));
    let report = check(
        &mut world,
        &[&|world| {
            world.redefine(|file| file["phases"]["b"]["agents"] = json!({"third": 6}));
            world.edit("lines.csv", |lines| {
                lines[1]["text"] = json!("other");
                lines[4]["text"] = json!("others");
                lines.push(json!({"id": "new", "text": "new", "scene": "s9"}));
            });
        }],
    );
    assert_eq!((phase(&report, "a").calls, phase(&report, "b").calls), (3, 5));
    check_early(&world, 0);
}

#[test]
fn what_failed_before_shares_packs_with_what_was_edited() {
    let mut world = world(12, "new", json!({"on_unit_failure": "continue"}));
    slow_or_not(
        &mut world,
        "second",
        |_| 100,
        |asked| match (asked.id.as_str(), asked.attempt) {
            ("l7", 1) => Err(failure(FailureKind::Permanent)),
            _ => Ok(words(asked)),
        },
    );
    let edit = |world: &mut World| {
        world.edit("lines.csv", |lines| {
            lines[1]["text"] = json!("other");
            lines.push(json!({"id": "new", "text": "new", "scene": "s9"}));
        });
    };
    let report = check(&mut world, &[&edit]);
    assert_eq!((phase(&report, "b").units.ran, phase(&report, "b").calls), (3, 1));
    check_early(&world, 0);
}

#[test]
fn an_incomplete_pack_leaves_early_where_all_others_are_kept() {
    let mut world = world(12, "new", json!({"pack": {"max": 3, "within": "scene"}}));
    let edit = |world: &mut World| {
        world.edit("lines.csv", |lines| {
            lines[1]["text"] = json!("other");
            lines.push(json!({"id": "new", "text": "new", "scene": "s9"}));
        });
    };
    let report = check(&mut world, &[&edit]);
    assert_eq!(phase(&report, "b").calls, 2);
    check_early(&world, 1);
}

#[test]
fn what_waits_for_a_turn_shares_packs_with_what_comes_then() {
    // The summary of the second scene is kept, so nobody knows of its lines before the turn.
    let b = json!({"units": {"of": "ingest"}, "context": {"summary": {"from": "a", "on": "scene"}}, "pack": {"max": 6}});
    let mut world = world(6, "s3", b);
    world.redefine(|file| {
        file["phases"]["a"]["units"] = json!({"of": "ingest", "by": "scene"});
        file["phases"]["a"]["output"] = json!({"records": "a", "key": "scene"});
    });
    let report = check(
        &mut world,
        &[&|world| {
            world.redefine(|file| file["phases"]["b"]["agents"] = json!({"third": 6}));
            world.edit("lines.csv", |lines| {
                lines[1]["text"] = json!("other");
                lines.push(json!({"id": "new", "text": "new", "scene": "s3"}));
            });
        }],
    );
    assert_eq!((phase(&report, "a").calls, phase(&report, "b").calls), (2, 2));
    assert_eq!(streamed(&world).last().map(String::as_str), Some("b"));
}

#[test]
fn samples_of_units_that_come_one_by_one_fill_packs() {
    let b = json!({"agents": {"second": {"samples": 2, "clones": 6}}, "merge": "first"});
    let mut world = world(9, "l9", b);
    world.redefine(|file| file["phases"]["a"]["agents"] = json!({"first": 1}));
    let report = check(&mut world, &[]);
    assert_eq!(phase(&report, "b").calls, 6);
    let (at, end) = (asked_at(&world), ended_at(&world, "a"));
    assert!(at["b/l3"] < Duration::from_millis(500) && at["b/l6"] < end && at["b/l9"] >= end, "{at:?}");
}

#[test]
fn a_third_phase_cuts_no_pack_short_for_what_the_second_lacks() {
    let mut world = world(12, "l12", json!({"pack": {"max": 1}}));
    world.redefine(|file| {
        file["phases"]["c"] = json!({"units": {"of": "b"}, "agents": {"second": 6}, "pack": {"max": 3}});
    });
    world.hold(4);
    let report = check(&mut world, &[]);
    assert_eq!(streamed(&world), ["b", "c"]);
    assert_eq!(phase(&report, "c").calls, 4);
}
