//! Failures that lie with an agent and not with what it is asked: nothing is split, and nothing is asked in vain.

use refrain_schemas::failure::FailureKind;
use refrain_schemas::ledger::Rung;
use refrain_schemas::report::{RunReport, RunStatus};
use refrain_testkit::world::{Act, World, reply_to};
use serde_json::json;

use crate::pieces::{error, lines, mark, modelled};

/// A world of forty lines, four to a call, and one model with two clones that may be tried three times.
fn packed(rule: &str) -> World {
    let mut world = modelled(&json!({}), &json!({"retry": {"attempts": 3, "initial": "1ms"}}), 2);
    world.redefine(|file| {
        file["phases"]["t"]["pack"] = json!({"max": 4});
        file["phases"]["t"]["on_unit_failure"] = json!(rule);
    });
    world.set("lines.csv", lines(40));
    world
}

/// Runs it with an agent that fails whatever it is asked.
fn run_failing(rule: &str, kind: FailureKind) -> (RunReport, World) {
    let mut world = packed(rule);
    world.calls("sim/small", move |_| Act::Fail(error(kind).of_agent()));
    (world.run(), world)
}

#[test]
fn what_lies_with_the_agent_is_tried_again_whole() {
    let (report, world) = run_failing("continue", FailureKind::Transient);
    assert_eq!((report.status, report.units.failed, report.calls), (RunStatus::Failed, 40, 30));
    assert!(world.ledger().iter().all(|call| call.asks.len() == 4 && call.rung != Rung::Split));
}

#[test]
fn where_it_will_not_pass_nothing_else_is_asked_of_the_agent() {
    let (report, mut world) = run_failing("continue", FailureKind::Permanent);
    assert_eq!((report.status, report.units.failed), (RunStatus::Failed, 40));
    assert_eq!(report.calls, 2, "those that were under way when the first came back");
    let error = report.phases[1].error.clone().unwrap();
    assert_eq!(error.message, "40 of 40 units failed: `l1`: it is permanent");
    world.calls("sim/small", |call| Act::Reply(reply_to(call, &|asked| Ok(mark(asked)))));
    assert_eq!((world.run().calls, world.unfresh()), (10, Vec::new()), "the next run begins afresh");
    let (report, _) = run_failing("stop", FailureKind::Permanent);
    assert_eq!((report.status, report.calls), (RunStatus::Failed, 2));
}

#[test]
fn packs_that_rest_are_not_asked_again_either() {
    let mut world = packed("continue");
    world.calls("sim/small", |call| {
        Act::Fail(
            error(if call.count == 1 { FailureKind::Transient } else { FailureKind::Permanent }).of_agent(),
        )
    });
    let report = world.run();
    assert_eq!((report.units.failed, report.calls), (40, 2));
}
