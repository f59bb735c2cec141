//! Made-up pipelines against a model of how their phases end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use refrain_schemas::report::PhaseStatus;
use serde_json::{Map, Value, json};

use crate::steps::{statuses, steps};

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
