//! How units and agents meet, and how their replies are merged.

use futures::FutureExt as _;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_schemas::scope::{Scope, Target};
use refrain_testkit::world::{Act, Asked, World};
use serde_json::{Value, json};

use crate::pieces::{error, failure, fields, world};

/// A phase of the agents `a`, `b` and `c`.
fn fan(phase: Value, answer: impl Fn(&Asked) -> Value + Send + Sync + Clone + 'static) -> World {
    let mut phases = json!({"t": {"units": {"of": "ingest"}, "agents": {"a": 1, "b": 1, "c": 1}}});
    phases["t"].as_object_mut().unwrap().extend(phase.as_object().unwrap().clone());
    let mut world = world(phases);
    world.redefine(|file| {
        file["agents"] = json!({"a": {"builtin": "a"}, "b": {"builtin": "b"}, "c": {"builtin": "c"}});
    });
    for name in ["a", "b", "c"] {
        let answer = answer.clone();
        world.agent(name, move |asked| Ok(answer(asked)));
    }
    world
}

fn who(asked: &Asked) -> Value {
    json!({"by": asked.agent})
}

#[test]
fn split_divides_by_the_units_names_alone() {
    let mut split = fan(json!({}), who);
    split.set("lines.csv", crate::pieces::lines(60));
    let report = split.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 60));
    let before = split.artifact("t");
    let count = |name: &str| before.iter().filter(|record| record["by"] == *name).count();
    assert!(["a", "b", "c"].iter().all(|name| count(name) > 5));
    // Another order of lines, other clones, other times: the same agents.
    let mut other = fan(json!({"agents": {"a": 3, "b": 1, "c": 2}}), who);
    let mut lines = crate::pieces::lines(60);
    lines.as_array_mut().unwrap().reverse();
    other.set("lines.csv", lines);
    other.shuffle(7);
    other.run();
    let mut after = other.artifact("t");
    after.reverse();
    assert_eq!(before, after);
    // Taking an agent away moves only the units it had.
    split.take_asked();
    split.redefine(|file| {
        file["phases"]["t"]["agents"].as_object_mut().unwrap().remove("b");
    });
    let report = split.run();
    assert_eq!(report.calls as usize, count("b"));
}

#[test]
fn a_panel_asks_everybody_about_everything() {
    let panel = |merge: Value| {
        let mut world = fan(
            json!({"fan": "panel", "merge": merge}),
            |asked| json!({"by": if asked.agent == "a" { "a" } else { "other" }}),
        );
        let report = world.run();
        assert_eq!((report.status, report.calls), (RunStatus::Completed, 18));
        let record = world.revision("t").unwrap();
        assert_eq!(record.n_conflicts, 6);
        world.artifact("t")[0]["by"].clone()
    };
    assert_eq!(panel(json!("first")), "a");
    assert_eq!(panel(json!("last")), "other");
    assert_eq!(panel(json!("vote")), "other");
    let mut tie = fan(json!({"agents": {"a": 1, "b": 1}, "fan": "panel", "merge": "vote"}), who);
    tie.run();
    assert_eq!(fields(&tie.artifact("t"), "by"), ["a"; 6], "a tie goes to the first in the file");
}

#[test]
fn a_panel_that_disagrees_fails_where_no_rule_says_otherwise() {
    let mut world = fan(json!({"fan": "panel"}), who);
    let report = world.run();
    assert_eq!(report.phases[1].status, PhaseStatus::Failed);
    let error = report.phases[1].error.clone().unwrap();
    assert_eq!(error.code, "conflict");
    assert!(error.message.contains("a for `l1`, b for `l1`, c for `l1`"), "{}", error.message);
    let units = report.phases[1].units;
    assert_eq!((units.total, units.ran), (6, 6), "what was asked about is told all the same");
    assert_eq!(world.run().calls, 0, "the replies are kept");
    let mut agree = fan(json!({"fan": "panel"}), |_| json!({"all": "same"}));
    assert_eq!(agree.run().status, RunStatus::Completed);
}

