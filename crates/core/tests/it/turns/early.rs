//! Loops that end otherwise than by their last turn: stopped, waiting, offline, out of time, forced, or by a text that fails;
//! and what is told and known of them meanwhile.

use refrain_core::engine::RunRequest;
use refrain_core::ports::agent::{AnsweredUnit, Reply};
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::money::Budget;
use refrain_schemas::name::UnitId;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_schemas::scope::{Scope, Target};
use refrain_testkit::world::{Act, World, request};
use serde_json::json;

use super::{check, document, each, ends};
use crate::steps::steps;

use PhaseStatus::{Blocked, Completed, Failed, Fresh, Stopped, Waiting};

fn calls(n: u64) -> Budget {
    Budget { calls: Some(n), ..Budget::default() }
}

/// Lets an agent wait for a person where its input says so.
fn with_a_person(world: &mut World) {
    world.calls("person", |call| {
        let asked = &call.units[0];
        let (result, said) = match asked.input["say"].as_str() {
            Some("?") => {
                let message = "nobody has answered yet".to_owned();
                (
                    Err(Failure { kind: FailureKind::Waiting, message }),
                    Some(json!({"asked": "x"}).to_string()),
                )
            }
            _ => (Ok(refrain_schemas::json::Json::of(&json!({"result": "!"})).unwrap()), None),
        };
        let unit = AnsweredUnit { said, ..AnsweredUnit::new(UnitId::new(&asked.id), result) };
        Act::Reply(Reply { units: vec![unit], ..Reply::default() })
    });
}

#[test]
fn a_loop_that_is_stopped_in_a_turn_goes_on_in_the_next_run() {
    let phases = || {
        json!({
            "each": {"loop": {"for_each": ["a", "b", "c"], "max_parallel": 1}, "on_failure": "continue"},
            "save": {"in": "each", "input": {"say": "{{ loop.each.item }}"}, "budget": {"calls": 1}},
            "lp": {"loop": {"while": "loop.lp.iteration < 3"}, "after": ["each"]},
            "put": {"in": "lp", "input": {"say": "{{ loop.lp.iteration }}"}},
        })
    };
    // A ceiling of the run stops it all, and one of a phase what comes of that phase.
    let mut world = steps(phases());
    world.redefine(|file| drop(file["phases"]["save"].as_object_mut().unwrap().remove("budget")));
    let report = world.run_with(&RunRequest { budget: calls(2), ..request(&[]) });
    assert_eq!((ends(&report)["each"], report.status), (Stopped, RunStatus::Stopped));
    assert_eq!(document(&mut world, "each"), serde_json::Value::Null, "nothing is made of half a list");
    let report = world.run();
    assert_eq!((ends(&report)["each"], report.calls, report.exit_code), (Completed, 4, 0));
    let mut world = steps(phases());
    let report = world.run();
    let found = ends(&report);
    assert_eq!((found["each"], found["save@1"]), (Stopped, Stopped), "{found:?}");
    assert_eq!(document(&mut world, "each"), serde_json::Value::Null);
    world.redefine(|file| drop(file["phases"]["save"].as_object_mut().unwrap().remove("budget")));
    assert_eq!(world.run().exit_code, 0);
    assert_eq!(document(&mut world, "each")["iterations"], 3);
    assert_eq!(world.bought_twice(), [""; 0]);
}

/// Whoever waits has not failed and made nothing: what hangs on the turn is not decided, and other turns of a list go on.
#[test]
fn a_turn_that_waits_is_followed_by_none_that_hangs_on_it() {
    let mut world = steps(json!({
        "lp": {"loop": {"while": "true", "max": 3}},
        "q": {"in": "lp", "agent": {"builtin": "person"}, "input": {"say": "?"}},
        "each": {"loop": {"for_each": ["?", "."]}},
        "r": {"in": "each", "agent": {"builtin": "person"}, "input": {"say": "{{ loop.each.item }}"}},
        "after": {"after": ["lp", "each"]},
    }));
    with_a_person(&mut world);
    let report = world.run();
    let expect = [
        ("lp", Waiting),
        ("q@0", Waiting),
        ("each", Waiting),
        ("r@0", Waiting),
        ("r@1", Completed),
        ("after", Waiting),
    ];
    check(&report, &expect);
    assert_eq!((report.status, report.exit_code), (RunStatus::Waiting, 6));
    assert_eq!(world.status()["lp"], Freshness::Waiting);
}

/// An answer would not help where something has failed as well.
#[test]
fn what_hangs_on_a_failure_waits_for_nobody() {
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [1]}},
        "a": {"in": "each", "input": {"raise": "boom"}},
        "q": {"in": "each", "agent": {"builtin": "person"}, "input": {"say": "?"}},
        "both": {"in": "each", "after": ["a", "q"]},
        "one": {"in": "each", "after": ["q"]},
    }));
    with_a_person(&mut world);
    let report = world.run();
    let expect =
        [("each", Failed), ("a@0", Failed), ("q@0", Waiting), ("both@0", Blocked), ("one@0", Waiting)];
    check(&report, &expect);
}

