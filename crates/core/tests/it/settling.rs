//! What people do with edits: recorded, taken back, reviewed and resolved, with a machine that changes its mind.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use proptest::prelude::*;
use refrain_core::engine::{
    EditChange, EditRequest, Engine, EngineError, Imported, Keys, Resolution, Signature,
};
use refrain_schemas::edit::{EditReport, ReviewKind};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;
use refrain_testkit::world::World;
use serde_json::{Value, json};

use crate::pieces::{failure, lines, world};

/// Lines and their translations `t`, of a machine that has versions.
fn versions() -> World {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "say", "params": {"version": 0}}},
        "notes": {"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "two"}, "output": {"key": "note_id"}},
        "all": {"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "two"}, "output": {"document": "d"}},
        "out": {"units": {"of": "t"}, "agent": {"builtin": "write", "params": {"path": "out.csv"}}},
    }));
    world.agent("say", |asked| {
        let text = asked.input["text"].as_str().unwrap();
        Ok(json!({"text": format!("{text}/{}", asked.params["version"]), "n": 1, "state": null}))
    });
    world.agent("two", |asked| {
        Ok(json!([{"note_id": format!("{}-1", asked.id), "text": "a"}, {"note_id": format!("{}-2", asked.id), "text": "b"}]))
    });
    world.run();
    world
}

fn version(world: &mut World, version: u64) {
    world.redefine(|file| file["phases"]["t"]["agent"]["params"]["version"] = json!(version));
    world.run();
}

fn target(name: &str) -> Target {
    Target { phase: name.parse().unwrap(), scope: refrain_schemas::scope::Scope::default() }
}

fn signed(by: &str) -> Signature {
    Signature { by: by.to_owned(), note: None, locked: false, replace: false, dry_run: false }
}

fn holder() -> Holder {
    let (host, command) = ("test".to_owned(), "test".to_owned());
    Holder { pid: 1, host, command, since: Timestamp::from_micros(0) }
}

/// Asks the engine something that never waits.
fn asked<T>(
    world: &mut World,
    ask: impl AsyncFnOnce(&Engine) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let engine = world.engine(false);
    ask(&engine).now_or_never().unwrap()
}

fn change(key: &str, field: &str, base: &Value, value: &Value) -> EditChange {
    let base = (!base.is_null()).then(|| Json::of(base).unwrap());
    EditChange { key: key.to_owned(), field: field.to_owned(), base, value: Json::of(value).unwrap() }
}

fn record(
    world: &mut World,
    name: &str,
    changes: Vec<EditChange>,
    signature: &Signature,
) -> Result<EditReport, EngineError> {
    let request = EditRequest {
        target: target(name),
        changes,
        seen: None,
        signature: signature.clone(),
        what: "test".to_owned(),
        imported: None,
    };
    asked(world, async |engine: &Engine| engine.record_edits(&request, &holder()).await)
}

/// Lets a person write a text over one that they see.
fn write(world: &mut World, key: &str, base: &str, text: &str, by: &str) -> EditReport {
    record(world, "t", vec![change(key, "text", &json!(base), &json!(text))], &signed(by)).unwrap()
}

fn resolve(world: &mut World, keys: Keys, resolution: &Resolution) -> Result<EditReport, EngineError> {
    let wanted = [(target("t"), keys)];
    let ask = async |engine: &Engine| engine.resolve(&wanted, resolution, &signed("ana"), &holder()).await;
    Ok(asked(world, ask)?.pop().unwrap_or_default())
}

fn named(keys: &[&str]) -> Keys {
    Keys::Named(keys.iter().map(|key| (*key).to_owned()).collect())
}

const ACCEPT: Resolution = Resolution::Accept { field: None };
const KEEP: Resolution = Resolution::Keep { field: None };
const UNDO: Resolution = Resolution::Undo { field: None };

fn set(text: &str) -> Resolution {
    Resolution::Set { field: "text".to_owned(), value: Json::string(text) }
}

/// Returns what is to be reviewed, as `KEY KIND: BASE < PERSON | MACHINE`.
fn review(world: &mut World) -> Vec<String> {
    let report = asked(world, async |engine: &Engine| engine.review(&[target("t")]).await).unwrap();
    let text =
        |json: Option<&Json>| json.map_or_else(|| "-".to_owned(), |json| json.as_str().replace('"', ""));
    let line = |item: &refrain_schemas::edit::ReviewItem| {
        let fields: Vec<String> = item
            .fields
            .iter()
            .map(|f| {
                format!("{} < {} | {}", text(f.base.as_ref()), text(Some(&f.human)), text(f.machine.as_ref()))
            })
            .collect();
        let kind = match item.kind {
            ReviewKind::Conflict => "conflict",
            ReviewKind::SourceChanged => "source",
            ReviewKind::Orphan => "orphan",
        };
        format!("{} {kind}: {}", item.key, fields.join(", "))
    };
    report.items.iter().map(line).collect()
}

/// Returns the text of a line as it is now: laid by a run.
fn text(world: &mut World, key: &str) -> String {
    world.run();
    let records = world.artifact("t");
    let found = records.iter().find(|record| record["id"] == key).unwrap();
    found["text"].as_str().unwrap().to_owned()
}

fn counts(report: &EditReport) -> (u64, u64, u64) {
    (report.added, report.changed, report.removed)
}

fn n_entries(world: &World) -> usize {
    world.history().n_entries()
}

