//! Packs, retries, and everything that can be wrong with an answer.

use std::time::Duration;

use refrain_core::ports::agent::AnsweredUnit;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::name::UnitId;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::{Act, Asked, AskedCall, World, reply_to};
use serde_json::{Value, json};

use crate::pieces::{error, failure, ids, lines, mark, world};

/// A phase of an agent `odd` with packs and attempts.
fn odd(pack: u32, attempts: u32) -> Value {
    json!({"t": {
        "units": {"of": "ingest"}, "pack": {"max": pack}, "on_unit_failure": "continue",
        "agent": {"builtin": "odd", "retry": {"attempts": attempts, "initial": "1s"}},
    }})
}

fn marked(asked: &Asked) -> Result<Value, Failure> {
    Ok(mark(asked))
}

fn good(call: &AskedCall) -> Act {
    Act::Reply(reply_to(call, &marked))
}

/// Runs a world whose agent is odd, and then the same without oddness, to the same artifact.
#[track_caller]
fn check_mended(pack: u32, attempts: u32, act: impl Fn(&AskedCall) -> Act + Send + Sync + 'static) -> World {
    let mut odd_world = world(odd(pack, attempts));
    odd_world.calls("odd", act);
    let report = odd_world.run();
    assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases[1].error);
    let mut plain = world(odd(pack, attempts));
    plain.calls("odd", good);
    plain.run();
    assert_eq!(odd_world.digests(), plain.digests());
    assert_eq!((report.units.ran, report.units.failed), (6, 0));
    assert_eq!(odd_world.bought_twice(), [""; 0]);
    odd_world
}

#[test]
fn packs_are_cut_in_source_order() {
    let sizes = |pack: Value, n: usize| {
        let mut world =
            world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}, "pack": pack}}));
        world.set("lines.csv", lines(n));
        world.run();
        let calls = world.ledger();
        calls.iter().map(|call| call.asks.iter().map(|ask| ask.unit.as_str().to_owned()).collect()).collect()
    };
    let expect = |calls: &[&[&str]]| -> Vec<Vec<String>> {
        calls.iter().map(|call| call.iter().map(|unit| (*unit).to_owned()).collect()).collect()
    };
    let found: Vec<Vec<String>> = sizes(json!({"max": 2}), 5);
    assert_eq!(found, expect(&[&["l1", "l2"], &["l3", "l4"], &["l5"]]));
    let found: Vec<Vec<String>> = sizes(json!({"max": 2, "within": "scene"}), 5);
    assert_eq!(found, expect(&[&["l1", "l2"], &["l3"], &["l4", "l5"]]));
    let found: Vec<Vec<String>> = sizes(json!({"max": 9}), 5);
    assert_eq!(found, expect(&[&["l1", "l2", "l3", "l4", "l5"]]));
}

#[test]
fn packs_are_filled_across_look_ups() {
    let mut world =
        world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}, "pack": {"max": 1000}}}));
    world.unwatched();
    world.set("lines.csv", lines(4500));
    assert_eq!(world.run().calls, 5);
}

#[test]
fn transient_failures_are_tried_again_after_a_pause() {
    for kind in [FailureKind::Transient, FailureKind::RateLimited] {
        let world =
            check_mended(
                1,
                3,
                move |call| {
                    if call.units[0].attempt < 3 { Act::Fail(error(kind)) } else { good(call) }
                },
            );
        assert!(world.elapsed() >= Duration::from_secs(3), "1 s and then 2 s");
        assert_eq!(world.ledger().len(), 18);
    }
}

#[test]
fn the_agent_says_how_long_to_wait() {
    let world = check_mended(6, 2, |call| {
        let mut limited = error(FailureKind::RateLimited);
        limited.retry_after = Some(Duration::from_secs(90));
        if call.count == 1 { Act::Fail(limited) } else { good(call) }
    });
    assert!(world.elapsed() >= Duration::from_secs(90));
}

#[test]
fn attempts_end() {
    let mut world = world(odd(1, 3));
    world.calls("odd", |call| {
        if call.units[0].id == "l2" { Act::Fail(error(FailureKind::Transient)) } else { good(call) }
    });
    let report = world.run();
    assert_eq!((report.status, report.exit_code), (RunStatus::Partial, 1));
    assert_eq!((report.calls, report.retries), (8, 2));
    assert_eq!(world.holes("t"), ["l2"]);
}