#[test]
fn a_union_names_all_proposers() {
    let mut world = fan(
        json!({"fan": "panel", "merge": {"union": ["id", "rule"]}, "output": {"key": "issue"}}),
        |asked| match asked.agent.as_str() {
            "c" => json!([]),
            name => json!([{"rule": "both"}, {"rule": name}]),
        },
    );
    assert_eq!(world.run().status, RunStatus::Completed);
    let issues = world.artifact("t");
    assert_eq!(fields(&issues[..3], "rule"), ["both", "a", "b"]);
    assert_eq!(fields(&issues[..3], "proposers"), [&json!(["a", "b"]), &json!(["a"]), &json!(["b"])]);
    assert_eq!(fields(&issues[..3], "id"), ["l1", "l1", "l1"]);
    let mut keys: Vec<String> = issues.iter().map(|issue| issue["issue"].to_string()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 18);
}

#[test]
fn a_unit_of_a_panel_fails_with_one_of_its_asks() {
    let mut world = fan(json!({"fan": "panel", "merge": "first", "on_unit_failure": "continue"}), who);
    world.agent(
        "b",
        |asked| if asked.id == "l2" { Err(failure(FailureKind::Refused)) } else { Ok(who(asked)) },
    );
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l2"]);
    world.take_asked();
    world.agent("b", |asked| Ok(who(asked)));
    assert_eq!(world.run().calls, 1, "what `a` and `c` said of it is kept");
    assert_eq!(world.artifact("t").len(), 6);
}

#[test]
fn samples_are_asked_apart_and_merged() {
    let mut world = fan(
        json!({"agents": {"a": {"samples": 3, "clones": 2}}, "fan": "panel", "merge": "vote"}),
        |asked| json!({"n": asked.attempt.min(2)}),
    );
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 18));
    assert_eq!(fields(&world.artifact("t"), "n"), [2, 2, 2, 2, 2, 2]);
    assert_eq!(world.run().calls, 0);
}

#[test]
fn a_cascade_asks_until_a_reply_is_good_enough() {
    let answer = |asked: &Asked| {
        let line: u64 = asked.id[1..].parse().unwrap();
        let skill = u64::from(asked.agent.as_bytes()[0] - b'a') * 2 + 2;
        json!({"by": asked.agent, "confidence": if line <= skill { 0.9 } else { 0.1 }})
    };
    for pack in [1, 2, 4] {
        let mut world = fan(
            json!({"fan": "cascade", "accept": "reply.confidence >= 0.8", "pack": {"max": pack}}),
            answer,
        );
        world.shuffle(3);
        let report = world.run();
        assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases);
        assert_eq!(fields(&world.artifact("t"), "by"), ["a", "a", "b", "b", "c", "c"]);
        let asked: Vec<String> = world.take_asked().into_iter().map(|asked| asked.agent).collect();
        let count = |name: &str| asked.iter().filter(|agent| *agent == name).count();
        assert_eq!((count("a"), count("b"), count("c")), (6, 4, 2));
        // A rejected rung is replayed from the ledger.
        world.redefine(|file| file["phases"]["t"]["merge"] = json!("first"));
        assert_eq!(world.run().calls, 0);
        // A stricter rule goes on where the old one ended.
        world.redefine(|file| {
            file["phases"]["t"]["accept"] = json!("reply.confidence >= 0.8 and reply.by != 'a'");
        });
        world.take_asked();
        world.run();
        assert_eq!(world.take_units(), ["t/l1", "t/l2"], "only `b` about what `a` had");
    }
}

#[test]
fn a_cascade_that_nobody_ends_fails_its_unit() {
    let mut world = fan(
        json!({"fan": "cascade", "accept": "reply.good", "on_unit_failure": "continue"}),
        |asked| json!({"good": asked.id != "l5"}),
    );
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Partial, 8));
    assert_eq!(world.holes("t"), ["l5"]);
    // A rung that fails is no answer: the next one is asked.
    let mut failing = fan(json!({"fan": "cascade", "accept": "reply.good"}), |_| json!({"good": true}));
    failing.agent("a", |_| Err(failure(FailureKind::Permanent)));
    assert_eq!(failing.run().status, RunStatus::Completed);
}

#[test]
fn a_cascade_goes_on_without_an_agent_that_answers_nothing() {
    let mut world = fan(json!({"fan": "cascade", "accept": "reply.good"}), |_| json!({"good": true}));
    let gone = || error(FailureKind::Permanent).of_agent();
    world.calls("a", move |_| Act::Fail(gone()));
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed);
    let asked: Vec<String> = world.take_asked().into_iter().map(|asked| asked.agent).collect();
    let count = |name: &str| asked.iter().filter(|agent| *agent == name).count();
    assert!(count("a") <= 2 && count("b") == 6 && count("c") == 0, "{asked:?}");
}