#[test]
fn an_edit_keeps_what_it_was_based_on_until_the_machines_text_is_put_back() {
    let mut world = versions();
    assert_eq!(counts(&write(&mut world, "l1", "text 1/0", "mine", "ana")), (1, 0, 0));
    assert_eq!(counts(&write(&mut world, "l1", "mine", "better", "ana")), (0, 1, 0));
    let table = world.edits("t");
    assert_eq!(table.0["l1"].set["text"].base, Some(Json::string("text 1/0")));
    assert_eq!(text(&mut world, "l1"), "better");
    let before = n_entries(&world);
    assert_eq!(counts(&write(&mut world, "l1", "text 1/0", "better", "ana")), (0, 0, 0));
    assert_eq!(n_entries(&world), before, "what changes nothing is no entry");
    assert_eq!(counts(&write(&mut world, "l1", "better", "text 1/0", "ana")), (0, 0, 1));
    assert_eq!(world.edits("t").0.len(), 0);
    assert_eq!(text(&mut world, "l1"), "text 1/0");
}

#[test]
fn a_text_that_the_machine_came_to_as_well_is_still_the_persons() {
    let mut world = versions();
    write(&mut world, "l1", "text 1/older", "text 1/0", "ana");
    assert_eq!(text(&mut world, "l1"), "text 1/0");
    assert_eq!(review(&mut world), [""; 0]);
    version(&mut world, 1);
    assert_eq!(text(&mut world, "l1"), "text 1/0");
    assert_eq!(review(&mut world), ["l1 conflict: text 1/older < text 1/0 | text 1/1"]);
}

#[test]
fn an_edit_of_an_older_text_is_in_conflict_with_the_newer_one() {
    let mut world = versions();
    version(&mut world, 1);
    write(&mut world, "l1", "text 1/0", "mine", "ana");
    assert_eq!(review(&mut world), ["l1 conflict: text 1/0 < mine | text 1/1"]);
    assert_eq!(text(&mut world, "l1"), "mine");
}

#[test]
fn two_people_do_not_overwrite_each_other_unknowingly() {
    let mut world = versions();
    write(&mut world, "l1", "text 1/0", "of ana", "ana");
    let report = write(&mut world, "l1", "text 1/0", "of ben", "ben");
    assert_eq!((counts(&report), report.n_clashes), ((0, 0, 0), 1));
    assert_eq!((report.clashes[0].by.as_str(), report.clashes[0].theirs.as_str()), ("ana", "\"of ana\""));
    // Who saw it may change it, and so may ana herself from an old copy.
    assert_eq!(counts(&write(&mut world, "l1", "of ana", "of ben", "ben")), (0, 1, 0));
    let replacing = Signature { replace: true, ..signed("ana") };
    let again = vec![change("l1", "text", &json!("text 1/0"), &json!("of ana again"))];
    assert_eq!(counts(&record(&mut world, "t", again, &replacing).unwrap()), (0, 1, 0));
    assert_eq!(counts(&write(&mut world, "l1", "text 1/0", "of ana at last", "ana")), (0, 1, 0));
    assert_eq!(world.edits("t").0["l1"].set["text"].base, Some(Json::string("text 1/0")));
}

#[test]
fn a_dry_run_says_the_same_and_records_nothing() {
    let mut world = versions();
    let before = n_entries(&world);
    let dry = Signature { dry_run: true, ..signed("ana") };
    let changes = vec![change("l1", "text", &json!("text 1/0"), &json!("mine"))];
    let report = record(&mut world, "t", changes, &dry).unwrap();
    assert!(report.dry_run && counts(&report) == (1, 0, 0));
    assert_eq!(n_entries(&world), before);
}

/// A conflict on l1 and one on l2, and an edit of l3 without one.
fn conflicts() -> World {
    let mut world = versions();
    for (key, n) in [("l1", 1), ("l2", 2)] {
        write(&mut world, key, &format!("text {n}/0"), "mine", "ana");
    }
    version(&mut world, 1);
    write(&mut world, "l3", "text 3/1", "mine", "ana");
    assert_eq!(review(&mut world).len(), 2);
    world
}

#[test]
fn what_is_kept_is_listed_again_only_when_the_machine_says_something_else_again() {
    let mut world = conflicts();
    assert_eq!(counts(&resolve(&mut world, named(&["l1"]), &KEEP).unwrap()), (0, 1, 0));
    assert_eq!(review(&mut world), ["l2 conflict: text 2/0 < mine | text 2/1"]);
    assert_eq!(text(&mut world, "l1"), "mine");
    version(&mut world, 2);
    assert_eq!(review(&mut world)[0], "l1 conflict: text 1/1 < mine | text 1/2");
    version(&mut world, 1);
    let listed = review(&mut world);
    assert_eq!(
        listed,
        ["l2 conflict: text 2/0 < mine | text 2/1"],
        "the machine is back at what was seen of l1"
    );
}

#[test]
fn what_is_accepted_is_the_machines_again() {
    let mut world = conflicts();
    assert_eq!(counts(&resolve(&mut world, named(&["l2"]), &ACCEPT).unwrap()), (0, 0, 1));
    assert_eq!(text(&mut world, "l2"), "text 2/1");
    assert_eq!(text(&mut world, "l1"), "mine");
    assert_eq!(counts(&resolve(&mut world, Keys::Reviewed(None), &ACCEPT).unwrap()), (0, 0, 1));
    assert_eq!(world.edits("t").0.into_keys().collect::<Vec<_>>(), ["l3"], "what is not in conflict stays");
    assert_eq!(review(&mut world), [""; 0]);
}

