//! Units that fail, holes, and what they do to others.

use refrain_schemas::failure::FailureKind;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::{Asked, World};
use serde_json::{Value, json};

use crate::pieces::{failure, fields, ids, mark, world};

/// Two phases; the agent of the first fails about some lines.
fn failing(rule: Value, bad: &'static [&'static str]) -> World {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "odd"}, "on_unit_failure": rule},
        "u": {"units": {"of": "t"}, "agent": {"builtin": "echo"},
            "context": {"near": {"from": "t", "window": 1}, "whole": {"from": "t"}}},
    }));
    fails(&mut world, bad);
    world
}

fn fails(world: &mut World, bad: &'static [&'static str]) {
    world.agent("odd", move |asked| answer(asked, bad));
}

fn answer(asked: &Asked, bad: &[&str]) -> Result<Value, refrain_schemas::failure::Failure> {
    if bad.contains(&asked.id.as_str()) { Err(failure(FailureKind::Permanent)) } else { Ok(mark(asked)) }
}

fn statuses(report: &refrain_schemas::report::RunReport) -> Vec<PhaseStatus> {
    report.phases.iter().map(|phase| phase.status).collect()
}

use PhaseStatus::{Blocked, Completed, Failed, Fresh, Partial};

#[test]
fn stop_starts_no_new_call_and_keeps_what_came() {
    let mut world = failing(json!("stop"), &["l3"]);
    let report = world.run();
    assert_eq!(statuses(&report), [Completed, Failed, Blocked]);
    assert_eq!((report.status, report.exit_code, report.calls), (RunStatus::Failed, 1, 3));
    assert_eq!(world.status()["t"], Freshness::Failed);
    assert_eq!(world.status()["u"], Freshness::Blocked);
    assert!(world.revision("t").is_none());
    world.take_asked();
    fails(&mut world, &[]);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed);
    assert_eq!(world.take_units()[..4], ["t/l3", "t/l4", "t/l5", "t/l6"]);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_failure_is_never_kept_as_a_reply() {
    let mut world = failing(json!("continue"), &["l3"]);
    world.run();
    for _ in 0..3 {
        world.take_asked();
        world.run();
        assert_eq!(world.take_units(), ["t/l3"]);
    }
}

#[test]
fn continue_makes_a_partial_revision_that_names_what_it_lacks() {
    let mut world = failing(json!("continue"), &["l3", "l5"]);
    let report = world.run();
    assert_eq!(statuses(&report), [Completed, Partial, Partial]);
    assert_eq!((report.status, report.exit_code), (RunStatus::Partial, 1));
    assert_eq!(world.holes("t"), ["l3", "l5"]);
    assert_eq!(world.holes("u"), ["l3", "l5"]);
    let record = world.revision("t").unwrap();
    assert_eq!((record.missing.len(), record.own_failures), (2, 2));
    assert_eq!(world.revision("u").unwrap().own_failures, 0);
    assert_eq!(world.status()["t"], Freshness::Partial, "partial is not fresh");
    assert_eq!(world.status()["u"], Freshness::Partial);
    let seen = world.artifact("u");
    assert_eq!(ids(seen[1]["context"]["near"]["after"].as_array().unwrap()), [""; 0], "a hole is not seen");
    assert_eq!(seen[0]["context"]["whole"].as_array().unwrap().len(), 4);

    world.take_asked();
    let report = world.run();
    assert_eq!(world.take_units(), ["t/l3", "t/l5"], "only the holes are tried again");
    assert_eq!(statuses(&report), [Fresh, Partial, Partial]);
    fails(&mut world, &["l5"]);
    world.run();
    assert_eq!(world.holes("u"), ["l5"]);
    fails(&mut world, &[]);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed);
    assert_eq!(world.unfresh(), [""; 0]);
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
}