#[test]
fn offline_a_loop_that_lacks_replies_has_not_failed() {
    for course in
        [json!({}), json!({"on_failure": "continue"}), json!({"recover": [{"value": {"iterations": 0}}]})]
    {
        let mut phases = each(json!(["a", "b"]));
        phases["each"].as_object_mut().unwrap().extend(course.as_object().unwrap().clone());
        let mut world = steps(phases);
        let offline = RunRequest { offline: true, ..request(&[]) };
        let report = world.run_with(&offline);
        check(&report, &[("each", Failed), ("save@0", Failed), ("save@1", Failed), ("after", Blocked)]);
        assert_eq!(report.exit_code, 11, "{course}");
        assert_eq!(world.status()["each"], Freshness::Missing, "{course}");
        world.run();
        let report = world.run_with(&offline);
        assert_eq!((report.exit_code, ends(&report)["each"]), (0, Fresh), "{course}");
    }
}

/// A loop in a turn has no more time than is left of that turn.
#[test]
fn the_time_of_a_turn_is_that_of_everything_in_it() {
    for (outer, inner) in [("3s", "60s"), ("60s", "3s")] {
        let mut world = steps(json!({
            "out": {"loop": {"for_each": [1], "turn_timeout": outer}},
            "in": {"in": "out", "loop": {"while": "true", "max": 2, "turn_timeout": inner}},
            "a": {"in": "in", "input": {"hang": true}, "retry": {"attempts": 1}},
        }));
        let before = world.elapsed();
        let found = ends(&world.run());
        let took = (world.elapsed() - before).as_secs();
        assert_eq!((found["out"], found["in@0"], found["a@0,0"]), (Failed, Failed, Failed));
        assert!((3..10).contains(&took), "{outer} and {inner}: {took}");
    }
}

#[test]
fn who_forces_a_loop_forces_its_turns() {
    let mut world = steps(json!({
        "out": {"loop": {"for_each": ["a", "b"]}},
        "in": {"in": "out", "loop": {"for_each": [1, 2]}},
        "save": {"in": "in", "input": {"say": "{{ loop.out.item }}{{ loop.in.item }}"}},
        "beside": {},
    }));
    assert_eq!(world.run().calls, 5);
    assert_eq!(world.run_with(&RunRequest { force: true, ..request(&[]) }).calls, 5);
    assert_eq!(world.run_with(&RunRequest { force: true, ..request(&["out"]) }).calls, 4);
    assert_eq!(world.run().calls, 0);
}

/// A condition that cannot be asked after some turns fails the loop with them, and they are what it was made from.
#[test]
fn a_condition_that_fails_later_fails_the_loop() {
    let mut world = steps(json!({
        "lp": {"loop": {"while": "loop.lp.is_first or loop.lp.loop_state.results.say.result < 2"}},
        "say": {"in": "lp", "input": {"say": "many"}},
        "after": {"after": ["lp"]},
    }));
    let report = world.run();
    check(&report, &[("lp", Failed), ("say@0", Completed), ("after", Blocked)]);
    let error = report.phases[0].error.clone().unwrap().message;
    assert!(error.starts_with("`while`: "), "{error}");
    assert_eq!((world.status()["lp"], world.status()["say@0"]), (Freshness::Failed, Freshness::Fresh));
    assert_eq!(world.run().calls, 0);
    world.redefine(|file| file["phases"]["say"]["input"]["say"] = json!(3));
    let report = world.run();
    check(&report, &[("lp", Completed), ("say@0", Completed), ("after", Completed)]);
    assert_eq!(world.unfresh(), [""; 0]);
}

/// What is written about the result is for one that there is; of a failure the loop tells by itself.
#[test]
fn a_loop_that_failed_makes_no_result() {
    let result = json!({"sum": "{{ phases.sub_a.document.result }}"});
    for input in [json!({"raise": "boom"}), json!({"report": {"result": 7}})] {
        let mut world = steps(json!({
            "sub": {"loop": {"once": true, "result": result}, "on_failure": "continue"},
            "sub_a": {"in": "sub", "input": input},
            "b": {"input": {"say": "{{ phases.sub.document.error }}"}},
        }));
        assert_eq!(ends(&world.run())["sub"], Failed);
        let found = document(&mut world, "sub");
        assert_eq!((&found["success"], &found["status"]), (&json!(false), &json!("failed")), "{found}");
        assert!(found["result"]["a"].is_object() && found.get("sum").is_none(), "{found}");
        assert!(document(&mut world, "b")["result"].as_str().unwrap().contains("sub_a@0 failed"));
    }
}

