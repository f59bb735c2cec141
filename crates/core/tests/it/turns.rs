//! Loops, written natively: which turns there are, what they see, how they end, and that nothing is done twice.

mod early;
mod failing;
mod nests;
mod planned;
mod rows;

use std::collections::BTreeMap;

use refrain_core::engine::{GcRequest, Selection, Shown};
use refrain_core::ports::agent::Effect;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::{PhaseStatus, RunReport};
use refrain_schemas::scope::{Scope, Target};
use refrain_testkit::world::{Ending, World};
use serde_json::{Value, json};

use crate::ahead::plan;
use crate::steps::{document, problems, steps};

use PhaseStatus::{Completed, Fresh};

/// Returns what became of each target, by names such as `save@3`.
pub(crate) fn ends(report: &RunReport) -> BTreeMap<String, PhaseStatus> {
    let name = |phase: &refrain_schemas::report::PhaseReport| {
        Target { phase: phase.phase.clone(), scope: phase.scope.clone() }.to_string()
    };
    report.phases.iter().map(|phase| (name(phase), phase.status)).collect()
}

#[track_caller]
fn check(report: &RunReport, expect: &[(&str, PhaseStatus)]) {
    let found = ends(report);
    let found: BTreeMap<&str, PhaseStatus> =
        found.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    assert_eq!(found, expect.iter().copied().collect());
}

/// Returns the document of a target of a turn.
fn document_of(world: &mut World, phase: &str, turns: &[(&str, u32)]) -> Value {
    let turns = turns.iter().map(|(name, turn)| (name.parse().unwrap(), turn.to_string()));
    let target = Target { phase: phase.parse().unwrap(), scope: Scope::new(turns) };
    let engine = world.engine(false);
    let found = futures::executor::block_on(engine.document(&target)).unwrap();
    found.map_or(Value::Null, |json| json.value())
}

fn each(list: Value) -> Value {
    json!({
        "each": {"loop": {"for_each": list}},
        "save": {"in": "each", "input": {"say": "{{ loop.each.item }}"}},
        "after": {"input": {"say": "{{ phases.each.document.iterations }}"}},
    })
}

#[test]
fn a_list_is_gone_over_and_read_behind_the_loop() {
    let mut world = steps(each(json!(["a", "b"])));
    let report = world.run();
    check(
        &report,
        &[("each", Completed), ("save@0", Completed), ("save@1", Completed), ("after", Completed)],
    );
    let names: Vec<String> = report.phases.iter().map(|phase| phase.phase.to_string()).collect();
    assert_eq!(names, ["each", "save", "save", "after"], "turns stand behind their loop");
    let expect = json!({
        "iterations": 2, "completed": 2, "status": "completed", "success": true,
        "results": [{"save": {"success": true, "result": "a"}}, {"save": {"success": true, "result": "b"}}],
    });
    assert_eq!(document(&mut world, "each"), expect);
    assert_eq!(document(&mut world, "after")["result"], 2);
    assert_eq!(document_of(&mut world, "save", &[("each", 1)])["result"], "b");
    assert_eq!(world.unfresh(), [""; 0]);
    let history = world.history().n_entries();
    let report = world.run();
    check(&report, &[("each", Fresh), ("save@0", Fresh), ("save@1", Fresh), ("after", Fresh)]);
    assert_eq!((report.calls, report.exit_code), (0, 0));
    assert_eq!(world.history().n_entries(), history + 2, "nothing is written but that a run was");
}

