//! Same inputs, same bytes: whatever was there before, in whatever order things ended, however often it was killed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use proptest::prelude::*;
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::ledger::AskResult;
use refrain_schemas::report::{PhaseStatus, RunReport, RunStatus};
use refrain_testkit::world::{Asked, World};
use serde_json::{Value, json};

use crate::pieces::{failure, lines, mark, pipeline, world};

/// Says a hash of all that it sees; fails about bad lines.
fn hash(asked: &Asked) -> Result<Value, refrain_schemas::failure::Failure> {
    let text = asked.input["text"].as_str().unwrap_or_default();
    if text.contains("bad") {
        return Err(failure(FailureKind::Permanent));
    }
    let mut hasher = DefaultHasher::new();
    (asked.input.to_string(), asked.context.to_string(), asked.scope.to_string()).hash(&mut hasher);
    let scene = asked.input["scene"].as_str().unwrap_or("s0");
    let words = format!("{text} {:x}", hasher.finish() % 4096);
    Ok(json!({"text": words, "scene": scene}))
}

fn context() -> impl Strategy<Value = Value> {
    let entry = prop_oneof![
        Just(json!({"from": "ingest", "window": 1})),
        Just(json!({"from": "ingest", "window": 2, "within": "scene"})),
        Just(json!({"file": "terms.csv", "match": {"field": "term", "in": "text"}})),
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(words, ignore_case, case)| {
            let mut matching =
                json!({"field": "term", "in": ["text", "scene"], "words": words, "ignore_case": ignore_case});
            if case {
                matching["case"] = json!("case");
            }
            json!({"file": "terms.csv", "match": matching})
        }),
        Just(json!({"file": "terms/{{ scope.language }}.csv", "match": {"field": "term", "in": "text"}})),
        Just(json!({"file": "terms.csv", "on": "scene"})),
        Just(json!({"from": "scenes", "on": "scene"})),
        Just(json!({"from": "scenes"})),
        Just(json!({"file": "style.json"})),
    ];
    prop::collection::vec(entry, 0..3).prop_map(|entries| {
        entries.into_iter().enumerate().map(|(n, entry)| (format!("c{n}"), entry)).collect()
    })
}

fn first() -> impl Strategy<Value = Value> {
    let fan = prop_oneof![
        Just(json!({"agents": {"one": 2}})),
        Just(json!({"agents": {"one": 1, "two": 2}})),
        Just(json!({"agents": {"one": 1, "two": 2}, "fan": "panel", "merge": "vote"})),
        Just(json!({"agents": {"one": 2, "two": 1}, "fan": "chain"})),
        Just(json!({"agents": {"one": 2, "two": 1}, "fan": "cascade", "accept": "reply.text | length > 9"})),
    ];
    let rule = prop_oneof![Just(json!("continue")), Just(json!({"quorum": 0.5}))];
    (context(), fan, rule, 1..4_u32, any::<bool>()).prop_map(|(context, mut phase, rule, pack, wants)| {
        phase["units"] = json!({"of": "ingest"});
        phase["context"] = context;
        phase["on_unit_failure"] = rule;
        phase["pack"] = json!({"max": pack});
        phase["per"] = json!(["language"]);
        if wants && phase["context"].to_string().contains("scenes") {
            phase["wants"] = json!(["scenes"]);
        }
        phase
    })
}

fn second() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"per": ["language"], "units": {"of": "a"}, "agent": {"builtin": "one"},
            "context": {"source": {"from": "ingest", "on": "id"}, "near": {"from": "a", "window": 1}}})),
        Just(json!({"per": ["language"], "units": {"of": "a", "by": "scene"}, "agent": {"builtin": "one"}})),
        Just(json!({"gather": ["language"], "units": {"of": "a"}, "agent": {"builtin": "one"}})),
        Just(json!({"per": ["language"], "units": {"of": "a", "chunk": 2}, "agent": {"builtin": "one"},
            "output": {"key": "chunk"}})),
        Just(json!({"per": ["language"], "units": {"of": ["a", "ingest"]}, "agent": {"builtin": "two"},
            "context": {"all": {"from": "a"}}})),
        Just(
            json!({"gather": ["language"], "units": {"of": "a", "whole": true}, "agent": {"builtin": "one"},
            "output": {"document": "d"}})
        ),
    ]
}

