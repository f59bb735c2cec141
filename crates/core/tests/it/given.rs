//! Phases with an input of their own: what they see, what their keys are, when they run again.

use refrain_core::engine::RunRequest;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::{World, request};
use serde_json::json;

use crate::ahead::plan;
use crate::pieces::{lines, pipeline};
use crate::steps::{check, document, problems, steps};

use PhaseStatus::{Completed, Fresh, Skipped};

#[test]
fn an_input_sees_params_and_documents_with_their_types() {
    let mut world = steps(json!({
        "a": {"input": {"say": {"list": [1, 2], "n": "{{ params.n }}"}}},
        "b": {"let": {"a": "phases.a.document.result"},
            "input": {"say": {"whole": "{{ a.list }}", "text": "n is {{ a.n }}", "there": "{{ phases.a.present }}"}}},
    }));
    check(&world.run(), &[("a", Completed), ("b", Completed)]);
    let result = json!({"whole": [1, 2], "text": "n is 3", "there": true});
    assert_eq!(document(&mut world, "b"), json!({"success": true, "result": result}));
    let report = world.run();
    check(&report, &[("a", Fresh), ("b", Fresh)]);
    assert_eq!(report.calls, 0);
}

#[test]
fn an_input_that_comes_out_the_same_is_not_asked_again() {
    let mut world = steps(json!({
        "a": {"input": {"say": {"x": 1, "y": 1}}},
        "b": {"input": {"say": "{{ phases.a.document.result.x }}"}},
        "c": {"input": {"say": "{{ phases.b.document.result }}!"}},
    }));
    world.run();
    world.take_asked();
    world.redefine(|file| file["phases"]["a"]["input"]["say"]["y"] = json!(2));
    check(&world.run(), &[("a", Completed), ("b", Completed), ("c", Fresh)]);
    assert_eq!(world.take_units(), ["a/all"]);
    world.redefine(|file| file["phases"]["a"]["input"]["say"]["x"] = json!(2));
    check(&world.run(), &[("a", Completed), ("b", Completed), ("c", Completed)]);
    assert_eq!(world.take_units(), ["a/all", "b/all", "c/all"]);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_param_counts_where_it_is_read() {
    let mut world = steps(json!({
        "a": {"input": {"say": "{{ params.n }}"}},
        "b": {"after": ["a"], "input": {"say": 1}},
    }));
    world.run();
    world.set_param("n", json!(4));
    check(&world.run(), &[("a", Completed), ("b", Fresh)]);
    assert_eq!(document(&mut world, "a")["result"], 4);
}

#[test]
fn conditions_and_inputs_read_records_as_well() {
    let mut file = pipeline(json!({
        "first": {"agent": {"builtin": "do"}, "when": "phases.ingest.records > 2",
            "input": {"say": "{{ phases.ingest.document[0].text }}"}, "needs": ["ingest"]},
        "second": {"agent": {"builtin": "do"}, "after": ["first"],
            "when": "phases.first.document.result == 'something else'"},
    }));
    file["phases"]["second"]["input"] = json!({"say": 1});
    let mut world = steps(json!({}));
    world.redefine(|old| *old = file);
    world.set("lines.csv", lines(6));
    check(&world.run(), &[("ingest", Completed), ("first", Completed), ("second", Skipped)]);
    assert_eq!(document(&mut world, "first")["result"], "text 1");
    assert_eq!(world.status()["second"], Freshness::Skipped);
}

#[test]
fn an_undefined_name_fails_before_anybody_is_asked() {
    let mut world = steps(json!({
        "a": {},
        "b": {"input": {"say": "{{ phases.a.document.nothing }}"}},
        "c": {"after": ["b"]},
    }));
    let report = world.run();
    check(&report, &[("a", Completed), ("b", PhaseStatus::Failed), ("c", PhaseStatus::Blocked)]);
    let error = report.phases[1].error.as_ref().unwrap();
    assert_eq!(error.code, "input");
    assert!(error.message.contains("nothing"), "{}", error.message);
    assert_eq!(world.take_units(), ["a/all"]);
}

#[test]
fn outputs_of_a_run_are_made_when_it_is_over() {
    let mut world = steps(json!({"a": {"input": {"say": [1, 2]}}, "b": {"when": "params.n > 5"}}));
    world.redefine(|file| {
        file["let"] = json!({"a": "phases.a.document.result"});
        file["outputs"] = json!({
            "list": "{{ a }}", "text": "{{ a[0] }}/{{ params.n }}", "absent": "{{ phases.b.document.result }}",
        });
    });
    for _ in 0..2 {
        let report = world.run();
        assert_eq!(report.status, RunStatus::Completed);
        let expect = json!({"list": [1, 2], "text": "1/3", "absent": null});
        assert_eq!(serde_json::Value::Object(report.outputs), expect);
    }
    world.redefine(|file| file["outputs"]["bad"] = json!("{{ a.nothing }}"));
    let report = world.run();
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 1));
    assert!(report.output_errors["bad"].contains("nothing"), "{:?}", report.output_errors);
    assert_eq!(report.outputs["list"], json!([1, 2]));
}

