//! How phases end, and what that means to those behind: policies, documents of failures, values that stand in.

use refrain_core::engine::{GcRequest, RunRequest};
use refrain_schemas::event::EventKind;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::request;
use serde_json::json;

use crate::pieces::pipeline;
use crate::steps::{check, document, problems, statuses, steps};

use PhaseStatus::{Blocked, Completed, Failed, Fresh, Skipped};

#[test]
fn after_a_failure_nothing_comes_and_siblings_go_on() {
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}}, "b": {"after": ["a"]}, "c": {"after": ["b"]}, "d": {},
    }));
    let report = world.run();
    check(&report, &[("a", Failed), ("b", Blocked), ("c", Blocked), ("d", Completed)]);
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 1));
    assert_eq!(report.phases[0].error.as_ref().unwrap().message, "boom");
    let expect = json!({"success": false, "error": "boom", "error_type": "permanent", "timed_out": false});
    assert_eq!(document(&mut world, "a"), expect);
}

#[test]
fn a_skip_is_settled_for_what_comes_after_and_not_for_what_needs_it() {
    let mut world = steps(json!({
        "a": {"when": "params.n > 5"},
        "after": {"after": ["a"]},
        "needs": {"needs": ["a"]},
        "then": {"after": ["needs"]},
    }));
    let report = world.run();
    check(&report, &[("a", Skipped), ("after", Completed), ("needs", Skipped), ("then", Completed)]);
    assert_eq!((report.status, report.exit_code), (RunStatus::Completed, 0));
    check(&world.run(), &[("a", Skipped), ("after", Fresh), ("needs", Skipped), ("then", Fresh)]);
    world.set_param("n", json!(9));
    let report = world.run();
    check(&report, &[("a", Completed), ("after", Fresh), ("needs", Completed), ("then", Fresh)]);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn with_continue_what_comes_after_reads_the_document_of_the_failure() {
    let mut world = steps(json!({
        "a": {"input": {"report": {"success": false, "why": "full"}}, "on_failure": "continue"},
        "b": {"input": {"say": "{{ phases.a.document.why }} {{ phases.a.success }}"}},
        "c": {"after": ["a"]},
    }));
    let report = world.run();
    check(&report, &[("a", Failed), ("b", Completed), ("c", Completed)]);
    assert_eq!(report.exit_code, 1, "whoever handled it, it failed");
    assert_eq!(document(&mut world, "b")["result"], "full False");
    assert_eq!(world.status()["b"], Freshness::Fresh, "it is fresh against the very document that it read");
    assert_eq!(world.status()["a"], Freshness::Failed);
    // The next run tries it again, and finds the same; then it works.
    world.take_asked();
    check(&world.run(), &[("a", Failed), ("b", Fresh), ("c", Fresh)]);
    assert_eq!(world.take_units(), ["a/all"]);
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"say": 1}));
    world.redefine(|file| file["phases"]["b"]["input"]["say"] = json!("{{ phases.a.document.result }}"));
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Completed), ("c", Fresh)]);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn with_skip_what_comes_after_is_dropped() {
    let mut world = steps(json!({
        "a": {"input": {"report": {}}, "on_failure": "skip"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]}, "d": {"needs": ["a"]}, "e": {},
    }));
    let report = world.run();
    check(&report, &[("a", Failed), ("b", Skipped), ("c", Skipped), ("d", Skipped), ("e", Completed)]);
    assert_eq!(report.exit_code, 1);
}

#[test]
fn reported_failures_are_tried_again_with_retry_alone() {
    let run = |policy: &str, until: u32| {
        let mut world = steps(json!({
            "a": {"input": {"until": until}, "on_failure": policy,
                "retry": {"attempts": 3, "backoff": "none"}},
        }));
        let report = world.run();
        (statuses(&report)["a"], report.calls)
    };
    assert_eq!(run("retry", 3), (Completed, 3));
    assert_eq!(run("retry", 9), (Failed, 3));
    assert_eq!(run("fail", 3), (Failed, 1));
}

#[test]
fn a_phase_has_its_own_time_and_its_own_attempts() {
    let mut world = steps(json!({
        "a": {"input": {"hang": true}, "timeout": "2s", "retry": {"attempts": 2, "backoff": "none"}},
    }));
    let before = world.elapsed();
    let report = world.run();
    check(&report, &[("a", Failed)]);
    assert_eq!(report.calls, 2);
    let took = world.elapsed() - before;
    assert!((4..6).contains(&took.as_secs()), "{took:?}");
    let found = document(&mut world, "a");
    assert_eq!((&found["timed_out"], &found["error_type"]), (&json!(true), &json!("TimeoutError")));
}

