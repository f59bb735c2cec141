//! Corners that a reader of the code found before a user did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::{Act, Asked, World, request};
use serde_json::json;

use crate::pieces::{error, failure, world};

fn statuses(world: &mut World) -> Vec<PhaseStatus> {
    world.run().phases.iter().map(|phase| phase.status).collect()
}

#[test]
fn conflicts_of_units_that_did_not_change_are_not_forgotten() {
    let mut world = world(json!({"t": {
        "units": {"of": "ingest"}, "agents": {"a": 1, "b": 1}, "fan": "panel", "merge": "first",
    }}));
    world.redefine(|pipeline| {
        pipeline["agents"] = json!({"a": {"builtin": "echo"}, "b": {"builtin": "note"}});
    });
    world.run();
    let before = world.revision("t").unwrap().n_conflicts;
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run();
    assert_eq!((before, world.revision("t").unwrap().n_conflicts), (6, 6));
}

#[test]
fn an_agent_that_says_cancelled_by_itself_does_not_stall_the_run() {
    let mut world = world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "c"}}}));
    world.calls("c", |_| Act::Fail(error(FailureKind::Cancelled)));
    let end = world.run_until(&request(&[]), &Default::default(), Some(20_000));
    assert!(!end.is_killed());
}

#[test]
fn what_is_made_from_something_partial_is_called_partial_at_once() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "some"}, "on_unit_failure": "continue"},
        "g": {"units": {"of": "t", "by": "scene"}, "agent": {"builtin": "note"}, "output": {"key": "scene"}},
    }));
    world.agent("some", |asked| match asked.id.as_str() {
        "l1" => Err(failure(FailureKind::Permanent)),
        _ => Ok(json!({"scene": asked.input["scene"]})),
    });
    assert_eq!(statuses(&mut world)[2], PhaseStatus::Partial);
    assert_eq!(statuses(&mut world)[2], PhaseStatus::Partial, "and still is when nothing is to be done");
}

#[test]
fn force_asks_again_after_replies_that_do_not_go_together() {
    let mut world =
        world(json!({"t": {"units": {"of": "ingest"}, "agents": {"a": 1, "b": 1}, "fan": "panel"}}));
    world.redefine(|pipeline| pipeline["agents"] = json!({"a": {"builtin": "n"}, "b": {"builtin": "note"}}));
    let n = Arc::new(AtomicU32::new(0));
    world.agent("n", move |_| Ok(json!({"note": n.fetch_add(1, Ordering::SeqCst)})));
    world.run();
    let mut forced = request(&["t"]);
    forced.force = true;
    assert_eq!(world.run().calls, 0, "without force the same replies conflict again");
    assert!(world.run_with(&forced).calls > 0);
}

#[test]
fn a_want_that_becomes_a_need_is_another_definition() {
    let mut world = world(json!({
        "w": {
            "units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "some"}, "output": {"key": "scene"},
            "on_unit_failure": "continue",
        },
        "t": {
            "units": {"of": "ingest"}, "wants": ["w"], "context": {"c": {"from": "w", "on": "scene"}},
            "agent": {"builtin": "echo"},
        },
    }));
    world.agent("some", |asked| match asked.id.as_str() {
        "s1" => Err(failure(FailureKind::Permanent)),
        _ => Ok(json!({"sum": "x"})),
    });
    world.run();
    world.redefine(|pipeline| pipeline["phases"]["t"]["wants"] = json!([]));
    world.run();
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!((world.holes("t"), world.status()), (fresh.holes("t"), fresh.status()));
}

#[test]
fn what_failed_for_good_is_not_tried_again_because_all_units_are_made_again() {
    let mut world = world(json!({"t": {
        "units": {"of": "ingest"}, "agent": {"builtin": "some"}, "output": {"key": "k"},
        "on_unit_failure": "continue",
    }}));
    let own_keys = |asked: &Asked| Ok(json!({"k": asked.id}));
    world.agent("some", own_keys);
    world.run();
    world.take_asked();
    // With a key that is no unit's, nothing of the revision before can be kept unseen.
    world.agent("some", |asked| match asked.id.as_str() {
        "l2" => Err(failure(FailureKind::Permanent)),
        _ => Ok(json!({"k": "another"})),
    });
    world.edit("lines.csv", |lines| {
        lines[1]["text"] = json!("fails");
        lines[2]["text"] = json!("joins");
    });
    let report = world.run();
    assert_eq!((report.phases[1].status, report.calls), (PhaseStatus::Partial, 2));
    assert_eq!(world.holes("t"), ["l2"]);
}
