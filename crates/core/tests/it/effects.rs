//! What asking leaves behind: files that were read and written, what is done once for each, what is done anew.

mod left;

use refrain_core::ports::agent::Effect;
use refrain_schemas::freshness::{CauseKind, Freshness};
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::{Ending, World};
use serde_json::{Value, json};

use crate::ahead::plan;
use crate::steps::{check, document, steps};

use PhaseStatus::{Completed, Failed, Fresh};

/// Returns a world of steps with an agent `put`, which sets the file of its input to what it says, and `clock`, which
/// says how often it was asked.
fn world(phases: Value) -> World {
    let mut world = steps(phases);
    let hand = world.hand();
    world.agent("put", move |asked| {
        let path = asked.input["writes"][0].as_str().unwrap_or("none").to_owned();
        hand.set(&path, asked.input["say"].clone());
        Ok(json!({"wrote": path}))
    });
    world.effect("put", Effect::Once);
    world.agent("clock", |asked| Ok(json!({"result": asked.attempt})));
    world.effect("clock", Effect::Volatile);
    world
}

/// Kills a run after some steps; tells whether it had come to its end before, as far as the history knows.
fn is_over_after(world: &mut World, kill: u64) -> bool {
    let was_over = matches!(world.run_killed(kill), Ending::Over(_));
    was_over || world.history().runs().last().is_some_and(|run| run.end.is_some())
}

fn writing(path: &str, say: Value) -> Value {
    json!({"agent": {"builtin": "put"}, "input": {"writes": [path], "say": say}})
}

#[test]
fn what_two_steps_want_done_is_done_for_both_and_what_is_pure_once() {
    let mut world = world(json!({
        "a": writing("x.txt", json!(1)), "b": writing("x.txt", json!(1)),
        "c": {"input": {"say": "same"}}, "d": {"input": {"say": "same"}},
    }));
    world.run();
    let mut units = world.take_units();
    units.sort();
    assert_eq!((units.len(), &units[..2]), (3, &["a/all".to_owned(), "b/all".to_owned()][..]));
    assert_eq!(world.run().calls, 0);
}

