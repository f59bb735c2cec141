//! Packs of what is asked early: no call more than a plan foretells and than phases that wait for each other take.

use refrain_core::engine::RunRequest;
use refrain_schemas::event::{Event, EventKind};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseReport, RunReport};
use refrain_testkit::world::{Asked, World, request};
use serde_json::{Value, json};

use super::{slow, slow_or_not, streamed, with_barriers, words};
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

/// Changes some lines, and adds one to a scene.
fn edit(world: &mut World, changed: &[usize], scene: &str) {
    world.edit("lines.csv", |lines| {
        changed.iter().for_each(|n| lines[*n]["text"] = json!(format!("other {n}")));
        lines.push(json!({"id": "new", "text": "new", "scene": scene}));
    });
}

/// Has `b` ask an agent that has answered nothing yet.
fn ask_another(world: &mut World) {
    world.redefine(|file| file["phases"]["b"]["agents"] = json!({"third": 6}));
}

/// Returns how many units of `b` were asked about before `a` was over in the last run.
fn n_early(world: &World) -> usize {
    let mut events = world.events();
    let last = events.last().unwrap().run_id;
    events.retain(|event| event.run_id == last);
    let of = |event: &Event, name: &str| event.phase.as_ref().is_some_and(|phase| phase.as_str() == name);
    let is_end = |event: &&Event| of(event, "a") && matches!(event.kind, EventKind::PhaseCompleted(_));
    let end = events.iter().find(is_end).unwrap().elapsed;
    let early = events.iter().filter(|event| of(event, "b") && event.elapsed < end);
    let asked = early.filter_map(|event| match &event.kind {
        EventKind::CallIntended { units, .. } => Some(units.len()),
        _ => None,
    });
    asked.sum()
}

#[test]
fn a_window_cuts_no_pack_short() {
    for (window, n) in [(1, 0), (4, 3), (6, 3), (11, 3), (100, 9)] {
        let mut world = world(12, "l12", json!({}));
        world.hold(window);
        let report = check(&mut world, &[]);
        assert_eq!((phase(&report, "b").calls, n_early(&world)), (4, n), "a window of {window}");
    }
}

#[test]
fn what_is_asked_anew_is_asked_early_and_once() {
    let mut world = world(12, "l12", json!({}));
    let first = world.run();
    let report = world.run_with(&RunRequest { force: true, ..request(&[]) });
    assert_eq!((phase(&report, "b").calls, n_early(&world)), (4, 9));
    assert_eq!(report.calls, first.calls);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn units_that_came_before_anybody_followed_share_packs_with_the_others() {
    // `b` begins to follow `a` after a second, when seven or eight have left the run's memory.
    let mut world = world(18, "l16", json!({"wants": ["late"]}));
    world.redefine(|file| {
        file["phases"]["late"] = json!({"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "third"}, "output": {"document": "d"}});
        file["phases"]["a"]["agents"] = json!({"first": 1});
    });
    slow(&mut world, "first", |asked| if asked.id == "l16" { 10_000 } else { 125 });
    world.hold(12);
    let report = check(&mut world, &[]);
    assert_eq!((phase(&report, "b").calls, n_early(&world)), (6, 9));
}

#[test]
fn what_is_kept_upstream_shares_packs_where_it_is_asked_about() {
    let mut world = world(12, "new", json!({}));
    let report = check(
        &mut world,
        &[&|world| {
            ask_another(world);
            edit(world, &[1, 4], "s9");
        }],
    );
    assert_eq!((phase(&report, "a").calls, phase(&report, "b").calls), (3, 5));
    assert_eq!(n_early(&world), 0);
}

/// Has the second agent fail for one line, the first time.
fn fails_once(world: &mut World) {
    slow_or_not(
        world,
        "second",
        |_| 100,
        |asked| match (asked.id.as_str(), asked.attempt) {
            ("l7", 1) => Err(failure(FailureKind::Permanent)),
            _ => Ok(words(asked)),
        },
    );
}

#[test]
fn what_failed_before_shares_packs_with_what_was_edited() {
    let mut world = world(12, "new", json!({"on_unit_failure": "continue"}));
    fails_once(&mut world);
    let report = check(&mut world, &[&|world| edit(world, &[1], "s9")]);
    assert_eq!((phase(&report, "b").units.ran, phase(&report, "b").calls), (3, 1));
    assert_eq!(n_early(&world), 0);
}

#[test]
fn what_failed_before_and_comes_as_it_was_shares_packs() {
    let mut world = world(12, "new", json!({"on_unit_failure": "continue"}));
    fails_once(&mut world);
    // Who is asked anew says the same again.
    slow_or_not(
        &mut world,
        "third",
        |_| 1_000,
        |asked| Ok(words(&Asked { agent: "first".to_owned(), ..asked.clone() })),
    );
    let edit = |world: &mut World| {
        world.redefine(|file| file["phases"]["a"]["agents"] = json!({"third": 1}));
        world.edit("lines.csv", |lines| {
            lines[1]["text"] = json!("other");
            lines.push(json!({"id": "new", "text": "new", "scene": "s9"}));
        });
    };
    let report = check(&mut world, &[&edit]);
    assert_eq!((phase(&report, "b").units.ran, phase(&report, "b").calls), (3, 1));
}

/// Whose replies did not go together needs other ones, once: who asked ahead for them would not know of the turn's.
#[test]
fn who_was_in_conflict_is_asked_anew_once() {
    let agents = json!({"agents": {"second": 6, "third": 6}, "fan": "panel", "pack": {"max": 1}});
    let mut world = world(12, "l12", agents);
    let first = world.run();
    assert_eq!(phase(&first, "b").error.as_ref().unwrap().code, "conflict");
    let again = world.run_with(&RunRequest { force: true, ..request(&[]) });
    assert_eq!(phase(&again, "b").calls, phase(&first, "b").calls);
}

#[test]
fn an_incomplete_pack_leaves_early_where_all_others_are_kept() {
    let mut world = world(12, "new", json!({"pack": {"max": 3, "within": "scene"}}));
    let report = check(&mut world, &[&|world| edit(world, &[1], "s9")]);
    assert_eq!(phase(&report, "b").calls, 2);
    assert_eq!(n_early(&world), 1);
}

#[test]
fn what_waits_for_a_turn_shares_packs_with_what_comes_then() {
    // The summary of the second scene is kept, so nobody knows of its lines before the turn.
    let b = json!({"units": {"of": "ingest"}, "context": {"summary": {"from": "a", "on": "scene"}}, "pack": {"max": 7}});
    let mut world = world(6, "s3", b);
    world.redefine(|file| {
        file["phases"]["a"]["units"] = json!({"of": "ingest", "by": "scene"});
        file["phases"]["a"]["output"] = json!({"records": "a", "key": "scene"});
    });
    let report = check(
        &mut world,
        &[&|world| {
            ask_another(world);
            edit(world, &[1], "s3");
        }],
    );
    assert_eq!((phase(&report, "a").calls, phase(&report, "b").calls), (2, 1));
    assert_eq!(n_early(&world), 0);
}

#[test]
fn samples_of_units_that_come_one_by_one_fill_packs() {
    let b = json!({"agents": {"second": {"samples": 2, "clones": 6}}, "merge": "first"});
    let mut world = world(9, "l9", b);
    world.redefine(|file| file["phases"]["a"]["agents"] = json!({"first": 1}));
    let report = check(&mut world, &[]);
    assert_eq!(phase(&report, "b").calls, 6);
    assert_eq!(n_early(&world), 12, "each of six units twice");
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
