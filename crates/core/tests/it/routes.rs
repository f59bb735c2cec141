//! Routes: what a phase goes on with, and what is passed over then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::World;
use serde_json::{Map, Value, json};

use crate::ahead::plan;
use crate::steps::{check, problems, statuses, steps};

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
fn a_template_names_the_phase_to_go_on_with() {
    let mut world = steps(json!({
        "a": {"input": {"say": "c"}, "goto": "{{ phases.a.document.result }}"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]}, "d": {"after": ["c"]}, "other": {"after": ["a"]},
    }));
    let all = [("b", Skipped), ("c", Completed), ("d", Completed), ("other", Completed)];
    check(&world.run(), &[&all[..], &[("a", Completed)]].concat());
    let fresh =
        all.map(|(name, status)| (name, if status == Completed { PhaseStatus::Fresh } else { status }));
    check(&world.run(), &[&fresh[..], &[("a", PhaseStatus::Fresh)]].concat());
    assert_eq!(world.unfresh(), ["b"], "it is skipped");
}

/// Where it goes on hangs on more than what is asked: nobody is asked again, and another way is taken.
#[test]
fn another_value_of_a_template_takes_another_way() {
    let mut world = steps(json!({
        "a": {"goto": "{{ 'c' if params.n > 5 else 'd' }}"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]}, "d": {"after": ["c"]},
    }));
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Skipped), ("d", Completed)]);
    world.set_param("n", json!(9));
    world.take_asked();
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Skipped), ("c", Completed), ("d", PhaseStatus::Fresh)]);
    assert_eq!(world.take_units(), ["c/all"]);
    assert_eq!(world.unfresh(), ["b"], "it is skipped");
}

#[test]
fn a_template_that_names_nothing_later_fails_its_phase() {
    for to in ["nowhere", "before", "a", "beside", "no name at all"] {
        let mut world = steps(json!({
            "before": {}, "beside": {"after": ["before"]},
            "a": {"after": ["before"], "goto": format!("{{{{ '{to}' }}}}")}, "b": {"after": ["a"]},
        }));
        let report = world.run();
        check(
            &report,
            &[("before", Completed), ("beside", Completed), ("a", Failed), ("b", PhaseStatus::Blocked)],
        );
        let error =
            report.phases.iter().find_map(|phase| phase.error.clone().filter(|e| e.missing.is_empty()));
        let message = error.unwrap().message;
        assert!(message.contains("names nothing that comes later"), "{message}");
        assert_eq!(report.exit_code, 1);
    }
}

/// Who is for a failure comes after it for that, and no failure passes it over or drops it.
#[test]
fn a_failure_leaves_those_alone_that_are_for_it() {
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}, "on_failure": "fix"},
        "alarm": {"handles": [{"phase": "a"}], "input": {"say": "{{ phases.a.document.error }}"}},
        "told": {"after": ["alarm"]}, "never": {"after": ["a"]}, "fix": {},
    }));
    let rest = [("a", Failed), ("never", Skipped), ("told", Completed)];
    check(&world.run(), &[&rest[..], &[("alarm", Completed), ("fix", Completed)]].concat());
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}, "on_failure": "skip"},
        "alarm": {"after": ["a"], "handles": [{"phase": "a"}]},
        "told": {"after": ["alarm"]}, "never": {"after": ["a"]},
    }));
    check(&world.run(), &[&rest[..], &[("alarm", Completed)]].concat());
}

