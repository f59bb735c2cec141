//! What a run says of itself, word for word, one log per way a run may end.

use refrain_core::engine::{Control, RunRequest};
use refrain_schemas::event::Level;
use refrain_schemas::failure::FailureKind;
use refrain_testkit::world::{Act, World, reply_to, request};
use serde_json::json;

use crate::pieces::{calls, failure, lines, mark, world};

fn small() -> World {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"},
            "on_unit_failure": "continue"},
        "out": {"per": ["language"], "units": {"of": "t"},
            "agent": {"builtin": "write", "params": {"path": "out.{{ scope.language }}"}}},
    }));
    world.redefine(|file| file["dimensions"]["language"] = json!(["ja"]));
    world.set("lines.csv", lines(2));
    world
}

/// Returns the log from some line on, as the JSONL sink would write it.
fn log(world: &World, from: usize) -> String {
    let lines = world.log_lines(Level::Debug);
    let lines: Vec<String> = lines[from..].iter().map(|line| serde_json::to_string(line).unwrap()).collect();
    lines.join("\n")
}

#[test]
fn completed_and_then_nothing_to_do() {
    let mut world = small();
    world.run();
    insta::assert_snapshot!("completed", log(&world, 0));
    let n = world.log_lines(Level::Debug).len();
    world.run();
    insta::assert_snapshot!("nothing_to_do", log(&world, n));
    let n = world.log_lines(Level::Debug).len();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run();
    insta::assert_snapshot!("one_line_changed", log(&world, n));
}

#[test]
fn partial() {
    let mut world = small();
    world.agent(
        "mark",
        |asked| if asked.id == "l2" { Err(failure(FailureKind::Refused)) } else { Ok(mark(asked)) },
    );
    world.run();
    insta::assert_snapshot!("partial", log(&world, 0));
}

#[test]
fn failed_and_blocked_behind_it() {
    let mut world = small();
    world.redefine(|file| file["phases"]["t"]["agent"]["retry"] = json!({"attempts": 2}));
    world.agent("mark", |_| Err(failure(FailureKind::Transient)));
    world.run();
    insta::assert_snapshot!("failed", log(&world, 0));
}

#[test]
fn blocked() {
    let mut world = small();
    world.run_with(&RunRequest { only: true, ..request(&["out"]) });
    insta::assert_snapshot!("blocked", log(&world, 0));
}

#[test]
fn stopped() {
    let mut world = small();
    world.run_with(&RunRequest { budget: calls(1), ..request(&[]) });
    insta::assert_snapshot!("stopped", log(&world, 0));
}

#[test]
fn cancelled() {
    let mut world = small();
    let control = Control::default();
    let drain = control.drain.clone();
    world.calls("mark", move |call| {
        drain.fire();
        Act::Reply(reply_to(call, &|asked| Ok(mark(asked))))
    });
    world.try_run(&request(&[]), &control).unwrap();
    insta::assert_snapshot!("cancelled", log(&world, 0));
}

#[test]
fn skipped() {
    let mut world = small();
    world.redefine(|file| file["phases"]["t"]["when"] = json!("false"));
    world.run();
    insta::assert_snapshot!("skipped", log(&world, 0));
}
