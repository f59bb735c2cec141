//! Programs that somebody changes while a run is under way: what a reply is recorded under says who gave it.

use std::time::Duration;

use refrain_schemas::report::{PhaseStatus, RunReport};
use refrain_testkit::world::{Act, Asked, AskedCall, World, reply_to};
use serde_json::{Value, json};

use crate::pieces::{fields, lines, pipeline};
use crate::streaming::{slow, streamed};

fn program(asked: &Asked) -> Value {
    json!({"text": asked.program})
}

/// Lets `one` be a command that says what stands in `t.py`, which is changed while it is asked for this time.
fn says_its_program(world: &mut World, is_kept: bool, changed_at: u64) {
    world.redefine(|file| {
        file["agents"] = json!({"one": {"command": ["one"], "files": ["t.py"], "oneshot": !is_kept}});
    });
    world.set("t.py", json!("v1"));
    world.set("lines.csv", lines(6));
    let hand = world.hand();
    world.calls("one", move |call: &AskedCall| {
        let reply = reply_to(call, &|asked| Ok(program(asked)));
        if call.count == changed_at {
            hand.set("t.py", json!("v2"));
        }
        Act::Reply(reply)
    });
}

/// `t` is asked in Japanese at once, and in French later.
fn one_after_the_other(is_kept: bool, changed_at: u64) -> World {
    let output = json!({"records": "lines", "key": "id"});
    let mut world = World::new(pipeline(json!({
        "before": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "before"}, "output": output},
        "t": {"per": ["language"], "units": {"of": "ingest"}, "needs": ["before"], "agent": "one", "output": output},
    })));
    slow(&mut world, "before", |asked| if asked.scope["language"] == "fr" { 1_000 } else { 10 });
    says_its_program(&mut world, is_kept, changed_at);
    world
}

/// `b` follows `a`, whose first unit takes long.
fn one_follows(is_kept: bool, changed_at: u64) -> World {
    let output = json!({"records": "lines", "key": "id"});
    let mut world = World::new(pipeline(json!({
        "a": {"units": {"of": "ingest"}, "agents": {"a": 6}, "output": output},
        "b": {"units": {"of": "a"}, "agent": "one", "output": output},
    })));
    slow(&mut world, "a", |asked| if asked.id == "l1" { 10_000 } else { 100 });
    says_its_program(&mut world, is_kept, changed_at);
    world.redefine(|file| file["agents"]["a"] = json!({"builtin": "a"}));
    world
}

#[track_caller]
fn check_says(world: &World, target: &str, expect: &str) {
    assert_eq!(fields(&world.artifact(target), "text"), [expect; 6], "{target}");
}

#[track_caller]
fn check_told(report: &RunReport, target: &str) {
    let phase =
        report.phases.iter().find(|phase| format!("{}@{}", phase.phase, phase.scope) == target).unwrap();
    let message = &phase.error.as_ref().unwrap().message;
    assert_eq!(phase.status, PhaseStatus::Failed);
    assert!(message.contains("`t.py` changed while the run was under way; run again"), "{message}");
}

/// Runs to the end what was begun, and then with the program as it was at first: every reply is by the program that it is
/// recorded for.
#[track_caller]
fn check_both_programs(world: &mut World, targets: &[&str]) {
    for expect in ["v2", "v1"] {
        world.hand().set("t.py", json!(expect));
        let report = world.run();
        assert_eq!(world.unfresh(), [""; 0], "{:?}", report.status);
        targets.iter().for_each(|target| check_says(world, target, expect));
    }
}

#[test]
fn a_process_answers_for_the_program_it_was_started_with() {
    let mut world = one_after_the_other(true, 2);
    let report = world.run();
    check_says(&world, "t@ja", "v1");
    check_says(&world, "t@fr", "v2");
    assert_eq!((report.phases[3].calls, world.unfresh()), (6, vec!["t@ja".to_owned()]));
    check_both_programs(&mut world, &["t@ja", "t@fr"]);
}

#[test]
fn a_process_that_was_started_ahead_of_its_turn_answers_for_its_program_too() {
    let mut world = one_follows(true, 3);
    world.run();
    assert_eq!((streamed(&world), world.unfresh()), (vec!["b".to_owned()], Vec::new()));
    check_says(&world, "b", "v2");
    check_both_programs(&mut world, &["b"]);
}

#[test]
fn a_program_that_changes_while_it_is_started_answers_for_nothing() {
    let mut world = one_after_the_other(true, 1);
    let report = world.run();
    check_told(&report, "t@ja");
    assert_eq!((report.phases[3].calls, world.take_units().len()), (1, 12 + 1 + 6), "{report:?}");
    check_says(&world, "t@fr", "v2");
    check_both_programs(&mut world, &["t@ja", "t@fr"]);
}

#[test]
fn one_process_per_call_is_looked_at_after_each() {
    let mut world = one_after_the_other(false, 2);
    check_told(&world.run(), "t@ja");
    check_says(&world, "t@fr", "v2");
    check_both_programs(&mut world, &["t@ja", "t@fr"]);
}

#[test]
fn what_is_refused_ahead_of_its_turn_is_not_refused_to_the_next_program() {
    let mut world = one_follows(false, 3);
    world.run();
    assert_eq!((streamed(&world), world.unfresh()), (vec!["b".to_owned()], Vec::new()));
    check_says(&world, "b", "v2");
    check_both_programs(&mut world, &["b"]);
    assert!(world.elapsed() < Duration::from_secs(120));
}