/// Of what has a rank the first that fits acts alone; what has none acts as ever.
#[test]
fn the_lowest_rank_that_fits_acts_alone() {
    let of = |rank: u32, more: Value| {
        let mut entry = json!({"phase": "a", "rank": rank});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([entry])
    };
    let phases = |kind: &str, recover: Value| {
        json!({
            "a": {"input": {"raise": "boom"}, "recover": recover},
            "first": {"handles": of(1, json!({"kinds": [kind]}))}, "second": {"handles": of(2, json!({}))},
            "beside": {"handles": of(2, json!({}))}, "third": {"handles": of(3, json!({}))},
            "free": {"handles": [{"phase": "a"}]},
        })
    };
    let late = json!([{"rank": 3, "value": 1}]);
    for recover in [json!([]), late.clone()] {
        let rest = [("a", Failed), ("free", Completed), ("third", Skipped)];
        let mut world = steps(phases("timed_out", recover.clone()));
        let acting = [("first", Skipped), ("second", Completed), ("beside", Completed)];
        check(&world.run(), &[&rest[..], &acting].concat());
        let mut world = steps(phases("permanent", recover));
        let acting = [("first", Completed), ("second", Skipped), ("beside", Skipped)];
        check(&world.run(), &[&rest[..], &acting].concat());
    }
    let mut world = steps(phases("timed_out", json!([{"rank": 1, "value": 1}])));
    let skipped = ["first", "second", "beside", "third"].map(|name| (name, Skipped));
    check(&world.run(), &[&skipped[..], &[("a", Completed), ("free", Completed)]].concat());
    // What is switched off is for nothing, and a value waits for nobody.
    let mut off = phases("permanent", late);
    for name in ["first", "second", "beside"] {
        off[name]["enabled"] = json!(false);
    }
    let mut world = steps(off.clone());
    check(&world.run(), &[("a", Completed), ("free", Completed), ("third", Completed)]);
    off["first"] = json!({"handles": of(1, json!({"yields": true}))});
    let mut world = steps(off);
    check(&world.run(), &[("a", Completed), ("free", Completed), ("third", Skipped), ("first", Completed)]);
}

/// A phase that yields and fails leaves the failure to the next one, which waits for it.
#[test]
fn a_phase_that_yields_leaves_failures_to_the_next_one() {
    let phases = |input: Value, yields: bool| {
        let of = |rank: u32, yields: bool| json!([{"phase": "a", "rank": rank, "yields": yields}]);
        json!({
            "third": {"handles": of(3, false)}, "second": {"handles": of(2, true), "input": input},
            "first": {"handles": of(1, yields), "input": input}, "a": {"input": {"raise": "boom"}},
        })
    };
    let ends = |input: Value, yields: bool, expect: [PhaseStatus; 3]| {
        let mut world = steps(phases(input, yields));
        let expect = [("first", expect[0]), ("second", expect[1]), ("third", expect[2]), ("a", Failed)];
        check(&world.run(), &expect);
        let again = |status| if status == Completed { PhaseStatus::Fresh } else { status };
        check(&world.run(), &expect.map(|(name, status)| (name, again(status))));
    };
    ends(json!({"raise": "no"}), true, [Failed, Failed, Completed]);
    ends(json!({"raise": "no"}), false, [Failed, Skipped, Skipped]);
    let mut world = steps(phases(json!({"say": 1}), true));
    check(&world.run(), &[("first", Completed), ("second", Skipped), ("third", Skipped), ("a", Failed)]);
    let alone = problems(json!({"a": {}, "b": {"handles": [{"phase": "a", "yields": true}]}}));
    assert!(alone.iter().any(|problem| problem.contains("without a `rank`")), "{alone:?}");
    let problems = problems(json!({
        "a": {}, "b": {"handles": [{"phase": "a", "rank": 1, "yields": true}], "after": ["c"]},
        "c": {"handles": [{"phase": "a", "rank": 2}]},
    }));
    assert!(problems.iter().any(|problem| problem.contains("wait for each other")), "{problems:?}");
}

/// Returns a world whose first answer names nothing to go on with.
fn misled(is_volatile: bool) -> World {
    let mut world = steps(json!({
        "a": {"agent": {"builtin": "pick", "volatile": is_volatile}, "goto": "{{ phases.a.document.result }}"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]},
    }));
    let asked = AtomicUsize::new(0);
    world.agent("pick", move |_| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(json!({"success": true, "result": if first { "nowhere" } else { "c" }}))
    });
    world
}

/// An answer that names nothing to go on with is of no use, be it kept ever so well: the next run asks again.
#[test]
fn an_answer_that_names_nothing_is_asked_for_again() {
    for is_volatile in [false, true] {
        let mut world = misled(is_volatile);
        let report = world.run();
        check(&report, &[("a", Failed), ("b", PhaseStatus::Blocked), ("c", PhaseStatus::Blocked)]);
        assert_eq!(report.phases[0].error.as_ref().unwrap().code, "goto");
        assert_eq!((report.phases[0].units.total, report.phases[0].units.ran), (1, 1));
        assert_eq!(world.status()["a"], Freshness::Failed);
        world.take_asked();
        let plan = plan(&mut world);
        assert_eq!(plan.calls.min, 1, "{is_volatile}");
        check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
        assert_eq!(world.take_units(), ["a/all", "c/all"], "{is_volatile}");
    }
}