#[test]
fn only_the_fields_in_conflict_are_given_back() {
    let mut world = versions();
    let both = vec![
        change("l1", "text", &json!("text 1/0"), &json!("mine")),
        change("l1", "state", &Value::Null, &json!("final")),
    ];
    record(&mut world, "t", both, &signed("ana")).unwrap();
    version(&mut world, 1);
    assert_eq!(review(&mut world), ["l1 conflict: text 1/0 < mine | text 1/1"]);
    assert_eq!(counts(&resolve(&mut world, named(&["l1"]), &ACCEPT).unwrap()), (0, 1, 0));
    assert_eq!(text(&mut world, "l1"), "text 1/1");
    assert_eq!(world.artifact("t")[0]["state"], json!("final"));
    let field = Resolution::Undo { field: Some("state".to_owned()) };
    assert_eq!(counts(&resolve(&mut world, named(&["l1"]), &field).unwrap()), (0, 0, 1));
}

#[test]
fn a_third_text_settles_a_conflict() {
    let mut world = conflicts();
    resolve(&mut world, named(&["l1"]), &set("third")).unwrap();
    assert_eq!(text(&mut world, "l1"), "third");
    assert_eq!(review(&mut world).len(), 1);
    // The very text of the machine is none of a person's; that of a person is as good as kept.
    assert_eq!(counts(&resolve(&mut world, named(&["l1"]), &set("text 1/1")).unwrap()), (0, 0, 1));
    assert_eq!(counts(&resolve(&mut world, named(&["l2"]), &set("mine")).unwrap()), (0, 1, 0));
    assert_eq!(review(&mut world), [""; 0]);
    assert_eq!(counts(&resolve(&mut world, named(&["l5"]), &set("new")).unwrap()), (1, 0, 0));
}

#[test]
fn a_lock_goes_with_what_it_was_for() {
    let mut world = versions();
    let locked = Signature { locked: true, ..signed("ana") };
    let changes = vec![change("l1", "text", &json!("text 1/0"), &json!("mine"))];
    assert!(record(&mut world, "t", changes, &locked).unwrap().locked);
    world.run();
    world.take_asked();
    version(&mut world, 1);
    assert!(!world.take_units().contains(&"t/l1".to_owned()));
    assert_eq!(review(&mut world), [""; 0], "the machine has said nothing new of it");
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("other"));
    world.run();
    assert_eq!(review(&mut world), ["l1 source: text 1/0 < mine | text 1/0"]);
    assert_eq!(counts(&resolve(&mut world, named(&["l1"]), &KEEP).unwrap()), (0, 1, 0));
    assert_eq!(review(&mut world), [""; 0]);
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("yet another"));
    world.run();
    assert_eq!(counts(&resolve(&mut world, named(&["l1"]), &ACCEPT).unwrap()), (0, 0, 1));
    assert_eq!(text(&mut world, "l1"), "yet another/1", "it is asked again");
}

#[test]
fn locks_and_preferences_can_be_changed() {
    let mut world = versions();
    write(&mut world, "l1", "text 1/0", "mine", "ana");
    assert_eq!(counts(&resolve(&mut world, named(&["l1", "l2"]), &Resolution::Lock).unwrap()), (1, 1, 0));
    world.run();
    world.take_asked();
    version(&mut world, 1);
    let units = world.take_units();
    assert!(!units.iter().any(|unit| unit == "t/l1" || unit == "t/l2"), "{units:?}");
    assert_eq!((text(&mut world, "l1"), text(&mut world, "l2")), ("mine".to_owned(), "text 2/0".to_owned()));
    // An edit without fields is nothing but its lock.
    assert_eq!(counts(&resolve(&mut world, Keys::Edited, &Resolution::Prefer).unwrap()), (0, 1, 1));
    assert_eq!((text(&mut world, "l1"), text(&mut world, "l2")), ("mine".to_owned(), "text 2/1".to_owned()));
    assert_eq!(review(&mut world), ["l1 conflict: text 1/0 < mine | text 1/1"]);
}

#[test]
fn records_that_are_not_units_are_edited_but_not_locked() {
    let mut world = versions();
    let locked = Signature { locked: true, ..signed("ana") };
    let changes = vec![change("s1-2", "text", &json!("b"), &json!("mine"))];
    let report = record(&mut world, "notes", changes, &locked).unwrap();
    assert_eq!((counts(&report), report.locked), ((1, 0, 0), false));
    world.run();
    assert_eq!(world.artifact("notes")[1]["text"], json!("mine"));
    let wanted = [(target("notes"), named(&["s1-2"]))];
    let lock =
        async |engine: &Engine| engine.resolve(&wanted, &Resolution::Lock, &signed("ana"), &holder()).await;
    assert!(matches!(asked(&mut world, lock), Err(EngineError::NotEditable { .. })));
}

