//! Turns that fail, and loops that fail with them or by themselves.

use refrain_core::engine::RunRequest;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::PhaseStatus::{Blocked, Completed, Failed, Fresh, Skipped};
use refrain_schemas::report::RunStatus;
use refrain_testkit::world::request;
use serde_json::{Value, json};

use super::{check, ends};
use crate::steps::{document, steps};

#[test]
fn a_turn_that_fails_fails_the_loop_and_no_other_turn() {
    let phases = |policy: Value| {
        json!({
            "each": {"loop": {"for_each": [1, 2, 3]}, "on_failure": policy},
            "a": {"in": "each", "input": {"raise": "{{ 'boom' if loop.each.item == 2 else none }}", "say": 1}},
            "b": {"in": "each", "after": ["a"], "input": {"say": "{{ loop.each.item }}"}},
            "after": {"after": ["each"]},
        })
    };
    let mut world = steps(phases(json!("fail")));
    let report = world.run();
    let expect = [
        ("each", Failed),
        ("a@0", Completed),
        ("b@0", Completed),
        ("a@1", Failed),
        ("b@1", Blocked),
        ("a@2", Completed),
        ("b@2", Completed),
        ("after", Blocked),
    ];
    check(&report, &expect);
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 1));
    assert_eq!(report.phases[0].error.as_ref().unwrap().message, "1 of 3 turns failed; a@1: boom");
    let found = document(&mut world, "each");
    assert_eq!(
        (&found["status"], &found["completed"], &found["success"]),
        (&json!("failed"), &json!(2), &json!(false))
    );
    assert_eq!(world.status()["each"], Freshness::Failed);
    let report = world.run();
    assert_eq!(report.calls, 1, "the failure is tried again, and nothing else");
    let mut world = steps(phases(json!("continue")));
    let report = world.run();
    assert_eq!((ends(&report)["each"], ends(&report)["after"]), (Failed, Completed));
}

#[test]
fn what_is_allowed_for_in_a_turn_does_not_fail_the_loop() {
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [1, 2]}},
        "a": {"in": "each", "input": {"report": {"why": "full"}}, "on_failure": "continue"},
        "b": {"in": "each", "input": {"say": "{{ phases.a.document.why }}"}},
        "c": {"in": "each", "when": "loop.each.item > 1", "on_false": "e"},
        "d": {"in": "each", "after": ["c"]},
        "e": {"in": "each", "after": ["d"]},
    }));
    let report = world.run();
    let found = ends(&report);
    assert_eq!((found["each"], found["b@1"], report.exit_code), (Completed, Completed, 1));
    assert_eq!((found["c@0"], found["d@0"], found["e@0"]), (Skipped, Skipped, Completed));
    assert_eq!((found["c@1"], found["d@1"], found["e@1"]), (Completed, Completed, Completed));
    assert_eq!(document(&mut world, "each")["results"][0]["a"]["why"], "full");
    assert_eq!(report.status, RunStatus::Failed, "other turns are no other scopes");
}

#[test]
fn a_loop_that_breaks_starts_no_turn_after_one_that_failed() {
    let phases = |parallel: Value| {
        json!({
            "each": {"loop": {"for_each": [1, 2, 3, 4], "break_on_error": true, "max_parallel": parallel}},
            "a": {"in": "each", "input": {"raise": "{{ 'boom' if loop.each.item == 2 else none }}", "say": 1}},
        })
    };
    let report = steps(phases(Value::Null)).run();
    check(&report, &[("each", Failed), ("a@0", Completed), ("a@1", Failed)]);
    let mut world = steps(phases(json!(4)));
    world.run();
    assert_eq!(document(&mut world, "each")["iterations"], 2, "what began behind it hangs on the clock");
    let mut world = steps(json!({
        "lp": {"loop": {"while": "true", "max": 5}},
        "a": {"in": "lp", "input": {"raise": "{{ 'boom' if loop.lp.iteration == 1 else none }}", "say": 1}},
    }));
    let report = world.run();
    check(&report, &[("lp", Failed), ("a@0", Completed), ("a@1", Failed)]);
}