/// What a phase made before is nothing that it came to in a run that passes it over.
#[test]
fn an_output_sees_nothing_of_a_phase_that_is_skipped_now() {
    let mut world = steps(json!({"a": {"when": "params.n > 2"}}));
    world.redefine(|file| file["outputs"] = json!({"said": "{{ phases.a.document.result }}"}));
    assert_eq!(world.run().outputs["said"], "a");
    world.set_param("n", json!(1));
    let report = world.run();
    check(&report, &[("a", Skipped)]);
    assert_eq!((report.outputs["said"].clone(), report.exit_code), (json!(null), 0));
}

#[test]
fn a_plan_counts_steps_and_stores_nothing() {
    let mut world = steps(json!({
        "a": {}, "b": {"input": {"say": "{{ phases.a.document.result }}"}}, "c": {"after": ["b"]},
    }));
    let planned = |world: &mut World| {
        let calls = plan(world).calls;
        (calls.min, calls.max)
    };
    assert_eq!(planned(&mut world), (2, Some(3)), "what `b` asks hangs on the reply to `a`");
    world.run();
    assert_eq!(planned(&mut world), (0, Some(0)));
}

#[test]
fn a_long_chain_is_carried_out_once() {
    const N: usize = 300;
    let step = |n: usize| {
        let input = match n {
            0 => json!({"say": 0}),
            n => json!({"say": format!("{{{{ phases.s{}.document.result }}}}.{n}", n - 1)}),
        };
        (format!("s{n}"), json!({"input": input}))
    };
    let mut world = steps(serde_json::Value::Object((0..N).map(step).collect()));
    world.unwatched();
    assert_eq!(world.run().calls, N as u64);
    let report = world.run();
    assert_eq!((report.calls, report.status), (0, RunStatus::Completed));
    world.redefine(|file| file["phases"]["s0"]["input"]["say"] = json!(1));
    assert_eq!(world.run().calls, N as u64);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn why_and_accept_know_of_inputs() {
    let mut world = steps(json!({"a": {"input": {"say": {"n": "{{ params.n }}"}}}, "b": {"after": ["a"]}}));
    world.run();
    world.set_param("n", json!(4));
    let target = refrain_schemas::scope::Target {
        phase: "a".parse().unwrap(),
        scope: refrain_schemas::scope::Scope::none(),
    };
    let engine = world.engine(false);
    let why = futures::executor::block_on(engine.why(&target, None, 5)).unwrap();
    assert_eq!((why.freshness, why.units.len()), (Freshness::Stale, 1));
    let holder = request(&[]).holder;
    futures::executor::block_on(engine.accept(&[target], "as good as before", &holder)).unwrap();
    check(&world.run(), &[("a", Fresh), ("b", Fresh)]);
    world.set_param("n", json!(5));
    check(&world.run(), &[("a", Completed), ("b", Fresh)]);
}

#[test]
fn twelve_at_once_take_the_time_of_one() {
    let phases = (0..12).map(|n| (format!("s{n}"), json!({}))).collect();
    let mut world = steps(serde_json::Value::Object(phases));
    let before = world.elapsed();
    assert_eq!(world.run().calls, 12);
    assert!((world.elapsed() - before).as_millis() < 100, "{:?}", world.elapsed() - before);
}

#[test]
fn killed_anywhere_no_step_is_done_twice() {
    let world = || {
        steps(json!({
            "a": {}, "b": {"input": {"say": "{{ phases.a.document.result }}!"}},
            "c": {"after": ["a"], "input": {"report": {"why": 1}}, "on_failure": "continue"},
            "d": {"after": ["b", "c"], "input": {"say": "{{ phases.c.document.why }}"}},
        }))
    };
    let mut whole = world();
    let expect = whole.run();
    for steps in (1..).step_by(3) {
        let mut world = world();
        let is_over = matches!(world.run_killed(steps), refrain_testkit::world::Ending::Over(_));
        let report = world.run();
        assert_eq!(report.status, expect.status, "after {steps} steps");
        assert_eq!(document(&mut world, "d"), json!({"success": true, "result": 1}), "after {steps} steps");
        assert_eq!(world.bought_twice(), [""; 0], "after {steps} steps");
        if is_over {
            break;
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let check = |phases, expect: &str| {
        let problems = problems(phases);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    check(json!({"a": {}, "b": {"units": {"of": "a"}}}), "`units` is for phases that split records");
    check(json!({"a": {"context": {"x": {"file": "x.csv"}}}}), "`context` is for phases that split records");
    check(json!({"a": {"input": {"say": "{{ phases.b.document }}"}}}), "there is no phase `b`");
    check(json!({"a": {"input": {"say": "{{ b.result }}"}}}), "the template reads `b`");
    check(json!({"a": {}, "b": {"input": {"say": "{{ phases.a.text }}"}}}), "a phase has no `text`");
    check(json!({"a": {"let": {"phases": "params.n"}}}), "`phases` cannot be a name");
    check(json!({"a": {"input": {"say": "{{ phases.a.document }}"}}}), "names itself");
    check(json!({"a": {"after": ["b"]}, "b": {"after": ["a"]}}), "phases wait for each other");
    check(json!({"a": {}, "b": {"after": ["a"], "needs": ["a"]}}), "needed or wanted as well");
    check(json!({"a": {"let": {"loop": "params.n"}}}), "`loop` cannot be a name");
}

#[test]
fn outputs_show_what_this_run_made_or_found_good() {
    let mut world = steps(json!({
        "a": {}, "b": {"needs": ["a"]}, "x": {},
    }));
    world.redefine(|file| {
        file["outputs"] = json!({"b": "{{ phases.b.document.result }}", "n": "{{ params.n }}"});
    });
    assert_eq!(world.run().outputs["b"], "b");
    let outputs =
        |world: &mut refrain_testkit::world::World, targets: &[&str]| world.run_targets(targets).outputs;
    assert_eq!(outputs(&mut world, &["x"])["b"], json!(null), "nobody looked at it");
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"raise": "boom"}));
    let report = world.run();
    check(&report, &[("a", PhaseStatus::Failed), ("b", PhaseStatus::Blocked), ("x", Fresh)]);
    assert_eq!((&report.outputs["b"], &report.outputs["n"]), (&json!(null), &json!(3)));
}

#[test]
fn an_output_that_cannot_be_made_goes_before_what_is_blocked() {
    let mut world = steps(json!({"a": {}, "b": {"needs": ["a"]}, "x": {}}));
    world.run_targets(&["x"]);
    world.redefine(|file| file["outputs"] = json!({"bad": "{{ phases.x.document.nothing }}"}));
    let report = world.run_with(&RunRequest { only: true, ..request(&["b"]) });
    assert_eq!((report.status, report.output_errors.len()), (RunStatus::Blocked, 1));
    assert_eq!(report.exit_code, 1);
}

#[test]
fn one_document_is_not_read_where_there_are_several() {
    let problems = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut file = pipeline(json!({
            "t": {"per": ["language"], "agent": {"builtin": "do"}, "input": {"say": 1}},
            "g": {"units": {"of": "t"}, "gather": ["language"], "agent": {"builtin": "mark"}},
        }));
        edit(&mut file);
        let mut world = steps(json!({}));
        world.redefine(|old| *old = file);
        world.checked().map(|_| ()).err().unwrap_or_default().join("\n")
    };
    let output = |text: &str| problems(&|file| file["outputs"] = json!({"o": text}));
    assert!(output("{{ phases.t.document }}").contains("`t` has one `document` for each `language`"));
    assert!(!output("{{ phases.t.records }}").contains("for each"));
    let when = |text: &str| problems(&|file| file["phases"]["g"]["when"] = json!(text));
    assert!(when("phases.t.document.result == 1").contains("`t` has one `document` for each `language`"));
    assert!(!when("phases.t.records > 1").contains("for each"));
}

#[test]
fn an_output_of_another_type_fails_the_run() {
    let mut world = steps(json!({"a": {"input": {"say": "{{ params.n }}"}}}));
    let typed = |world: &mut refrain_testkit::world::World, kind: &str| {
        world.redefine(|file| {
            file["outputs"] = json!({"n": "{{ phases.a.document.result }}"});
            file["output_types"] = json!({"n": kind});
        });
        world.run()
    };
    let good = typed(&mut world, "integer");
    assert_eq!((good.status, &good.outputs["n"]), (RunStatus::Completed, &json!(3)));
    let bad = typed(&mut world, "string");
    assert_eq!((bad.status, bad.exit_code, bad.outputs.len()), (RunStatus::Failed, 1, 0));
    assert_eq!(bad.output_errors["n"], "3 is not a string");
    world.redefine(|file| file["output_types"] = json!({"m": "string"}));
    assert!(world.checked().is_err_and(|problems| problems[0].contains("no output `m`")));
}
