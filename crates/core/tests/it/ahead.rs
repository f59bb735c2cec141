//! Looking ahead: a run keeps within the bounds of the plan before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;
use proptest::prelude::*;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::plan::{PhasePlan, PlanReport};
use refrain_schemas::report::{PhaseReport, RunReport};
use refrain_testkit::world::{World, request};
use serde_json::json;

use crate::pieces::{failure, line, lines, world};

/// Plans everything.
pub(crate) fn plan(world: &mut World) -> PlanReport {
    let engine = world.engine(false);
    async move { engine.plan(&request(&[])).await }.now_or_never().unwrap().unwrap()
}

/// Plans and then runs, and returns both.
#[track_caller]
fn check(world: &mut World) -> (PlanReport, RunReport) {
    let plan = plan(world);
    let run = world.run();
    let broken: Vec<String> = plan.phases.iter().zip(&run.phases).filter_map(broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    (plan, run)
}

/// Says how a phase of a run left the bounds of its plan, if it did.
pub(crate) fn broken((plan, run): (&PhasePlan, &PhaseReport)) -> Option<String> {
    let holds = plan.run.holds(run.units.ran)
        && plan.reuse.holds(run.units.reused)
        && plan.calls.holds(run.calls)
        && plan.units.is_none_or(|units| units == run.units.total);
    (!holds).then(|| format!("{}: planned {plan:?}, but {:?} and {} calls", run.phase, run.units, run.calls))
}

/// Registers an agent that fails until it is told not to.
fn flaky(world: &mut World, name: &str) -> Arc<AtomicBool> {
    let fails = Arc::new(AtomicBool::new(true));
    let told = fails.clone();
    world.agent(name, move |_| {
        if told.load(Ordering::SeqCst) {
            Err(failure(FailureKind::Permanent))
        } else {
            Ok(json!({"sum": "x"}))
        }
    });
    fails
}

#[test]
fn new_units_of_a_panel_cost_all_its_agents() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "echo"}},
        "u": {"units": {"of": "t"}, "agents": {"a": 1, "b": 1}, "fan": "panel", "merge": "first"}}));
    world.redefine(|p| p["agents"] = json!({"a": {"builtin": "echo"}, "b": {"builtin": "note"}}));
    world.run();
    world.edit("lines.csv", |l| l.push(line(9)));
    check(&mut world);
}

#[test]
fn a_source_that_may_bring_any_number_has_no_bound() {
    let mut world = world(json!({
        "qa": {"units": {"of": "ingest"}, "agent": {"builtin": "many"}, "output": {"key": "issue"}},
        "fix": {"units": {"of": "qa"}, "agent": {"builtin": "note"}}}));
    world.agent("many", |asked| {
        let n = if asked.input["text"] == "new" { 9 } else { 1 };
        Ok((0..n).map(|i| json!({"issue": format!("{}-{i}", asked.id)})).collect())
    });
    world.run();
    world.edit("lines.csv", |l| l[0]["text"] = json!("new"));
    check(&mut world);
}

#[test]
fn a_want_that_may_arrive_touches_everyone() {
    let mut world = world(json!({
        "w": {"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "flaky"}, "output": {"key": "scene"}},
        "t": {"units": {"of": "ingest"}, "wants": ["w"], "context": {"c": {"from": "w", "on": "scene"}}, "agent": {"builtin": "echo"}}}));
    let fails = flaky(&mut world, "flaky");
    world.run();
    fails.store(false, Ordering::SeqCst);
    check(&mut world);
}

#[test]
fn a_condition_on_what_is_pending_is_open() {
    let mut world = world(json!({
        "a": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}},
        "b": {"units": {"of": "a"}, "when": "phases.a.records > 0", "agent": {"builtin": "note"}}}));
    check(&mut world);
}

#[test]
fn an_alternative_that_may_arrive_makes_the_units_unknown() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}},
        "e": {"units": {"of": "t"}, "agent": {"builtin": "flaky"}},
        "u": {"units": {"of": ["e", "t"]}, "agent": {"builtin": "echo"}}}));
    let fails = flaky(&mut world, "flaky");
    world.run();
    fails.store(false, Ordering::SeqCst);
    check(&mut world);
}

#[test]
fn what_two_phases_share_is_bought_once() {
    let mut world = world(json!({
        "a": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}},
        "b": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}}}));
    check(&mut world);
}

#[test]
fn samples_of_a_unit_never_share_a_call() {
    let mut world = world(
        json!({"t": {"units": {"of": "ingest"}, "pack": {"max": 4}, "agents": {"a": {"samples": 2, "clones": 2}}, "merge": "first"}}),
    );
    world.redefine(|p| p["agents"] = json!({"a": {"builtin": "note"}}));
    world.set("lines.csv", lines(5));
    check(&mut world);
}