#[test]
fn an_edit_without_a_record_waits_until_it_is_dropped() {
    let mut world = versions();
    write(&mut world, "l6", "text 6/0", "mine", "ana");
    world.set("lines.csv", lines(5));
    world.run();
    assert_eq!(review(&mut world), ["l6 orphan: text 6/0 < mine | -"]);
    assert!(matches!(resolve(&mut world, named(&["l6"]), &KEEP), Err(EngineError::NotEditable { .. })));
    assert_eq!(counts(&resolve(&mut world, Keys::Reviewed(None), &KEEP).unwrap()), (0, 0, 0));
    world.set("lines.csv", lines(6));
    assert_eq!(text(&mut world, "l6"), "mine", "the line is back, and so is what was made of it");
    world.set("lines.csv", lines(5));
    world.run();
    let only = Keys::Reviewed(Some(ReviewKind::Conflict));
    assert_eq!(counts(&resolve(&mut world, only, &ACCEPT).unwrap()), (0, 0, 0));
    let only = Keys::Reviewed(Some(ReviewKind::Orphan));
    assert_eq!(counts(&resolve(&mut world, only, &ACCEPT).unwrap()), (0, 0, 1));
    assert_eq!(review(&mut world), [""; 0]);
}

#[test]
fn an_edit_that_followed_a_renamed_line_is_changed_under_its_new_name() {
    let mut world = versions();
    write(&mut world, "l2", "text 2/0", "mine", "ana");
    world.edit("lines.csv", |lines| lines[1]["id"] = json!("renamed"));
    assert_eq!(text(&mut world, "renamed"), "mine");
    assert_eq!(counts(&write(&mut world, "renamed", "mine", "better", "ana")), (0, 1, 0));
    let table = world.edits("t").0;
    assert_eq!(table.keys().collect::<Vec<_>>(), ["renamed"]);
    assert_eq!(table["renamed"].record.field("id"), Some("\"renamed\""));
    assert_eq!(text(&mut world, "renamed"), "better");
}

#[test]
fn a_file_from_before_a_line_was_renamed_changes_the_edit_that_followed_it() {
    let mut world = versions();
    write(&mut world, "l2", "text 2/0", "mine", "ana");
    world.edit("lines.csv", |lines| lines[1]["id"] = json!("renamed"));
    world.run();
    let report = write(&mut world, "l2", "text 2/0", "of ben", "ben");
    assert_eq!((report.n_clashes, report.clashes[0].key.as_str()), (1, "renamed"));
    let both = vec![
        change("l2", "text", &json!("text 2/0"), &json!("better")),
        change("l2", "state", &Value::Null, &json!("final")),
    ];
    assert_eq!(counts(&record(&mut world, "t", both, &signed("ana")).unwrap()), (0, 1, 0));
    let table = world.edits("t").0;
    assert_eq!(table.keys().collect::<Vec<_>>(), ["renamed"]);
    assert_eq!(table["renamed"].set.len(), 2, "neither is lost");
    assert_eq!(text(&mut world, "renamed"), "better");
    let undo = async |engine: &Engine| engine.undo_last(&target("t"), &signed("ana"), &holder()).await;
    assert_eq!(counts(&asked(&mut world, undo).unwrap()), (0, 1, 0));
    assert_eq!(text(&mut world, "renamed"), "mine");
}

#[test]
fn the_machines_text_put_back_leaves_no_lock_behind() {
    let mut world = versions();
    let locked = Signature { locked: true, ..signed("ana") };
    let mut import = |base: &str, text: &str| {
        let changes = vec![change("l1", "text", &json!(base), &json!(text))];
        counts(&record(&mut world, "t", changes, &locked).unwrap())
    };
    assert_eq!(import("text 1/0", "mine"), (1, 0, 0));
    assert_eq!(import("mine", "text 1/0"), (0, 0, 1));
    assert_eq!(world.edits("t").0.len(), 0);
}

/// A line of which Ana changed two fields.
fn two_fields_edited() -> World {
    let mut world = versions();
    let both = vec![
        change("l1", "text", &json!("text 1/0"), &json!("mine")),
        change("l1", "n", &json!(1), &json!(2)),
    ];
    record(&mut world, "t", both, &signed("ana")).unwrap();
    world
}

#[test]
fn one_field_that_is_settled_leaves_the_others_to_be_looked_at() {
    let mut world = two_fields_edited();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("text 1/0 "));
    world.run();
    let only = |world: &mut World, field: &str| {
        let keep = Resolution::Keep { field: Some(field.to_owned()) };
        resolve(world, named(&["l1"]), &keep).unwrap()
    };
    assert_eq!(review(&mut world), ["l1 conflict: text 1/0 < mine | text 1/0 /0"]);
    only(&mut world, "text");
    assert_eq!(review(&mut world), ["l1 source: 1 < 2 | 1, text 1/0 /0 < mine | text 1/0 /0"]);
    let third = Resolution::Set { field: "n".to_owned(), value: Json::of(&json!(3)).unwrap() };
    resolve(&mut world, named(&["l1"]), &third).unwrap();
    assert_eq!(review(&mut world), [""; 0], "all were decided, one after the other");
}

