//! What later targets leave of the files of earlier ones: that is no change, and whatever else became of them is.

use refrain_core::engine::RunRequest;
use refrain_schemas::report::PhaseStatus::{Completed, Fresh};
use serde_json::{Value, json};

use super::{world, writing};
use crate::pieces::lines;
use crate::steps::check;

/// A file that is as a later step left it was changed by nobody; as anybody else left it, or an earlier step since, it was.
#[test]
fn what_later_steps_leave_of_a_file_is_no_change() {
    let mut last = writing("x.txt", json!(2));
    last["after"] = json!(["r"]);
    let reading = json!({"after": ["a"], "input": {"say": 1, "reads": ["n.txt", "x.txt"]}});
    let mut world = world(json!({"a": writing("x.txt", json!(1)), "r": reading, "z": last}));
    assert_eq!(world.run().calls, 3);
    assert_eq!((world.run().calls, world.unfresh()), (0, Vec::<String>::new()));
    world.set("x.txt", json!(9));
    world.run();
    assert_eq!((world.file("x.txt"), world.run().calls), (Some(json!(2)), 0));
    world.redefine(|file| file["phases"]["a"]["input"]["say"] = json!(5));
    check(&world.run(), &[("a", Completed), ("r", Completed), ("z", Completed)]);
    assert_eq!((world.file("x.txt"), world.run().calls), (Some(json!(2)), 0));
}

#[test]
fn what_later_turns_leave_of_a_file_is_no_change() {
    let mut put = writing("x.txt", json!("{{ loop.each.iteration }}"));
    put["in"] = json!("each");
    let mut world = world(json!({"each": {"loop": {"while": "loop.each.iteration < 3"}}, "s": put}));
    assert_eq!(world.run().calls, 3);
    assert_eq!((world.run().calls, world.unfresh()), (0, Vec::<String>::new()));
}

/// Of turns within turns the later one is later; what stands behind a loop is later than all of its turns.
#[test]
fn what_is_left_behind_turns_within_turns_is_no_change() {
    let within = |name: &str, path: &str, say: Value| {
        let mut step = writing(path, say);
        step["in"] = json!(name);
        step
    };
    let mut behind_inner = within("out", "x.txt", json!("{{ loop.out.item }}"));
    behind_inner["after"] = json!(["in"]);
    let mut behind_all = writing("x.txt", json!(9));
    behind_all["after"] = json!(["out"]);
    let mut world = world(json!({
        "out": {"loop": {"for_each": ["a", "b"], "max_parallel": 1}},
        "in": {"in": "out", "loop": {"while": "loop.in.iteration < 2"}},
        "w": within("in", "x.txt", json!("{{ loop.out.item }}{{ loop.in.iteration }}")),
        "v": behind_inner,
        "z": behind_all,
    }));
    assert_eq!(world.run().calls, 7);
    assert_eq!((world.file("x.txt"), world.run().calls, world.unfresh()), (Some(json!(9)), 0, Vec::new()));
}

/// Within a turn the steps come one after the other, and the loop around them says nothing of who is first.
#[test]
fn what_an_earlier_step_of_a_turn_left_is_a_change() {
    let mut last = writing("x.txt", json!(2));
    (last["in"], last["after"]) = (json!("each"), json!(["first"]));
    let mut first = writing("x.txt", json!(1));
    first["in"] = json!("each");
    let mut world = world(json!({"each": {"loop": {"for_each": ["a"]}}, "first": first, "last": last}));
    assert_eq!((world.run().calls, world.run().calls), (2, 0));
    world.set("x.txt", json!(1));
    world.run();
    assert_eq!(world.file("x.txt"), Some(json!(2)));
}

/// Who reads a file as a source leaves nothing of it: what somebody else made of it since is a change to all others.
#[test]
fn a_source_that_is_read_later_is_not_left_by_its_reader() {
    let mut world = world(json!({"a": {"input": {"say": 1, "reads": ["lines.csv"]}}}));
    world.redefine(|file| {
        let agent = json!({"builtin": "read", "params": {"files": "lines.csv"}});
        file["phases"]["ingest"] = json!({"after": ["a"], "agent": agent, "output": {"key": "id"}});
    });
    world.set("lines.csv", lines(2));
    check(&world.run(), &[("a", Completed), ("ingest", Completed)]);
    world.set("lines.csv", lines(3));
    let request = refrain_testkit::world::request(&["ingest"]);
    world.run_with(&RunRequest { only: true, ..request });
    check(&world.run(), &[("a", Completed), ("ingest", Fresh)]);
}
