//! The ladder: repaired, split, handed on to the next agent, failed; every rung is a call of its own.

use std::sync::{Arc, Mutex};

use refrain_core::ports::agent::{AgentError, AnsweredUnit, Repair};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::ledger::Rung;
use refrain_schemas::name::UnitId;
use refrain_schemas::report::RunStatus;
use refrain_testkit::world::{Act, AskedCall, World, reply_to};
use serde_json::{Value, json};

use crate::pieces::{failure, mark, modelled, world};

/// A world of one model that is asked about six lines in one call, and four times at most.
fn packed(act: impl Fn(&AskedCall) -> Act + Send + Sync + 'static) -> World {
    let mut world = modelled(&json!({}), &json!({}), 1);
    world.redefine(|file| {
        file["phases"]["t"]["pack"] = json!({"max": 6});
        file["phases"]["t"]["on_unit_failure"] = json!("continue");
    });
    world.calls("sim/small", act);
    world
}

fn good(call: &AskedCall) -> Act {
    Act::Reply(reply_to(call, &|asked| Ok(mark(asked))))
}

/// Answers some units with something that is no record, as a model may.
fn bad_at(call: &AskedCall, bad: &[&str]) -> Act {
    let mut reply = reply_to(call, &|asked| Ok(mark(asked)));
    for unit in reply.units.iter_mut().filter(|unit| bad.contains(&unit.id.as_str())) {
        *unit = AnsweredUnit {
            said: Some(format!("{} is lovely", unit.id)),
            ..AnsweredUnit::new(unit.id.clone(), Err(failure(FailureKind::Invalid)))
        };
    }
    Act::Reply(reply)
}

/// Returns the rung and the units of each call, in order.
fn rungs(world: &World) -> Vec<(Rung, String)> {
    let units = |asks: &[refrain_schemas::ledger::AskView]| {
        asks.iter().map(|ask| ask.unit.as_str()).collect::<Vec<_>>().join(" ")
    };
    world.ledger().iter().map(|call| (call.rung, units(&call.asks))).collect()
}

fn rung(rung: Rung, units: &str) -> (Rung, String) {
    (rung, units.to_owned())
}

#[test]
fn bad_replies_are_repaired_together() {
    let repairs: Arc<Mutex<Vec<Repair>>> = Arc::default();
    let told = repairs.clone();
    let mut world = packed(move |call| {
        told.lock().unwrap().extend(call.repairs.iter().cloned());
        if call.count == 1 { bad_at(call, &["l2", "l5"]) } else { good(call) }
    });
    let report = world.run();
    assert_eq!(
        (report.status, report.calls, report.retries, report.repairs),
        (RunStatus::Completed, 2, 1, 1)
    );
    assert_eq!(rungs(&world), [rung(Rung::First, "l1 l2 l3 l4 l5 l6"), rung(Rung::Repair, "l2 l5")]);
    let repair = |unit: &str| Repair {
        unit: UnitId::new(unit),
        said: format!("{unit} is lovely"),
        error: "it is invalid".to_owned(),
    };
    assert_eq!(*repairs.lock().unwrap(), [repair("l2"), repair("l5")]);
}

#[test]
fn what_the_rules_refuse_is_repaired_with_the_reply_itself() {
    let repairs: Arc<Mutex<Vec<Repair>>> = Arc::default();
    let told = repairs.clone();
    let mut world = packed(move |call| {
        told.lock().unwrap().extend(call.repairs.iter().cloned());
        let first = call.count == 1;
        let answer = |asked: &refrain_testkit::world::Asked| {
            Ok(if first && asked.id == "l3" { json!("no record") } else { mark(asked) })
        };
        Act::Reply(reply_to(call, &answer))
    });
    assert_eq!(world.run().status, RunStatus::Completed);
    let repairs = repairs.lock().unwrap();
    assert_eq!((repairs.len(), repairs[0].said.as_str()), (1, "\"no record\""));
    assert!(repairs[0].error.contains("a record"), "{}", repairs[0].error);
}