#[test]
fn what_will_not_get_better_is_not_tried_again() {
    for kind in [FailureKind::Permanent, FailureKind::Refused] {
        let mut world = world(odd(1, 3));
        world.calls(
            "odd",
            move |call| {
                if call.units[0].id == "l2" { Act::Fail(error(kind)) } else { good(call) }
            },
        );
        let report = world.run();
        assert_eq!((report.status, report.calls, report.retries), (RunStatus::Partial, 6, 0));
    }
}

#[test]
fn a_pack_that_fails_whole_is_halved_before_attempts_are_spent() {
    // One bad unit among six, and a single attempt: the other five have their replies.
    let mut world = world(odd(6, 1));
    world.calls("odd", |call| {
        let bad = call.units.iter().any(|unit| unit.id == "l4");
        if bad { Act::Fail(error(FailureKind::Permanent)) } else { good(call) }
    });
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l4"]);
    assert_eq!(report.units.ran, 5);
}

#[test]
fn one_unit_of_a_pack_fails_alone() {
    let mut world = world(odd(6, 1));
    world.agent(
        "odd",
        |asked| {
            if asked.id == "l4" { Err(failure(FailureKind::Refused)) } else { Ok(mark(asked)) }
        },
    );
    let report = world.run();
    assert_eq!((report.calls, report.units.ran, report.units.failed), (1, 5, 1));
    assert_eq!(world.holes("t"), ["l4"]);
    world.take_asked();
    world.agent("odd", marked);
    let report = world.run();
    assert_eq!((report.status, report.calls, report.units.ran), (RunStatus::Completed, 1, 1));
    assert_eq!(world.take_units(), ["t/l4"], "failed units are tried alone");
    assert_eq!(ids(&world.artifact("t")), ["l1", "l2", "l3", "l4", "l5", "l6"]);
    assert_eq!(world.unfresh(), [""; 0]);
}

fn unit(id: &str, value: &Value) -> AnsweredUnit {
    AnsweredUnit::new(UnitId::new(id), Ok(Json::of(value).unwrap()))
}

#[test]
fn odd_answers_cost_only_the_units_they_are_about() {
    // A unit left out, a unit answered twice, one that nobody asked about, all backwards: in the first call alone.
    check_mended(6, 2, |call| {
        let mut reply = reply_to(call, &marked);
        if call.count == 1 {
            reply.units.remove(0);
            reply.units.push(reply.units[0].clone());
            reply.units.push(unit("l99", &json!({"text": "?"})));
            reply.units.reverse();
        }
        Act::Reply(reply)
    });
    let mut again = world(odd(6, 2));
    again.calls("odd", |call| {
        let mut reply = reply_to(call, &marked);
        if call.count == 1 {
            reply.units.remove(0);
        }
        Act::Reply(reply)
    });
    again.run();
    let asked: Vec<String> = again.take_asked().into_iter().skip(6).map(|asked| asked.id).collect();
    assert_eq!(asked, ["l1"]);
}

#[test]
fn replies_of_the_wrong_shape_are_invalid() {
    for bad in [json!("text"), json!(3), json!(null), json!([1]), json!([{"text": "a"}, {"text": "b"}])] {
        check_mended(2, 2, move |call| {
            let first = call.count == 1;
            let bad = bad.clone();
            Act::Reply(reply_to(call, &move |asked| Ok(if first { bad.clone() } else { mark(asked) })))
        });
    }
}

#[test]
fn a_hanging_agent_runs_into_its_time_out() {
    let mut phases = odd(2, 2);
    phases["t"]["agent"]["timeout"] = json!("30s");
    let mut world = world(phases.clone());
    world.calls("odd", |call| if call.count == 1 { Act::Hang } else { good(call) });
    assert_eq!(world.run().status, RunStatus::Completed);
    assert!(world.elapsed() >= Duration::from_secs(30));

    let mut world = crate::pieces::world(phases);
    world.calls("odd", |_| Act::Hang);
    let report = world.run();
    assert_eq!(report.phases[1].status, PhaseStatus::Failed, "all units failed");
    let error = report.phases[1].error.as_ref().unwrap();
    assert_eq!(error.units[0].failure.kind.as_str(), "timed_out");
    assert!(error.hint.as_ref().unwrap().ends_with("run again to try the others"), "{error:?}");
}

#[test]
fn a_late_answer_was_paid_for_and_counts() {
    let mut phases = odd(6, 1);
    phases["t"]["agent"]["timeout"] = json!("30s");
    let mut world = world(phases);
    world.calls("odd", |call| Act::Late(Duration::from_secs(32), reply_to(call, &marked)));
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 1));
}

