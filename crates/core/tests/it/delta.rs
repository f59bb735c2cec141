//! After an edit, exactly what depended on it is asked again.

use refrain_schemas::report::RunStatus;
use refrain_testkit::world::World;
use serde_json::{Value, json};

use crate::pieces::{line, lines, world};

/// Runs, edits, runs again; the units that are asked about again are as expected, and the artifacts are those of a
/// fresh project.
#[track_caller]
fn check(world: &mut World, edit: impl FnOnce(&mut World), expect: &[&str]) {
    assert_eq!(world.run().status, RunStatus::Completed);
    world.take_asked();
    edit(world);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed);
    assert_eq!(world.take_units(), expect);
    assert_eq!(report.units.ran, expect.len() as u64);
    assert_eq!(world.unfresh(), [""; 0], "nothing is stale behind a completed run");
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests(), "a delta run makes what a whole run makes");
    assert_eq!(world.bought_twice(), [""; 0]);
}

fn plain() -> World {
    world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "echo"}}}))
}

fn with_context(context: Value) -> World {
    world(json!({"t": {"units": {"of": "ingest"}, "context": context, "agent": {"builtin": "echo"}}}))
}

fn edit_lines(edit: impl FnOnce(&mut Vec<Value>)) -> impl FnOnce(&mut World) {
    |world| world.edit("lines.csv", edit)
}

#[test]
fn records_that_change_come_go_and_move() {
    check(&mut plain(), edit_lines(|lines| lines[3]["text"] = json!("new")), &["t/l4"]);
    check(&mut plain(), edit_lines(|lines| lines.insert(2, line(9))), &["t/l9"]);
    check(&mut plain(), edit_lines(|lines| lines.push(line(9))), &["t/l9"]);
    check(&mut plain(), edit_lines(|lines| drop(lines.remove(0))), &[]);
    check(&mut plain(), edit_lines(|lines| lines.swap(0, 4)), &[]);
    check(&mut plain(), edit_lines(|lines| lines.reverse()), &[]);
    check(&mut plain(), edit_lines(|lines| lines[0]["id"] = json!("x")), &["t/x"]);
}

#[test]
fn a_field_that_nobody_keys_still_counts_as_input() {
    check(&mut plain(), edit_lines(|lines| lines[0]["mood"] = json!("sad")), &["t/l1"]);
}

#[test]
fn groups_hang_on_their_members() {
    let by = || {
        world(json!({"t": {"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "echo"},
            "output": {"key": "scene"}}}))
    };
    check(&mut by(), edit_lines(|lines| lines[3]["text"] = json!("new")), &["t/s2"]);
    check(&mut by(), edit_lines(|lines| lines.push(line(9))), &["t/s3"]);
    check(&mut by(), edit_lines(|lines| lines[5]["scene"] = json!("s1")), &["t/s1", "t/s2"]);
    let chunk = || {
        world(json!({"t": {"units": {"of": "ingest", "chunk": 2}, "agent": {"builtin": "echo"},
            "output": {"key": "k"}}}))
    };
    check(&mut chunk(), edit_lines(|lines| lines[3]["text"] = json!("new")), &["t/l3"]);
    check(&mut chunk(), edit_lines(|lines| lines.insert(4, line(9))), &["t/l6", "t/l9"]);
    let whole = || {
        world(json!({"t": {"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "echo"},
            "output": {"document": "d"}}}))
    };
    check(&mut whole(), edit_lines(|lines| lines[3]["text"] = json!("new")), &["t/all"]);
}

fn glossary() -> World {
    let mut world = with_context(json!({"g": {"file": "g.csv", "match": {"field": "term", "in": "text"}}}));
    world.set(
        "g.csv",
        json!([{"term": "text 2", "to": "a"}, {"term": "3", "to": "b"}, {"term": "none", "to": "c"}]),
    );
    world
}

