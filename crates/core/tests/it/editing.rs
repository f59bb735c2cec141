//! People's edits: laid over what machines make, never overwritten, and locked units are asked about no more.

use refrain_core::engine::RunRequest;
use refrain_schemas::edit::ReviewKind;
use refrain_schemas::freshness::CauseKind;
use refrain_schemas::report::RunStatus;
use refrain_testkit::world::{World, request};
use serde_json::{Value, json};

use crate::ahead::{broken, plan};
use crate::pieces::{fields, line, world};

mod rounds;

/// Lines, their translations `t`, and what is made of these in `u`, scene by scene.
fn plain() -> World {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "agent": {"builtin": "say", "params": {"version": 0}}},
        "u": {"units": {"of": "t", "by": "scene"}, "agent": {"builtin": "echo"}, "output": {"key": "scene"}},
    }));
    world.agent("say", |asked| {
        let text = asked.input["text"].as_str().unwrap();
        Ok(json!({"text": format!("{text}/{}", asked.params["version"]), "scene": asked.input["scene"]}))
    });
    world
}

fn version(world: &mut World, version: u64) {
    world.redefine(|file| file["phases"]["t"]["agent"]["params"]["version"] = json!(version));
}

/// Runs within what is planned, and compares what came of it with a fresh project with the same edits.
#[track_caller]
fn run(world: &mut World, edited: &[&str]) -> refrain_schemas::report::RunReport {
    let plan = plan(world);
    let report = world.run();
    let broken: Vec<String> = plan.phases.iter().zip(&report.phases).filter_map(broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    check_bytes(world, edited);
    report
}

#[track_caller]
fn check_bytes(world: &mut World, edited: &[&str]) {
    let mut fresh = world.afresh();
    for target in edited {
        let table = world.edits(target);
        fresh.change_edits(target, |edits| *edits = table);
    }
    fresh.run();
    assert_eq!(world.digests(), fresh.digests(), "a run makes what a fresh one makes");
    assert_eq!(world.bought_twice(), [""; 0]);
    assert_eq!(world.unfresh(), [""; 0]);
}

fn texts(world: &World, target: &str) -> Vec<String> {
    let records = world.artifact(target);
    fields(&records, "text").iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn kinds(world: &mut World, target: &str) -> Vec<(String, ReviewKind)> {
    world.to_review(target)
}

#[test]
fn an_edit_asks_nobody_and_what_comes_after_follows() {
    let mut world = plain();
    world.run();
    world.take_asked();
    world.person("t", "l2", &[("text", json!("mine")), ("state", json!("final"))], false);
    let standing = world.status();
    assert_eq!(standing["t"].as_str(), "stale");
    let report = run(&mut world, &["t"]);
    assert_eq!(report.phases[1].causes[0].kind, CauseKind::Edits);
    assert_eq!(world.take_units(), ["u/s1"], "only the scene of the line sees something else");
    assert_eq!(texts(&world, "t")[..3], ["text 1/0", "mine", "text 3/0"]);
    assert_eq!(world.artifact("t")[1]["state"], json!("final"));
    assert_eq!(world.artifact("u")[0]["saw"]["records"][1]["text"], json!("mine"));
    let laid = world.revision("t").unwrap().edits.unwrap();
    assert_eq!((laid.applied, laid.to_review()), (1, 0));
    assert_eq!(run(&mut world, &["t"]).calls, 0);
    assert_eq!(world.revision("t").unwrap().revision.0, 2, "there is nothing to do any more");
}

#[test]
fn an_edit_that_changes_nothing_changes_nothing_after_it() {
    let mut world = plain();
    world.run();
    world.person("t", "l2", &[("text", json!("text 2/0"))], true);
    assert_eq!(run(&mut world, &["t"]).calls, 0);
    assert_eq!((world.revision("t").unwrap().revision.0, world.revision("u").unwrap().revision.0), (2, 1));
}

#[test]
fn taking_an_edit_back_puts_the_machines_text_back() {
    let mut world = plain();
    world.run();
    let before = world.digests();
    world.person("t", "l2", &[("text", json!("mine"))], false);
    run(&mut world, &["t"]);
    world.change_edits("t", |edits| edits.0.clear());
    assert_eq!(run(&mut world, &["t"]).calls, 0, "the replies are all there");
    assert_eq!(world.digests(), before);
    assert_eq!(world.revision("t").unwrap().edits, None);
}

#[test]
fn the_human_text_stays_and_true_conflicts_are_listed() {
    let mut world = plain();
    world.run();
    world.person("t", "l1", &[("text", json!("mine"))], false);
    world.person("t", "l2", &[("text", json!("text 2/1"))], false);
    world.person("t", "l3", &[("note", json!("mine"))], false);
    world.person("t", "l4", &[("text", json!("mine"))], true);
    version(&mut world, 1);
    run(&mut world, &["t"]);
    assert_eq!(texts(&world, "t")[..4], ["mine", "text 2/1", "text 3/1", "mine"]);
    assert_eq!(kinds(&mut world, "t"), [("l1".to_owned(), ReviewKind::Conflict)]);
    version(&mut world, 0);
    run(&mut world, &["t"]);
    assert_eq!(kinds(&mut world, "t"), [], "the machine says again what the person saw");
    world.edit("lines.csv", |lines| lines[3]["text"] = json!("other"));
    world.edit("lines.csv", |lines| drop(lines.remove(2)));
    run(&mut world, &["t"]);
    let expect = [("l3".to_owned(), ReviewKind::Orphan), ("l4".to_owned(), ReviewKind::SourceChanged)];
    assert_eq!(kinds(&mut world, "t"), expect);
    let laid = world.revision("t").unwrap().edits.unwrap();
    assert_eq!((laid.applied, laid.conflicts, laid.source_changed, laid.orphans), (3, 0, 1, 1));
}

#[test]
fn the_key_of_a_record_is_nobodys_to_change() {
    let mut world = plain();
    world.run();
    world.person("t", "l2", &[("id", json!("x")), ("text", json!("mine"))], false);
    run(&mut world, &["t"]);
    assert_eq!(world.artifact("t")[1], json!({"id": "l2", "text": "mine", "scene": "s1"}));
}

/// Runs, locks a line, changes something, and runs again: the line is not asked about.
#[track_caller]
fn check_locked(mut world: World, change: impl FnOnce(&mut World), request: &RunRequest) {
    world.run();
    world.person("t", "l2", &[("text", json!("mine"))], true);
    change(&mut world);
    world.take_asked();
    let engine = world.engine(false);
    let plan = futures::FutureExt::now_or_never(async move { engine.plan(request).await }).unwrap().unwrap();
    let report = world.run_with(request);
    let asked = world.take_units();
    assert!(asked.iter().any(|unit| unit.starts_with("t/")), "the others are asked: {asked:?}");
    assert!(!asked.contains(&"t/l2".to_owned()), "{asked:?}");
    assert_eq!(report.status, RunStatus::Completed);
    let t = (&plan.phases[1], &report.phases[1]);
    assert_eq!(t.1.units.ran + t.1.units.reused, t.1.units.total);
    assert_eq!((t.0.run.min, t.0.run.max), (t.1.units.ran, Some(t.1.units.ran)));
    assert_eq!((t.0.reuse.min, t.0.calls.max), (t.1.units.reused, Some(t.1.calls)));
    assert!(texts(&world, "t").contains(&"mine".to_owned()));
}

#[test]
fn a_locked_unit_is_never_asked_about() {
    let all = request(&[]);
    check_locked(plain(), |world| version(world, 1), &all);
    check_locked(
        plain(),
        |world| world.edit("lines.csv", |l| l.swap(0, 1)),
        &RunRequest { force: true, ..request(&["t"]) },
    );
    check_locked(plain(), |_| {}, &RunRequest { force: true, ..request(&["t"]) });
    let mut volatile = plain();
    volatile.redefine(|file| file["phases"]["t"]["agent"]["volatile"] = json!(true));
    check_locked(volatile, |_| {}, &all);
    let other = |world: &mut World| {
        world.edit("lines.csv", |lines| {
            lines[0]["text"] = json!("other");
            lines[1]["text"] = json!("other");
        });
    };
    check_locked(plain(), other, &all);
    let mut panel = plain();
    panel.redefine(|file| {
        file["agents"] =
            json!({"say": {"builtin": "say", "params": {"version": 1}}, "note": {"builtin": "note"}});
        let t = file["phases"]["t"].as_object_mut().unwrap();
        t.remove("agent");
        t.insert("agents".to_owned(), json!({"say": 1, "note": 1}));
        t.extend(json!({"fan": "panel", "merge": "last"}).as_object().unwrap().clone());
    });
    check_locked(panel, |world| world.edit("lines.csv", |lines| lines[0]["text"] = json!("other")), &all);
}

#[test]
fn a_unit_that_is_unlocked_is_asked_about_again() {
    let mut world = plain();
    world.run();
    world.person("t", "l2", &[("text", json!("mine"))], true);
    version(&mut world, 1);
    run(&mut world, &["t"]);
    world.take_asked();
    world.change_edits("t", |edits| edits.0.get_mut("l2").unwrap().locked = false);
    run(&mut world, &["t"]);
    assert_eq!(world.take_units(), ["t/l2"]);
    assert_eq!(kinds(&mut world, "t"), [("l2".to_owned(), ReviewKind::Conflict)]);
}

#[test]
fn a_line_with_another_name_keeps_its_edit() {
    let mut world = plain();
    world.run();
    world.person("t", "l2", &[("text", json!("mine"))], true);
    world.person("t", "l3", &[("text", json!("mine too"))], false);
    world.take_asked();
    world.edit("lines.csv", |lines| {
        lines[1]["id"] = json!("x2");
        lines[2]["id"] = json!("x3");
    });
    run(&mut world, &["t"]);
    assert_eq!(world.take_units(), ["t/x3", "u/s1"], "the locked one is not asked about under its new name");
    assert_eq!(world.artifact("t")[1], json!({"id": "x2", "text": "mine", "scene": "s1"}));
    assert_eq!(texts(&world, "t")[2], "mine too");
    assert_eq!(kinds(&mut world, "t"), []);
    // A line that comes back under the old name takes its edit back.
    world.edit("lines.csv", |lines| lines.push(line(2)));
    run(&mut world, &["t"]);
    assert!(world.take_units().contains(&"t/x2".to_owned()));
    assert_eq!((texts(&world, "t")[1].as_str(), texts(&world, "t")[6].as_str()), ("text 2/0", "mine"));
}

#[test]
fn where_it_is_not_clear_which_line_was_renamed_none_takes_the_edit() {
    let mut world = plain();
    world.run();
    world.person("t", "l2", &[("text", json!("mine"))], true);
    world.edit("lines.csv", |lines| {
        lines[1]["id"] = json!("x2");
        let twin = lines[1].clone();
        lines.push(twin);
        lines[6]["id"] = json!("y2");
    });
    run(&mut world, &["t"]);
    assert_eq!(kinds(&mut world, "t"), [("l2".to_owned(), ReviewKind::Orphan)]);
    assert!(!texts(&world, "t").contains(&"mine".to_owned()));
}

/// Lines, drafts, and what becomes of these, in two languages; drafts are locked by what people lock in the end.
fn drafted() -> World {
    let mut world = world(json!({
        "draft": {"per": ["language"], "units": {"of": "ingest"}, "locked_by": ["final"],
            "agent": {"builtin": "mark"}, "output": {"key": "id"}},
        "final": {"per": ["language"], "units": {"of": "draft"}, "agent": {"builtin": "mark"},
            "output": {"key": "id"}},
    }));
    world.set("lines.csv", (1..=4).map(line).collect());
    world
}

#[test]
fn a_lock_in_a_later_phase_saves_the_calls_before_it() {
    let mut world = drafted();
    world.run();
    world.person("final@ja", "l2", &[("text", json!("mine"))], true);
    world.take_asked();
    assert_eq!(run(&mut world, &["final@ja"]).calls, 0);
    assert_eq!(texts(&world, "draft@ja")[1], "mine", "what the person wants stands for the draft");
    assert_eq!(texts(&world, "final@ja")[1], "mine");
    assert_eq!(world.revision("draft@ja").unwrap().edits, None);
    world.edit("lines.csv", |lines| lines[1]["text"] = json!("other"));
    run(&mut world, &["final@ja"]);
    assert_eq!(world.take_units(), ["draft@fr/l2", "final@fr/l2"]);
    let listed = [("l2".to_owned(), ReviewKind::SourceChanged)];
    assert_eq!(kinds(&mut world, "final@ja"), listed, "the line was another one when the person edited it");
    world.edit("lines.csv", |lines| lines[1] = json!({"id": "x2", "text": "text 2", "scene": "s1"}));
    run(&mut world, &["final@ja"]);
    assert_eq!(world.take_units(), ["draft@fr/x2", "final@fr/x2"]);
    assert_eq!(kinds(&mut world, "final@ja"), [], "it has another name and its old text");
    let forced = RunRequest { force: true, ..request(&["draft@ja", "final@ja"]) };
    world.run_with(&forced);
    let ids = ["l1", "l3", "l4"];
    let expect: Vec<String> =
        ["draft", "final"].iter().flat_map(|phase| ids.map(|id| format!("{phase}@ja/{id}"))).collect();
    assert_eq!(world.take_units(), expect);
}

#[test]
fn a_preferred_edit_in_a_later_phase_locks_nothing_before_it() {
    let mut world = drafted();
    world.run();
    world.person("final@ja", "l2", &[("text", json!("mine"))], false);
    world.take_asked();
    world.edit("lines.csv", |lines| lines[1]["text"] = json!("other"));
    run(&mut world, &["final@ja"]);
    assert_eq!(world.take_units(), ["draft@fr/l2", "draft@ja/l2", "final@fr/l2", "final@ja/l2"]);
    assert_eq!(kinds(&mut world, "final@ja"), [("l2".to_owned(), ReviewKind::Conflict)]);
}

/// A panel whose records have keys of their own.
fn issues() -> World {
    let mut world = world(json!({
        "qa": {"units": {"of": "ingest"}, "agents": {"one": 1, "two": 1}, "fan": "panel",
            "merge": {"union": ["line", "rule"]}, "output": {"key": "issue"}},
    }));
    world.redefine(|file| file["agents"] = json!({"one": {"builtin": "one"}, "two": {"builtin": "two"}}));
    for agent in ["one", "two"] {
        world.agent(agent, |asked| {
            let issue =
                |rule: &str, message: &Value| json!({"line": asked.id, "rule": rule, "message": message});
            Ok(json!([issue("both", &asked.input["text"]), issue(&asked.agent, &json!("x"))]))
        });
    }
    world
}

#[test]
fn records_with_keys_of_their_own_are_edited_as_well() {
    let mut world = issues();
    world.run();
    let key = world.artifact("qa")[3]["issue"].as_str().unwrap().to_owned();
    world.person("qa", &key, &[("message", json!("mine"))], true);
    world.take_asked();
    assert_eq!(run(&mut world, &["qa"]).calls, 0);
    assert_eq!(world.artifact("qa")[3]["message"], json!("mine"));
    assert_eq!(world.artifact("qa")[3]["proposers"], json!(["one", "two"]));
    world.edit("lines.csv", |lines| lines[1]["text"] = json!("other"));
    run(&mut world, &["qa"]);
    assert_eq!(world.take_units(), ["qa/l2", "qa/l2"], "a lock of a record locks no unit here");
    assert_eq!(kinds(&mut world, "qa"), [(key.clone(), ReviewKind::Conflict)]);
    world.edit("lines.csv", |lines| drop(lines.remove(1)));
    run(&mut world, &["qa"]);
    assert_eq!(kinds(&mut world, "qa"), [(key, ReviewKind::Orphan)]);
}

#[test]
fn groups_are_edited_and_locked_like_lines() {
    let mut world = plain();
    world.run();
    world.person("u", "s1", &[("saw", json!("mine"))], true);
    world.take_asked();
    world.edit("lines.csv", |lines| lines[1]["text"] = json!("other"));
    run(&mut world, &["u"]);
    assert_eq!(world.take_units(), ["t/l2"]);
    assert_eq!(world.artifact("u")[0]["saw"], json!("mine"));
    assert_eq!(kinds(&mut world, "u"), [("s1".to_owned(), ReviewKind::SourceChanged)]);
}

#[test]
fn a_locked_unit_is_no_hole_whatever_it_lacks() {
    let mut world = plain();
    world.redefine(|file| file["phases"]["t"]["on_unit_failure"] = json!("continue"));
    world.run();
    world.person("t", "l2", &[("text", json!("mine"))], true);
    world.person("t", "l3", &[("text", json!("mine"))], false);
    world.agent("say", |_| Err(crate::pieces::failure(refrain_schemas::failure::FailureKind::Permanent)));
    world.edit("lines.csv", |lines| lines.iter_mut().for_each(|line| line["text"] = json!("bad")));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("text 1"));
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l3", "l4", "l5", "l6"]);
    assert_eq!(texts(&world, "t"), ["text 1/0", "mine"]);
    assert_eq!(
        kinds(&mut world, "t"),
        [("l2".to_owned(), ReviewKind::SourceChanged)],
        "a hole may yet be filled"
    );
}

#[test]
fn a_unit_says_who_locked_it() {
    let mut world = plain();
    world.run();
    world.person("t", "l2", &[("text", json!("mine"))], true);
    version(&mut world, 1);
    let target = world.engine(false).model().targets()[1].clone();
    let why = |world: &mut World, unit: Option<&str>| {
        let engine = world.engine(false);
        futures::FutureExt::now_or_never(async { engine.why(&target, unit, 10).await }).unwrap().unwrap()
    };
    let report = why(&mut world, Some("l2"));
    assert_eq!(report.units[0].locked_by.as_deref(), Some("ana"));
    assert_eq!(report.units[0].asks, []);
    assert!(report.causes.iter().any(|cause| cause.kind == CauseKind::Edits), "{:?}", report.causes);
    let report = why(&mut world, None);
    assert_eq!(report.n_units, Some(5), "it is not among those that would be asked");
    assert!(report.units.iter().all(|unit| unit.locked_by.is_none() && unit.unit.as_str() != "l2"));
    world.run();
    world.change_edits("t", |edits| edits.0.get_mut("l2").unwrap().locked = false);
    let report = why(&mut world, None);
    assert_eq!(report.n_units, Some(1), "it would be asked about again");
    assert_eq!(report.units[0].parts[0].part, "lock");
}

#[test]
fn reports_tell_what_is_to_be_reviewed() {
    let mut world = plain();
    world.run();
    world.person("t", "l1", &[("text", json!("mine"))], false);
    world.person("t", "l2", &[("text", json!("mine"))], false);
    world.person("t", "l3", &[("text", json!("mine"))], true);
    version(&mut world, 1);
    world.edit("lines.csv", |lines| {
        drop(lines.remove(0));
        lines[1]["text"] = json!("other");
    });
    let expect = refrain_schemas::edit::EditCounts {
        standing: 3,
        applied: 2,
        conflicts: 1,
        source_changed: 1,
        orphans: 1,
    };
    let report = world.run();
    assert_eq!(report.phases.iter().map(|phase| phase.edits).collect::<Vec<_>>(), [None, Some(expect), None]);
    let again = world.run();
    assert_eq!(again.phases[1].edits, Some(expect), "as long as they stand so");
    let engine = world.engine(false);
    let told = async { (engine.status().await.unwrap(), engine.history(None).await.unwrap()) };
    let (status, history) = futures::FutureExt::now_or_never(told).unwrap();
    assert_eq!(status.phases.iter().map(|phase| phase.edits).collect::<Vec<_>>(), [None, Some(expect), None]);
    assert_eq!((history.edits.len(), history.edits[2].edits.as_ref().unwrap().records), (3, 3));
}

#[test]
fn a_persons_word_for_the_present_output_keeps_the_edits() {
    let mut world = plain();
    world.run();
    world.person("t", "l1", &[("text", json!("mine"))], false);
    world.person("t", "l2", &[("text", json!("mine"))], true);
    let accept = |world: &mut World| {
        let engine = world.engine(false);
        let target = engine.model().targets()[1].clone();
        let holder = request(&[]).holder;
        let accepted = async { engine.accept(&[target], "a typo", &holder).await };
        futures::FutureExt::now_or_never(accepted).unwrap()
    };
    version(&mut world, 1);
    assert!(accept(&mut world).unwrap_err().to_string().contains("people edited t"), "edits are to be seen");
    version(&mut world, 0);
    world.run();
    version(&mut world, 1);
    accept(&mut world).unwrap();
    world.take_asked();
    assert_eq!(world.run().calls, 0);
    world.edit("lines.csv", |lines| lines[3]["text"] = json!("other"));
    world.run();
    assert_eq!(world.take_units(), ["t/l4", "u/s2"]);
    assert_eq!(texts(&world, "t")[..4], ["mine", "mine", "text 3/0", "other/1"]);
    world.change_edits("t", |edits| edits.0.clear());
    world.run();
    assert_eq!(world.take_units(), ["t/l2", "u/s1"], "nobody was asked about it under the new definition");
    assert_eq!(texts(&world, "t")[..2], ["text 1/0", "text 2/1"]);
}

#[test]
fn leaves_without_an_edit_are_those_of_the_machine() {
    let mut world = plain();
    world.unwatched();
    world.set("lines.csv", (1..=1500).map(line).collect());
    world.redefine(|file| file["phases"]["t"]["pack"] = json!({"max": 100}));
    world.run();
    let long: Value = json!("long ".repeat(4000));
    for key in ["l1", "l700", "l701", "l1500"] {
        world.person("t", key, &[("text", long.clone())], key != "l700");
    }
    run(&mut world, &["t"]);
    world.edit("lines.csv", |lines| lines.rotate_left(300));
    run(&mut world, &["t"]);
    world.change_edits("t", |edits| drop(edits.0.remove("l701")));
    run(&mut world, &["t"]);
}