#[test]
fn a_value_stands_in_until_something_changes() {
    let phases = json!({
        "a": {"input": {"raise": "boom 7"}, "recover": [
            {"kinds": ["timed_out"], "value": 1}, {"patterns": ["boo+m [0-9]"], "value": {"ok": true}}]},
        "b": {"input": {"say": "{{ phases.a.document.ok }}"}},
    });
    let mut world = steps(phases);
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Completed)]);
    assert_eq!((report.status, report.exit_code), (RunStatus::Completed, 0));
    assert!(report.phases[0].error.is_some(), "it is told why");
    assert_eq!(document(&mut world, "a"), json!({"ok": true}));
    assert_eq!(document(&mut world, "b")["result"], true);
    assert!(world.events().iter().any(|event| matches!(event.kind, EventKind::PhaseRecovered(_))));
    assert_eq!(world.status()["b"], Freshness::Fresh);
    world.take_asked();
    check(&world.run(), &[("a", Completed), ("b", Fresh)]);
    assert_eq!(world.take_units(), [""; 0], "it would only fail again");
    world.redefine(|file| file["phases"]["a"]["recover"][0]["value"] = json!(2));
    check(&world.run(), &[("a", Completed), ("b", Fresh)]);
    assert_eq!(world.take_units(), ["a/all"], "a failure is never kept as a reply");
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"say": "mended"}));
    world.redefine(|file| file["phases"]["b"]["input"]["say"] = json!("{{ phases.a.document.result }}"));
    check(&world.run(), &[("a", Completed), ("b", Completed)]);
    assert_eq!(document(&mut world, "b")["result"], "mended");
}

#[test]
fn a_value_that_propagates_is_read_under_the_policy() {
    let mut world = steps(json!({
        "a": {"input": {"report": {"return_code": 3}}, "on_failure": "continue",
            "recover": [{"codes": ["3"], "value": {"v": "three"}, "propagate": true}]},
        "b": {"input": {"say": "{{ phases.a.document.v }}"}},
    }));
    let report = world.run();
    check(&report, &[("a", Failed), ("b", Completed)]);
    assert_eq!((report.exit_code, &document(&mut world, "b")["result"]), (1, &json!("three")));
}

