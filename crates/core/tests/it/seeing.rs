//! Units, and what they see.

use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::World;
use serde_json::{Value, json};

use crate::pieces::{fields, ids, lines, world};

/// Runs a phase `t` of an agent that says all it sees; returns its records.
fn saw(phase: Value) -> Vec<Value> {
    let mut world = seeing(phase);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases);
    world.artifact("t")
}

fn seeing(phase: Value) -> World {
    let mut all = json!({
        "scenes": {"agent": {"builtin": "read", "params": {"files": "scenes.csv"}}, "output": {"key": "scene"}},
    });
    all["t"] = phase;
    let mut world = world(all);
    world.set("scenes.csv", json!([{"scene": "s1", "sum": "a"}, {"scene": "s9", "sum": "b"}]));
    world
        .set("notes.csv", json!([{"scene": "s1", "n": 1}, {"scene": "s1", "n": 2}, {"scene": "s2", "n": 3}]));
    world.set("style.json", json!({"tone": "plain"}));
    world
}

#[test]
fn units_are_records_groups_chunks_or_everything() {
    let records = saw(json!({"units": {"of": "ingest"}, "agent": {"builtin": "echo"}}));
    assert_eq!(ids(&records), ["l1", "l2", "l3", "l4", "l5", "l6"]);
    assert_eq!(records[0]["saw"]["text"], "text 1");
    let implied = saw(json!({"needs": ["ingest"], "agent": {"builtin": "echo"}}));
    assert_eq!(implied, records, "without `units`, each record of the one need");
    let by = saw(json!({"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "echo"}}));
    assert_eq!(fields(&by, "scene"), ["s1", "s2"]);
    assert_eq!(ids(by[1]["saw"]["records"].as_array().unwrap()), ["l4", "l5", "l6"]);
    let chunk = saw(
        json!({"units": {"of": "ingest", "chunk": 4}, "agent": {"builtin": "echo"}, "output": {"key": "k"}}),
    );
    assert_eq!(fields(&chunk, "k"), ["l1", "l5"]);
    let all = saw(
        json!({"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "echo"}, "output": {"document": "d"}}),
    );
    assert_eq!(all[0]["saw"]["records"].as_array().unwrap().len(), 6);
}

#[test]
fn groups_take_in_records_that_are_not_neighbours() {
    let mut world = seeing(json!({"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "echo"}}));
    world.edit("lines.csv", |lines| lines.swap(0, 4));
    world.run();
    let records = world.artifact("t");
    assert_eq!(fields(&records, "scene"), ["s2", "s1"]);
    assert_eq!(ids(records[0]["saw"]["records"].as_array().unwrap()), ["l5", "l4", "l6"]);
}

#[test]
fn a_record_without_the_field_is_told_by_name() {
    let mut world = seeing(json!({"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "echo"}}));
    world.edit("lines.csv", |lines| lines[2]["scene"] = Value::Null);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Failed);
    assert!(report.phases[2].error.as_ref().unwrap().message.contains("l3"), "{:?}", report.phases);
}

fn context(context: Value) -> Vec<Value> {
    let records =
        saw(json!({"units": {"of": "ingest"}, "agent": {"builtin": "echo"}, "context": {"c": context}}));
    fields(&records, "context").into_iter().map(|context| context["c"].clone()).collect()
}

#[test]
fn context_is_whole_joined_matched_or_near() {
    assert_eq!(context(json!({"file": "style.json"}))[0], json!({"tone": "plain"}));
    assert_eq!(context(json!({"from": "scenes"}))[5].as_array().unwrap().len(), 2);
    let one = context(json!({"from": "scenes", "on": "scene"}));
    assert_eq!((&one[0]["sum"], &one[5]), (&json!("a"), &Value::Null));
    let list = context(json!({"file": "notes.csv", "on": "scene"}));
    assert_eq!(fields(list[0].as_array().unwrap(), "n"), [&json!(1), &json!(2)]);
    let near = context(json!({"from": "ingest", "window": 2}));
    assert_eq!(ids(near[1]["before"].as_array().unwrap()), ["l1"]);
    assert_eq!(ids(near[1]["after"].as_array().unwrap()), ["l3", "l4"]);
    let within = context(json!({"from": "ingest", "window": 2, "within": "scene"}));
    assert_eq!(ids(within[3]["before"].as_array().unwrap()), [""; 0]);
    assert_eq!(ids(within[3]["after"].as_array().unwrap()), ["l5", "l6"]);
}

#[test]
fn matched_entries_stand_in_their_own_order() {
    let mut world = seeing(json!({
        "units": {"of": "ingest"}, "agent": {"builtin": "echo"},
        "context": {"c": {"file": "g.csv", "match": {"field": "term", "in": "text"}}},
    }));
    world.set(
        "g.csv",
        json!([{"term": "2"}, {"term": "text"}, {"term": "ext 2"}, {"term": "TEXT"}, {"term": ""}]),
    );
    world.run();
    let records = world.artifact("t");
    assert_eq!(records[1]["context"]["c"], json!([{"term": "2"}, {"term": "text"}, {"term": "ext 2"}]));
    assert_eq!(records[0]["context"]["c"], json!([{"term": "text"}]));
}

#[test]
fn a_context_without_records_cannot_be_joined() {
    let mut world = seeing(json!({
        "units": {"of": "ingest"}, "agent": {"builtin": "echo"}, "context": {"c": {"file": "style.json", "on": "scene"}},
    }));
    let report = world.run();
    assert_eq!(report.phases.last().unwrap().status, PhaseStatus::Failed);
}

#[test]
fn scopes_read_their_own_and_what_has_none() {
    let mut world = world(json!({
        "style": {"per": ["language"], "units": {"of": "ingest", "whole": true}, "agent": {"builtin": "echo"},
            "output": {"document": "style"}},
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "qa": {"per": ["language"], "units": {"of": "t"}, "context": {"style": {"from": "style"}},
            "agent": {"builtin": "echo", "params": {"to": "{{ scope.language }}"}}},
    }));
    assert_eq!(world.run().status, RunStatus::Completed);
    let qa = world.artifact("qa@fr");
    assert_eq!(qa[0]["saw"]["text"], "text 1:fr");
    assert_eq!(qa[0]["context"]["style"]["scope"]["language"], "fr");
    assert_eq!(qa[0]["params"], json!({"to": "fr"}));
}

#[test]
fn several_dimensions_stand_in_the_order_of_per() {
    let mut world = world(json!({
        "t": {"per": ["tone", "language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
    }));
    world.redefine(|file| file["dimensions"]["tone"] = json!(["formal"]));
    world.run();
    assert_eq!(world.artifact("t@formal,ja").len(), 6);
}

#[test]
fn gathered_scopes_are_read_at_once() {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "all": {"gather": ["language"], "units": {"of": "t"}, "agent": {"builtin": "echo"}},
    }));
    world.set("lines.csv", lines(2));
    world.run();
    let all = world.artifact("all");
    assert_eq!(ids(&all), ["l1@ja", "l2@ja", "l1@fr", "l2@fr"]);
    assert_eq!(all[0]["saw"]["scope"], json!({"language": "ja"}));
    // An edit in one scope is all that is done again.
    world.take_asked();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run();
    assert_eq!(world.take_units(), ["all/l1@fr", "all/l1@ja", "t@fr/l1", "t@ja/l1"]);
    // A scope that goes is a cause of its own.
    world.redefine(|file| file["dimensions"]["language"] = json!(["ja"]));
    assert_eq!(world.unfresh(), ["all"]);
    world.run();
    assert_eq!(ids(&world.artifact("all")), ["l1@ja", "l2@ja"]);
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digest("all"), fresh.digest("all"));
}

#[test]
fn a_scope_without_an_artifact_blocks_who_gathers_it() {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "all": {"gather": ["language"], "units": {"of": "t"}, "agent": {"builtin": "echo"}},
    }));
    world.agent("mark", |asked| {
        if asked.scope["language"] == "fr" {
            return Err(crate::pieces::failure(refrain_schemas::failure::FailureKind::Permanent));
        }
        Ok(crate::pieces::mark(asked))
    });
    let report = world.run();
    let statuses: Vec<PhaseStatus> = report.phases.iter().map(|phase| phase.status).collect();
    use PhaseStatus::{Blocked, Completed, Failed};
    assert_eq!(statuses, [Completed, Completed, Failed, Blocked], "one language does not stop the other");
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 1));
}

#[test]
fn aligned_groups_have_one_record_for_each_of_theirs() {
    let phase = |answer: fn(&refrain_testkit::world::Asked) -> Value| {
        let mut world = world(json!({"t": {
            "units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "odd"},
            "output": {"key": "id", "aligned": true}, "on_unit_failure": "continue",
        }}));
        world.agent("odd", move |asked| Ok(answer(asked)));
        world.run()
    };
    assert_eq!(phase(|asked| asked.input["records"].clone()).status, RunStatus::Completed);
    let short = phase(|asked| json!([asked.input["records"][0]]));
    assert_eq!(short.phases[1].status, PhaseStatus::Failed);
    let message = short.phases[1].error.as_ref().unwrap().message.clone();
    assert!(message.contains("l2, l3"), "{message}");
    let invented = phase(|asked| {
        let mut records = asked.input["records"].clone();
        records.as_array_mut().unwrap().push(json!({"id": "new"}));
        records
    });
    assert!(invented.phases[1].error.as_ref().unwrap().message.contains("new"));
    let twice = phase(|asked| {
        let mut records = asked.input["records"].clone();
        let first = records[0].clone();
        records.as_array_mut().unwrap().push(first);
        records
    });
    assert_eq!(twice.phases[1].status, PhaseStatus::Failed);
}

#[test]
fn a_unit_may_have_no_record_or_several() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "odd"}, "output": {"key": "k"}},
        "u": {"units": {"of": "t"}, "agent": {"builtin": "note"}},
    }));
    world.agent("odd", |asked| {
        let n: u64 = asked.input["text"].as_str().unwrap()[5..].parse().unwrap();
        Ok((0..n % 3).map(|k| json!({"k": format!("{}.{k}", asked.id)})).collect())
    });
    world.run();
    let records = world.artifact("t");
    assert_eq!(fields(&records, "k"), ["l1.0", "l2.0", "l2.1", "l4.0", "l5.0", "l5.1"]);
    assert_eq!(fields(&records, "id"), ["l1", "l2", "l2", "l4", "l5", "l5"], "the unit's field is stamped");
    world.take_asked();
    world.edit("lines.csv", |lines| lines[2]["text"] = json!("text 4"));
    world.run();
    assert_eq!(world.take_units(), ["t/l3", "u/l3.0"]);
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
}