#[test]
fn what_cannot_be_repaired_together_is_split_and_then_asked_alone() {
    // `l4` is never any good; `l3` is, as soon as it is asked without it.
    let mut world = packed(|call| {
        let has = |id: &str| call.units.iter().any(|unit| unit.id == id);
        if has("l4") { bad_at(call, &["l3", "l4"]) } else { good(call) }
    });
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l4"]);
    assert_eq!(
        rungs(&world),
        [
            rung(Rung::First, "l1 l2 l3 l4 l5 l6"),
            rung(Rung::Repair, "l3 l4"),
            rung(Rung::Split, "l3"),
            rung(Rung::Split, "l4"),
            rung(Rung::Repair, "l4"),
            rung(Rung::Repair, "l4"),
        ]
    );
    assert_eq!((report.calls, report.retries, report.repairs), (6, 5, 3));
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn one_attempt_is_one_attempt() {
    let mut world = packed(|call| bad_at(call, &["l2", "l5"]));
    world.redefine(|file| file["agents"]["small"]["retry"] = json!({"attempts": 1}));
    assert_eq!((world.run().calls, world.holes("t")), (1, vec!["l2".to_owned(), "l5".to_owned()]));
}

#[test]
fn answers_that_are_cut_off_are_split_and_never_repaired() {
    let cut_off = |call: &AskedCall| match call.units.len() {
        1 => good(call),
        _ => Act::Fail(AgentError::new(FailureKind::Truncated, "it was cut off")),
    };
    let mut whole = packed(cut_off);
    assert_eq!(
        (whole.run().status, rungs(&whole)[1..].iter().all(|(rung, _)| *rung == Rung::Split)),
        (RunStatus::Completed, true)
    );

    let mut world = packed(|call| {
        let answer = |asked: &refrain_testkit::world::Asked| {
            if asked.id == "l6" { Err(failure(FailureKind::Truncated)) } else { Ok(mark(asked)) }
        };
        Act::Reply(reply_to(call, &answer))
    });
    let report = world.run();
    assert_eq!(rungs(&world), [rung(Rung::First, "l1 l2 l3 l4 l5 l6"), rung(Rung::Split, "l6")]);
    assert_eq!((report.units.ran, world.holes("t")), (5, vec!["l6".to_owned()]));
    world.redefine(|file| file["phases"]["t"]["on_unit_failure"] = json!("stop"));
    let error = world.run().phases[1].error.clone().unwrap();
    let told = &error.units[0].failure.message;
    assert_eq!(told, "it is truncated; raise `max_tokens:` of the agent", "the hint is told once");
    assert_eq!(error.message.matches("max_tokens").count(), 1);
}

/// A cascade of two models.
fn cascade(accept: Option<&str>, small: impl Fn(&AskedCall) -> Act + Send + Sync + 'static) -> World {
    let agent = |name: &str| json!({"model": name, "prompt": "{{ unit.text }}", "retry": {"attempts": 2}});
    let mut phase = json!({
        "units": {"of": "ingest"}, "agents": {"cheap": 2, "dear": 2}, "fan": "cascade",
    });
    if let Some(accept) = accept {
        phase["accept"] = json!(accept);
    }
    let mut world = world(json!({"t": phase}));
    world.redefine(|file| {
        file["agents"] = json!({"cheap": agent("sim/small"), "dear": agent("sim/large")});
        file["endpoints"] = json!({"sim": {"base_url": "http://sim"}});
    });
    world.calls("sim/small", small);
    world.calls("sim/large", |call| {
        Act::Reply(reply_to(call, &|asked| Ok(json!({"text": asked.input["text"], "confidence": 1}))))
    });
    world
}

#[test]
fn refusals_of_any_kind_go_to_the_next_agent_at_once() {
    for kind in [FailureKind::Refused, FailureKind::Filtered, FailureKind::Truncated] {
        let mut world = cascade(None, move |_| Act::Fail(AgentError::new(kind, "no")));
        let report = world.run();
        assert_eq!((report.status, report.calls, report.retries), (RunStatus::Completed, 12, 0));
        assert_eq!(rungs(&world).iter().filter(|(rung, _)| *rung == Rung::Cascade).count(), 6);
    }
}

#[test]
fn what_cannot_be_repaired_goes_to_the_next_agent() {
    let mut world = cascade(None, |call| bad_at(call, &["l2"]));
    let report = world.run();
    assert_eq!((report.status, report.calls, report.repairs), (RunStatus::Completed, 8, 1));
}

#[test]
fn a_rung_that_was_not_good_enough_is_recorded_and_replayed() {
    let unsure = |call: &AskedCall| {
        let answer = |asked: &refrain_testkit::world::Asked| -> Result<Value, Failure> {
            let confidence = if asked.id == "l2" { 0.1 } else { 0.9 };
            Ok(json!({"text": asked.input["text"], "confidence": confidence}))
        };
        Act::Reply(reply_to(call, &answer))
    };
    let mut world = cascade(Some("reply.confidence >= 0.8"), unsure);
    assert_eq!(world.run().calls, 7);
    // A redefinition that leaves all requests as they were replays both rungs.
    world.redefine(|file| file["phases"]["t"]["accept"] = json!("reply.confidence >= 0.85"));
    let report = world.run();
    assert_eq!((report.status, report.calls, report.units.reused), (RunStatus::Completed, 0, 6));
    world.redefine(|file| file["phases"]["t"]["accept"] = json!("reply.confidence >= 0.95"));
    assert_eq!(world.run().calls, 5, "the small model has been asked about all of them");
    assert_eq!(world.bought_twice(), [""; 0]);
}
