//! Phases that make something ready for another one, and are passed over with it.

use refrain_schemas::report::PhaseStatus;
use serde_json::{Value, json};

use crate::steps::{check, problems, statuses, steps};

use PhaseStatus::{Completed, Skipped};

/// What makes something ready for a phase is passed over where that is.
#[test]
fn who_prepares_a_phase_is_passed_over_with_it() {
    let phases = |a: Value| {
        json!({
            "a": a, "m": {"after": ["a"]}, "ready": {"after": ["m"], "prepares": "z"}, "z": {"after": ["m", "ready"]},
            "after_it": {"after": ["z"]},
        })
    };
    for (a, m, ready, exit) in [
        (json!({"goto": "z"}), Skipped, Completed, 0),
        (json!({"goto": "{{ 'z' }}"}), Skipped, Completed, 0),
        (json!({"goto": "after_it"}), Skipped, Skipped, 0),
        (json!({"goto": "{{ 'after_it' }}"}), Skipped, Skipped, 0),
        (json!({"when": "1 > 2", "on_false": "z"}), Skipped, Completed, 0),
        (json!({"input": {"raise": "boom"}, "on_failure": "z"}), Skipped, Completed, 1),
        (json!({"input": {"raise": "boom"}, "on_failure": "after_it"}), Skipped, Skipped, 1),
        (json!({}), Completed, Completed, 0),
    ] {
        let mut world = steps(phases(a.clone()));
        let report = world.run();
        let found = statuses(&report);
        assert_eq!((found["m"], found["ready"], found["z"]), (m, ready, ready), "{a}");
        assert_eq!((found["after_it"], report.exit_code), (Completed, exit), "{a}");
    }
    // What it does not come after passes it over as little as it would anybody.
    let mut world = steps(json!({
        "r": {"goto": "t"}, "ready": {"prepares": "z"}, "z": {"after": ["r", "ready"]}, "t": {"after": ["z"]},
    }));
    check(&world.run(), &[("r", Completed), ("ready", Completed), ("z", Skipped), ("t", Completed)]);
    let refused = |phases: Value, expect: &str| {
        let problems = problems(phases);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    refused(json!({"a": {"prepares": "b"}, "b": {}}), "`b` does not come right after `a`");
    refused(json!({"a": {"prepares": "c"}}), "there is no phase `c`");
    refused(
        json!({"a": {"prepares": "b"}, "c": {"after": ["a"], "goto": "b"}, "b": {"after": ["a"]}}),
        "which it comes after itself",
    );
}
