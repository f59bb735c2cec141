//! A person's word that the present output is good.

use refrain_core::engine::RunRequest;
use refrain_schemas::freshness::Freshness;
use refrain_testkit::world::{World, request};
use serde_json::{Value, json};

use super::{holder, lines, marked, now, project, set_text, set_tone, target};

type Accepted = Result<Vec<(String, Vec<String>)>, String>;

fn accept(world: &mut World, names: &[&str]) -> Accepted {
    let engine = world.engine(false);
    let targets: Vec<_> = names.iter().map(|name| target(&engine, name)).collect();
    let accepted = now(engine.accept(&targets, "a typo", &holder())).map_err(|error| error.to_string())?;
    assert_eq!(now(engine.ports().store.holder()).unwrap(), None, "the place is free again");
    Ok(accepted.into_iter().map(|(target, waived)| (target.to_string(), waived)).collect())
}

/// Changes what hangs on no reply, so that every unit is looked at.
fn look_at_all(world: &mut World, phase: &str) {
    world.redefine(|pipeline| pipeline["phases"][phase]["merge"] = json!("last"));
}

#[test]
fn after_a_waiver_one_edit_asks_one_unit() {
    let mut world = marked();
    world.run();
    let digest = world.digest("mark");
    set_tone(&mut world, "warm");
    assert_eq!(world.unfresh(), ["export", "mark"]);
    let waived = accept(&mut world, &["mark"]).unwrap();
    assert_eq!(waived.len(), 1);
    assert_eq!((waived[0].0.as_str(), waived[0].1.len()), ("mark", 1));
    assert!(waived[0].1[0].starts_with("params of"), "{waived:?}");
    assert_eq!(world.unfresh(), [""; 0]);
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.digest("mark"), digest);

    world.take_asked();
    set_text(&mut world, 2, "new");
    assert_eq!((world.run().calls, world.take_units()), (1, vec!["mark/l3".to_owned()]));
    let texts: Vec<Value> = world.artifact("mark").iter().map(|record| record["text"].clone()).collect();
    assert_eq!((&texts[1], &texts[2]), (&json!("text 2:plain"), &json!("new:warm")));
    look_at_all(&mut world, "mark");
    assert_eq!(world.run().calls, 0, "every reply is recorded under its new key");
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_changed_context_file_can_be_accepted() {
    let mut world = marked();
    world.run();
    world.set(
        "glossary.csv",
        json!([{"term": "text 2", "means": "zwei"}, {"term": "text 3", "means": "drei"}]),
    );
    assert_eq!(accept(&mut world, &["mark"]).unwrap()[0].1, ["context file glossary.csv changed"]);
    assert_eq!(world.unfresh(), [""; 0]);
    look_at_all(&mut world, "mark");
    assert_eq!(world.run().calls, 0);
    world.take_asked();
    world.set("glossary.csv", json!([{"term": "text 3", "means": "drei"}]));
    world.run();
    assert_eq!(world.take_units(), ["mark/l2"], "compared with the glossary that was accepted");
}

#[test]
fn many_units_are_accepted_as_well_as_few() {
    let mut world = marked();
    world.unwatched();
    world.redefine(|pipeline| pipeline["phases"]["mark"]["pack"] = json!({"max": 500}));
    world.set("lines.csv", lines(5000));
    world.run();
    set_tone(&mut world, "warm");
    accept(&mut world, &["mark"]).unwrap();
    world.take_asked();
    set_text(&mut world, 4000, "new");
    assert_eq!((world.run().calls, world.take_units()), (1, vec!["mark/l4001".to_owned()]));
    look_at_all(&mut world, "mark");
    assert_eq!((world.run().calls, world.unfresh()), (0, vec![]));
}

/// Checks that all replies of a phase of two agents are found again after a change of params was accepted.
fn check_fan(phase: Value, calls: u64) {
    let mut world = project(json!({ "judge": phase }));
    let agents = |tone: &str| json!({"a": {"builtin": "note", "params": {"tone": tone}}, "b": {"builtin": "mark", "params": {"tone": tone}}});
    world.redefine(|pipeline| pipeline["agents"] = agents("plain"));
    assert_eq!(world.run().calls, calls);
    let records = world.artifact("judge");
    world.redefine(|pipeline| pipeline["agents"] = agents("warm"));
    assert_eq!(world.status()["judge"], Freshness::Stale);
    accept(&mut world, &["judge"]).unwrap();
    assert_eq!(world.unfresh(), [""; 0]);
    look_at_all(&mut world, "judge");
    assert_eq!((world.unfresh(), world.run().calls), (vec!["judge".to_owned()], 0));
    assert_eq!(world.artifact("judge"), records);
    // Once more: what was accepted can be accepted again.
    world.redefine(|pipeline| pipeline["agents"] = agents("cold"));
    accept(&mut world, &["judge"]).unwrap();
    world.redefine(|pipeline| pipeline["phases"]["judge"]["merge"] = json!("vote"));
    assert_eq!(world.run().calls, 0);
}