/// Another template may find its way by the same answer, for which nobody needs to be asked.
#[test]
fn another_template_reads_the_answer_that_is_there() {
    let mut world = misled(false);
    world.run();
    world.take_asked();
    world.redefine(|file| {
        file["phases"]["a"]["goto"] = json!("{{ 'c' if phases.a.document.result == 'nowhere' else 'b' }}");
    });
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
    assert_eq!(world.take_units(), ["c/all"]);
}

/// What was made before named another way; the value that stands in now names none.
#[test]
fn a_value_that_stands_in_names_no_way() {
    let mut world = steps(json!({
        "a": {"input": {"say": "c"}, "goto": "{{ phases.a.document.result }}", "recover": [{"value": {"result": "c"}}]},
        "b": {"after": ["a"]}, "c": {"after": ["b"]},
    }));
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"raise": "boom"}));
    check(&world.run(), &[("a", Completed), ("b", Completed), ("c", PhaseStatus::Fresh)]);
}

#[test]
fn what_a_template_may_pass_over_is_planned_as_doubtful() {
    let mut world = steps(json!({
        "a": {"goto": "{{ phases.a.document.result }}", "input": {"say": "c"}},
        "b": {"after": ["a"]}, "c": {"after": ["b"]},
    }));
    let plan = plan(&mut world);
    assert_eq!((plan.calls.min, plan.calls.max), (1, Some(3)));
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

/// A step of a made-up pipeline: what it comes after, what it is for the failures of, whether it fails, its policy, its
/// condition, where it goes on.
#[derive(Debug, Clone)]
struct Step {
    after: BTreeSet<usize>,
    handles: BTreeSet<usize>,
    rank: Option<u32>,
    fails: bool,
    holds: bool,
    on_failure: u8,
    to: Option<usize>,
    on: u8,
}

/// A route that a template names, which is no edge.
const GOTO: u8 = 3;

/// Returns what comes behind a step, by what each comes after.
fn reach(before: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    for (n, before) in before.iter().enumerate().skip(from + 1) {
        if before.contains(&from) || before.iter().any(|b| reached.contains(b)) {
            reached.insert(n);
        }
    }
    reached
}

/// What should become of made-up steps: thirty lines that look at nothing but their definition.
fn model(steps: &[Step]) -> Vec<&'static str> {
    let mut before: Vec<BTreeSet<usize>> = steps.iter().map(|step| step.after.clone()).collect();
    for (from, step) in steps.iter().enumerate().filter(|(_, step)| step.on != GOTO) {
        // Who is for a failure comes after it for that alone, be there a route besides.
        let to = step.to.filter(|to| !steps.get(*to).is_some_and(|to| to.handles.contains(&from)));
        before.iter_mut().enumerate().filter(|(n, _)| to == Some(*n)).for_each(|(_, before)| {
            before.insert(from);
        });
    }
    let all: Vec<BTreeSet<usize>> = before.iter().zip(steps).map(|(b, step)| b | &step.handles).collect();
    let failing = |from: usize| reach(&before, from);
    let reach = |from: usize| reach(&all, from);
    let mut ends: Vec<&'static str> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let dropped =
            |b: &usize| ends[*b] == "dropped" || (ends[*b] == "failed" && steps[*b].on_failure == 2);
        let passed = (0..n).any(|s| {
            let behind = if steps[s].on == 2 { failing(s) } else { reach(s) };
            let Some(to) = steps[s].to.filter(|to| *to != n && behind.contains(&n)) else { return false };
            match steps[s].on {
                0 | GOTO => ends[s] == "made" && reach(n).contains(&to),
                1 => ends[s] == "false" && reach(n).contains(&to),
                _ => ends[s] == "failed" && !reach(to).contains(&n),
            }
        });
        let goes_on = |b: &usize| steps[*b].on_failure == 1 || (steps[*b].on == 2 && steps[*b].to.is_some());
        let is_first = |b: &usize| {
            let others = steps.iter().filter(|other| other.handles.contains(b));
            others.filter_map(|other| other.rank).all(|rank| step.rank.is_none_or(|own| own <= rank))
        };
        let blocked = |b: &usize| ends[*b] == "blocked" || (ends[*b] == "failed" && !goes_on(b));
        ends.push(match () {
            () if before[n].iter().any(dropped) => "dropped",
            () if passed => "passed",
            () if !step.handles.is_empty()
                && !step.handles.iter().any(|b| ends[*b] == "failed" && is_first(b)) =>
            {
                "false"
            }
            () if !step.holds => "false",
            () if before[n].iter().any(blocked) => "blocked",
            () if step.fails => "failed",
            // A template that names nothing that comes later.
            () if step.on == GOTO && step.to.is_some_and(|to| !reach(n).contains(&to)) => "failed",
            () => "made",
        });
    }
    ends
}

