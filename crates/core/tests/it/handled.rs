//! What is read of failures: documents by those who see them, never what was made before, and never as records.

use std::time::Duration;

use refrain_core::ports::agent::{AgentError, AnsweredUnit, Reply};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::name::UnitId;
use refrain_schemas::plan::PlannedAction;
use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::{Act, World};
use serde_json::{Value, json};

use crate::ahead::plan;
use crate::pieces::{cast, failure, lines, mark, pipeline};
use crate::steps::{check, document, problems, steps};

use PhaseStatus::{Blocked, Completed, Failed, Fresh, Skipped};

/// Returns a world of phases as they are written, with the agents of steps and `mark`, which refuses what is bad.
fn written(phases: Value) -> World {
    let mut world = steps(json!({}));
    world.redefine(|file| *file = pipeline(phases));
    cast(&mut world);
    world.agent("mark", |asked| match asked.input["text"].as_str() {
        Some("bad") => Err(failure(FailureKind::Refused)),
        _ => Ok(mark(asked)),
    });
    world.set("lines.csv", lines(6));
    world
}

fn reported(document: &Value) -> Reply {
    let failure = Failure { kind: FailureKind::Reported, message: "it did not work".to_owned() };
    let unit =
        AnsweredUnit { id: UnitId::new("all"), result: Err(failure), said: Some(document.to_string()) };
    Reply { units: vec![unit], ..Reply::default() }
}

/// Plans; returns what is to be done about each phase.
fn planned(world: &mut World) -> Vec<(String, PlannedAction)> {
    let plan = plan(world);
    plan.phases.iter().map(|phase| (phase.phase.to_string(), phase.action)).collect()
}

#[test]
fn what_a_failed_phase_made_before_is_not_what_it_would_have_made() {
    let mut world = written(json!({
        "translate": {"agent": {"builtin": "mark"}, "units": {"of": "ingest"}, "on_failure": "continue"},
        "polish": {"agent": {"builtin": "note"}, "units": {"of": "translate"}},
        "tidy": {"agent": {"builtin": "do"}, "input": {"say": 1}, "after": ["translate"]},
        "tell": {"agent": {"builtin": "do"}, "input": {"say": "{{ phases.translate.document.success }}"},
            "when": "not phases.translate.success"},
    }));
    world.run();
    assert_eq!(world.status()["polish"], Freshness::Fresh);
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("bad"));
    let report = world.run();
    let rest = [("ingest", Completed), ("translate", Failed), ("tidy", Fresh), ("tell", Completed)];
    check(&report, &[&rest[..], &[("polish", Blocked)]].concat());
    assert_eq!(document(&mut world, "tell")["result"], false);
    assert_ne!(world.status()["polish"], Freshness::Fresh, "it was made from the text before");
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("good"));
    world.run();
    assert_eq!(world.status()["polish"], Freshness::Fresh);
}

#[test]
fn a_phase_that_never_made_anything_has_a_document_of_its_failure_too() {
    let mut world = written(json!({
        "translate": {"agent": {"builtin": "mark"}, "units": {"of": "ingest"}, "on_failure": "cleanup"},
        "polish": {"agent": {"builtin": "note"}, "units": {"of": "translate"}},
        "cleanup": {"agent": {"builtin": "do"}, "input": {"say": "{{ phases.translate.document.success }}"}},
    }));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("bad"));
    let report = world.run();
    check(
        &report,
        &[
            ("ingest", Completed),
            ("translate", Failed),
            ("polish", PhaseStatus::Skipped),
            ("cleanup", Completed),
        ],
    );
    assert_eq!(document(&mut world, "cleanup")["result"], false);
    assert_eq!(world.status()["cleanup"], Freshness::Fresh);
}

/// A phase of which no document of a failure is kept has none with a code, whatever it made before.
#[test]
fn a_code_that_was_made_before_is_not_that_of_a_failure() {
    let mut world = written(json!({
        "a": {"agent": {"builtin": "code"}, "units": {"of": "ingest", "whole": true}, "output": {"document": "d"}},
        "mend": {"agent": {"builtin": "do"}, "input": {"say": 1}, "handles": [{"phase": "a", "codes": ["3"]}]},
    }));
    world.agent("code", |asked| match asked.input["records"].as_array().map(Vec::len) {
        Some(6) => Ok(json!({"return_code": 3})),
        _ => Err(failure(FailureKind::Refused)),
    });
    check(&world.run(), &[("ingest", Completed), ("a", Completed), ("mend", Skipped)]);
    world.set("lines.csv", lines(7));
    check(&world.run(), &[("ingest", Completed), ("a", Failed), ("mend", Skipped)]);
}