#[test]
fn a_term_touches_the_lines_that_hold_it() {
    let edit = |edit: fn(&mut Vec<Value>)| move |world: &mut World| world.edit("g.csv", edit);
    check(&mut glossary(), edit(|terms| terms[0]["to"] = json!("new")), &["t/l2"]);
    check(&mut glossary(), edit(|terms| terms[2]["to"] = json!("new")), &[]);
    check(&mut glossary(), edit(|terms| drop(terms.remove(1))), &["t/l3"]);
    check(&mut glossary(), edit(|terms| terms.push(json!({"term": "text 5", "to": "d"}))), &["t/l5"]);
    check(&mut glossary(), edit(|terms| terms.push(json!({"term": "", "to": "d"}))), &[]);
    check(&mut glossary(), edit(|terms| terms[1]["term"] = json!("4")), &["t/l3", "t/l4"]);
    check(&mut glossary(), edit(|terms| terms.reverse()), &[]);
    let twice = json!({"term": "text 2", "to": "a"});
    check(&mut glossary(), move |world| world.edit("g.csv", |terms| terms.push(twice)), &["t/l2"]);
}

fn words() -> World {
    let matching = json!({"field": "term", "in": ["text", "speaker"], "words": true, "ignore_case": true, "case": "case"});
    let mut world = with_context(json!({"g": {"file": "g.csv", "match": matching}}));
    world.edit("lines.csv", |lines| {
        let texts = ["Sea", "the SEA", "seas", "May I?", "may I?", "海の sea"];
        for (line, text) in lines.iter_mut().zip(texts) {
            line["text"] = json!(text);
            line["speaker"] = json!(if text == "seas" { "Old May" } else { "Mara" });
        }
    });
    world.set(
        "g.csv",
        json!([{"term": "sea", "case": "", "to": "a"}, {"term": "May", "case": "yes", "to": "b"}]),
    );
    world
}

#[test]
fn a_term_touches_the_lines_that_hold_it_as_the_options_say() {
    let edit = |edit: fn(&mut Vec<Value>)| move |world: &mut World| world.edit("g.csv", edit);
    check(&mut words(), edit(|terms| terms[0]["to"] = json!("new")), &["t/l1", "t/l2", "t/l6"]);
    check(&mut words(), edit(|terms| terms[1]["to"] = json!("new")), &["t/l3", "t/l4"]);
    // Whoever saw it as it was, or sees it as it is.
    check(&mut words(), edit(|terms| terms[1]["case"] = json!("no")), &["t/l3", "t/l4", "t/l5"]);
    check(&mut words(), edit(|terms| terms[0]["case"] = json!("yes")), &["t/l1", "t/l2", "t/l6"]);
    check(&mut words(), edit(|terms| terms.push(json!({"term": "海", "case": "", "to": "c"}))), &["t/l6"]);
    let all = ["t/l1", "t/l2", "t/l3", "t/l4", "t/l5", "t/l6"];
    let option = |name: &'static str, touched: &[&str]| {
        let mut world = words();
        let edit = |world: &mut World| {
            world.redefine(|file| file["phases"]["t"]["context"]["g"]["match"][name] = json!(false));
        };
        check(&mut world, edit, touched);
    };
    option("words", &["t/l3"]);
    option("ignore_case", &["t/l1", "t/l2"]);
    let speaker = |world: &mut World| {
        world.redefine(|file| file["phases"]["t"]["context"]["g"]["match"]["in"] = json!("speaker"));
    };
    check(&mut words(), speaker, &["t/l1", "t/l2", "t/l4", "t/l6"]);
    check(&mut words(), edit_lines(|lines| lines[0]["speaker"] = json!("May")), &all[..1]);
}

/// A glossary for each language.
fn scoped() -> World {
    let mut world = world(
        json!({"t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "echo"},
        "context": {"g": {"file": "g/{{ scope.language }}.csv", "match": {"field": "term", "in": "text"}}}}}),
    );
    for language in ["ja", "fr", "de"] {
        world.set(
            &format!("g/{language}.csv"),
            json!([{"term": "text 2", "to": language}, {"term": "3", "to": "b"}]),
        );
    }
    world
}