#[test]
fn a_panic_is_the_agents_own() {
    let mut world = world(odd(1, 1));
    world.calls("odd", |call| if call.units[0].id == "l3" { Act::Panic } else { good(call) });
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l3"]);
}

#[test]
fn bad_credentials_end_the_run_at_once() {
    let mut world = world(odd(1, 3));
    world.calls("odd", |_| Act::Fail(error(FailureKind::Credentials)));
    let report = world.run();
    assert_eq!((report.status, report.exit_code, report.calls), (RunStatus::Failed, 4, 1));
}

#[test]
fn samples_of_a_unit_never_share_a_call() {
    let mut world = world(json!({"t": {
        "units": {"of": "ingest"}, "pack": {"max": 4}, "fan": "panel", "merge": "vote",
        "agents": {"odd": {"samples": 3, "clones": 2}},
    }}));
    world.redefine(|file| file["agents"] = json!({"odd": {"builtin": "odd"}}));
    world.calls("odd", good);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases[1].error);
    for call in world.ledger() {
        let mut units: Vec<&str> = call.asks.iter().map(|ask| ask.unit.as_str()).collect();
        units.dedup();
        assert_eq!(units.len(), call.asks.len());
    }
    assert_eq!(report.calls, 6, "18 asks in packs of at most four");
}

#[test]
fn identical_asks_are_made_once() {
    // Two phases that ask the same agent the same thing.
    let same = json!({"units": {"of": "ingest"}, "agent": "odd"});
    let mut world = world(json!({"t": same, "u": same}));
    world.redefine(|file| file["agents"] = json!({"odd": {"builtin": "odd"}}));
    world.calls("odd", good);
    let report = world.run();
    assert_eq!(report.calls, 6);
    assert_eq!(world.digest("t"), world.digest("u"));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    assert_eq!(world.run().calls, 1);
}

#[test]
fn whoever_waits_for_another_phase_is_not_lost_with_it() {
    // `t` fails at once at `l1`; what it shares with `u` is asked by somebody, and only once.
    let phase = |file: &str| {
        json!({
            "units": {"of": "ingest"}, "agents": {"odd": 2}, "context": {"c": {"file": file, "on": "id"}},
        })
    };
    for (first, second) in [("bad.csv", "good.csv"), ("good.csv", "bad.csv")] {
        for seed in 0..40 {
            let mut world = world(json!({"t": phase(first), "u": phase(second)}));
            world.redefine(|file| file["agents"] = json!({"odd": {"builtin": "odd"}}));
            world.set("bad.csv", json!([{"id": "l1", "bad": true}]));
            world.set("good.csv", json!([]));
            world.agent("odd", |asked| {
                let bad = asked.context["c"].as_array().is_some_and(|found| !found.is_empty());
                if bad { Err(failure(FailureKind::Permanent)) } else { Ok(mark(asked)) }
            });
            world.shuffle(seed);
            let report = world.run();
            assert_eq!(report.status, RunStatus::Failed);
            let done = if first == "good.csv" { "t" } else { "u" };
            assert_eq!(world.artifact(done).len(), 6);
            assert_eq!(world.bought_twice(), [""; 0]);
            let mut asked = world.take_asked();
            asked.retain(|asked| asked.id != "l1");
            let mut ids: Vec<&str> = asked.iter().map(|asked| asked.id.as_str()).collect();
            ids.sort_unstable();
            let n = ids.len();
            ids.dedup();
            assert_eq!(ids.len(), n, "no line is asked about twice");
        }
    }
}

#[test]
fn a_phase_that_refuses_a_reply_refuses_it_for_itself_alone() {
    let lenient = json!({"units": {"of": "ingest"}, "agent": "odd", "on_unit_failure": "continue"});
    let mut strict = lenient.clone();
    strict["output"] = json!({"key": "id", "schema": "short.json"});
    for (first, second, done) in [(&strict, &lenient, "u"), (&lenient, &strict, "t")] {
        let mut world = world(json!({"t": first, "u": second}));
        world.redefine(|file| file["agents"] = json!({"odd": {"builtin": "odd"}}));
        world.set("short.json", json!({"properties": {"text": {"maxLength": 8}}}));
        world.agent("odd", |asked| {
            Ok(json!({"text": if asked.id == "l2" { "far too long" } else { "short" }}))
        });
        world.run();
        assert_eq!(world.artifact(done).len(), 6);
        let refused = if done == "t" { "u" } else { "t" };
        assert_eq!(world.holes(refused), ["l2"]);
        assert_eq!(world.bought_twice(), [""; 0]);
    }
}
