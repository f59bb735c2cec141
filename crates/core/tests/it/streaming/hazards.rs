//! What must not happen because somebody ran ahead: waiting for ever, buying in vain, holding more than a run may.

use std::time::Duration;

use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport, RunStatus};
use refrain_testkit::world::{Asked, World};
use serde_json::{Value, json};

use super::{asked_at, check_same, ended_at, slow, slow_or_not, words, world};
use crate::pieces::{failure, lines};

/// The first line takes ten seconds, the second one, the sixth three, all others little.
fn unhurried(asked: &Asked) -> u64 {
    match asked.id.as_str() {
        "l1" => 10_000,
        "l2" => 1_000,
        "l6" => 3_000,
        _ => 100,
    }
}

fn twelve(more: Value) -> World {
    let mut world = world(more);
    slow(&mut world, "first", unhurried);
    world.set("lines.csv", lines(12));
    world
}

fn failing(
    world: &mut World,
    agent: &str,
    id: &'static str,
    millis: impl Fn(&Asked) -> u64 + Send + Sync + 'static,
) {
    slow_or_not(world, agent, millis, move |asked| {
        if asked.id == id { Err(failure(FailureKind::Permanent)) } else { Ok(words(asked)) }
    });
}

fn of<'a>(report: &'a RunReport, phase: &str) -> &'a PhaseReport {
    report.phases.iter().find(|report| report.phase.as_str() == phase).unwrap()
}

#[test]
fn a_unit_that_fails_ahead_and_beyond_the_window_keeps_nobody_waiting() {
    let mut world = twelve(json!({}));
    world.hold(4);
    failing(&mut world, "second", "l5", |_| 100);
    let report = world.run();
    let at = asked_at(&world);
    assert!(at["b/l5"] < Duration::from_secs(1), "{at:?}");
    assert!(at["b/l2"] >= ended_at(&world, "a"), "nobody is asked ahead once a unit failed: {at:?}");
    assert_eq!((report.status, of(&report, "b").status), (RunStatus::Failed, PhaseStatus::Failed));
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_phase_that_stopped_buys_nothing_that_it_queued_ahead() {
    let mut world = twelve(json!({"b": {"agents": {"second": 2}}}));
    world.set("lines.csv", lines(16));
    // The first line comes when the forerunner is full, so it is asked about in its phase's turn only.
    world.hold(15);
    slow(&mut world, "first", |asked| if asked.id == "l1" { 10_000 } else { 100 });
    failing(&mut world, "second", "l1", |asked| if asked.id == "l1" { 100 } else { 3_000 });
    let report = world.run();
    assert_eq!(of(&report, "b").status, PhaseStatus::Failed);
    let at = asked_at(&world);
    assert!(at.contains_key("b/l2") && !at.contains_key("b/l16"), "{at:?}");
}

#[test]
fn a_forerunner_holds_no_more_than_a_run_may() {
    let mut world = twelve(json!({}));
    world.hold(4);
    let report = world.run();
    let (at, first) = (asked_at(&world), ended_at(&world, "a"));
    let n_early = at.iter().filter(|(name, at)| name.starts_with("b/") && **at < first).count();
    assert_eq!(n_early, 4, "{at:?}");
    check_same(&world, &report);
}

#[test]
fn a_phase_that_will_be_blocked_buys_no_more() {
    let mut world = world(json!({
        "x": {"units": {"of": "ingest"}, "agents": {"third": 6}, "output": {"records": "x", "key": "id"}},
        "b": {"agents": {"second": 1}, "context": {"note": {"from": "x", "on": "id"}}},
    }));
    world.redefine(|file| drop(file["phases"].as_object_mut().unwrap().remove("c")));
    slow(&mut world, "second", |_| 1_000);
    failing(&mut world, "third", "l6", |asked| if asked.id == "l6" { 2_000 } else { 100 });
    let report = world.run();
    let b = of(&report, "b");
    assert_eq!(b.status, PhaseStatus::Blocked);
    assert!((1..=3).contains(&b.calls), "{}", b.calls);
}

#[test]
fn a_run_that_may_hold_nothing_holds_one_unit() {
    let mut world = world(json!({}));
    world.hold(0);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed);
    check_same(&world, &report);
}