#[test]
fn holes_are_part_of_the_digest() {
    let mut with = failing(json!("continue"), &["l3"]);
    with.run();
    let mut without = failing(json!("continue"), &[]);
    without.edit("lines.csv", |lines| drop(lines.remove(2)));
    without.run();
    assert_eq!(with.artifact("t"), without.artifact("t"));
    assert_ne!(with.digest("t"), without.digest("t"));
}

#[test]
fn nothing_but_failures_is_no_revision() {
    let mut world = failing(json!("continue"), &["l1", "l2", "l3", "l4", "l5", "l6"]);
    assert_eq!(statuses(&world.run()), [Completed, Failed, Blocked]);
}

#[test]
fn a_quorum_decides() {
    let mut most = failing(json!({"quorum": 0.8}), &["l3"]);
    assert_eq!(statuses(&most.run())[1], Partial);
    let mut few = failing(json!({"quorum": 0.9}), &["l3"]);
    let report = few.run();
    assert_eq!(statuses(&report)[1], Failed);
    assert_eq!(report.calls, 6, "every unit is tried");
}

#[test]
fn a_hole_among_what_is_joined_makes_a_hole_where_it_is_needed() {
    let joined = |wants: Value| {
        let mut world = world(json!({
            "scenes": {"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "odd"},
                "on_unit_failure": "continue"},
            "t": {"wants": wants, "units": {"of": "ingest"}, "agent": {"builtin": "echo"},
                "context": {"scene": {"from": "scenes", "on": "scene"}}},
            "groups": {"units": {"of": "t", "by": "of"}, "agent": {"builtin": "note"}},
        }));
        world.agent("odd", |asked| answer(asked, &["s2"]).map(|_| json!({"sum": asked.id})));
        world.agent("echo", |asked| Ok(json!({"of": "all", "sum": asked.context["scene"]})));
        world.run();
        world
    };
    let mut needed = joined(json!([]));
    assert_eq!(needed.holes("t"), ["l4", "l5", "l6"]);
    assert_eq!(needed.artifact("groups").len(), 1, "groups take what exists");
    assert_eq!(needed.status()["groups"], Freshness::Partial);
    let wanted = joined(json!(["scenes"]));
    assert_eq!(wanted.holes("t"), [""; 0]);
    assert_eq!(wanted.artifact("t")[5]["sum"], Value::Null);
    needed.take_asked();
    needed.agent("odd", |asked| Ok(json!({"sum": asked.id})));
    assert_eq!(needed.run().status, RunStatus::Completed);
    let units = needed.take_units();
    assert_eq!(units, ["groups/all", "scenes/s2", "t/l4", "t/l5", "t/l6"]);
}

#[test]
fn one_language_that_fails_does_not_stop_the_others() {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "odd"}},
        "u": {"per": ["language"], "units": {"of": "t"}, "agent": {"builtin": "echo"}},
    }));
    world.agent("odd", |asked| {
        if asked.scope["language"] == "ja" { Err(failure(FailureKind::Permanent)) } else { Ok(mark(asked)) }
    });
    let report = world.run();
    assert_eq!(statuses(&report), [Completed, Failed, Completed, Blocked, Completed]);
    assert_eq!(fields(&world.artifact("u@fr"), "id").len(), 6);
}

#[test]
fn the_old_artifact_of_a_failed_need_is_not_read() {
    let mut world = failing(json!("stop"), &[]);
    world.run();
    let before = world.digest("u");
    fails(&mut world, &["l3"]);
    world.edit("lines.csv", |lines| lines[2]["text"] = json!("new"));
    let report = world.run();
    assert_eq!(statuses(&report), [Completed, Failed, Blocked]);
    assert_eq!(world.digest("u"), before);
    assert_eq!(world.unfresh(), ["t", "u"], "staleness is transitive");
    let request = refrain_core::engine::RunRequest { only: true, ..refrain_testkit::world::request(&["u"]) };
    assert_eq!(world.run_with(&request).status, RunStatus::Completed, "`--only` reads what there is");
    assert_eq!(world.unfresh(), ["t", "u"]);
}