#[test]
fn a_file_of_one_scope_touches_that_scope() {
    check(&mut scoped(), |world| world.edit("g/fr.csv", |terms| terms[0]["to"] = json!("new")), &["t@fr/l2"]);
    check(&mut scoped(), |world| world.edit("g/de.csv", |terms| terms[0]["to"] = json!("new")), &[]);
    check(
        &mut scoped(),
        |world| world.redefine(|file| file["dimensions"]["language"] = json!(["ja", "fr", "de"])),
        &["t@de/l1", "t@de/l2", "t@de/l3", "t@de/l4", "t@de/l5", "t@de/l6"],
    );
}

#[test]
fn only_the_scopes_whose_file_changed_are_stale() {
    let mut world = scoped();
    world.run();
    world.edit("g/fr.csv", |terms| terms[0]["to"] = json!("new"));
    assert_eq!(world.unfresh(), ["t@fr"]);
    let plan = crate::ahead::plan(&mut world);
    let calls: Vec<(u64, Option<u64>)> =
        plan.phases.iter().map(|phase| (phase.calls.min, phase.calls.max)).collect();
    assert_eq!(calls, [(0, Some(0)), (0, Some(0)), (1, Some(1))]);
    let lineage = world.revision("t@ja").unwrap().lineage;
    assert_eq!(lineage.context_files.keys().collect::<Vec<_>>(), ["g/ja.csv"]);
    world.remove("g/fr.csv");
    let problems = world.checked().err().unwrap();
    assert_eq!(problems, ["phases.t.context.g.file: there is no file `g/fr.csv`, which `t@fr` reads"]);
}

#[test]
fn a_window_touches_the_neighbours() {
    let window = || with_context(json!({"near": {"from": "ingest", "window": 1}}));
    check(&mut window(), edit_lines(|lines| lines[2]["text"] = json!("new")), &["t/l2", "t/l3", "t/l4"]);
    check(&mut window(), edit_lines(|lines| lines.insert(2, line(9))), &["t/l2", "t/l3", "t/l9"]);
    check(&mut window(), edit_lines(|lines| drop(lines.remove(5))), &["t/l5"]);
    check(&mut window(), edit_lines(|lines| drop(lines.remove(0))), &["t/l2"]);
    let within = || with_context(json!({"near": {"from": "ingest", "window": 1, "within": "scene"}}));
    check(&mut within(), edit_lines(|lines| lines[2]["text"] = json!("new")), &["t/l2", "t/l3"]);
    check(&mut within(), edit_lines(|lines| lines.insert(3, line(9))), &["t/l9"]);
    check(&mut within(), edit_lines(|lines| lines.swap(0, 1)), &["t/l1", "t/l2", "t/l3"]);
}

/// Scenes with a summary each, and a phase that joins them.
fn joined(context: Value) -> World {
    let mut phases = json!({
        "scenes": {"agent": {"builtin": "read", "params": {"files": "scenes.csv"}}, "output": {"key": "scene"}},
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "echo"}},
    });
    phases["t"]["context"] = context;
    let mut world = world(phases);
    world.set("scenes.csv", json!([{"scene": "s1", "sum": "a"}, {"scene": "s2", "sum": "b"}]));
    world
}

#[test]
fn a_joined_record_touches_those_it_is_joined_to() {
    let unique = || joined(json!({"scene": {"from": "scenes", "on": "scene"}}));
    let edit = |edit: fn(&mut Vec<Value>)| move |world: &mut World| world.edit("scenes.csv", edit);
    check(&mut unique(), edit(|scenes| scenes[1]["sum"] = json!("new")), &["t/l4", "t/l5", "t/l6"]);
    check(&mut unique(), edit(|scenes| scenes.reverse()), &[]);
    check(&mut unique(), edit(|scenes| drop(scenes.remove(0))), &["t/l1", "t/l2", "t/l3"]);
    check(&mut unique(), edit(|scenes| scenes.push(json!({"scene": "s7"}))), &[]);
    let whole = || joined(json!({"scene": {"from": "scenes"}}));
    let all = ["t/l1", "t/l2", "t/l3", "t/l4", "t/l5", "t/l6"];
    check(&mut whole(), edit(|scenes| scenes[1]["sum"] = json!("new")), &all);
}