#[test]
fn a_condition_that_fails_is_a_failure_and_never_false() {
    let mut world = steps(json!({
        "a": {},
        "b": {"after": ["a"], "when": "phases.a.document.result > 3", "on_failure": "continue"},
        "c": {"after": ["b"]},
    }));
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Failed), ("c", Completed)]);
    assert!(report.phases[1].error.as_ref().unwrap().message.contains("compares"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let check = |phases, expect: &str| {
        let problems = problems(phases);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    check(json!({"a": {"recover": [{"kinds": ["nope"], "value": 1}]}}), "no failures of the kind `nope`");
    check(json!({"a": {"recover": [{"patterns": ["("], "value": 1}]}}), "does not parse");
    check(json!({"a": {"recover": [{}]}}), "nothing stands in");
    check(json!({"a": {"timeout": "0s"}}), "`timeout` is zero");
    check(json!({"a": {"retry": {"attempts": 0}}}), "`attempts` is 0");
}

#[test]
fn what_is_to_be_tried_again_is_so_though_nobody_counts_how_often() {
    let calls = |fields: serde_json::Value| {
        let mut phase = json!({"input": {"until": 9}});
        phase.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        steps(json!({"a": phase})).run().calls
    };
    assert_eq!(calls(json!({"on_failure": "retry"})), 4);
    assert_eq!(calls(json!({"on_failure": "retry", "retry": {"backoff": "none"}})), 4);
    assert_eq!(
        calls(json!({"input": {"raise": "no"}, "retry": {"initial": "1s"}})),
        1,
        "a built-in agent has one"
    );
}

#[test]
fn what_would_do_nothing_where_it_stands_is_refused() {
    let check = |at: &str, fields: serde_json::Value, expect: &str| {
        let mut file = pipeline(json!({
            "t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
            "out": {"units": {"of": "t"}, "agent": {"builtin": "write", "params": {"path": "out.csv"}}},
        }));
        file["phases"][at].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut world = steps(json!({}));
        world.redefine(|old| *old = file);
        let problems = world.checked().map(|_| ()).err().unwrap_or_default();
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    check("t", json!({"recover": [{"value": 1}]}), "values stand in for phases that have an `input`");
    check("t", json!({"let": {"n": "params.n"}}), "nothing reads its names");
    check("ingest", json!({"retry": {"attempts": 2}}), "`retry` does not fit a phase that reads files");
    check("out", json!({"timeout": "2s"}), "`timeout` does not fit a phase that writes files");
    check("out", json!({"recover": [{"value": 1}]}), "`recover` does not fit a phase that writes files");
    check(
        "out",
        json!({"on_failure": "retry"}),
        "`on_failure: retry` does not fit a phase that writes files",
    );
}

#[test]
fn offline_nothing_stands_in_and_nothing_goes_on() {
    for course in [
        json!({"recover": [{"value": {"ok": 1}}]}),
        json!({"on_failure": "continue"}),
        json!({"on_failure": "skip"}),
        json!({"on_failure": "z"}),
    ] {
        let mut world = steps(json!({
            "a": {}, "b": {"after": ["a"]}, "c": {"input": {"say": "{{ phases.a.document }}"}}, "z": {"after": ["b"]},
        }));
        world.redefine(|file| {
            let fields = course.as_object().unwrap().clone();
            file["phases"]["a"].as_object_mut().unwrap().extend(fields);
        });
        world.run();
        let before = world.digests();
        world.redefine(|file| file["phases"]["a"]["input"]["say"] = json!("other"));
        let report = world.run_with(&RunRequest { offline: true, ..request(&[]) });
        check(&report, &[("a", Failed), ("b", Blocked), ("c", Blocked), ("z", Blocked)]);
        assert_eq!((report.exit_code, world.digests()), (11, before), "{course}");
        assert_eq!(world.status()["a"], Freshness::Stale, "it has not failed: {course}");
        assert_eq!(world.run().status, RunStatus::Completed, "{course}");
    }
}

#[test]
fn a_phase_for_failures_runs_where_one_happened_and_reads_it() {
    let mut world = steps(json!({
        "a": {"input": {"report": {"success": false, "why": "full", "result": {"return_code": 3}}}},
        "mend": {"handles": [{"phase": "a"}], "input": {"say": "{{ phases.a.document.why }}"}},
        "then": {"after": ["mend"]}, "behind": {"after": ["a"]},
        "late": {"handles": [{"phase": "a", "kinds": ["timed_out"]}]},
        "code": {"handles": [{"phase": "a", "codes": ["3"]}]},
        "other_code": {"handles": [{"phase": "a", "codes": ["4"]}]},
        "words": {"handles": [{"phase": "a", "patterns": ["not w.rk"], "kinds": ["reported"]}]},
        "other_words": {"handles": [{"phase": "a", "patterns": ["fire"]}]},
        "either": {"handles": [{"phase": "then"}, {"phase": "a", "codes": ["4"]}, {"phase": "a"}]},
    }));
    let report = world.run();
    let happened = ["mend", "then", "code", "words", "either"].map(|name| (name, Completed));
    let rest = [
        ("a", Failed),
        ("behind", Blocked),
        ("late", Skipped),
        ("other_code", Skipped),
        ("other_words", Skipped),
    ];
    check(&report, &[happened, rest].concat());
    assert_eq!(report.exit_code, 1, "whoever handled it, it failed");
    assert_eq!(document(&mut world, "mend")["result"], "full");
    assert_eq!(world.status()["mend"], Freshness::Fresh);
    // The same failure is handled already; where there is none any more, nothing is.
    world.take_asked();
    let report = world.run();
    assert_eq!(statuses(&report)["mend"], Fresh);
    assert_eq!(world.take_units(), ["a/all"]);
    world.redefine(|file| file["phases"]["a"]["input"]["report"]["why"] = json!("late"));
    assert_eq!(statuses(&world.run())["mend"], Completed);
    assert_eq!(document(&mut world, "mend")["result"], "late");
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"say": 1}));
    let report = world.run();
    assert_eq!((statuses(&report)["mend"], statuses(&report)["behind"]), (Skipped, Completed));
    assert_eq!(report.exit_code, 0);
}

#[test]
fn a_value_that_stands_in_hides_no_failure_from_those_that_are_for_it() {
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}, "recover": [{"value": {"ok": true}}]},
        "mend": {"handles": [{"phase": "a"}], "when": "params.n > 1", "on_false": "last"},
        "skipped": {"handles": [{"phase": "a"}], "when": "params.n > 9"},
        "last": {"after": ["mend"]},
    }));
    let report = world.run();
    check(&report, &[("a", Completed), ("mend", Completed), ("skipped", Skipped), ("last", Completed)]);
    assert_eq!(report.exit_code, 0);
}