#[test]
fn a_file_that_is_gone_or_altered_is_written_again() {
    let mut world = world(json!({"a": writing("x.txt", json!(1)), "b": {"after": ["a"]}}));
    world.run();
    assert_eq!(world.run().calls, 0);
    world.set("x.txt", json!(2));
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Fresh)]);
    assert_eq!(report.phases[0].causes[0].kind, CauseKind::OutputFile);
    assert_eq!(world.file("x.txt"), Some(json!(1)));
    world.remove("x.txt");
    check(&world.run(), &[("a", Completed), ("b", Fresh)]);
    assert_eq!(world.file("x.txt"), Some(json!(1)));
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn a_file_that_is_read_is_part_of_what_is_asked() {
    let mut world = world(json!({"a": {"input": {"say": 1, "reads": ["first.txt", "in.txt"]}}}));
    world.set("first.txt", json!("first"));
    world.set("in.txt", json!("one"));
    world.run();
    assert_eq!(world.run().calls, 0);
    world.set("in.txt", json!("two"));
    let report = world.run();
    assert_eq!((report.calls, report.phases[0].causes[0].kind), (1, CauseKind::SourceFile));
    world.set("in.txt", json!("one"));
    let report = world.run();
    check(&report, &[("a", Completed)]);
    assert_eq!(report.calls, 0, "what was said of it is on record");
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn what_is_volatile_is_asked_in_every_run_and_never_twice_in_one_that_is_gone_on_with() {
    let phases =
        || json!({"t": {"agent": {"builtin": "clock"}}, "a": {"after": ["t"]}, "b": {"after": ["a"]}});
    let mut other = world(phases());
    other.run();
    check(&other.run(), &[("t", Completed), ("a", Fresh), ("b", Fresh)]);
    for kill in 1..60 {
        let mut world = world(phases());
        let was_over = is_over_after(&mut world, kill);
        let in_doubt = world.in_doubt();
        assert_eq!(world.run().status, RunStatus::Completed);
        let asked = world.take_units().iter().filter(|unit| *unit == "t/all").count();
        if was_over {
            assert_eq!(asked, 2, "another run asks anew");
            break;
        }
        assert!(asked <= 1 + in_doubt, "after {kill} steps it was asked {asked} times");
    }
}

#[test]
fn attempts_that_are_spent_stay_so_until_a_run_has_come_to_its_end() {
    let phases = || {
        json!({
            "a": {"input": {"report": {"why": 1}, "reads": ["in.txt"]}, "on_failure": "continue"},
            "b": {"input": {"say": "{{ phases.a.document.why }}"}}, "c": {"after": ["b"]},
        })
    };
    for kill in 1..60 {
        let mut world = world(phases());
        world.set("in.txt", json!("one"));
        let was_over = is_over_after(&mut world, kill);
        let in_doubt = world.in_doubt();
        let report = world.run();
        let asked = world.take_units().iter().filter(|unit| *unit == "a/all").count();
        assert_eq!(document(&mut world, "b")["result"], 1);
        if was_over {
            check(&report, &[("a", Failed), ("b", Fresh), ("c", Fresh)]);
            assert_eq!(asked, 2, "the next run tries again");
            break;
        }
        check_failed(&report);
        assert!(asked <= 1 + in_doubt, "after {kill} steps it was asked {asked} times");
    }
}

/// What a step read before it failed may have been changed by later ones: its attempts stay spent all the same.
#[test]
fn what_a_failed_step_read_is_not_looked_at_again_in_a_run_that_is_gone_on_with() {
    let phases = || {
        let mut second = writing("in.txt", json!("two"));
        second["after"] = json!(["a"]);
        json!({
            "a": {"input": {"report": {"why": 1}, "reads": ["in.txt"]}, "on_failure": "continue"},
            "b": second, "c": {"after": ["b"]}, "d": {"after": ["c"]},
        })
    };
    for kill in 1..80 {
        let mut world = world(phases());
        world.set("in.txt", json!("one"));
        if is_over_after(&mut world, kill) {
            assert!(kill > 20);
            return;
        }
        let in_doubt = world.in_doubt();
        check_failed(&world.run());
        let asked = world.take_units().iter().filter(|unit| *unit == "a/all").count();
        assert!(asked <= 1 + in_doubt, "after {kill} steps it was asked {asked} times");
    }
    panic!("it never came to its end");
}

#[test]
fn a_step_that_failed_is_known_as_failed_though_it_read_files() {
    let mut world = world(json!({
        "a": {"input": {"report": {"why": 1}, "reads": ["in.txt"]}, "on_failure": "continue"},
        "b": {"input": {"say": "{{ phases.a.document.why }}"}},
    }));
    world.set("in.txt", json!("one"));
    check(&world.run(), &[("a", Failed), ("b", Completed)]);
    assert_eq!((world.status()["a"], world.status()["b"]), (Freshness::Failed, Freshness::Fresh));
    check(&world.run(), &[("a", Failed), ("b", Fresh)]);
    world.set("in.txt", json!("two"));
    assert_eq!(world.status()["a"], Freshness::Missing, "of what is there now nothing is known");
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"say": 1, "reads": ["in.txt"]}));
    world.redefine(|file| file["phases"]["b"]["input"]["say"] = json!("{{ phases.a.document.result }}"));
    check(&world.run(), &[("a", Completed), ("b", Completed)]);
    // What it read before it failed again is another file.
    let other = json!({"report": {}, "reads": ["other.txt"]});
    world.set("other.txt", json!("one"));
    world.redefine(|file| file["phases"]["a"]["input"] = other);
    world.run();
    assert_eq!(world.status()["a"], Freshness::Failed);
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"say": 1, "reads": ["in.txt"]}));
    assert_eq!(world.status()["a"], Freshness::Fresh, "it is as it was made");
}

fn check_failed(report: &refrain_schemas::report::RunReport) {
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 1));
    assert_eq!(report.phases[0].status, Failed);
    assert!(report.phases[0].document.is_some());
}

#[test]
fn files_are_not_looked_at_again_in_a_run_that_is_gone_on_with() {
    // The second step alters what the first one wrote; after a kill neither is done again.
    let phases = || {
        let mut second = writing("x.txt", json!(2));
        second["after"] = json!(["a"]);
        json!({"a": writing("x.txt", json!(1)), "b": second, "c": {"after": ["b"]}, "d": {"after": ["c"]}})
    };
    for kill in 1..80 {
        let mut world = world(phases());
        let was_over = is_over_after(&mut world, kill);
        if was_over {
            assert!(kill > 20);
            break;
        }
        let in_doubt = world.in_doubt();
        assert_eq!(world.run().status, RunStatus::Completed);
        assert_eq!(world.file("x.txt"), Some(json!(2)), "after {kill} steps");
        let asked = world.take_units();
        let n = asked.iter().filter(|unit| unit.starts_with('a')).count();
        assert!(n <= 1 + in_doubt, "after {kill} steps: {asked:?}");
    }
}