#[test]
fn replies_of_every_fan_are_kept() {
    let phase = |fan: &str, agents: Value| {
        let output = json!({"key": "id"});
        json!({"units": {"of": "ingest"}, "fan": fan, "agents": agents, "merge": "last", "output": output})
    };
    let both = json!({"a": 1, "b": 1});
    let mut split = phase("split", both.clone());
    split["merge"] = json!("first");
    check_fan(split, 6);
    let mut panel = phase("panel", json!({"a": {"samples": 3}, "b": 1}));
    panel["merge"] = json!({"union": ["text"]});
    check_union(panel, 24);
    let mut cascade = phase("cascade", both.clone());
    cascade["merge"] = json!("first");
    cascade["accept"] = json!("reply.text != 'ok'");
    check_fan(cascade, 12);
    let mut chain = phase("chain", both);
    chain["merge"] = json!("first");
    check_fan(chain, 12);
}

/// A panel, whose records hang on the rule: only the replies are looked at.
fn check_union(phase: Value, calls: u64) {
    let mut world = project(json!({ "judge": phase }));
    let agents = |tone: &str| json!({"a": {"builtin": "note", "params": {"tone": tone}}, "b": {"builtin": "mark", "params": {"tone": tone}}});
    world.redefine(|pipeline| pipeline["agents"] = agents("plain"));
    assert_eq!(world.run().calls, calls);
    world.redefine(|pipeline| pipeline["agents"] = agents("warm"));
    accept(&mut world, &["judge"]).unwrap();
    look_at_all(&mut world, "judge");
    assert_eq!((world.unfresh(), world.run().calls), (vec!["judge".to_owned()], 0));
}

#[test]
fn an_agent_that_joins_takes_over_the_replies_of_its_units() {
    let mut world = project(json!({
        "judge": {"units": {"of": "ingest"}, "agents": {"a": 1}, "output": {"key": "id"}},
    }));
    let agent = json!({"builtin": "note"});
    world.redefine(|pipeline| pipeline["agents"] = json!({"a": agent, "b": {"builtin": "mark"}}));
    world.run();
    world.redefine(|pipeline| pipeline["phases"]["judge"]["agents"] = json!({"a": 1, "b": 1}));
    accept(&mut world, &["judge"]).unwrap();
    look_at_all(&mut world, "judge");
    assert_eq!((world.unfresh(), world.run().calls), (vec!["judge".to_owned()], 0));
}

#[test]
fn what_lies_upstream_cannot_be_waived() {
    let mut world = marked();
    assert_eq!(
        accept(&mut world, &["mark"]).unwrap_err(),
        "mark cannot be accepted: it has no revision yet: run it"
    );
    world.run();
    let nothing = "mark cannot be accepted: there is nothing to accept: it is as a run would make it";
    assert_eq!(accept(&mut world, &["mark"]).unwrap_err(), nothing);
    set_text(&mut world, 0, "new");
    for tone in ["plain", "warm"] {
        set_tone(&mut world, tone);
        let error = accept(&mut world, &["mark"]).unwrap_err();
        let expected =
            "mark cannot be accepted: accepting it would hide that ingest is not fresh; run ingest first";
        assert_eq!(error, expected);
    }
    world.run_targets(&["ingest"]);
    let error = accept(&mut world, &["mark"]).unwrap_err();
    assert!(error.ends_with("ingest has other contents; run mark first"), "{error}");
    let error = accept(&mut world, &["ingest"]).unwrap_err();
    assert!(error.ends_with("there is nothing to accept: it is as a run would make it"), "{error}");
    assert_eq!(world.history().targets().map(|(_, past)| past.waivers.len()).sum::<usize>(), 0);
}

#[test]
fn a_refusal_of_one_accepts_none() {
    let mut world = marked();
    world.run();
    world.remove("out.csv");
    set_tone(&mut world, "warm");
    let error = accept(&mut world, &["mark", "export"]).unwrap_err();
    assert_eq!(
        error,
        "export cannot be accepted: accepting it would hide that output out.csv is missing or was altered; run \
         export first"
    );
    assert_eq!(world.status()["mark"], Freshness::Stale);
}

