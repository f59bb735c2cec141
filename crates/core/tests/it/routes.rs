//! Routes: what a phase goes on with, and what is passed over then.

use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::PhaseStatus;
use serde_json::{Map, Value, json};

use crate::ahead::plan;
use crate::steps::{check, problems, statuses, steps};

mod handlers;
mod made_up;
mod preparing;
mod templates;

use PhaseStatus::{Completed, Failed, Skipped};

#[test]
fn a_success_passes_over_what_stands_between() {
    let mut world = steps(json!({
        "z": {"after": ["m"]}, "n": {"after": ["other"]}, "m": {"after": ["a"]},
        "a": {"on_success": "z"}, "other": {},
    }));
    let report = world.run();
    check(
        &report,
        &[("a", Completed), ("other", Completed), ("m", Skipped), ("n", Completed), ("z", Completed)],
    );
    assert_eq!(report.exit_code, 0);
    check(
        &world.run(),
        &[
            ("a", PhaseStatus::Fresh),
            ("other", PhaseStatus::Fresh),
            ("m", Skipped),
            ("n", PhaseStatus::Fresh),
            ("z", PhaseStatus::Fresh),
        ],
    );
}

#[test]
fn a_false_condition_goes_another_way() {
    let phases = json!({
        "a": {"when": "params.n > 5", "on_false": "z"}, "m": {"after": ["a"]}, "z": {"after": ["m"]},
    });
    let mut world = steps(phases.clone());
    check(&world.run(), &[("a", Skipped), ("m", Skipped), ("z", Completed)]);
    let mut world = steps(phases);
    world.set_param("n", json!(6));
    check(&world.run(), &[("a", Completed), ("m", Completed), ("z", Completed)]);
}

#[test]
fn a_failure_goes_on_with_its_handler_and_drops_the_rest() {
    let phases = |input: Value| {
        json!({
            "a": {"input": input, "on_failure": "handler"},
            "never": {"after": ["a"]}, "later": {"after": ["never"]},
            "handler": {"after": ["never"]}, "last": {"after": ["handler"]}, "other": {},
        })
    };
    let mut world = steps(phases(json!({"raise": "boom"})));
    let report = world.run();
    check(
        &report,
        &[
            ("a", Failed),
            ("never", Skipped),
            ("later", Skipped),
            ("handler", Completed),
            ("last", Completed),
            ("other", Completed),
        ],
    );
    assert_eq!(report.exit_code, 1);
    let mut world = steps(phases(json!({"say": 1})));
    assert!(statuses(&world.run()).values().all(|status| *status == Completed));
}

#[test]
fn goto_names_a_phase() {
    let mut world = steps(json!({"a": {"goto": "c"}, "b": {"after": ["a"]}, "c": {"after": ["b"]}}));
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
}

#[test]
fn routes_that_lead_nowhere_are_refused() {
    let check = |phases, expect: &str| {
        let problems = problems(phases);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    check(json!({"a": {"on_success": "nope"}}), "there is no phase `nope`");
    check(json!({"a": {"on_success": "a"}}), "goes on with itself");
    check(json!({"a": {}, "b": {"after": ["a"], "on_success": "a"}}), "which it comes after itself");
    check(json!({"a": {"on_false": "b"}, "b": {}}), "`on_false` is never taken");
    check(json!({"a": {"goto": "b", "on_success": "b"}, "b": {}}), "both say what comes after");
    check(json!({"a": {"goto": "{{ nobody }}"}, "b": {"after": ["a"]}}), "the template reads `nobody`");
    check(json!({"a": {"goto": "{{ 1 + }}"}}), "unexpected end");
}

#[test]
fn a_route_leads_past_what_waits_for_its_end_alone() {
    // Without `m` nothing of `x` comes after `s`, so that it is not passed over, whoever ends first.
    let mut world = steps(json!({
        "s": {"on_success": "t"}, "m": {"after": ["s"], "enabled": false},
        "x": {"after": ["m"]}, "t": {"after": ["x"]},
    }));
    let report = world.run();
    check(&report, &[("s", Completed), ("x", Completed), ("t", Completed)]);
    assert_eq!(world.unfresh(), [""; 0]);
    assert_eq!(world.status()["x"], Freshness::Fresh);
}

#[test]
fn a_long_line_with_one_handler_is_planned_to_its_end() {
    const N: usize = 1_000;
    let step = |n: usize| {
        let after = n.checked_sub(1).map(|n| format!("s{n}")).into_iter().collect::<Vec<_>>();
        (format!("s{n}"), json!({"after": after, "on_failure": "cleanup"}))
    };
    let mut phases: Map<String, Value> = (0..N).map(step).collect();
    phases.insert("cleanup".to_owned(), json!({}));
    let mut world = steps(Value::Object(phases));
    let plan = plan(&mut world);
    assert_eq!(plan.calls.max, Some(N as u64 + 1));
}