#[test]
fn an_input_that_its_agent_does_not_accept_is_refused() {
    let mut world = world(json!({"a": {"agent": {"builtin": "put"}, "input": {"say": 1, "writes": "x"}}}));
    let schema = json!({"properties": {"writes": {"type": "array"}}});
    world.accepts("put", refrain_schemas::json::Json::of(&schema).unwrap());
    let problems = world.checked().map(|_| ()).unwrap_err();
    assert!(problems.iter().any(|problem| problem.contains("does not accept it")), "{problems:?}");
}

/// What an agent takes is no part of what it is asked: another word on that looks at the input again, and buys nothing.
#[test]
fn what_an_agent_accepts_now_is_what_its_input_is_held_to() {
    let mut world = world(json!({
        "a": {"input": {"say": "x"}},
        "b": {"agent": {"command": ["do"], "accepts": {"type": "object"}},
            "input": {"say": "{{ phases.a.document.result }}"}},
    }));
    let accepting = |world: &mut World, kind: &str| {
        world.redefine(|file| {
            file["phases"]["b"]["agent"]["accepts"] = json!({"properties": {"say": {"type": kind}}});
        });
    };
    check(&world.run(), &[("a", Completed), ("b", Completed)]);
    accepting(&mut world, "integer");
    assert_ne!(world.status()["b"], Freshness::Fresh);
    let report = world.run();
    check(&report, &[("a", Fresh), ("b", Failed)]);
    let told = &report.phases[1].error.as_ref().unwrap().message;
    assert!(told.contains("does not accept it: `say`"), "{told}");
    accepting(&mut world, "string");
    let report = world.run();
    check(&report, &[("a", Fresh), ("b", Completed)]);
    assert_eq!(report.calls, 0, "its reply is on record");
}

#[test]
fn a_plan_knows_what_is_spent_and_the_run_says_how_it_is_tried_again() {
    let mut is_told = false;
    for kill in 1..60 {
        let mut world = world(json!({
            "a": {"input": {"report": {"why": 1}}, "on_failure": "continue"},
            "b": {"input": {"say": "{{ phases.a.document.why }}"}}, "c": {"after": ["b"]},
        }));
        if is_over_after(&mut world, kill) {
            break;
        }
        let plan = plan(&mut world);
        let report = world.run();
        let is_within =
            plan.calls.min <= report.calls && plan.calls.max.is_none_or(|max| report.calls <= max);
        assert!(is_within, "after {kill} steps: {:?} for {}", plan.calls, report.calls);
        let hint = report.phases[0].error.as_ref().unwrap().hint.clone().unwrap_or_default();
        assert_eq!(hint.contains("--force"), report.phases[0].calls == 0, "after {kill} steps: {hint}");
        is_told |= report.phases[0].calls == 0 && plan.phases[0].calls.max == Some(0);
    }
    assert!(is_told);
}

#[test]
fn behind_what_is_sure_to_fail_the_plan_goes_on_as_the_run_does() {
    let phases = json!({
        "x": {"agents": {"d": 1}, "input": {"say": 3}},
        "a": {"agents": {"d": 1}, "input": {"say": 3}, "fan": "cascade", "accept": "reply.result > 5",
            "on_failure": "continue"},
        "b": {"input": {"say": "{{ phases.a.document.error }}"}}, "c": {"after": ["a"]},
    });
    let mut world = world(phases);
    world.redefine(|file| file["agents"] = json!({"d": {"builtin": "do"}}));
    world.run_targets(&["x"]);
    let plan = plan(&mut world);
    let report = world.run();
    check(&report, &[("x", Fresh), ("a", Failed), ("b", Completed), ("c", Completed)]);
    assert_eq!(report.calls, 2);
    assert!(plan.calls.min <= 2 && plan.calls.max == Some(2), "{:?}", plan.calls);
}

#[test]
fn a_file_that_was_absent_is_seen_when_it_arrives() {
    let mut world = world(json!({"a": {"input": {"say": 1, "reads": ["in.txt"]}}}));
    world.run();
    assert_eq!(world.run().calls, 0);
    world.set("in.txt", json!("one"));
    let report = world.run();
    assert_eq!((report.calls, report.phases[0].causes[0].kind), (1, CauseKind::SourceFile));
    world.remove("in.txt");
    let report = world.run();
    check(&report, &[("a", Completed)]);
    assert_eq!(report.calls, 0, "what was said without it is on record");
}