#[test]
fn a_record_that_goes_touches_who_saw_it() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "echo"}},
        "x": {"agent": {"builtin": "read", "params": {"files": "x.csv"}}, "output": {"key": "k"}},
        "v": {"units": {"of": "x"}, "context": {"c": {"from": "t", "on": "id"}}, "agent": {"builtin": "note"}}}));
    world.set("x.csv", json!([{"k": "k1", "id": "l1"}, {"k": "k6", "id": "l6"}]));
    world.run();
    world.edit("lines.csv", |l| {
        l.pop();
        l[2]["text"] = json!("new");
    });
    check(&mut world);
}

#[test]
fn new_units_may_fall_into_any_group() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "u": {"units": {"of": "t"}, "pack": {"max": 9, "within": "scene"}, "agent": {"builtin": "note"}}}));
    world.run();
    world.edit("lines.csv", |l| {
        l.push(line(9));
        l.push(line(12));
        l.push(line(15));
    });
    check(&mut world);
}

/// The pipelines of the random walks: each shape is looked ahead at in another way.
fn shape(n: usize, pack: u32) -> World {
    let t = json!({"units": {"of": "ingest"}, "agent": {"builtin": "mark"}, "pack": {"max": pack}});
    let phases = [
        json!({"t": t, "u": {"units": {"of": "t"}, "agents": {"a": {"samples": 2}, "b": 1}, "fan": "panel",
            "merge": "first", "pack": {"max": pack}}}),
        json!({"t": t, "u": {"units": {"of": "t"}, "agent": {"builtin": "note"},
            "pack": {"max": pack, "within": "scene"}, "context": {"near": {"from": "t", "window": 1}}}}),
        json!({"t": t, "g": {"units": {"of": "t", "by": "scene"}, "agent": {"builtin": "note"},
            "output": {"key": "scene"}}, "u": {"units": {"of": "ingest"}, "context": {"g": {"from": "g", "on": "scene"}},
            "agent": {"builtin": "echo"}}, "w": {"units": {"of": "u", "whole": true}, "agent": {"builtin": "note"},
            "output": {"document": "d"}}}),
        json!({"t": t, "u": {"units": {"of": "t"}, "when": "phases.t.records > 3", "agent": {"builtin": "echo"}},
            "v": {"units": {"of": ["u", "t"]}, "agent": {"builtin": "echo"}, "pack": {"max": pack}}}),
        json!({"t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
            "all": {"units": {"of": "t"}, "gather": ["language"], "agent": {"builtin": "echo"}},
            "v": {"per": ["language"], "units": {"of": "t"}, "context": {"own": {"from": "t", "on": "id"}},
                "agent": {"builtin": "note"}}}),
        json!({"t": t, "many": {"units": {"of": "t"}, "agent": {"builtin": "many"}, "output": {"key": "issue"}},
            "u": {"units": {"of": "many"}, "agent": {"builtin": "note"}}, "s": {"units": {"of": "ingest"},
            "agents": {"a": {"samples": 3}}, "merge": "first", "pack": {"max": pack}}}),
        json!({"t": t, "u": {"units": {"of": "t"}, "agents": {"a": 1, "b": 1}, "fan": "chain"},
            "v": {"units": {"of": "u"}, "wants": ["t"], "context": {"t": {"from": "t", "on": "id"}},
                "agent": {"builtin": "echo"}}}),
    ];
    let mut world = world(phases[n % phases.len()].clone());
    world.redefine(|file| file["agents"] = json!({"a": {"builtin": "echo"}, "b": {"builtin": "note"}}));
    world.agent("many", |asked| {
        let n = asked.input["text"].as_str().unwrap().len() % 4;
        Ok((0..n).map(|i| json!({"issue": format!("{}-{i}", asked.id)})).collect())
    });
    world
}

/// Changes the source: a line comes, goes, changes its text or its scene; a text of before may come back.
fn edit(world: &mut World, (kind, at, value): (u8, usize, usize)) {
    world.edit("lines.csv", |lines| {
        let at = at % lines.len().max(1);
        match kind {
            0 if !lines.iter().any(|old| old["id"] == format!("l{}", 20 + value)) => {
                lines.insert(at, line(20 + value));
            }
            1 if lines.len() > 1 => drop(lines.remove(at)),
            2 => lines[at]["scene"] = json!(format!("s{value}")),
            3 => lines.rotate_left(1),
            _ => lines[at]["text"] = json!("x".repeat(value)),
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_keeps_within_the_bounds_of_its_plan(
        n in 0_usize..7,
        pack in 1_u32..5,
        walk in prop::collection::vec(prop::collection::vec((0_u8..6, 0_usize..8, 0_usize..5), 1..4), 1..5),
        first in any::<bool>(),
    ) {
        let mut world = shape(n, pack);
        world.unwatched();
        if first {
            check(&mut world);
        }
        for edits in walk {
            edits.into_iter().for_each(|change| edit(&mut world, change));
            check(&mut world);
            let (_, again) = check(&mut world);
            prop_assert_eq!(again.calls, 0);
        }
    }
}