/// Those that are for a failure see that, whatever stands in for what was not made.
#[test]
fn a_value_that_stands_in_is_not_what_failed() {
    for propagate in [false, true] {
        let mut world = steps(json!({
            "a": {"input": {"report": {"return_code": 3, "why": "full"}}, "on_failure": "continue",
                "recover": [{"codes": ["3"], "value": {"ok": true}, "propagate": propagate}]},
            "mend": {"handles": [{"phase": "a", "codes": ["3"]}], "input": {"say": "{{ phases.a.document.why }}"}},
            "other": {"handles": [{"phase": "a", "codes": ["4"]}]},
            "reads": {"input": {"say": "{{ phases.a.document.ok }}"}},
        }));
        let a = if propagate { Failed } else { Completed };
        check(&world.run(), &[("a", a), ("mend", Completed), ("other", Skipped), ("reads", Completed)]);
        assert_eq!(document(&mut world, "mend")["result"], "full");
        assert_eq!(document(&mut world, "reads")["result"], true);
        check(&world.run(), &[("a", a), ("mend", Fresh), ("other", Skipped), ("reads", Fresh)]);
    }
}

/// What follows a failed phase is skipped with it; who is for its failures does not merely follow it.
#[test]
fn who_is_for_a_failure_is_not_skipped_for_it() {
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}, "on_failure": "skip"},
        "mend": {"after": ["a"], "handles": [{"phase": "a"}]},
        "then": {"after": ["a"]},
    }));
    check(&world.run(), &[("a", Failed), ("mend", Completed), ("then", Skipped)]);
}

/// What is told of a failure is there as long as the failure is on record, whatever stands in for what was not made.
#[test]
fn what_a_value_stands_in_for_is_not_collected() {
    let mut world = steps(json!({
        "a": {"input": {"report": {"why": "full"}}, "on_failure": "continue", "recover": [{"value": {"ok": true}}]},
        "mend": {"handles": [{"phase": "a"}], "input": {"say": "{{ phases.a.document.why }}"}},
    }));
    world.run_with(&request(&["a"]));
    let engine = world.engine(false);
    let gc = GcRequest { keep: 1, replies: false, exports: false, dry_run: false };
    futures::executor::block_on(engine.gc(gc, &request(&[]).holder)).unwrap();
    drop(engine);
    check(&world.run(), &[("a", Completed), ("mend", Completed)]);
    assert_eq!(document(&mut world, "mend")["result"], "full");
}

/// Of what a phase made before nothing says with which code it failed now.
#[test]
fn codes_are_those_of_the_failure() {
    let mut world = steps(json!({
        "a": {"input": {"say": 1}, "agent": {"builtin": "code"}},
        "mend": {"handles": [{"phase": "a", "codes": ["3"]}]},
    }));
    world.agent("code", |asked| match asked.input["say"].as_u64() {
        Some(1) => Ok(json!({"return_code": 3})),
        _ => Err(crate::pieces::failure(refrain_schemas::failure::FailureKind::Refused)),
    });
    check(&world.run(), &[("a", Completed), ("mend", Skipped)]);
    world.redefine(|file| file["phases"]["a"]["input"]["say"] = json!(2));
    check(&world.run(), &[("a", Failed), ("mend", Skipped)]);
}

/// The document of a failure is not enough for what needs something made.
#[test]
fn what_needs_something_made_is_dropped_where_others_go_on() {
    let value = json!({"result": 1});
    for (a, expect) in [
        (json!({"input": {"say": 1}}), Completed),
        (json!({"input": {"report": {"why": "full"}}}), Skipped),
        (json!({"input": {"raise": "boom"}}), Skipped),
        (json!({"input": {"raise": "boom"}, "recover": [{"value": value}]}), Completed),
        (json!({"input": {"raise": "boom"}, "recover": [{"value": value, "propagate": true}]}), Skipped),
    ] {
        let mut a = a;
        a["on_failure"] = json!("continue");
        let mut world = steps(json!({
            "a": a, "file": {"needs": ["a"], "needs_made": true}, "b": {"after": ["a"], "wants": ["file"]},
            "plain": {"needs": ["a"]},
        }));
        let found = statuses(&world.run());
        assert_eq!([found["file"], found["b"], found["plain"]], [expect, Completed, Completed]);
        let found = statuses(&world.run());
        let again = if expect == Completed { Fresh } else { expect };
        assert_eq!([found["file"], found["b"], found["plain"]], [again, Fresh, Fresh]);
    }
    let mut world =
        steps(json!({"a": {"input": {"raise": "x"}}, "file": {"needs": ["a"], "needs_made": true}}));
    check(&world.run(), &[("a", Failed), ("file", Blocked)]);
}

#[test]
fn failures_that_nobody_may_be_for_are_refused() {
    let check = |phases, expect: &str| {
        let problems = problems(phases);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    check(json!({"a": {"handles": [{"phase": "b"}]}}), "there is no phase `b`");
    check(json!({"a": {"handles": [{"phase": "a"}]}}), "names itself");
    check(
        json!({"a": {}, "b": {"handles": [{"phase": "a", "kinds": ["tired"]}]}}),
        "no failures of the kind",
    );
    check(json!({"a": {"after": ["b"]}, "b": {"handles": [{"phase": "a"}]}}), "wait for each other");
}
