//! Progress of whole runs on virtual time: defined from start to end, never falling, and with an ETA to be believed.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::time::Duration;

use refrain_schemas::progress::{PhaseProgress, RunProgress};
use refrain_schemas::report::{PhaseStatus, RunStatus, UnitCounts};
use refrain_testkit::world::{Act, Asked, AskedCall, World, reply_to};
use serde_json::{Value, json};

use crate::pieces::{lines, mark, world};

/// How long a call takes, in seconds.
type Shape = fn(&AskedCall) -> f64;

/// Returns a number between 0 and 1 that hangs on a unit alone.
fn chance(asked: &Asked, salt: u64) -> f64 {
    let mut n = asked.name().bytes().fold(salt, |n, byte| n.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((n ^ (n >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn constant(_: &AskedCall) -> f64 {
    2.0
}

/// Median 2 s, and one call in twenty takes more than 10 s.
fn log_normal(call: &AskedCall) -> f64 {
    let (a, b) = (chance(&call.units[0], 1), chance(&call.units[0], 2));
    let normal = (-2.0 * a.max(1e-12).ln()).sqrt() * (TAU * b).cos();
    2.0 * normal.exp()
}

/// The first calls take ten times as long.
fn slow_start(call: &AskedCall) -> f64 {
    if call.count <= 12 { 20.0 } else { 2.0 }
}

/// A world of a phase `slow` in two languages, whose calls take as long as the shape says.
fn shaped(shape: Shape, phases: Value, n_lines: usize) -> World {
    let mut world = world(phases);
    world.unwatched();
    world.set("lines.csv", lines(n_lines));
    world.calls("slow", move |call| {
        let answer = |asked: &Asked| match &asked.input["records"] {
            Value::Null => mark(asked),
            records => json!({"sum": records[0]["text"]}),
        };
        let reply = reply_to(call, &|asked| Ok(answer(asked)));
        Act::Late(Duration::from_secs_f64(shape(call)), reply)
    });
    world
}

fn slow(clones: u32) -> Value {
    json!({"slow": {"per": ["language"], "units": {"of": "ingest"}, "agents": {"slow-agent": clones}}})
}

fn name(phase: &PhaseProgress) -> String {
    if phase.scope.is_none() { phase.phase.to_string() } else { format!("{}@{}", phase.phase, phase.scope) }
}

fn of<'a>(state: &'a RunProgress, target: &str) -> &'a PhaseProgress {
    state.phases.iter().rev().find(|phase| name(phase) == target).unwrap()
}

fn done(units: &UnitCounts) -> u64 {
    units.ran + units.reused + units.failed
}

/// Checks every guess between a tenth and nine tenths of a target's work.
#[track_caller]
fn check_eta(states: &[RunProgress], target: &str) {
    let over = states.iter().find(|state| of(state, target).status.is_some()).unwrap().elapsed_seconds;
    let mut n = 0;
    for state in states {
        let phase = of(state, target);
        let share = done(&phase.units) as f64 / phase.units.total.max(1) as f64;
        if phase.status.is_some() || !phase.locked || !(0.1..=0.9).contains(&share) {
            continue;
        }
        let (left, eta) = (over - state.elapsed_seconds, phase.eta_seconds.unwrap());
        assert!(
            eta >= left / 2.0 && eta <= left * 2.0,
            "{target} at {:.0} %: {eta:.1} s are said to be left, and {left:.1} s are",
            100.0 * share
        );
        n += 1;
    }
    assert!(n > 5, "{target}: only {n} guesses");
}

#[test]
fn the_rest_takes_about_as_long_as_is_said() {
    for (shape, name) in
        [(constant as Shape, "constant"), (log_normal, "log-normal"), (slow_start, "slow start")]
    {
        for clones in [1, 4] {
            let mut world = shaped(shape, slow(clones), 120);
            world.redefine(|file| file["agents"] = json!({"slow-agent": {"builtin": "slow"}}));
            assert_eq!(world.run().status, RunStatus::Completed, "{name}");
            let states = world.progress();
            check_eta(&states, "slow@ja");
            check_eta(&states, "slow@fr");
            let middle = &states[states.len() / 2];
            let left = states.last().unwrap().elapsed_seconds - middle.elapsed_seconds;
            let eta = middle.eta_seconds.unwrap_or_else(|| panic!("{name}, {clones}: {middle:#?}"));
            assert!(eta >= left / 2.0 && eta <= left * 2.0, "{name}: {eta} for {left}");
            assert_eq!(states.last().unwrap().eta_seconds, None);
        }
    }
}

#[test]
fn a_language_that_comes_after_another_is_not_slower_for_it() {
    let mut world = shaped(
        |call| if call.units[0].target == "prepare@fr" { 400.0 } else { 2.0 },
        json!({
            "prepare": {"per": ["language"], "units": {"of": "ingest", "whole": true}, "agent": {"builtin": "slow"},
                "output": {"key": "k"}},
            "slow": {"per": ["language"], "needs": ["prepare"], "units": {"of": "ingest"}, "agent": {"builtin": "slow"}},
        }),
        100,
    );
    assert_eq!(world.run().status, RunStatus::Completed);
    let states = world.progress();
    check_eta(&states, "slow@ja");
    check_eta(&states, "slow@fr");
    let first_of_fr = states.iter().position(|state| of(state, "slow@fr").started).unwrap();
    let ja_was_over = of(&states[first_of_fr], "slow@ja").status == Some(PhaseStatus::Completed);
    assert!(ja_was_over, "one after the other");
}

/// Fails where a figure of the run, or of a phase, scope and revision, fell, or an entry is not there.
fn check_growth(states: &[RunProgress], targets: &[&str]) {
    let mut figures: BTreeMap<(String, Option<u32>), PhaseProgress> = BTreeMap::new();
    let mut run = 0.0;
    for state in states {
        assert!((run..=100.0).contains(&state.percent), "{} after {run}", state.percent);
        run = state.percent;
        let mut named: Vec<String> = state.phases.iter().map(name).collect();
        named.dedup();
        assert_eq!(named, targets, "every target is always there, and nothing else");
        for phase in &state.phases {
            let revision = phase.revision.map(|revision| revision.0);
            let Some(old) = figures.insert((name(phase), revision), phase.clone()) else { continue };
            let grew = (done(&phase.units), phase.calls, phase.usage.input_tokens, phase.percent)
                >= (done(&old.units), old.calls, old.usage.input_tokens, old.percent);
            assert!(grew && phase.units.ran >= old.units.ran, "{phase:?} after {old:?}");
            assert!(phase.percent.is_some() == phase.locked && (phase.locked || !old.locked));
            assert!(!old.locked || phase.units.total == old.units.total);
        }
    }
}

#[test]
fn progress_is_there_from_start_to_end_and_never_falls() {
    let phases = json!({
        "context": {"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "slow"}, "output": {"key": "scene"}},
        "slow": {"per": ["language"], "needs": ["context"], "units": {"of": "ingest"},
            "context": {"scene": {"from": "context", "on": "scene"}}, "agent": {"builtin": "slow"}},
        "export": {"per": ["language"], "units": {"of": "slow"},
            "agent": {"builtin": "write", "params": {"path": "out-{{ scope.language }}.csv"}}},
    });
    let targets = ["ingest", "context", "slow@ja", "slow@fr", "export@ja", "export@fr"];
    let mut world = shaped(constant, phases, 12);
    world.run();
    let first = world.progress();
    check_growth(&first, &targets);
    let last = first.last().unwrap();
    assert_eq!((first[0].percent, last.percent, last.status), (0.0, 100.0, Some(RunStatus::Completed)));
    assert!(last.phases.iter().all(|phase| phase.percent == Some(100.0)), "{last:?}");

    // An early phase is re-run in the middle: its figures are those of a new revision, and so are the ones behind it.
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("another text"));
    world.run_targets(&["context"]);
    world.run();
    let all = world.progress();
    let (n_first, again) = (first.len(), &all[first.len()..]);
    assert_eq!(&all[..n_first], &first, "what was told before stays as it was");
    let (context, rest): (Vec<RunProgress>, Vec<RunProgress>) =
        again.iter().cloned().partition(|state| state.run_id == again[0].run_id);
    check_growth(&context, &["ingest", "context"]);
    check_growth(&rest, &targets);
    let end = context.last().unwrap();
    assert_eq!((of(end, "context").revision.map(|r| r.0), of(end, "context").units.ran), (Some(2), 1));
    let end = rest.last().unwrap();
    assert_eq!(
        (of(end, "context").status, of(end, "context").percent),
        (Some(PhaseStatus::Fresh), Some(100.0))
    );
    assert_eq!(of(end, "slow@fr").revision.map(|r| r.0), Some(2));
    assert_eq!((end.percent, end.units.ran), (100.0, 6), "three lines of the scene in two languages");
}

#[test]
fn a_run_that_fails_is_not_a_hundred_percent_done() {
    let mut world =
        shaped(constant, json!({"slow": {"units": {"of": "ingest"}, "agent": {"builtin": "slow"}}}), 6);
    world
        .calls("slow", |_| Act::Fail(crate::pieces::error(refrain_schemas::failure::FailureKind::Permanent)));
    assert_eq!(world.run().status, RunStatus::Failed);
    let states = world.progress();
    check_growth(&states, &["ingest", "slow"]);
    assert!(states.last().unwrap().percent < 100.0, "{:?}", states.last());
}

#[test]
fn of_a_large_run_the_last_change_before_a_long_call_is_told() {
    const N: usize = 60;
    let step = |n: usize| {
        let after = n.checked_sub(1).map(|n| format!("s{n}")).into_iter().collect::<Vec<_>>();
        (format!("s{n}"), json!({"after": after}))
    };
    let mut phases: serde_json::Map<String, Value> = (0..N).map(step).collect();
    phases["s59"]["agent"] = json!({"builtin": "late"});
    let mut world = crate::steps::steps(Value::Object(phases));
    world.calls("late", |call| {
        Act::Late(Duration::from_secs(3_600), reply_to(call, &|_| Ok(json!({"success": true}))))
    });
    assert_eq!(world.run().status, RunStatus::Completed);
    let is_told = |state: &RunProgress| state.elapsed_seconds < 60.0 && of(state, "s58").status.is_some();
    assert!(world.progress().iter().any(is_told));
}