#[test]
fn fields_that_are_kept_one_after_the_other_settle_the_edit() {
    let mut world = two_fields_edited();
    let said_by = |world: &mut World, speaker: &str| {
        world.edit("lines.csv", |lines| lines[0]["speaker"] = json!(speaker));
        world.run();
        assert_eq!(review(world), ["l1 source: 1 < 2 | 1, text 1/0 < mine | text 1/0"]);
    };
    let decide = |world: &mut World, resolution: Resolution| {
        resolve(world, named(&["l1"]), &resolution).unwrap();
        review(world).len()
    };
    let keep = |field: &str| Resolution::Keep { field: Some(field.to_owned()) };
    said_by(&mut world, "ann");
    assert_eq!(decide(&mut world, keep("text")), 1);
    assert_eq!(decide(&mut world, keep("text")), 1, "the other one was not looked at");
    assert_eq!(decide(&mut world, keep("n")), 0);
    // What was decided for the speaker before is not decided for this one.
    said_by(&mut world, "ben");
    assert_eq!(decide(&mut world, keep("n")), 1);
    said_by(&mut world, "cat");
    assert_eq!(decide(&mut world, keep("text")), 1);
    assert_eq!(decide(&mut world, Resolution::Accept { field: Some("n".to_owned()) }), 0);
    assert_eq!(world.edits("t").0["l1"].set["text"].looked, None, "nothing is left over of it");
}

#[test]
fn who_keeps_an_edit_does_not_become_its_author() {
    let mut world = versions();
    write(&mut world, "l1", "text 1/0", "mine", "ana");
    let before = world.edits("t").0["l1"].clone();
    version(&mut world, 1);
    let ben = Signature { note: Some("she is right".to_owned()), ..signed("ben") };
    let wanted = [(target("t"), named(&["l1"]))];
    let keep = async |engine: &Engine| engine.resolve(&wanted, &KEEP, &ben, &holder()).await;
    asked(&mut world, keep).unwrap();
    let edit = world.edits("t").0["l1"].clone();
    assert_eq!((&edit.by, edit.at, &edit.note), (&before.by, before.at, &None));
    let settled = edit.settled.unwrap();
    assert_eq!((settled.by.as_str(), settled.note.as_deref()), ("ben", Some("she is right")));
    write(&mut world, "l1", "mine", "of ben", "ben");
    let edit = world.edits("t").0["l1"].clone();
    assert_eq!((edit.by.as_str(), edit.settled), ("ben", None), "who writes it anew does");
}

#[test]
fn an_edit_of_a_group_that_failed_is_no_orphan() {
    let mut world = versions();
    world.redefine(|file| file["phases"]["notes"]["on_unit_failure"] = json!("continue"));
    record(&mut world, "notes", vec![change("s1-2", "text", &json!("b"), &json!("mine"))], &signed("ana"))
        .unwrap();
    world.run();
    world.agent("two", |asked| match asked.id.as_str() {
        "s1" => Err(failure(FailureKind::Permanent)),
        id => Ok(
            json!([{"note_id": format!("{id}-1"), "text": "a"}, {"note_id": format!("{id}-2"), "text": "b"}]),
        ),
    });
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("changed"));
    world.run();
    assert!(!world.revision("notes").unwrap().missing.is_empty());
    assert_eq!(world.revision("notes").unwrap().edits.unwrap().orphans, 0);
    let report = asked(&mut world, async |engine: &Engine| engine.review(&[target("notes")]).await).unwrap();
    assert_eq!(report.items, []);
}

#[test]
fn an_edit_whose_id_went_to_another_line_of_the_same_text_is_to_be_looked_at() {
    let said = |id: &str, text: &str| json!({"id": id, "scene": "s1", "speaker": "", "text": text});
    let (first, again) = ("t00000000000a", "t00000000000a-1f");
    let mut world = versions();
    world.redefine(|file| file["phases"]["ingest"]["agent"]["params"]["ids"] = json!("content"));
    let other = said("t00000000000b", "other");
    world.set("lines.csv", json!([said("t00000000000c", "start"), said(first, "yes"), other]));
    world.run();
    write(&mut world, first, "yes/0", "aye", "ana");
    assert_eq!(review(&mut world), [""; 0]);
    // The same before it: that one is the first now, and has the id that the edit was made of.
    world.set(
        "lines.csv",
        json!([said(first, "yes"), said("t00000000000c", "start"), said(again, "yes"), other]),
    );
    assert_eq!(text(&mut world, first), "aye");
    assert_eq!(review(&mut world), ["t00000000000a source: yes/0 < aye | yes/0"]);
    resolve(&mut world, named(&[first]), &KEEP).unwrap();
    assert_eq!(review(&mut world), [""; 0]);
    // What comes elsewhere changes nothing here.
    let mut lines =
        vec![said(first, "yes"), said("t00000000000c", "start"), said(again, "yes"), other.clone()];
    lines.push(said("t00000000000d", "end"));
    world.set("lines.csv", json!(lines));
    world.run();
    assert_eq!(review(&mut world), [""; 0]);
    // The first goes, and hands its id on.
    world.set("lines.csv", json!([said("t00000000000c", "start"), said(first, "yes"), other]));
    world.run();
    assert_eq!(review(&mut world).len(), 1);
}

#[test]
fn ids_of_a_file_that_only_look_as_if_they_came_from_texts_are_its_own() {
    let said = |id: &str, text: &str| json!({"id": id, "scene": "s1", "speaker": "", "text": text});
    for (ids, listed) in [("content", 1), ("own", 0)] {
        let mut world = versions();
        world.redefine(|file| file["phases"]["ingest"]["agent"]["params"]["ids"] = json!(ids));
        let (one, two) = (said("t00000000000a", "one"), said("t00000000000a-1f", "two"));
        world.set("lines.csv", json!([one, two]));
        world.run();
        write(&mut world, "t00000000000a", "one/0", "mine", "ana");
        world.set("lines.csv", json!([said("l0", "zero"), one, two]));
        world.run();
        assert_eq!(review(&mut world).len(), listed, "{ids}");
    }
}