#[test]
fn phases_are_accepted_as_if_those_before_them_were() {
    let mut world = marked();
    world.run();
    set_tone(&mut world, "warm");
    world.redefine(|pipeline| {
        pipeline["phases"]["export"]["agent"]["params"]["path"] = json!("{{ 'out' }}.csv");
        pipeline["phases"]["export"]["agent"]["params"]["header"] = json!("yes");
    });
    let waived = accept(&mut world, &["export", "mark"]).unwrap();
    assert_eq!(waived.iter().map(|(target, _)| target.as_str()).collect::<Vec<_>>(), ["mark", "export"]);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn of_several_scopes_fresh_ones_are_left_as_they_are() {
    let mut world = project(json!({
        "mark": {
            "per": ["language"], "units": {"of": "ingest"}, "output": {"key": "id"},
            "agent": {"builtin": "mark", "params": {"tone": "plain"}},
        },
    }));
    world.run();
    set_tone(&mut world, "warm");
    world.run_targets(&["mark@fr"]);
    let waived = accept(&mut world, &["mark@ja", "mark@fr"]).unwrap();
    let waived: Vec<(&str, usize)> = waived.iter().map(|(name, why)| (name.as_str(), why.len())).collect();
    assert_eq!(waived, [("mark@ja", 1), ("mark@fr", 0)]);
    assert_eq!((world.unfresh(), world.run().calls), (vec![], 0));
}

#[test]
fn other_units_are_no_output_to_accept() {
    let chunked = |n: u32| json!({"units": {"of": "ingest", "chunk": n}, "agent": {"builtin": "note"}, "output": {"document": "sum"}});
    let mut world = project(json!({ "sum": chunked(2) }));
    world.run();
    world.redefine(|pipeline| pipeline["phases"]["sum"] = chunked(3));
    let error = accept(&mut world, &["sum"]).unwrap_err();
    assert!(error.contains("its units are not the same any more (3 then, 2 now)"), "{error}");
}

#[test]
fn a_failed_attempt_and_a_forced_generation_can_be_accepted() {
    let mut world = project(json!({
        "mark": {
            "units": {"of": "ingest"}, "agent": {"builtin": "once", "params": {"tone": "plain"}},
            "output": {"key": "id"},
        },
    }));
    world.agent("once", |asked| match asked.attempt {
        1 => Ok(json!({"text": "first"})),
        _ => Err(refrain_schemas::failure::Failure {
            kind: refrain_schemas::failure::FailureKind::Refused,
            message: "never again".to_owned(),
        }),
    });
    world.run();
    set_tone(&mut world, "warm");
    world.run();
    assert_eq!(world.status()["mark"], Freshness::Failed);
    accept(&mut world, &["mark"]).unwrap();
    assert_eq!(world.unfresh(), [""; 0]);
    world.run_with(&RunRequest { force: true, ..request(&["mark"]) });
    assert_eq!(world.status()["mark"], Freshness::Failed);
    assert_eq!(accept(&mut world, &["mark"]).unwrap()[0].1, ["mark is to be asked again"]);
    look_at_all(&mut world, "mark");
    assert_eq!((world.run().calls, world.unfresh()), (0, vec![]));
}

#[test]
fn holes_stay_holes() {
    let mut world = project(json!({
        "mark": {
            "units": {"of": "ingest"}, "agent": {"builtin": "some", "params": {"tone": "plain"}},
            "on_unit_failure": "continue", "output": {"key": "id"},
        },
    }));
    world.agent("some", |asked| match asked.id.as_str() {
        "l2" => Err(refrain_schemas::failure::Failure {
            kind: refrain_schemas::failure::FailureKind::Refused,
            message: "no".to_owned(),
        }),
        _ => Ok(json!({"text": "ok"})),
    });
    world.run();
    let error = accept(&mut world, &["mark"]).unwrap_err();
    assert!(error.contains("it lacks units"), "{error}");
    set_tone(&mut world, "warm");
    assert_eq!(accept(&mut world, &["mark"]).unwrap()[0].1.len(), 1);
    assert_eq!(world.status()["mark"], Freshness::Partial);
    world.take_asked();
    world.run();
    assert_eq!(world.take_units(), ["mark/l2"], "only the hole is tried again");
}