#[test]
fn a_longer_list_runs_nothing_again_that_reads_the_item_alone() {
    let mut world = steps(each(json!(["a", "b"])));
    world.run();
    world.take_asked();
    world.redefine(|file| file["phases"]["each"]["loop"]["for_each"] = json!(["a", "b", "c"]));
    assert_eq!(world.status()["save@2"], Freshness::Missing);
    let report = world.run();
    check(
        &report,
        &[
            ("each", Completed),
            ("save@0", Fresh),
            ("save@1", Fresh),
            ("save@2", Completed),
            ("after", Completed),
        ],
    );
    let mut units = world.take_units();
    units.sort();
    assert_eq!(units, ["after/all", "save/all"]);
    // The number of a turn is in no key: what is asked in another turn is not asked again.
    world.redefine(|file| file["phases"]["each"]["loop"]["for_each"] = json!(["c", "b", "a"]));
    let report = world.run();
    assert_eq!(report.calls, 0, "{:?}", ends(&report));
    assert_eq!(document_of(&mut world, "save", &[("each", 0)])["result"], "c");
    world.redefine(|file| file["phases"]["each"]["loop"]["for_each"] = json!([]));
    check(&world.run(), &[("each", Completed), ("after", Completed)]);
    assert_eq!(document(&mut world, "each")["results"], json!([]));
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn a_turn_sees_where_it_stands() {
    let input = json!({"say": {
        "at": "{{ loop.each.index }}/{{ loop.each.position }}/{{ loop.each.length }}/{{ loop.each.remaining }}",
        "edges": ["{{ loop.each.is_first }}", "{{ loop.each.is_last }}", "{{ loop.each.has_next }}", "{{ loop.each.has_prev }}"],
        "name": "{{ x.name }} {{ loop.each.person.age }}", "id": "{{ loop.each.loop_id }}", "scope": "{{ scope }}",
    }});
    let mut world = steps(json!({
        "each": {"loop": {"for_each": [{"name": "ann", "age": 3}, {"name": "bob", "age": 4}], "item": "person"}},
        "say": {"in": "each", "let": {"x": "loop.each.item"}, "input": input},
    }));
    assert_eq!(world.run().exit_code, 0);
    let expect = json!({"at": "1/2/2/0", "edges": [false, true, false, true], "name": "bob 4", "id": "each", "scope": {}});
    assert_eq!(document_of(&mut world, "say", &[("each", 1)])["result"], expect);
}

#[test]
fn a_list_is_found_in_a_document_and_steps_of_a_turn_read_each_other() {
    let mut world = steps(json!({
        "list": {"input": {"say": ["x", "y"]}},
        "other": {"input": {"say": "o"}},
        "each": {"loop": {"for_each": "{{ phases.list.document.result }}"}},
        "each_b": {"in": "each", "input": {"say": "{{ phases.each_a.document.result }}{{ phases.other.document.result }}"}},
        "each_a": {"in": "each", "input": {"say": "{{ loop.each.item }}!"}},
    }));
    assert_eq!(world.run().exit_code, 0);
    assert_eq!(document_of(&mut world, "each_b", &[("each", 1)])["result"], "y!o");
    assert_eq!(
        document(&mut world, "each")["results"][0]["b"]["result"],
        "x!o",
        "called without the name of the loop"
    );
    assert_eq!(world.run().calls, 0);
    // Another list: what is gone is gone, what is left is kept.
    world.redefine(|file| file["phases"]["list"]["input"]["say"] = json!(["x"]));
    let report = world.run();
    check(
        &report,
        &[
            ("list", Completed),
            ("other", Fresh),
            ("each", Completed),
            ("each_a@0", Fresh),
            ("each_b@0", Fresh),
        ],
    );
}

#[test]
fn a_condition_is_asked_before_each_turn_and_another_one_after() {
    let counter = |turns: Value| {
        let mut turns = turns;
        turns["max"] = json!(turns.get("max").cloned().unwrap_or(json!(6)));
        json!({
            "lp": {"loop": turns},
            "say": {"in": "lp", "input": {"say": "{{ loop.lp.iteration }}"}},
            "after": {"input": {"say": "{{ phases.lp.document.iterations }} {{ phases.lp.document.status }}"}},
        })
    };
    let say = |turns: Value| {
        let mut world = steps(counter(turns));
        let report = world.run();
        let calls = world.run().calls;
        assert_eq!((report.exit_code, calls), (0, 0), "{:?}", ends(&report));
        assert_eq!(world.unfresh(), [""; 0]);
        document(&mut world, "after")["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(say(json!({"while": "loop.lp.iteration < 3"})), "3 completed");
    assert_eq!(say(json!({"while": "false"})), "0 completed");
    assert_eq!(say(json!({"while": "true"})), "6 max_iterations");
    assert_eq!(say(json!({"while": "loop.lp.iteration < 6"})), "6 completed");
    assert_eq!(say(json!({"while": "true", "until": "loop.lp.iteration >= 2"})), "3 completed");
    assert_eq!(say(json!({"until": "phases.say.document.result == 1"})), "2 completed");
    assert_eq!(
        say(json!({"while": "loop.lp.is_first or loop.lp.loop_state.results.say.result < 4", "max": 9})),
        "5 completed"
    );
    assert_eq!(say(json!({"until": "params.n < 3", "max": 2})), "2 max_iterations");
}

#[test]
fn what_a_turn_made_is_seen_by_the_next_one() {
    let mut world = steps(json!({
        "lp": {"loop": {"until": "phases.grow.document.result | length >= 4"}},
        "grow": {"in": "lp", "input": {"say": "{{ 'x' if loop.lp.is_first else loop.lp.loop_state.results.grow.result ~ 'x' }}"}},
    }));
    assert_eq!(world.run().exit_code, 0);
    assert_eq!(document(&mut world, "lp")["last"]["grow"]["result"], "xxxx");
    assert_eq!(document(&mut world, "lp")["iterations"], 4);
}

#[test]
fn one_turn_is_given_values_and_gives_a_result() {
    let mut world = steps(json!({
        "a": {"input": {"say": 7}},
        "sub": {"loop": {"once": true, "with": {"x": "{{ phases.a.document.result }}", "y": "why"},
            "result": {"result": {"sum": "{{ phases.sub_two.document.result }}"}, "success": true}}},
        "sub_one": {"in": "sub", "input": {"say": "{{ loop.sub.with.x + 1 }}"}},
        "sub_two": {"in": "sub", "input": {"say": "{{ phases.sub_one.document.result }} {{ loop.sub.with.y }}"}},
        "b": {"input": {"say": "{{ phases.sub.document.result.sum }}"}},
    }));
    let report = world.run();
    assert_eq!(report.exit_code, 0, "{:?}", ends(&report));
    assert_eq!(document(&mut world, "sub"), json!({"result": {"sum": "8 why"}, "success": true}));
    assert_eq!(document(&mut world, "b")["result"], "8 why");
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.unfresh(), [""; 0]);
    // Another value runs what reads it, and what comes out the same is cut off.
    world.redefine(|file| file["phases"]["a"]["input"]["say"] = json!(8));
    world.redefine(|file| file["phases"]["sub_one"]["input"]["say"] = json!("{{ loop.sub.with.x }}"));
    let report = world.run();
    check(
        &report,
        &[("a", Completed), ("sub", Completed), ("sub_one@0", Completed), ("sub_two@0", Fresh), ("b", Fresh)],
    );
}

#[test]
fn loops_are_in_loops() {
    let mut world = steps(json!({
        "out": {"loop": {"for_each": [["a", "b"], [], ["c"]]}},
        "head": {"in": "out", "input": {"say": "{{ loop.out.index }}"}},
        "in": {"in": "out", "loop": {"for_each": "{{ loop.out.item }}"}},
        "say": {"in": "in", "input": {"say": "{{ phases.head.document.result }}{{ loop.in.item }}{{ loop.out.length }}"}},
        "sum": {"in": "out", "input": {"say": "{{ phases.in.document.iterations }}"}},
    }));
    let report = world.run();
    assert_eq!(report.exit_code, 0, "{:?}", ends(&report));
    assert_eq!(ends(&report).len(), 1 + 3 * 3 + 3);
    assert_eq!(document_of(&mut world, "say", &[("out", 0), ("in", 1)])["result"], "0b3");
    assert_eq!(document_of(&mut world, "say", &[("out", 2), ("in", 0)])["result"], "2c3");
    assert_eq!(document(&mut world, "out")["results"][1]["sum"]["result"], 0);
    let report = world.run();
    assert!(ends(&report).values().all(|end| *end == Fresh), "{:?}", ends(&report));
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn no_more_turns_are_under_way_than_there_may_be() {
    let run = |turns: Value| {
        let mut world = steps(json!({
            "each": {"loop": turns}, "a": {"in": "each", "input": {"say": "{{ loop.each.item }}"}},
        }));
        let before = world.elapsed();
        world.run();
        (world.elapsed() - before).as_millis()
    };
    // Each call takes ten milliseconds of virtual time.
    let list: Vec<u32> = (0..20).collect();
    assert_eq!(run(json!({"for_each": list})), 20);
    assert_eq!(run(json!({"for_each": list, "max_parallel": 4})), 50);
    assert_eq!(run(json!({"for_each": list, "max_parallel": 1})), 200);
}

#[test]
fn what_leaves_something_behind_is_done_in_every_turn() {
    let mut world = steps(json!({
        "lp": {"loop": {"while": "loop.lp.iteration < 3"}},
        "put": {"in": "lp", "agent": {"builtin": "put"}, "input": {"say": "x"}},
        "same": {"in": "lp", "input": {"say": "x"}},
    }));
    world.agent("put", |asked| Ok(json!({"result": asked.input["say"]})));
    world.effect("put", Effect::Once);
    world.run();
    let mut units = world.take_units();
    units.sort();
    assert_eq!(units, ["put/all", "put/all", "put/all", "same/all"]);
    assert_eq!(world.run().calls, 0);
    world.effect("put", Effect::Volatile);
    world.run();
    assert_eq!(world.run().calls, 3, "and anew in each run, where it comes out otherwise each time");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let check = |phases, expect: &str| {
        let problems = problems(phases);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expect}: {problems:?}");
    };
    let with = |mut phases: Value, name: &str, phase: Value| {
        phases[name] = phase;
        phases
    };
    let good = each(json!(["a"]));
    check(with(good.clone(), "each", json!({"loop": {}})), "in no way, or in more than one");
    check(with(good.clone(), "each", json!({"loop": {"for_each": 3}})), "is a list");
    check(with(good.clone(), "each", json!({"loop": {"for_each": [1], "once": true}})), "in more than one");
    check(
        with(good.clone(), "each", json!({"loop": {"for_each": [1], "max": 20_000}})),
        "10000 turns at most",
    );
    check(
        with(good.clone(), "each", json!({"loop": {"for_each": [1]}, "retry": {"attempts": 2}})),
        "`retry` does not fit",
    );
    check(
        with(good.clone(), "each", json!({"loop": {"while": "true", "max_parallel": 2}})),
        "`max_parallel` needs",
    );
    check(
        with(good.clone(), "each", json!({"loop": {"for_each": "{{ loop.each.item }}"}})),
        "in no turn of such a loop",
    );
    check(
        with(good.clone(), "each", json!({"loop": {"for_each": "{{ phases.save.document }}"}})),
        "none of them is over yet",
    );
    check(
        with(good.clone(), "x", json!({"input": {"say": "{{ phases.save.document.result }}"}})),
        "exists once per turn of `each`",
    );
    check(with(good.clone(), "x", json!({"after": ["save"]})), "exists once per turn of `each`");
    check(with(good.clone(), "x", json!({"in": "each", "after": ["each"]})), "cannot come after it");
    check(
        with(good.clone(), "x", json!({"in": "each", "input": {"say": "{{ loop.each.nope }}"}})),
        "has no `nope`",
    );
    check(with(good.clone(), "x", json!({"in": "after"})), "`after` does not go round");
    check(with(good.clone(), "x", json!({"in": "nope"})), "there is no phase `nope`");
    check(with(good.clone(), "x", json!({"on_success": "save"})), "not in the same turn");
    check(with(good.clone(), "x", json!({"loop": {"for_each": [1]}})), "nothing in the turns of `x`");
    // What a turn reads comes before the whole loop.
    check(with(good, "save", json!({"in": "each", "after": ["after"]})), "wait for each other");
}

#[test]
fn a_loop_is_planned_as_it_runs() {
    let mut world = steps(json!({
        "list": {"input": {"say": ["x", "y"]}},
        "each": {"loop": {"for_each": "{{ phases.list.document.result }}"}},
        "a": {"in": "each", "input": {"say": "{{ loop.each.item }}"}},
        "after": {"input": {"say": "{{ phases.each.document.iterations }}"}},
        "lp": {"loop": {"while": "loop.lp.iteration < 2"}},
        "b": {"in": "lp", "input": {"say": "{{ 'turn ' ~ loop.lp.iteration }}"}},
    }));
    let before = plan(&mut world);
    assert_eq!(
        (before.calls.min >= 2, before.calls.max),
        (true, None),
        "nobody knows yet how long the list is"
    );
    world.run_targets(&["list"]);
    let known = plan(&mut world);
    let calls = |name: &str| {
        known.phases.iter().filter(|plan| plan.phase.as_str() == name).map(|plan| plan.calls.min).sum::<u64>()
    };
    assert_eq!((calls("a"), calls("b")), (2, 1));
    world.run();
    let after = plan(&mut world);
    assert!(!after.changes, "{:?}", after.phases);
    assert_eq!(after.calls.max, Some(0));
    world.redefine(|file| file["phases"]["lp"]["loop"]["while"] = json!("loop.lp.iteration < 3"));
    let longer = plan(&mut world);
    assert_eq!((longer.calls.min, longer.calls.max), (1, None));
    assert_eq!(world.run().calls, 1);
}

#[test]
fn the_loop_of_a_turn_runs_where_the_turn_is_named() {
    let mut world = steps(each(json!(["a", "b"])));
    let report = world.run_targets(&["save@1"]);
    check(&report, &[("each", Completed), ("save@0", Completed), ("save@1", Completed)]);
}

#[test]
fn a_run_that_was_killed_goes_on_with_its_turns() {
    for kill in 1..60 {
        let mut world = steps(json!({
            "each": {"loop": {"for_each": ["a", "b", "c"], "max_parallel": 2}},
            "put": {"in": "each", "agent": {"builtin": "put"}, "input": {"say": "{{ loop.each.item }}"}},
            "then": {"in": "each", "input": {"say": "{{ phases.put.document.result }}"}},
            "lp": {"after": ["each"], "loop": {"while": "loop.lp.iteration < 2"}},
            "b": {"in": "lp", "input": {"say": "{{ loop.lp.iteration }}"}},
        }));
        world.agent("put", |asked| Ok(json!({"result": asked.input["say"]})));
        world.effect("put", Effect::Once);
        let is_over = matches!(world.run_killed(kill), Ending::Over(_));
        let report = world.run();
        assert_eq!(report.exit_code, 0, "{kill}: {:?}", ends(&report));
        assert_eq!(world.bought_twice(), [""; 0], "{kill}");
        assert_eq!(world.unfresh(), [""; 0], "{kill}");
        assert_eq!(document(&mut world, "each")["results"][2]["then"]["result"], "c", "{kill}");
        if is_over {
            return;
        }
    }
}

#[test]
fn a_thousand_turns_cost_a_thousand_times_one() {
    // Pages read and written are the work that grows with what a run looks at; a loop that looked at all turns in each
    // would have millions.
    let work = |n: u32| {
        let list: Vec<u32> = (0..n).collect();
        let mut world = steps(json!({
            "each": {"loop": {"for_each": list}},
            "a": {"in": "each", "input": {"say": "{{ loop.each.item }}"}},
            "b": {"in": "each", "input": {"say": "b{{ phases.a.document.result }}"}},
        }));
        let _ = world.take_read();
        let report = world.run();
        assert_eq!((report.calls, report.exit_code), (u64::from(2 * n), 0));
        let (pages, _) = world.take_read();
        let events = world.events().len() as u64;
        assert_eq!(world.run().calls, 0);
        (pages, events)
    };
    let ((few, told_few), (many, told_many)) = (work(100), work(1_000));
    assert!(many <= 11 * few && told_many <= 11 * told_few, "{few} {many}, {told_few} {told_many}");
}

#[test]
fn turns_that_a_loop_no_longer_has_are_collected() {
    let mut world = steps(each(json!(["a", "b", "c"])));
    world.run();
    world.redefine(|file| file["phases"]["each"]["loop"]["for_each"] = json!(["a"]));
    world.run();
    let engine = world.engine(false);
    let gc = GcRequest { keep: 1, replies: false, exports: false, dry_run: false };
    let holder = refrain_testkit::world::request(&[]).holder;
    let report = futures::executor::block_on(engine.gc(gc, &holder)).unwrap();
    drop(engine);
    let gone: Vec<String> = report.revisions.iter().map(|(target, _)| target.to_string()).collect();
    assert!(gone.contains(&"save@1".to_owned()) && gone.contains(&"save@2".to_owned()), "{gone:?}");
    assert!(!gone.contains(&"save@0".to_owned()), "{gone:?}");
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn why_and_show_know_turns_by_their_names() {
    let mut world = steps(each(json!(["a", "b"])));
    world.run();
    let named = |phase: &str, turn: &[&str]| Selection {
        phase: phase.parse().unwrap(),
        values: turn.iter().map(|turn| (*turn).to_owned()).collect(),
    };
    let engine = world.engine(false);
    assert!(engine.target(&named("save", &[])).is_err(), "which turn is not said");
    assert!(engine.target(&named("save", &["x"])).is_err());
    let target = engine.target(&named("save", &["1"])).unwrap();
    let shown = futures::executor::block_on(engine.show(&target, None, 0, None)).unwrap();
    assert!(matches!(shown, Shown::Document(json) if json.value()["result"] == "b"));
    drop(engine);
    world.redefine(|file| file["phases"]["each"]["loop"]["for_each"] = json!(["a", "B"]));
    let mut why = |target: &Target| {
        let engine = world.engine(false);
        let why = futures::executor::block_on(engine.why(target, None, 9)).unwrap();
        let causes = why.causes.iter().map(|cause| cause.subject.clone()).collect::<Vec<_>>();
        (why.freshness, causes, why.units.len())
    };
    let (freshness, causes, units) = why(&target);
    assert_eq!((freshness, units), (Freshness::Stale, 1));
    assert_eq!(causes, ["loop.each.item"]);
    let of_loop = Target { phase: "each".parse().unwrap(), scope: Scope::none() };
    let (freshness, causes, _) = why(&of_loop);
    assert_eq!(freshness, Freshness::Stale);
    assert_eq!(causes, ["for_each", "save@1", "loop.each.item"]);
}