#[test]
fn an_import_that_was_undone_is_not_taken_over_any_more() {
    let mut world = versions();
    let changed = json!([{"id": "l2", "text": "by hand"}]);
    world.set("out.csv", changed.clone());
    let digest =
        refrain_schemas::digest::Digest::of_content(world.file("out.csv").unwrap().to_string().as_bytes());
    let request = EditRequest {
        target: target("t"),
        changes: vec![change("l2", "text", &json!("text 2/0"), &json!("by hand"))],
        seen: None,
        signature: signed("ana"),
        what: "import out.csv".to_owned(),
        imported: Some(Imported { digest, is_whole: true }),
    };
    asked(&mut world, async |engine: &Engine| engine.record_edits(&request, &holder()).await).unwrap();
    let undo = async |engine: &Engine| engine.undo_last(&target("t"), &signed("ana"), &holder()).await;
    let mut undone = world;
    asked(&mut undone, undo).unwrap();
    undone.run();
    assert_eq!(undone.file("out.csv.edited-1"), Some(changed.clone()), "nothing of it is anywhere else");
    // Done again, it is taken over again.
    undone.set("out.csv", changed);
    undone.remove("out.csv.edited-1");
    asked(&mut undone, undo).unwrap();
    undone.run();
    assert_eq!(undone.file("out.csv.edited-1"), None);
    assert_eq!(text(&mut undone, "l2"), "by hand");
}

#[test]
fn an_import_whose_edits_were_undone_is_not_taken_over_any_more() {
    for keys in [Keys::Edited, named(&["l2"])] {
        let mut world = versions();
        let changed = json!([{"id": "l2", "text": "by hand"}]);
        world.set("out.csv", changed.clone());
        let contents = world.file("out.csv").unwrap().to_string();
        let request = EditRequest {
            target: target("t"),
            changes: vec![change("l2", "text", &json!("text 2/0"), &json!("by hand"))],
            seen: None,
            signature: signed("ana"),
            what: "import out.csv".to_owned(),
            imported: Some(Imported {
                digest: refrain_schemas::digest::Digest::of_content(contents.as_bytes()),
                is_whole: true,
            }),
        };
        asked(&mut world, async |engine: &Engine| engine.record_edits(&request, &holder()).await).unwrap();
        resolve(&mut world, keys, &UNDO).unwrap();
        world.run();
        assert_eq!(world.file("out.csv.edited-1"), Some(changed));
    }
}

#[test]
fn a_file_that_no_revision_of_the_export_wrote_is_kept() {
    // Of another project's, of an export under another name, and in the place of a copy that is new.
    let mut world = versions();
    let changed = json!([{"id": "l1", "text": "by hand"}]);
    let first = world.file("out.csv").unwrap();
    world.set("new.csv", changed.clone());
    world.redefine(|file| file["phases"]["out"]["agent"]["params"]["path"] = json!("new.csv"));
    world.run();
    assert_eq!(world.file("new.csv.edited-1"), Some(changed.clone()));
    assert_eq!(world.file("new.csv"), Some(first));
    // The leftover of the old name was changed, and the old name comes back.
    world.set("out.csv", changed.clone());
    world.redefine(|file| file["phases"]["out"]["agent"]["params"]["path"] = json!("out.csv"));
    world.run();
    assert_eq!(world.file("out.csv.edited-1"), Some(changed));
    // What any export wrote in this place is nobody's.
    world.redefine(|file| file["phases"]["t"]["agent"]["params"]["version"] = json!(7));
    world.redefine(|file| {
        let export = file["phases"].as_object_mut().unwrap().remove("out").unwrap();
        file["phases"]["renamed"] = export;
    });
    let report = world.run();
    assert!(report.phases.iter().all(|phase| phase.kept.is_empty()), "{report:?}");
    assert_eq!(world.file("out.csv").unwrap()[0]["text"], json!("text 1/7"));
}

#[test]
fn a_field_that_an_edit_has_not_is_refused_and_leaves_locks_alone() {
    let mut world = versions();
    resolve(&mut world, named(&["l1"]), &Resolution::Lock).unwrap();
    write(&mut world, "l2", "text 2/0", "mine", "ana");
    let before = n_entries(&world);
    let undo = |field: &str| Resolution::Undo { field: Some(field.to_owned()) };
    let refused = |world: &mut World, keys: Keys, field: &str, part: &str| {
        let error = resolve(world, keys, &undo(field)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&mut world, named(&["l2"]), "txet", "it is of `text`");
    refused(&mut world, named(&["l1"]), "text", "it is only locked");
    refused(&mut world, Keys::Edited, "txet", "is not of the field `txet`");
    assert_eq!(n_entries(&world), before);
    // Of all edits, those that have not the field stay as they are.
    assert_eq!(counts(&resolve(&mut world, Keys::Edited, &undo("text")).unwrap()), (0, 0, 1));
    assert!(world.edits("t").0.len() == 1);
}

#[test]
fn an_edit_of_an_older_revision_counts_for_the_input_of_that_time() {
    let mut world = versions();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("changed since"));
    world.run();
    let request = EditRequest {
        target: target("t"),
        changes: vec![change("l1", "n", &json!(1), &json!(2)), change("l2", "n", &json!(1), &json!(2))],
        seen: Some(Revision(1)),
        signature: signed("ana"),
        what: "test".to_owned(),
        imported: None,
    };
    asked(&mut world, async |engine: &Engine| engine.record_edits(&request, &holder()).await).unwrap();
    assert_eq!(review(&mut world), ["l1 source: 1 < 2 | 1"]);
}