#[test]
fn the_document_of_a_failure_is_no_records() {
    let mut world = written(json!({
        "p": {"agent": {"builtin": "do"}, "input": {"report": {"why": "full"}},
            "output": {"records": "lines", "key": "id"}, "on_failure": "continue"},
        "split": {"agent": {"builtin": "note"}, "units": {"of": "p"}},
        "group": {"agent": {"builtin": "note"}, "units": {"of": "p", "whole": true}, "output": {"document": "x"}},
        "joined": {"agent": {"builtin": "mark"}, "units": {"of": "ingest"},
            "context": {"x": {"from": "p", "on": "scene"}}},
        "seen": {"agent": {"builtin": "do"}, "input": {"say": "{{ phases.p.document.why }}"}},
    }));
    let report = world.run();
    let blocked = [("split", Blocked), ("group", Blocked), ("joined", Blocked)];
    check(&report, &[&blocked[..], &[("ingest", Completed), ("p", Failed), ("seen", Completed)]].concat());
    assert_eq!(document(&mut world, "seen")["result"], "full");
    assert_eq!(world.take_units(), ["p/all", "seen/all"], "nobody is asked about it");
    let records = json!({"records": "lines", "key": "id"});
    let problems = problems(json!({"a": {"output": records, "recover": [{"value": 1}]}}));
    assert!(problems.iter().any(|problem| problem.contains("this phase makes records")), "{problems:?}");
}

/// Units of records are held to nothing that their agent says of inputs; that is told rather than left undone.
#[test]
fn what_an_agent_accepts_is_for_inputs() {
    let mark = json!({"builtin": "mark", "accepts": {"type": "object"}});
    let world = written(json!({"mark": {"agent": mark, "units": {"of": "ingest"}}}));
    let problems = world.checked().map(drop).unwrap_err();
    assert!(problems.iter().any(|problem| problem.contains("this one splits records")), "{problems:?}");
}

#[test]
fn whose_condition_cannot_be_evaluated_concerns_nobody_else() {
    let mut world = steps(json!({
        "a": {}, "b": {"after": ["a"], "when": "phases.a.document.result > 3", "on_failure": "continue"},
        "c": {"input": {"say": "{{ phases.b.document.success }}"}},
    }));
    let expect = [("a", PlannedAction::Run), ("b", PlannedAction::Perhaps), ("c", PlannedAction::Perhaps)];
    let expect = expect.map(|(name, action)| (name.to_owned(), action));
    assert_eq!(planned(&mut world)[..2], expect[..2]);
    let missing = Freshness::Missing;
    assert_eq!(world.status().into_values().collect::<Vec<_>>(), [missing, missing, missing]);
    check(&world.run(), &[("a", Completed), ("b", Failed), ("c", Completed)]);
    assert_eq!(document(&mut world, "c")["result"], false);
    let fresh = Freshness::Fresh;
    assert_eq!(world.status().into_values().collect::<Vec<_>>(), [fresh, Freshness::Failed, fresh]);
    assert_eq!(planned(&mut world)[1].1, PlannedAction::Run);
    world.redefine(|file| file["phases"]["a"]["input"]["say"] = json!(4));
    check(&world.run(), &[("a", Completed), ("b", Completed), ("c", Completed)]);
    assert_eq!(document(&mut world, "c")["result"], true);
    world.redefine(|file| file["phases"]["a"]["input"]["say"] = json!("four"));
    check(&world.run(), &[("a", Completed), ("b", Failed), ("c", Completed)]);
    assert_eq!(document(&mut world, "c")["result"], false);
}

#[test]
fn a_condition_on_a_want_that_is_not_there_yet_says_nothing_of_the_rest() {
    let mut world = steps(json!({"a": {}, "b": {"wants": ["a"], "when": "phases.a.document.result == 'a'"}}));
    assert_eq!(world.status()["b"], Freshness::Missing);
    assert_eq!(planned(&mut world)[1].1, PlannedAction::Perhaps);
    check(&world.run(), &[("a", Completed), ("b", Completed)]);
    assert_eq!(world.unfresh(), [""; 0]);
}

/// The document is the same byte for byte, and whether it succeeded is not.
#[test]
fn success_is_part_of_what_is_made_from_it() {
    let made = json!({"success": true, "result": 1});
    let mut world = steps(json!({
        "p": {"input": {"report": made}, "on_failure": "continue"},
        "f": {"input": {"say": "{{ phases.p.success }}"}},
    }));
    check(&world.run(), &[("p", Failed), ("f", Completed)]);
    assert_eq!(document(&mut world, "f")["result"], false);
    check(&world.run(), &[("p", Failed), ("f", Fresh)]);
    world.redefine(|file| file["phases"]["p"]["input"] = json!({"say": 1}));
    check(&world.run(), &[("p", Completed), ("f", Completed)]);
    assert_eq!(document(&mut world, "f")["result"], true);
    let stands = |propagate: bool| json!([{"value": made, "propagate": propagate}]);
    let mut redefine = |input: Value, propagate: bool| {
        world.redefine(|file| {
            file["phases"]["p"]["input"] = input;
            file["phases"]["p"]["recover"] = stands(propagate);
        });
        world.run();
        document(&mut world, "f")["result"].clone()
    };
    assert_eq!(redefine(json!({"raise": "x"}), true), false);
    assert_eq!(redefine(json!({"raise": "x"}), false), true);
    assert_eq!(redefine(json!({"raise": "x"}), true), false);
    assert_eq!(redefine(json!({"say": 1}), true), true);
    assert_eq!(world.unfresh(), [""; 0]);
}