/// An edit of the project.
#[derive(Debug, Clone)]
enum Edit {
    Text(usize, u8),
    Scene(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Move(usize, usize),
    Term(&'static str, usize, u8),
    Sum(u8),
    Style(u8),
    Version(u8),
    Clones(u8),
    Pack(u8),
    Nothing,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (0..9_usize, any::<u8>()).prop_map(|(at, to)| Edit::Text(at, to)),
        1 => (0..9_usize, 0..4_u8).prop_map(|(at, to)| Edit::Scene(at, to)),
        2 => (0..9_usize, any::<u8>()).prop_map(|(at, to)| Edit::Insert(at, to)),
        2 => (0..9_usize).prop_map(Edit::Remove),
        2 => (0..9_usize, 0..9_usize).prop_map(|(from, to)| Edit::Move(from, to)),
        2 => (0..4_usize, any::<u8>()).prop_map(|(at, to)| Edit::Term("terms.csv", at, to)),
        1 => (0..4_usize, any::<u8>()).prop_map(|(at, to)| Edit::Term("terms/ja.csv", at, to)),
        1 => (0..4_u8).prop_map(Edit::Sum),
        1 => (0..3_u8).prop_map(Edit::Style),
        1 => (0..3_u8).prop_map(Edit::Version),
        1 => (1..4_u8).prop_map(Edit::Clones),
        1 => (1..4_u8).prop_map(Edit::Pack),
        1 => Just(Edit::Nothing),
    ]
}

/// A text; one in eight is bad, and a few share words with the terms.
fn text(to: u8) -> Value {
    if to % 8 == 7 { json!(format!("bad {to}")) } else { json!(format!("text {}", to % 16)) }
}

fn apply(world: &mut World, edit: &Edit, n: usize) {
    let line = |lines: &mut Vec<Value>, at: usize, name: &str, value: Value| {
        let len = lines.len();
        if len > 0 {
            lines[at % len][name] = value;
        }
    };
    match edit {
        Edit::Text(at, to) => world.edit("lines.csv", |lines| line(lines, *at, "text", text(*to))),
        Edit::Scene(at, to) => {
            world.edit("lines.csv", |lines| line(lines, *at, "scene", json!(format!("s{to}"))));
        }
        Edit::Insert(at, to) => world.edit("lines.csv", |lines| {
            let new = json!({"id": format!("new{n}"), "text": text(*to), "scene": format!("s{}", to % 4)});
            lines.insert(at % (lines.len() + 1), new);
        }),
        Edit::Remove(at) => world.edit("lines.csv", |lines| {
            if lines.len() > 1 {
                lines.remove(at % lines.len());
            }
        }),
        Edit::Move(from, to) => world.edit("lines.csv", |lines| {
            let moved = lines.remove(from % lines.len());
            lines.insert(to % (lines.len() + 1), moved);
        }),
        Edit::Term(file, at, to) => world.edit(file, |terms| {
            let sought = if to % 5 == 0 { format!("TEXT {}", to % 16) } else { format!("{}", to % 16) };
            let case = ["yes", "no", ""][*to as usize / 16 % 3];
            let term = json!({"term": sought, "to": to, "scene": format!("s{}", to % 4), "case": case});
            match at {
                0 if terms.len() > 1 => drop(terms.remove(*to as usize % terms.len())),
                1 => terms.insert(*to as usize % (terms.len() + 1), term),
                2 => terms.reverse(),
                _ => {
                    let len = terms.len();
                    terms[*to as usize % len] = term;
                }
            }
        }),
        Edit::Sum(to) => world.edit("scenes.csv", |scenes| scenes[0]["sum"] = json!(to)),
        Edit::Style(to) => world.set("style.json", json!({"tone": to})),
        Edit::Version(to) => world.redefine(|file| file["agents"]["two"]["version"] = json!(to.to_string())),
        Edit::Clones(to) => world.redefine(|file| file["phases"]["a"]["agents"]["one"] = json!(to)),
        Edit::Pack(to) => world.redefine(|file| file["phases"]["a"]["pack"] = json!({"max": to})),
        Edit::Nothing => {}
    }
}

fn random_world(a: &Value, b: &Value) -> World {
    let mut file = pipeline(json!({
        "scenes": {"agent": {"builtin": "read", "params": {"files": "scenes.csv"}}, "output": {"key": "scene"}},
        "a": a, "b": b,
    }));
    file["agents"] = json!({"one": {"builtin": "one"}, "two": {"builtin": "two", "version": "0"}});
    if b["agent"].is_object() {
        file["phases"]["b"]["agent"] = b["agent"]["builtin"].clone();
    }
    let mut world = World::new(file);
    world.agent("one", hash);
    world.agent("two", hash);
    world.set("lines.csv", lines(6));
    world.set(
        "terms.csv",
        json!([{"term": "2", "to": 1, "scene": "s1", "case": ""}, {"term": "text", "to": 2, "scene": "s2", "case": "no"}]),
    );
    world.set("terms/ja.csv", json!([{"term": "2", "to": 1}]));
    world.set("terms/fr.csv", json!([{"term": "2", "to": 1}]));
    world.set("scenes.csv", json!([{"scene": "s1", "sum": 0}, {"scene": "s2", "sum": 0}]));
    world.set("style.json", json!({"tone": 0}));
    world
}

/// The keys of all asks that were made, and of those that were answered.
pub(crate) fn keys(world: &World) -> (BTreeSet<Digest>, BTreeSet<Digest>) {
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for ask in world.ledger().iter().flat_map(|call| &call.asks) {
        asked.insert(ask.key);
        if matches!(ask.result, Some(AskResult::Reply(_))) {
            answered.insert(ask.key);
        }
    }
    (asked, answered)
}

fn words(report: &RunReport) -> Vec<(String, bool)> {
    let is_there =
        |status| matches!(status, PhaseStatus::Completed | PhaseStatus::Fresh | PhaseStatus::Partial);
    let phases = report.phases.iter();
    phases.map(|phase| (format!("{}@{}", phase.phase, phase.scope), is_there(phase.status))).collect()
}

/// Runs, and compares what came of it with a fresh project: the same bytes, and exactly the new keys asked.
fn check(world: &mut World) -> Result<(), TestCaseError> {
    let n_calls = world.ledger().len();
    let (_, answered) = keys(world);
    let report = world.run();
    let asked: BTreeSet<Digest> =
        world.ledger()[n_calls..].iter().flat_map(|call| &call.asks).map(|ask| ask.key).collect();
    let mut fresh = world.afresh();
    let whole = fresh.run();
    prop_assert_eq!(words(&report), words(&whole));
    let (found, expect) = (world.digests(), fresh.digests());
    for (target, digest) in &expect {
        prop_assert_eq!(found.get(target), Some(digest), "{}", target);
    }
    let new: BTreeSet<Digest> = keys(&fresh).0.difference(&answered).copied().collect();
    prop_assert_eq!(asked, new);
    prop_assert_eq!(world.bought_twice(), [""; 0]);
    if report.status == RunStatus::Completed {
        prop_assert_eq!(world.unfresh(), [""; 0]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_delta_run_makes_what_a_whole_run_makes(
        a in first(), b in second(), edits in prop::collection::vec((edit(), 0..80_u64), 1..7), seed in any::<u64>(),
        window in prop::option::of(1..9_usize),
    ) {
        let mut world = random_world(&a, &b);
        world.unwatched();
        world.shuffle(seed);
        // What a run holds of its units at once is nothing that shows in what it makes.
        window.into_iter().for_each(|window| world.hold(window));
        check(&mut world)?;
        for (n, (edit, steps)) in edits.iter().enumerate() {
            apply(&mut world, edit, n);
            if *steps < 40 {
                // It may be killed before it comes to its end; what it had bought by then is bought.
                let _ending = world.run_killed(*steps);
            }
            check(&mut world)?;
        }
    }
}

/// The same work in many shapes: packs, clones and ceilings.
fn shapes() -> Vec<World> {
    let mut shapes = Vec::new();
    for (pack, clones, limit) in [(1, 1, 99), (1, 4, 99), (2, 3, 2), (3, 2, 99), (9, 1, 1), (2, 5, 3)] {
        let mut world = world(json!({
            "t": {"units": {"of": "ingest"}, "agents": {"mark": clones, "other": clones}, "pack": {"max": pack},
                "fan": "panel", "merge": "vote", "on_unit_failure": "continue"},
            "u": {"units": {"of": "t"}, "agents": {"echo": clones}, "pack": {"max": pack, "within": "scene"},
                "context": {"near": {"from": "t", "window": 1}}},
        }));
        world.redefine(|file| {
            file["agents"] = json!({
                "mark": {"builtin": "mark", "retry": {"attempts": 3, "backoff": "none"}},
                "other": {"builtin": "other"}, "echo": {"builtin": "echo"},
            });
            file["limits"] = json!({"concurrency": limit});
        });
        world.set("lines.csv", lines(4));
        world.agent("mark", |asked| match asked.id.as_str() {
            "l2" if asked.attempt == 1 => Err(failure(FailureKind::Transient)),
            "l4" => Err(failure(FailureKind::Permanent)),
            _ => Ok(mark(asked)),
        });
        world.agent("other", |asked| Ok(json!({"text": asked.input["text"], "scene": asked.input["scene"]})));
        world.unwatched();
        world.model();
        shapes.push(world);
    }
    shapes
}

// Ten thousand orders, by two tests that run side by side.

#[test]
fn five_thousand_orders_make_the_same_bytes() {
    check_orders(0..5_000);
}

#[test]
fn five_thousand_other_orders_make_the_same_bytes() {
    check_orders(5_000..10_000);
}

fn check_orders(seeds: std::ops::Range<u64>) {
    let shapes = shapes();
    let mut plain = shapes[0].afresh();
    plain.run();
    let expect = plain.digests();
    let n_shapes = shapes.len() as u64;
    let mut n_killed = 0;
    for seed in seeds {
        let mut world = shapes[(seed % n_shapes) as usize].afresh();
        world.shuffle(seed);
        if seed % 2 == 0 {
            world.hold(1 + seed as usize / 2 % 4);
        }
        if seed % 3 == 0 {
            n_killed += u64::from(world.run_killed(2 + seed / 3 % 60).is_killed());
        }
        let report = world.run();
        assert_eq!(report.status, RunStatus::Partial, "seed {seed}");
        assert_eq!(world.digests(), expect, "seed {seed}");
        assert_eq!(world.bought_twice(), [""; 0], "seed {seed}");
    }
    assert!(n_killed > 500);
}