#[test]
fn a_value_stands_in_for_a_loop() {
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [1]}, "recover": [{"kinds": ["reported"], "value": {"iterations": 0}}]},
        "a": {"in": "each", "input": {"raise": "boom"}},
        "b": {"input": {"say": "{{ phases.each.document.iterations }}"}},
    }));
    let report = world.run();
    assert_eq!((ends(&report)["each"], ends(&report)["b"]), (Completed, Completed));
    assert_eq!(document(&mut world, "b")["result"], 0);
}

/// A loop that says how long it may take fails of time only where its time is up.
#[test]
fn what_fails_in_time_has_not_failed_of_time() {
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [1]}, "timeout": "90s", "recover": [{"kinds": ["timed_out"], "value": 1}]},
        "a": {"in": "each", "input": {"raise": "boom"}},
    }));
    let report = world.run();
    assert_eq!((ends(&report)["each"], report.exit_code), (Failed, 1));
    assert!(document(&mut world, "each")["error"].as_str().unwrap().contains("boom"));
}

/// Where nobody may be asked, what fails of something else has failed.
#[test]
fn what_fails_offline_of_something_else_has_failed() {
    let mut world = steps(json!({
        "list": {},
        "each": {"loop": {"for_each": [1]}, "after": ["list"], "on_failure": "continue"},
        "a": {"in": "each", "input": {"say": "{{ phases.list.document.nothing }}"}},
        "b": {"input": {"say": "{{ phases.each.document.status }}"}},
    }));
    let report = world.run();
    assert_eq!((ends(&report)["each"], ends(&report)["b"]), (Failed, Completed));
    let report = world.run_with(&RunRequest { offline: true, ..request(&[]) });
    assert_eq!((ends(&report)["each"], ends(&report)["b"], report.exit_code), (Failed, Fresh, 1));
}

#[test]
fn a_turn_has_its_time() {
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [1, 2], "turn_timeout": "3s"}, "on_failure": "continue"},
        "a": {"in": "each", "input": {"hang": "{{ loop.each.item == 1 }}", "say": 1}},
        "b": {"in": "each", "after": ["a"]},
    }));
    let before = world.elapsed();
    let report = world.run();
    let took = (world.elapsed() - before).as_secs();
    assert!((3..10).contains(&took), "{took}");
    let found = ends(&report);
    assert_eq!((found["a@0"], found["a@1"], found["b@1"]), (Failed, Completed, Completed));
    let cut_short = report.phases.iter().find(|phase| phase.calls > 0 && phase.error.is_some()).unwrap();
    let error = &cut_short.error.as_ref().unwrap().units[0].failure;
    assert_eq!(error.message, "the time of the loop or of its turn is up");
    assert_eq!(cut_short.calls, 1, "there is no time to try again");
}

#[test]
fn what_is_no_list_or_too_long_fails_the_loop() {
    let run = |list: Value, max: Value| {
        let mut world = steps(json!({
            "list": {"input": {"say": list}},
            "each": {"loop": {"for_each": "{{ phases.list.document.result }}", "max": max}},
            "a": {"in": "each"},
        }));
        let report = world.run();
        let error = report.phases.iter().find(|phase| phase.phase.as_str() == "each").unwrap().error.clone();
        assert_ne!(world.status()["each"], Freshness::Fresh);
        error.unwrap().message
    };
    let text = "`for_each` goes over a list, and this is a text";
    assert_eq!(run(json!("a"), Value::Null), text);
    assert_eq!(run(json!("a,b"), Value::Null), format!("{text} with commas; write `| split(',')` behind it"));
    assert_eq!(run(json!({"a": 1}), Value::Null), "`for_each` goes over a list, and this is an object");
    assert_eq!(run(json!([1, 2, 3]), json!(2)), "the list has 3 items, and this loop has 2 turns at most");
    let long: Vec<u32> = (0..10_001).collect();
    assert_eq!(
        run(json!(long), Value::Null),
        "the list has 10001 items, and this loop has 10000 turns at most"
    );
}