/// A result that says of which execution it is says so in each, although no turn does anything.
#[test]
fn a_result_that_comes_out_otherwise_is_another_one() {
    let mut world = steps(json!({
        "sub": {"loop": {"once": true, "result": {"of": "{{ execution.id }}"}}},
        "sub_a": {"in": "sub", "input": {"say": 1}},
        "b": {"input": {"say": "{{ phases.sub.document.of }}"}},
    }));
    let mut said = || {
        let report = world.run();
        assert_eq!(document(&mut world, "sub")["of"], report.run_id.to_string());
        assert_eq!(document(&mut world, "b")["result"], report.run_id.to_string());
        report.calls
    };
    assert_eq!((said(), said()), (2, 1));
}

/// Another list that comes out the same opens no turn, and is what the loop is made from now.
#[test]
fn a_loop_that_comes_out_the_same_is_made_of_what_there_is_now() {
    let mut world = steps(each(json!("{{ ['a', 'b'] }}")));
    assert_eq!(world.run().calls, 3);
    world.redefine(|file| file["phases"]["each"]["loop"]["for_each"] = json!("{{ ['a', 'b'] | list }}"));
    assert_ne!(world.status()["each"], Freshness::Fresh);
    assert_eq!((world.run().calls, world.unfresh()), (0, Vec::<String>::new()));
}

/// Of a loop that begins something it is told before that, once, and of all loops around it.
#[test]
fn loops_begin_before_what_is_in_them() {
    let mut world = steps(json!({
        "out": {"loop": {"for_each": ["a", "b"]}},
        "in": {"in": "out", "loop": {"for_each": [1, 2]}},
        "save": {"in": "in", "input": {"say": "{{ loop.out.item }}{{ loop.in.item }}"}},
    }));
    let began = |world: &World, from: usize| -> Vec<String> {
        let events = world.events();
        let begins =
            events[from..].iter().filter(|event| matches!(event.kind, EventKind::PhaseStarted { .. }));
        let name = |event: &refrain_schemas::event::Event| {
            let (phase, scope) =
                (event.phase.clone().unwrap(), event.scope.clone().unwrap_or_else(Scope::none));
            Target { phase, scope }.to_string()
        };
        begins.map(name).collect()
    };
    let check = |begun: Vec<String>, expect: &[&str]| {
        let mut sorted: Vec<&str> = begun.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        assert_eq!(sorted, expect);
        let at = |name: &str| begun.iter().position(|known| known == name);
        for save in expect.iter().filter(|name| name.starts_with("save")) {
            let turn = format!("in@{}", &save[5..6]);
            assert!(at("out") < at(save) && at(&turn) < at(save), "{begun:?}");
        }
    };
    world.run();
    let all = ["in@0", "in@1", "out", "save@0,0", "save@0,1", "save@1,0", "save@1,1"];
    check(began(&world, 0), &all);
    // What does nothing begins nothing, and what has something new in one turn begins that way.
    let from = world.events().len();
    world.run();
    check(began(&world, from), &[]);
    let from = world.events().len();
    world.redefine(|file| file["phases"]["out"]["loop"]["for_each"] = json!(["a", "c"]));
    world.run();
    check(began(&world, from), &["in@1", "out", "save@1,0", "save@1,1"]);
}

/// Where it is not known which turns follow, those that there were are not missed; and none is made up that would not come.
#[test]
fn what_is_known_of_turns_ends_where_it_is_not_decided() {
    let mut world = steps(json!({
        "lp": {"loop": {"while": "loop.lp.is_first or loop.lp.loop_state.results.say.result < 3"}},
        "say": {"in": "lp", "input": {"say": "{{ loop.lp.iteration + params.n }}"}},
        "each": {"loop": {"for_each": [1, 2, 3], "break_on_error": true}},
        "a": {"in": "each", "input": {"raise": "{{ 'boom' if loop.each.item == 2 else none }}", "say": 1}},
    }));
    world.set_param("n", json!(1));
    world.run();
    assert_eq!(document(&mut world, "lp")["iterations"], 3);
    let known = |world: &mut World| {
        world.status().into_keys().filter(|name| name.contains('@')).collect::<Vec<String>>()
    };
    assert_eq!(known(&mut world), ["a@0", "a@1", "say@0", "say@1", "say@2"]);
    world.set_param("n", json!(2));
    assert_eq!(known(&mut world), ["a@0", "a@1", "say@0"], "the rest hangs on what the first comes to");
    let engine = world.engine(false);
    let target = Target { phase: "lp".parse().unwrap(), scope: Scope::none() };
    let why = futures::executor::block_on(engine.why(&target, None, 9)).unwrap();
    drop(engine);
    let about: Vec<&str> = why.causes.iter().map(|cause| cause.subject.as_str()).collect();
    assert!(about.contains(&"say@0") && !about.contains(&"say@1"), "{about:?}");
    world.run();
    assert_eq!(document(&mut world, "lp")["iterations"], 2);
}