fn written(steps: &[Step], order: &[usize]) -> Value {
    let name = |n: usize| format!("s{n}");
    let phase = |n: &usize| {
        let step = &steps[*n];
        let mut phase = json!({"after": step.after.iter().map(|n| name(*n)).collect::<Vec<_>>()});
        if !step.handles.is_empty() {
            phase["handles"] =
                step.handles.iter().map(|n| json!({"phase": name(*n), "rank": step.rank})).collect();
        }
        phase["input"] = if step.fails { json!({"raise": "boom"}) } else { json!({"say": n}) };
        phase["when"] = json!(if step.holds { "params.n == 3" } else { "params.n == 4" });
        if let Some(to) = step.to.filter(|_| step.on == GOTO) {
            phase["goto"] =
                json!(format!("{{{{ 's' ~ (phases.{}.document.result + {}) }}}}", name(*n), to - n));
        } else if let Some(to) = step.to {
            phase[["on_success", "on_false", "on_failure"][step.on as usize]] = json!(name(to));
        }
        if step.on != 2 || step.to.is_none() {
            phase["on_failure"] = json!(["fail", "continue", "skip"][step.on_failure as usize]);
        }
        (name(*n), phase)
    };
    Value::Object(order.iter().map(phase).collect::<Map<_, _>>())
}

fn made_up() -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    let step = |n: usize| {
        let after = proptest::collection::btree_set(0..n.max(1), 0..3);
        let to = proptest::option::weighted(0.35, n + 1..9_usize.max(n + 2));
        let handles = proptest::option::weighted(0.3, proptest::collection::btree_set(0..n.max(1), 1..3));
        let rank = proptest::option::of(0..3_u32);
        let handles = (handles, rank);
        (after, handles, any::<bool>(), proptest::bool::weighted(0.75), 0..3_u8, to, 0..=GOTO).prop_map(
            move |(after, (handles, rank), fails, holds, on_failure, to, on)| {
                let after: BTreeSet<usize> = after.into_iter().filter(|b| *b < n).collect();
                // What comes after something as well is blocked where that is.
                let handles =
                    handles.into_iter().flatten().filter(|b| *b < n && !after.contains(b)).collect();
                let on_failure = if on == 2 && to.is_some_and(|to| to < 9) { 0 } else { on_failure };
                Step {
                    after,
                    handles,
                    rank,
                    fails: fails && n.is_multiple_of(2),
                    holds,
                    on_failure,
                    to: to.filter(|to| *to < 9),
                    on,
                }
            },
        )
    };
    let steps: Vec<_> = (0..9).map(step).collect();
    (steps, Just((0..9).collect::<Vec<usize>>()).prop_shuffle())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn made_up_steps_end_as_their_definition_says((steps_, order) in made_up(), kill in proptest::option::of(1..40_u64)) {
        let expect = model(&steps_);
        let mut world = steps(written(&steps_, &order));
        if let Some(kill) = kill {
            drop(world.run_killed(kill));
        }
        let report = world.run();
        let word = |status: PhaseStatus| match status {
            PhaseStatus::Completed | PhaseStatus::Fresh => "made",
            PhaseStatus::Failed => "failed",
            PhaseStatus::Blocked => "blocked",
            _ => "skipped",
        };
        let found: BTreeMap<String, &str> =
            statuses(&report).into_iter().map(|(name, status)| (name, word(status))).collect();
        let plain = |end: &&'static str| match *end { "dropped" | "passed" | "false" => "skipped", end => end };
        let expect: BTreeMap<String, &str> =
            expect.iter().enumerate().map(|(n, end)| (format!("s{n}"), plain(end))).collect();
        prop_assert_eq!(&found, &expect);
        prop_assert_eq!(world.bought_twice(), [""; 0]);
        // Another run tries what failed, and ends the same.
        let failed = report.phases.iter().filter(|phase| phase.status == PhaseStatus::Failed).count() as u64;
        let again = world.run();
        prop_assert_eq!(statuses(&again).into_iter().map(|(name, status)| (name, word(status))).collect::<BTreeMap<_, _>>(), found);
        prop_assert!(again.calls <= failed, "{} calls for {} failures", again.calls, failed);
    }
}

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