#[test]
fn a_unit_of_a_cascade_that_nobody_satisfies_says_what_each_said() {
    let mut world = fan(
        json!({"fan": "cascade", "accept": "reply.confidence >= 0.8"}),
        |asked| json!({"by": asked.agent, "confidence": if asked.id == "l5" { 0.1 } else { 0.9 }}),
    );
    world.agent("b", |_| Err(failure(FailureKind::Refused)));
    let report = world.run();
    let error = report.phases.last().unwrap().error.clone().unwrap();
    assert_eq!((error.units.len(), error.units[0].unit.as_str()), (1, "l5"));
    let failed = &error.units[0].failure;
    assert_eq!(failed.kind, FailureKind::Invalid);
    let [condition, a, b, c] = [
        "no agent's reply meets `accept: reply.confidence >= 0.8`: ",
        "`a` said {\"by\":\"a\",\"confidence\":0.1",
        "; `b` failed: it is refused",
        "; `c` said {\"by\":\"c\",\"confidence\":0.1",
    ];
    assert!(failed.message.starts_with(condition), "{}", failed.message);
    assert!([a, b, c].iter().all(|part| failed.message.contains(part)), "{}", failed.message);
    let engine = world.engine(false);
    let target = Target { phase: "t".parse().unwrap(), scope: Scope::none() };
    let why = async move { engine.why(&target, Some("l5"), 1).await }.now_or_never().unwrap().unwrap();
    let asks = why.units[0].asks.iter().map(|ask| (ask.agent.as_str(), ask.recorded)).collect::<Vec<_>>();
    assert_eq!(asks, [("a", true), ("b", false), ("c", true)]);
}

#[test]
fn a_chain_hands_on_what_was_said() {
    for pack in [1, 4] {
        let mut world = fan(json!({"fan": "chain", "pack": {"max": pack}}), |asked| {
            let before = asked.context["previous"]["said"].as_str().unwrap_or("").to_owned();
            json!({"said": before + &asked.agent})
        });
        world.shuffle(5);
        let report = world.run();
        assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases);
        assert_eq!(fields(&world.artifact("t"), "said"), ["abc"; 6]);
        world.take_asked();
        // Another voice at the end is all that is asked again.
        world.redefine(|file| file["agents"]["c"]["version"] = json!("2"));
        world.run();
        assert!(world.take_asked().iter().all(|asked| asked.agent == "c"));
        world.redefine(|file| file["agents"]["a"]["version"] = json!("2"));
        world.run();
        let agents: Vec<String> = world.take_asked().into_iter().map(|asked| asked.agent).collect();
        assert!(agents.iter().all(|agent| agent == "a"), "the same words before mean the same after");
    }
}

#[test]
fn two_units_that_say_the_same_key_are_merged_by_the_rule() {
    let shared = |merge: Value| {
        let mut world = fan(
            json!({"agents": {"a": 1}, "merge": merge, "output": {"key": "k"}}),
            |asked| json!({"k": asked.input["scene"], "from": asked.id}),
        );
        let report = world.run();
        (report.phases[1].status, world.revision("t").map(|_| world.artifact("t")))
    };
    assert_eq!(shared(json!("error")).0, PhaseStatus::Failed);
    let first = shared(json!("first")).1.unwrap();
    assert_eq!(fields(&first, "from"), ["l1", "l4"]);
    let last = shared(json!("last")).1.unwrap();
    assert_eq!(fields(&last, "from"), ["l3", "l6"]);
    assert_eq!(fields(&last, "k"), ["s1", "s2"]);
}

#[test]
fn a_phase_that_stops_being_local_is_made_whole() {
    let mut world = fan(json!({"agents": {"a": 1}, "merge": "last", "output": {"key": "k"}}), |asked| {
        let to = asked.input["as"].as_str().unwrap_or(&asked.id);
        json!({"k": to, "from": asked.id})
    });
    world.run();
    world.edit("lines.csv", |lines| lines[4]["as"] = json!("l1"));
    let report = world.run();
    assert_eq!((report.calls, report.units.ran, report.units.reused), (1, 1, 5));
    let records = world.artifact("t");
    assert_eq!(fields(&records, "k"), ["l1", "l2", "l3", "l4", "l6"]);
    assert_eq!(records[0]["from"], "l5");
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
}