#[test]
fn a_joined_list_touches_those_it_is_joined_to() {
    let list = || {
        let mut world = with_context(json!({"notes": {"file": "notes.csv", "on": "scene"}}));
        world.set(
            "notes.csv",
            json!([
                {"scene": "s1", "n": 1}, {"scene": "s2", "n": 2}, {"scene": "s1", "n": 3},
            ]),
        );
        world
    };
    let edit = |edit: fn(&mut Vec<Value>)| move |world: &mut World| world.edit("notes.csv", edit);
    check(&mut list(), edit(|notes| notes[1]["n"] = json!(9)), &["t/l4", "t/l5", "t/l6"]);
    check(&mut list(), edit(|notes| notes.swap(0, 2)), &["t/l1", "t/l2", "t/l3"]);
    check(&mut list(), edit(|notes| notes.swap(0, 1)), &[]);
    check(&mut list(), edit(|notes| drop(notes.remove(2))), &["t/l1", "t/l2", "t/l3"]);
}

#[test]
fn the_definition_touches_all_its_units_and_no_others() {
    let two = || {
        world(json!({
            "t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark", "version": "1"}},
            "u": {"units": {"of": "ingest"}, "agent": {"builtin": "echo"}},
        }))
    };
    let all = ["t/l1", "t/l2", "t/l3", "t/l4", "t/l5", "t/l6"];
    let redefine = |edit: fn(&mut Value)| move |world: &mut World| world.redefine(edit);
    check(&mut two(), redefine(|file| file["phases"]["t"]["agent"]["version"] = json!("2")), &all);
    check(&mut two(), redefine(|file| file["phases"]["t"]["agent"]["params"] = json!({"a": 1})), &all);
    check(&mut two(), redefine(|file| file["phases"]["t"]["pack"] = json!({"max": 3})), &[]);
    check(&mut two(), redefine(|file| file["phases"]["t"]["limits"] = json!({"concurrency": 1})), &[]);
    check(&mut two(), redefine(|file| file["phases"]["t"]["on_unit_failure"] = json!("continue")), &[]);
    check(&mut two(), redefine(|file| file["phases"]["t"]["description"] = json!("what for")), &[]);
}

#[test]
fn a_new_language_makes_nothing_stale() {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
    }));
    world.set("lines.csv", lines(2));
    check(
        &mut world,
        |world| world.redefine(|file| file["dimensions"]["language"] = json!(["ja", "fr", "de"])),
        &["t@de/l1", "t@de/l2"],
    );
}

#[test]
fn the_same_bytes_cut_the_rest_off() {
    let mut world = world(json!({
        "note": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}},
        "t": {"units": {"of": "note"}, "agent": {"builtin": "echo"}},
    }));
    check(&mut world, edit_lines(|lines| lines[0]["text"] = json!("new")), &["note/l1"]);
    let revision = |target: &str| world.revision(target).unwrap().revision.0;
    assert_eq!((revision("note"), revision("t")), (2, 1), "contents decide, not revision numbers");
}

#[test]
fn large_sources_are_edited_at_the_cost_of_the_edit() {
    let mut world = with_context(json!({"near": {"from": "ingest", "window": 1}}));
    world.unwatched();
    world.set("lines.csv", lines(2000));
    check(
        &mut world,
        edit_lines(|lines| lines[1000]["text"] = json!("new")),
        &["t/l1000", "t/l1001", "t/l1002"],
    );
    let edit = edit_lines(|lines| {
        lines.rotate_left(700);
        lines.insert(300, line(3000));
        lines.truncate(1990);
    });
    world.take_asked();
    edit(&mut world);
    assert!(world.run().units.ran < 20);
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
}
