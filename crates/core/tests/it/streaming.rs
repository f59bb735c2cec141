//! No barrier: units flow on as soon as what they are made from is final, and nothing else is different for it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use refrain_core::engine::RunRequest;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseStatus, RunReport, RunStatus};
use refrain_testkit::world::{Act, Asked, AskedCall, World, reply_to, request};
use serde_json::{Value, json};

use crate::pieces::{error, failure, lines, pipeline};

mod hazards;
mod money;
mod orders;
mod packs;
mod taken_over;
mod windows;
mod workload;

/// A number that hangs on a text alone.
pub(crate) fn dice(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Says a hash of all that it sees.
pub(crate) fn words(asked: &Asked) -> Value {
    let seen = dice(&format!("{} {} {}", asked.input, asked.context, asked.scope));
    json!({"text": format!("{} {:x}", asked.agent, seen % 4096)})
}

/// Registers an agent that takes its time over each unit.
pub(crate) fn slow(world: &mut World, name: &str, millis: impl Fn(&Asked) -> u64 + Send + Sync + 'static) {
    slow_or_not(world, name, millis, |asked| Ok(words(asked)));
}

pub(crate) fn slow_or_not(
    world: &mut World,
    name: &str,
    millis: impl Fn(&Asked) -> u64 + Send + Sync + 'static,
    answer: impl Fn(&Asked) -> Result<Value, refrain_schemas::failure::Failure> + Send + Sync + 'static,
) {
    world.calls(name, move |call: &AskedCall| {
        let longest = call.units.iter().map(&millis).max().unwrap_or_default();
        Act::Late(Duration::from_millis(longest), reply_to(call, &answer))
    });
}

/// Returns the same project, where every phase waits for all of the one before.
pub(crate) fn with_barriers(world: &World) -> World {
    let mut other = world.afresh();
    other.redefine(|file| {
        for (_, phase) in file["phases"].as_object_mut().unwrap() {
            phase["barrier"] = json!(true);
        }
    });
    other
}

/// The asks that were made, by key.
pub(crate) fn keys(world: &World) -> BTreeSet<String> {
    world.ledger().iter().flat_map(|call| &call.asks).map(|ask| ask.key.to_string()).collect()
}

pub(crate) fn streamed(world: &World) -> Vec<String> {
    let events = world.events();
    let streaming = events.iter().filter(|event| matches!(event.kind, EventKind::PhaseStreaming { .. }));
    streaming.map(|event| event.phase.as_ref().unwrap().to_string()).collect()
}

/// When each unit was asked about first.
fn asked_at(world: &World) -> BTreeMap<String, Duration> {
    let mut at = BTreeMap::new();
    for event in world.events() {
        if let EventKind::CallIntended { units, .. } = &event.kind {
            for unit in units {
                let name = format!("{}/{unit}", event.phase.as_ref().unwrap());
                at.entry(name).or_insert(Duration::from_secs_f64(event.elapsed));
            }
        }
    }
    at
}

fn ended_at(world: &World, phase: &str) -> Duration {
    let ended = world.events().into_iter().rfind(|event| {
        let is_end = matches!(event.kind, EventKind::PhaseCompleted(_) | EventKind::PhasePartial(_));
        is_end && event.phase.as_ref().is_some_and(|name| name.as_str() == phase)
    });
    Duration::from_secs_f64(ended.unwrap().elapsed)
}

/// Three phases over six lines of two scenes; the first line takes ten seconds.
fn world(more: Value) -> World {
    let mut phases = json!({
        "a": {"units": {"of": "ingest"}, "agents": {"first": 6}, "output": {"records": "a", "key": "id", "carry": {"scene": "scene"}}},
        "b": {"units": {"of": "a"}, "agents": {"second": 6}, "output": {"records": "b", "key": "id", "carry": {"scene": "scene"}}},
        "c": {"units": {"of": "b"}, "agents": {"third": 6}},
    });
    for (name, phase) in more.as_object().unwrap() {
        let to = phases.as_object_mut().unwrap().entry(name).or_insert_with(|| json!({}));
        to.as_object_mut().unwrap().extend(phase.as_object().unwrap().clone());
    }
    let mut world = World::new(pipeline(phases));
    world.redefine(|file| {
        file["agents"] = json!({"first": {"builtin": "first"}, "second": {"builtin": "second"}, "third": {"builtin": "third"}});
    });
    slow(&mut world, "first", |asked| if asked.id == "l1" { 10_000 } else { 100 });
    slow(&mut world, "second", |_| 100);
    slow(&mut world, "third", |_| 100);
    world.set("lines.csv", lines(6));
    world
}

#[track_caller]
fn check_same(streaming: &World, report: &RunReport) {
    let mut barriers = with_barriers(streaming);
    let other = barriers.run();
    assert_eq!(streamed(&barriers), [""; 0]);
    assert_eq!(streaming.digests(), barriers.digests());
    assert_eq!(keys(streaming), keys(&barriers));
    assert_eq!(streaming.bought_twice(), [""; 0]);
    assert_eq!((report.calls, report.status), (other.calls, other.status));
    let counts =
        |report: &RunReport| report.phases.iter().map(|phase| (phase.units, phase.calls)).collect::<Vec<_>>();
    assert_eq!(counts(report), counts(&other));
}

#[test]
fn a_slow_line_holds_back_only_itself() {
    let mut world = world(json!({}));
    let report = world.run();
    assert_eq!(streamed(&world), ["b", "c"]);
    let (at, first) = (asked_at(&world), ended_at(&world, "a"));
    for line in ["l2", "l3", "l4", "l5", "l6"] {
        assert!(at[&format!("b/{line}")] < first && at[&format!("c/{line}")] < first, "{line}: {at:?}");
    }
    assert!(at["b/l1"] >= first);
    assert!(world.elapsed() < Duration::from_millis(10_300), "{:?}", world.elapsed());
    check_same(&world, &report);
    assert_eq!(world.run().calls, 0);
}

#[test]
fn a_slow_scene_holds_back_only_itself() {
    let mut world = world(json!({
        "b": {"units": {"of": "a", "by": "scene"}, "output": {"records": "b", "key": "scene"}},
        "c": {"units": {"of": "b"}},
    }));
    let report = world.run();
    let (at, first) = (asked_at(&world), ended_at(&world, "a"));
    assert!(at["b/s2"] < first && at["c/s2"] < first, "{at:?}");
    assert!(at["b/s1"] >= first && at["c/s1"] >= first, "{at:?}");
    check_same(&world, &report);
}

#[test]
fn a_line_waits_for_the_summary_of_its_own_scene_alone() {
    let mut world = world(json!({
        "a": {"units": {"of": "ingest", "by": "scene"}, "output": {"records": "a", "key": "scene"}},
        "b": {"units": {"of": "ingest"}, "context": {"summary": {"from": "a", "on": "scene"}}},
    }));
    slow(&mut world, "first", |asked| if asked.id == "s1" { 10_000 } else { 100 });
    let report = world.run();
    let (at, first) = (asked_at(&world), ended_at(&world, "a"));
    for line in ["l4", "l5", "l6"] {
        assert!(at[&format!("b/{line}")] < first && at[&format!("c/{line}")] < first, "{line}: {at:?}");
    }
    assert!(at["b/l1"] >= first && at["b/l3"] >= first, "{at:?}");
    check_same(&world, &report);
}

#[test]
fn packs_wait_for_units_of_their_own_group_alone() {
    let mut world = world(
        json!({"b": {"pack": {"max": 3, "within": "scene"}}, "c": {"pack": {"max": 3, "within": "scene"}}}),
    );
    let report = world.run();
    let at = asked_at(&world);
    assert!(at["b/l4"] < Duration::from_secs(1) && at["b/l4"] == at["b/l6"], "{at:?}");
    assert!(at["c/l4"] < Duration::from_secs(1) && at["c/l4"] == at["c/l6"], "{at:?}");
    assert!(at["b/l2"] >= Duration::from_secs(10) && at["b/l2"] == at["b/l1"], "{at:?}");
    check_same(&world, &report);
}

#[test]
fn what_does_not_stream_waits() {
    let all = json!({"barrier": true});
    for (name, b) in [
        ("declared", all),
        ("whole context", json!({"context": {"all": {"from": "a"}}, "units": {"of": "ingest"}})),
        ("window", json!({"context": {"near": {"from": "a", "window": 1}}})),
        ("chunk", json!({"units": {"of": "a", "chunk": 2}, "output": {"records": "b", "key": "chunk"}})),
        ("when", json!({"when": "phases.a.records > 0"})),
    ] {
        let mut world = world(json!({"b": b}));
        world.redefine(|file| drop(file["phases"].as_object_mut().unwrap().remove("c")));
        let report = world.run();
        assert_eq!((report.status, streamed(&world)), (RunStatus::Completed, Vec::new()), "{name}");
    }
}

#[test]
fn quick_agents_have_nobody_run_ahead() {
    let mut world = world(json!({}));
    slow(&mut world, "first", |_| 10);
    world.run();
    assert_eq!(streamed(&world), [""; 0]);
}

#[test]
fn a_phase_that_cannot_pay_stops_when_its_turn_has_come() {
    let mut world = world(json!({"b": {"budget": {"calls": 3}}}));
    let report = world.run();
    assert_eq!(report.status, RunStatus::Stopped);
    let of = |report: &RunReport| {
        report.phases.iter().map(|phase| (phase.status, phase.calls)).collect::<Vec<_>>()
    };
    assert_eq!(of(&report)[1..3], [(PhaseStatus::Completed, 6), (PhaseStatus::Stopped, 3)], "{report:?}");
}

#[test]
fn what_failed_ahead_of_its_turn_is_not_tried_again() {
    let mut world = world(json!({"b": {"on_unit_failure": "continue"}}));
    slow_or_not(
        &mut world,
        "second",
        |_| 100,
        |asked| {
            if asked.id == "l4" { Err(failure(FailureKind::Permanent)) } else { Ok(words(asked)) }
        },
    );
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    let failed =
        world.events().iter().filter(|event| matches!(event.kind, EventKind::UnitFailed { .. })).count();
    assert_eq!(failed, 1);
    check_same(&world, &report);
}

#[test]
fn a_phase_without_credentials_ends_the_run_when_its_turn_has_come() {
    let mut world = world(json!({}));
    world.calls("second", |_| Act::FailLate(Duration::from_millis(100), error(FailureKind::Credentials)));
    let report = world.run();
    assert_eq!(report.exit_code, 4);
    assert_eq!(report.phases[1].status, PhaseStatus::Completed, "{report:?}");
    assert_eq!(world.digests().len(), 2);
}

#[test]
fn where_the_phase_before_fails_replies_are_there_for_the_next_run() {
    let mut world = world(json!({}));
    slow_or_not(
        &mut world,
        "first",
        |asked| if asked.id == "l1" { 10_000 } else { 100 },
        |asked| {
            if asked.id == "l1" && asked.attempt == 1 {
                Err(failure(FailureKind::Permanent))
            } else {
                Ok(words(asked))
            }
        },
    );
    let report = world.run();
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!((report.phases[2].status, report.phases[2].calls), (PhaseStatus::Blocked, 5));
    let again = world.run();
    assert_eq!((again.status, again.calls), (RunStatus::Completed, 3));
    assert_eq!(world.bought_twice(), [""; 0]);
    let mut whole = with_barriers(&world);
    slow(&mut whole, "first", |_| 100);
    whole.run();
    assert_eq!(world.digests(), whole.digests());
}

#[test]
fn a_forced_run_streams_in_its_own_generation() {
    let mut world = world(json!({}));
    world.run();
    let n_streamed = streamed(&world).len();
    let report = world.run_with(&RunRequest { force: true, ..request(&[]) });
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 18));
    assert!(streamed(&world).len() > n_streamed);
    assert_eq!(world.bought_twice(), [""; 0]);
    assert_eq!(world.run().calls, 0);
}

#[test]
fn progress_knows_of_calls_before_a_turn() {
    let mut world = world(json!({}));
    world.run();
    let early = world.progress().into_iter().find(|progress| {
        let b = progress.phases.iter().find(|phase| phase.phase.as_str() == "b");
        b.is_some_and(|b| !b.started && b.calls == 5 && b.units.ran == 5)
    });
    assert!(early.is_some());
}
