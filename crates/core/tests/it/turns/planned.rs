//! Loops that are sure to fail, ahead of their run: what a plan says of them, and that the run does no more.

use refrain_schemas::freshness::CauseKind;
use refrain_schemas::plan::{PhasePlan, PlannedAction};
use refrain_schemas::report::PhaseStatus::{Blocked, Completed, Failed, Fresh};
use refrain_testkit::world::{Ending, World};
use serde_json::{Value, json};

use super::{check, ends};
use crate::ahead::plan;
use crate::steps::steps;

/// Plans; returns what is planned of a phase, and the most calls of all.
fn planned(world: &mut World, name: &str) -> (PhasePlan, Option<u64>) {
    let plan = plan(world);
    let found = plan.phases.iter().find(|phase| phase.phase.as_str() == name);
    (found.unwrap().clone(), plan.calls.max)
}

fn over(list: Value) -> World {
    steps(json!({
        "list": {"input": {"say": list}},
        "each": {"loop": {"for_each": "{{ phases.list.document.result }}"}},
        "a": {"in": "each", "input": {"say": "{{ loop.each.item }}"}},
        "after": {"after": ["each"]},
    }))
}

#[test]
fn a_loop_whose_list_is_none_is_planned_to_fail() {
    let mut world = over(json!(5));
    world.run_targets(&["list"]);
    let (each, most) = planned(&mut world, "each");
    assert_eq!((each.action, each.failing, most), (PlannedAction::Run, 1, Some(0)));
    assert!(each.failure.as_ref().unwrap().contains("this is a number"), "{:?}", each.failure);
    assert_eq!(planned(&mut world, "after").0.action, PlannedAction::Blocked);
    let report = world.run();
    check(&report, &[("list", Fresh), ("each", Failed), ("after", Blocked)]);
    assert_eq!(report.calls, 0);
}

#[test]
fn a_loop_whose_result_cannot_be_made_is_planned_to_fail() {
    let mut world = over(json!([1, 2]));
    world.redefine(|file| {
        file["phases"]["each"]["loop"]["result"] = json!({"x": "{{ loop.each.results[9].a.result }}"});
    });
    for _ in 0..2 {
        assert_eq!(ends(&world.run())["each"], Failed);
        let (each, most) = planned(&mut world, "each");
        assert_eq!((each.action, each.failing, most), (PlannedAction::Run, 1, Some(0)));
        assert!(each.failure.is_some_and(|why| why.contains("undefined")));
    }
    world.redefine(|file| file["phases"]["each"]["loop"]["result"] = json!({"x": 1}));
    let (each, most) = planned(&mut world, "each");
    assert_eq!((each.failing, most), (0, Some(1)), "{:?}", each.failure);
    assert_eq!((ends(&world.run())["each"], world.run().calls), (Completed, 0));
}

/// Attempts that a killed run has spent are not made again, so that their loop is known to fail.
#[test]
fn a_loop_whose_turns_have_spent_their_attempts_is_planned_to_fail() {
    let mut is_told = false;
    for kill in 1..120 {
        let mut world = steps(json!({
            "each": {"loop": {"for_each": [1, 2]}, "on_failure": "continue"},
            "a": {"in": "each", "input": {"raise": "boom"}},
            "b": {"after": ["each"]}, "c": {"after": ["b"]},
        }));
        if matches!(world.run_killed(kill), Ending::Over(_)) {
            break;
        }
        let (each, most) = planned(&mut world, "each");
        let report = world.run();
        assert!(most.is_none_or(|most| report.calls <= most), "after {kill} steps: {most:?}");
        let is_spent = report.phases.iter().filter(|phase| phase.phase.as_str() == "a").all(|a| a.calls == 0);
        let is_over =
            report.phases.iter().any(|phase| phase.phase.as_str() == "each" && phase.status == Fresh);
        if is_spent && !is_over && each.failing == 1 {
            assert_eq!((each.action, most.is_some()), (PlannedAction::Run, true), "after {kill} steps");
            is_told = true;
        }
    }
    assert!(is_told);
}

/// Why a loop goes round is said by the first turn that does something, where nothing else is.
#[test]
fn a_plan_says_which_turn_a_loop_goes_round_for() {
    let mut world = over(json!(["x", "y", "z"]));
    world.run();
    world.redefine(|file| {
        file["phases"]["a"]["input"]["say"] = json!("{{ 'Y' if loop.each.item == 'y' else loop.each.item }}");
    });
    let (each, _) = planned(&mut world, "each");
    let told: Vec<(CauseKind, &str)> =
        each.causes.iter().map(|cause| (cause.kind, cause.subject.as_str())).collect();
    assert_eq!(told, [(CauseKind::UpstreamStale, "a@0")], "every turn is looked at, for its input says so");
    world.run();
    world.redefine(|file| file["phases"]["list"]["input"]["say"] = json!(["x", "y", "z", "w"]));
    world.run_targets(&["list"]);
    let (each, most) = planned(&mut world, "each");
    assert!(each.causes.iter().all(|cause| cause.kind != CauseKind::Gathered), "{:?}", each.causes);
    assert_eq!((each.causes.is_empty(), most), (false, Some(1)), "the turn that is new");
}