#[test]
fn the_last_change_can_be_undone_and_done_again() {
    let mut world = versions();
    write(&mut world, "l1", "text 1/0", "mine", "ana");
    write(&mut world, "l2", "text 2/0", "mine", "ana");
    write(&mut world, "l1", "mine", "worse", "ana");
    let undo = async |engine: &Engine| engine.undo_last(&target("t"), &signed("ana"), &holder()).await;
    let report = asked(&mut world, undo).unwrap();
    assert_eq!((counts(&report), report.fields.len()), ((0, 1, 0), 1));
    assert_eq!((text(&mut world, "l1"), text(&mut world, "l2")), ("mine".to_owned(), "mine".to_owned()));
    asked(&mut world, undo).unwrap();
    assert_eq!(text(&mut world, "l1"), "worse");
    assert_eq!(counts(&resolve(&mut world, Keys::Edited, &UNDO).unwrap()), (0, 0, 2));
    assert_eq!(text(&mut world, "l1"), "text 1/0");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_of_it_is_done() {
    let mut world = conflicts();
    let before = n_entries(&world);
    let error = resolve(&mut world, named(&["l1", "nine"]), &ACCEPT).unwrap_err();
    assert!(
        matches!(&error, EngineError::NoEdit { key, known, .. } if key == "nine" && known == &["l1", "l2", "l3"])
    );
    let error = resolve(&mut world, named(&["l4"]), &UNDO).unwrap_err();
    assert_eq!(error.to_string(), "nobody has edited `l4` of t");
    let error = resolve(&mut world, named(&["l3"]), &ACCEPT).unwrap_err();
    assert!(error.to_string().contains("`l3` is not to be reviewed"), "{error}");
    let key =
        vec![change("l4", "text", &json!("x"), &json!("y")), change("l1", "id", &json!("l1"), &json!("l9"))];
    assert!(matches!(record(&mut world, "t", key, &signed("ana")), Err(EngineError::NotEditable { .. })));
    for phase in ["ingest", "all", "out"] {
        let error = record(&mut world, phase, Vec::new(), &signed("ana")).unwrap_err();
        assert!(matches!(error, EngineError::NotEditable { .. }), "{phase}: {error}");
    }
    assert_eq!(n_entries(&world), before);
}

#[test]
fn a_record_that_would_not_fit_its_schema_is_refused_with_all_others() {
    let mut world = versions();
    let schema = json!({"type": "object", "properties": {"text": {"type": "string", "maxLength": 10}, "n": {"type": "integer"}}});
    world.set("line.schema.json", json!(schema.to_string()));
    world.redefine(|file| file["phases"]["t"]["output"] = json!({"key": "id", "schema": "line.schema.json"}));
    world.run();
    let changes = vec![
        change("l1", "text", &json!("text 1/0"), &json!("far too long a text")),
        change("l2", "n", &json!(1), &json!("one")),
        change("l3", "text", &json!("text 3/0"), &json!("fits")),
    ];
    let Err(EngineError::BadEdits { problems }) = record(&mut world, "t", changes, &signed("ana")) else {
        panic!("it is refused")
    };
    let said: Vec<&str> =
        problems.iter().map(|problem| problem.message.split(" does").next().unwrap()).collect();
    assert_eq!(said, ["record `l1`: `/text`", "record `l2`: `/n`"]);
    assert_eq!(world.edits("t").0.len(), 0);
}

#[test]
fn an_export_that_somebody_changed_is_kept_unless_nothing_is_lost() {
    let mut world = versions();
    let changed = json!([{"id": "l1", "text": "by hand"}]);
    world.set("out.csv", changed.clone());
    let report = world.run();
    let kept: Vec<&str> =
        report.phases.iter().flat_map(|phase| &phase.kept).map(|kept| kept.copy.as_str()).collect();
    assert_eq!(kept, ["out.csv.edited-1"]);
    assert_eq!(world.file("out.csv.edited-1"), Some(changed));
    assert_eq!(world.file("out.csv").unwrap()[0]["text"], json!("text 1/0"));

    // Removed, or what it will be anyway: nothing is lost.
    world.remove("out.csv");
    let report = world.run();
    assert!(report.phases.iter().all(|phase| phase.kept.is_empty()));
    let exported = world.file("out.csv").unwrap();
    write(&mut world, "l1", "text 1/0", "mine", "ana");
    let mut wanted = exported;
    wanted[0]["text"] = json!("mine");
    world.set("out.csv", wanted);
    let report = world.run();
    assert!(report.phases.iter().all(|phase| phase.kept.is_empty()), "{report:?}");
    assert_eq!(world.file("out.csv.edited-2"), None);

    // Taken over before.
    world.set("out.csv", json!([{"id": "l2", "text": "by hand"}]));
    let stamp =
        refrain_schemas::digest::Digest::of_content(world.file("out.csv").unwrap().to_string().as_bytes());
    let request = EditRequest {
        target: target("t"),
        changes: vec![change("l2", "text", &json!("text 2/0"), &json!("by hand"))],
        seen: None,
        signature: signed("ana"),
        what: "import out.csv".to_owned(),
        imported: Some(Imported { digest: stamp, is_whole: true }),
    };
    asked(&mut world, async |engine: &Engine| engine.record_edits(&request, &holder()).await).unwrap();
    let report = world.run();
    assert!(report.phases.iter().all(|phase| phase.kept.is_empty()));
    assert_eq!(world.file("out.csv").unwrap()[1]["text"], json!("by hand"));
}

/// Something that happens to a line, or to all of them.
#[derive(Debug, Clone)]
enum Step {
    Write(usize, u8),
    Machine(u64),
    Accept(usize),
    Keep(usize),
    Undo(usize),
    AcceptAll,
    KeepAll,
}

fn step() -> impl Strategy<Value = Step> {
    let line = 1_usize..5;
    prop_oneof![
        3 => (line.clone(), 0_u8..3).prop_map(|(n, text)| Step::Write(n, text)),
        2 => (0_u64..3).prop_map(Step::Machine),
        1 => line.clone().prop_map(Step::Accept),
        1 => line.clone().prop_map(Step::Keep),
        1 => line.prop_map(Step::Undo),
        1 => Just(Step::AcceptAll),
        1 => Just(Step::KeepAll),
    ]
}

/// What is to be true, kept as simply as can be: by line, the person's text and what it was based on.
#[derive(Debug, Default)]
struct Oracle {
    edits: BTreeMap<usize, (String, String)>,
    version: u64,
}

impl Oracle {
    fn machine(&self, n: usize) -> String {
        format!("text {n}/{}", self.version)
    }

    fn shown(&self, n: usize) -> String {
        self.edits.get(&n).map_or_else(|| self.machine(n), |(text, _)| text.clone())
    }

    fn in_conflict(&self, n: usize) -> bool {
        let now = self.machine(n);
        self.edits.get(&n).is_some_and(|(text, base)| now != *base && now != *text)
    }

    fn apply(&mut self, step: &Step) {
        let conflicts: Vec<usize> = (1..=6).filter(|n| self.in_conflict(*n)).collect();
        match step {
            Step::Write(n, text) => {
                let (text, now, shown) = (format!("of person {text}"), self.machine(*n), self.shown(*n));
                let base = self.edits.get(n).map_or(shown, |(_, base)| base.clone());
                if text == now {
                    self.edits.remove(n)
                } else {
                    self.edits.insert(*n, (text, base))
                };
            }
            Step::Machine(version) => self.version = *version,
            Step::Accept(n) if conflicts.contains(n) => drop(self.edits.remove(n)),
            Step::Keep(n) if conflicts.contains(n) => self.keep(*n),
            Step::Undo(n) => drop(self.edits.remove(n)),
            Step::AcceptAll => conflicts.iter().for_each(|n| drop(self.edits.remove(n))),
            Step::KeepAll => conflicts.iter().for_each(|n| self.keep(*n)),
            Step::Accept(_) | Step::Keep(_) => {}
        }
    }

    fn keep(&mut self, n: usize) {
        let now = self.machine(n);
        if let Some((_, base)) = self.edits.get_mut(&n) {
            *base = now;
        }
    }
}

fn take(world: &mut World, oracle: &Oracle, step: &Step) {
    let key = |n: usize| named(&[&format!("l{n}")]);
    let done = match step {
        Step::Write(n, text) => {
            write(world, &format!("l{n}"), &oracle.shown(*n), &format!("of person {text}"), "ana");
            Ok(EditReport::default())
        }
        Step::Machine(number) => {
            version(world, *number);
            Ok(EditReport::default())
        }
        Step::Accept(n) => resolve(world, key(*n), &ACCEPT),
        Step::Keep(n) => resolve(world, key(*n), &KEEP),
        Step::Undo(n) => resolve(world, key(*n), &UNDO),
        Step::AcceptAll => resolve(world, Keys::Reviewed(None), &ACCEPT),
        Step::KeepAll => resolve(world, Keys::Reviewed(None), &KEEP),
    };
    // What is not in conflict, or not edited, is refused; what becomes of the rest is compared below.
    assert!(matches!(done, Ok(_) | Err(EngineError::NotEditable { .. } | EngineError::NoEdit { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn people_always_win_and_exactly_the_true_conflicts_are_listed(steps in prop::collection::vec(step(), 1..14)) {
        let mut world = versions();
        world.unwatched();
        let mut oracle = Oracle::default();
        for step in &steps {
            take(&mut world, &oracle, step);
            oracle.apply(step);
            let listed: Vec<String> =
                review(&mut world).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
            let expect: Vec<String> = (1..=6).filter(|n| oracle.in_conflict(*n)).map(|n| format!("l{n}")).collect();
            prop_assert_eq!(listed, expect, "after {:?} of {:?}", step, steps);
            prop_assert_eq!(world.edits("t").0.len(), oracle.edits.len());
        }
        world.run();
        let texts: Vec<String> =
            world.artifact("t").iter().map(|record| record["text"].as_str().unwrap().to_owned()).collect();
        let expect: Vec<String> = (1..=6).map(|n| oracle.shown(n)).collect();
        prop_assert_eq!(texts, expect);
        let last = world.run();
        prop_assert_eq!(last.calls, 0);
    }
}