/// It is so for what failed itself, and for which a value stands in until it is made from something else.
#[test]
fn success_is_part_of_what_is_tried_with_it() {
    let made = json!({"success": true, "result": 1});
    let mut world = steps(json!({
        "p": {"input": {"report": made}, "on_failure": "continue"},
        "f": {"input": {"raise": "{{ none if phases.p.success else 'boom' }}", "say": 2}, "recover": [{"value": {"result": 0}}]},
        "g": {"input": {"say": "{{ phases.f.document.result }}"}},
    }));
    world.run();
    assert_eq!(document(&mut world, "g")["result"], 0);
    world.redefine(|file| file["phases"]["p"]["input"] = json!({"say": 1}));
    check(&world.run(), &[("p", Completed), ("f", Completed), ("g", Completed)]);
    assert_eq!(document(&mut world, "g")["result"], 2);
}

fn two(fan: &str, first: Act, second: Act) -> Value {
    let mut world = steps(json!({
        "p": {"agents": {"one": 1, "two": 1}, "fan": fan, "on_failure": "continue"},
    }));
    world.redefine(|file| {
        file["agents"] = json!({"one": {"builtin": "one"}, "two": {"builtin": "two"}});
        if fan == "panel" {
            file["phases"]["p"]["merge"] = json!("first");
        }
    });
    let acts = [("one", first), ("two", second)];
    for (name, act) in acts {
        world.calls(name, move |_| match &act {
            Act::Late(pause, reply) => Act::Late(*pause, reply.clone()),
            Act::Fail(error) => Act::Fail(error.clone()),
            _ => Act::Hang,
        });
    }
    check(&world.run(), &[("p", Failed)]);
    document(&mut world, "p")
}

#[test]
fn the_document_is_of_the_failure_that_is_told_and_not_of_whoever_answered_last() {
    let late = |by: &str, pause| Act::Late(Duration::from_millis(pause), reported(&json!({"by": by})));
    for (first, second) in [(10, 20), (20, 10)] {
        let document = two("panel", late("one", first), late("two", second));
        assert_eq!(document, json!({"by": "one"}), "after {first} and {second} ms");
    }
    let raised = || Act::Fail(AgentError::new(FailureKind::Permanent, "boom"));
    let document = two("cascade", late("one", 10), raised());
    assert_eq!((&document["error_type"], &document["by"]), (&json!("permanent"), &Value::Null));
    assert_eq!(two("cascade", raised(), late("two", 10)), json!({"by": "two"}));
}

#[test]
fn edits_of_records_that_come_of_an_input_are_laid_over_them() {
    let mut world = written(json!({
        "p": {"agent": {"builtin": "list"}, "input": {"say": 1}, "output": {"records": "lines", "key": "id"}},
        "q": {"agent": {"builtin": "mark"}, "units": {"of": "p"}},
    }));
    world.agent("list", |asked| {
        Ok(json!([{"id": "a", "text": asked.input["say"]}, {"id": "b", "text": "b"}]))
    });
    world.run();
    world.person("p", "a", &[("text", json!("mine"))], false);
    assert_eq!(world.status()["p"], Freshness::Stale);
    for say in [1, 2] {
        world.redefine(|file| file["phases"]["p"]["input"]["say"] = json!(say));
        world.run();
        assert_eq!(world.artifact("p")[0]["text"], "mine");
        assert_eq!(world.artifact("q")[0]["text"], "mine:-");
        assert_eq!(world.unfresh(), [""; 0]);
    }
    assert_eq!(world.bought_twice(), [""; 0]);
}

/// What is made anew may turn out as it was when others read it.
#[test]
fn what_may_turn_out_as_it_was_is_run_perhaps() {
    let phases = |n: u32| {
        pipeline(json!({
            "t": {"agent": {"builtin": "mark", "params": {"n": n}}, "units": {"of": "ingest"}},
            "u": {"agent": {"builtin": "note"}, "units": {"of": "t"}},
        }))
    };
    let mut world = written(json!({}));
    world.redefine(|file| *file = phases(1));
    world.run();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("other"));
    world.run_with(&refrain_testkit::world::request(&["t"]));
    world.set("lines.csv", lines(6));
    world.redefine(|file| *file = phases(2));
    let expect = [("ingest", PlannedAction::Run), ("t", PlannedAction::Run), ("u", PlannedAction::Perhaps)];
    let found = planned(&mut world);
    assert_eq!(found.iter().map(|(phase, action)| (phase.as_str(), *action)).collect::<Vec<_>>(), expect);
    check(&world.run(), &[("ingest", Completed), ("t", Completed), ("u", Fresh)]);
}
