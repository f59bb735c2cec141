//! Lists that end before their last item, loops that look at the clock, and loops that have a time of their own.

use std::time::Duration;

use refrain_schemas::report::PhaseStatus::{Blocked, Completed, Failed, Fresh};
use refrain_testkit::world::{Act, World, reply_to};
use serde_json::{Value, json};

use super::{check, document, document_of, ends};
use crate::ahead::plan;
use crate::steps::{problems, steps};

fn listed(turns: Value) -> Value {
    let mut turns = turns;
    turns["for_each"] = json!([1, 2, 3, 1]);
    json!({
        "each": {"loop": turns},
        "say": {"in": "each", "input": {"say": "{{ loop.each.item }}"}},
        "after": {"input": {"say": "{{ phases.each.document.iterations }} {{ phases.each.document.status }}"}},
    })
}

#[test]
fn a_list_ends_where_a_condition_says_so() {
    let say = |turns: Value| {
        let mut world = steps(listed(turns.clone()));
        let before = plan(&mut world);
        let is_known = turns["while"] == "false";
        assert_eq!(before.calls.max.is_some(), is_known, "nobody knows yet how many turns there are");
        let report = world.run();
        assert_eq!(report.exit_code, 0, "{:?}", ends(&report));
        assert_eq!(world.run().calls, 0);
        assert_eq!(world.unfresh(), [""; 0]);
        assert_eq!(plan(&mut world).calls.max, Some(0), "what is on record says which turns there are");
        document(&mut world, "after")["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(say(json!({"until": "phases.say.document.result == 2"})), "2 completed");
    assert_eq!(say(json!({"until": "loop.each.item == 9"})), "4 completed");
    assert_eq!(say(json!({"while": "loop.each.item < 3"})), "2 completed");
    assert_eq!(say(json!({"while": "false"})), "0 completed");
    assert_eq!(
        say(json!({"while": "loop.each.is_first or loop.each.loop_state.results.say.result < 3"})),
        "3 completed"
    );
    // Turns that start together are all over before anything is asked.
    assert_eq!(say(json!({"until": "loop.each.item == 1", "max_parallel": 2})), "2 completed");
    assert_eq!(say(json!({"until": "phases.say.document.result == 3", "max_parallel": 2})), "4 completed");
    assert_eq!(say(json!({"while": "loop.each.item < 3", "max_parallel": 3})), "2 completed");
}

#[test]
fn a_turn_that_failed_is_not_asked_whether_the_list_goes_on() {
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [1, 2, 3], "until": "phases.a.document.result == 2"}},
        "a": {"in": "each", "input": {"raise": "{{ 'boom' if loop.each.item == 2 else none }}", "say": 1}},
        "after": {"after": ["each"]},
    }));
    let report = world.run();
    let expect =
        [("each", Failed), ("a@0", Completed), ("a@1", Failed), ("a@2", Completed), ("after", Blocked)];
    check(&report, &expect);
}

#[test]
fn a_loop_goes_over_a_list_or_not() {
    let found = |turns: Value| {
        let mut phases = listed(turns);
        phases["each"]["loop"]["for_each"] = json!([1]);
        problems(phases)
    };
    let check = |turns: Value, expect: &str| {
        let problems = found(turns);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    check(json!({"once": true, "until": "true"}), "in more than one");
    check(json!({"until": "loop.each.iteration > 1"}), "has no `iteration`");
}

/// A world whose agent `slow` takes two seconds for each call.
fn slow(phases: Value) -> World {
    let mut world = steps(phases);
    world.calls("slow", |call| {
        let said = reply_to(call, &|asked| Ok(json!({"result": asked.input["say"]})));
        Act::Late(Duration::from_secs(2), said)
    });
    world
}

/// The same, but it answers the first call alone.
fn slow_once(phases: Value) -> World {
    let mut world = slow(phases);
    world.calls("slow", |call| {
        let said = reply_to(call, &|asked| Ok(json!({"result": asked.input["say"]})));
        if call.count == 1 { Act::Late(Duration::from_secs(2), said) } else { Act::Hang }
    });
    world
}

#[test]
fn a_loop_sees_how_long_its_turns_took_and_that_makes_nothing_stale() {
    let phases = json!({
        "lp": {"loop": {"while": "loop.lp.seconds < 5"}},
        "work": {"in": "lp", "agent": {"builtin": "slow"}, "input": {"say": "{{ loop.lp.iteration }}"}},
        "tell": {"in": "lp", "after": ["work"], "input": {"say": "{{ loop.lp.seconds }}"}},
    });
    let mut world = slow(phases.clone());
    assert_eq!(world.run().exit_code, 0);
    assert_eq!(document(&mut world, "lp")["iterations"], 3);
    let told = |world: &mut World, turn: u32| {
        document_of(world, "tell", &[("lp", turn)])["result"].as_f64().map(f64::round)
    };
    assert_eq!([0, 1, 2].map(|turn| told(&mut world, turn)), [Some(0.0), Some(2.0), Some(4.0)]);
    assert_eq!(world.unfresh(), [""; 0]);
    let report = world.run();
    assert_eq!((report.calls, ends(&report)["lp"]), (0, Fresh), "what was measured is on record");
    // A loop in a loop counts with all that it did.
    let mut around = phases;
    around["out"] = json!({"loop": {"until": "loop.out.seconds >= 4"}});
    around["lp"]["in"] = json!("out");
    around["lp"]["loop"] = json!({"while": "loop.lp.iteration < 2"});
    let mut world = slow(around);
    assert_eq!(world.run().exit_code, 0);
    assert_eq!(document(&mut world, "out")["iterations"], 1);
    assert_eq!(world.run().calls, 0);
}

#[test]
fn a_loop_has_its_time() {
    let phases = |more: Value| {
        let mut phases = json!({
            "each": {"loop": {"for_each": [1, 2, 3], "max_parallel": 1}, "timeout": "3s"},
            "a": {"in": "each", "agent": {"builtin": "slow"}, "input": {"say": "{{ loop.each.item }}"}, "retry": {"attempts": 1}},
            "after": {"input": {"say": "{{ phases.each.document.late }}"}},
        });
        phases["each"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        phases
    };
    let report = slow_once(phases(json!({}))).run();
    let found = ends(&report);
    assert_eq!((found["each"], found["a@0"], found["a@1"]), (Failed, Completed, Failed));
    assert_eq!(report.phases[0].error.as_ref().unwrap().code, "timed_out");
    let late = json!({"recover": [{"kinds": ["timed_out"], "value": {"late": true}}]});
    let mut world = slow(phases(late));
    assert_eq!(ends(&world.run())["each"], Completed);
    assert_eq!(document(&mut world, "after")["result"], true);
}

#[test]
fn a_loop_whose_time_is_up_starts_no_turn() {
    let mut world = slow(json!({
        "each": {"loop": {"for_each": [1, 2, 3], "max_parallel": 1}, "timeout": "3s"},
        "a": {"in": "each", "agent": {"builtin": "slow"}, "input": {"say": "{{ loop.each.item }}"},
            "retry": {"attempts": 1}, "recover": [{"kinds": ["timed_out"], "value": {}}]},
    }));
    let report = world.run();
    assert!(!ends(&report).contains_key("a@2"), "{:?}", ends(&report));
    let error = report.phases[0].error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("timed_out", "the time was up after 2 turns"));
}