#[test]
fn a_step_that_changes_a_file_in_its_place_is_done_once() {
    let mut put = writing("x.txt", json!(2));
    put["input"]["reads"] = json!(["x.txt"]);
    let mut world = world(json!({"a": put}));
    world.set("x.txt", json!(1));
    assert_eq!(world.run().calls, 1);
    assert_eq!((world.run().calls, world.unfresh()), (0, Vec::<String>::new()));
    world.set("x.txt", json!(3));
    assert_eq!(world.run().calls, 1, "somebody else changed it");
    assert_eq!(world.run().calls, 0);
}

#[test]
fn what_a_value_stands_in_for_is_not_tried_in_every_run() {
    let recover = json!([{"value": {"success": true, "result": 0}}]);
    let failing = json!({"report": {"success": false}});
    let mut world = world(json!({
        "a": {"input": failing, "recover": recover},
        "b": {"input": {"say": "{{ phases.a.document.result }}"}},
        "late": {"input": {"hang": true}, "timeout": "1s", "recover": recover},
    }));
    let first = world.run();
    check(&first, &[("a", Completed), ("b", Completed), ("late", Completed)]);
    assert_eq!(first.calls, 3);
    let again = world.run();
    check(&again, &[("a", Completed), ("b", Fresh), ("late", Completed)]);
    assert_eq!(again.calls, 1, "what may have passed is tried again");
    assert_eq!(document(&mut world, "b"), json!({"success": true, "result": 0}));
    let mut request = refrain_testkit::world::request(&["a"]);
    request.force = true;
    assert_eq!(world.run_with(&request).calls, 1);
}

/// What is done anew in each run is tried again in each, although a value stands in for it.
#[test]
fn no_value_stands_in_for_what_is_done_in_every_run() {
    let phases = |is_volatile: bool| {
        json!({
            "a": {"agent": {"builtin": "do", "volatile": is_volatile}, "input": {"report": {"success": false}},
                "recover": [{"value": {"success": true, "result": 0}}]},
            "b": {"input": {"say": "{{ phases.a.document.result }}"}},
        })
    };
    for (is_volatile, calls) in [(true, 1), (false, 0)] {
        let mut world = world(phases(is_volatile));
        assert_eq!(world.run().calls, 2);
        let again = world.run();
        check(&again, &[("a", Completed), ("b", Fresh)]);
        assert_eq!(again.calls, calls, "{is_volatile}");
    }
}

#[test]
fn what_reads_the_execution_is_asked_once_in_each() {
    let phases = json!({
        "a": {"input": {"say": "{{ execution.id }} {{ execution.started_at }} {{ execution.pipeline }}"}},
        "b": {"input": {"say": "{{ phases.a.document.result }}"}, "when": "execution.id != 'x'"},
        "c": {"after": ["b"]},
    });
    let mut world = world(phases.clone());
    let said = |world: &mut World| document(world, "a")["result"].as_str().unwrap().to_owned();
    world.run();
    let first = said(&mut world);
    assert!(first.ends_with("Z test"), "{first}");
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Completed), ("c", Fresh)]);
    let second = said(&mut world);
    assert_ne!(first, second);
    // A run that is killed is gone on with: the names are those of its beginning.
    let mut n_killed = 0;
    for kill in 1..200 {
        let mut world = self::world(phases.clone());
        if is_over_after(&mut world, kill) {
            break;
        }
        let Some(begun) = world.history().runs().first().map(|run| run.start.run_id.to_string()) else {
            continue;
        };
        world.run();
        assert!(said(&mut world).starts_with(&begun), "killed after {kill}");
        n_killed += 1;
    }
    assert!(n_killed > 3, "{n_killed}");
}

#[test]
fn what_calls_used_is_told_where_it_was_measured() {
    let mut world = world(json!({"a": {}, "b": {"after": ["a"]}}));
    let report = world.run();
    let used = report.phases[0].resources.unwrap();
    assert!((0.01..0.1).contains(&used.wall_seconds), "{used:?}");
    assert_eq!((used.cpu_seconds, used.peak_bytes), (None, None), "nobody measured that");
    assert!(report.phases[0].started_at < report.phases[0].ended_at);
    let told = world.progress().last().unwrap().phases[0].resources;
    assert_eq!(told, Some(used));
    let again = world.run();
    assert_eq!((again.phases[0].resources, again.phases[0].started_at), (None, None));
}
