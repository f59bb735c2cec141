//! Forgetting old revisions.

use refrain_core::engine::{EngineError, GcReport, GcRequest};
use refrain_core::ports::store::Collected;
use refrain_schemas::freshness::Freshness;
use refrain_testkit::world::World;
use serde_json::json;

use super::{holder, marked, now, project, set_text, set_tone, shown, target};

/// Keeps the latest revisions alone.
const LATEST: GcRequest = GcRequest { keep: 1, replies: false, exports: false, dry_run: false };

fn gc(world: &mut World, keep: u32, replies: bool, dry_run: bool) -> GcReport {
    let engine = world.engine(false);
    now(engine.gc(GcRequest { keep, replies, exports: false, dry_run }, &holder())).unwrap()
}

fn forgotten(report: &GcReport) -> Vec<String> {
    report.revisions.iter().map(|(target, revision)| format!("{target}#{revision}")).collect()
}

/// Makes so many revisions of everything, each with another first line.
fn with_revisions(n: usize) -> World {
    let mut world = marked();
    for n in 1..=n {
        set_text(&mut world, 0, &format!("version {n}"));
        world.run();
    }
    world.take_asked();
    world
}

#[test]
fn the_latest_revisions_stay_and_go_on() {
    let mut world = with_revisions(4);
    let report = gc(&mut world, 2, false, false);
    let expected = ["ingest#1", "mark#1", "export#1", "ingest#2", "mark#2", "export#2"];
    assert_eq!(forgotten(&report), expected);
    assert!(report.collected.pages > 0 && report.collected.replies == 0);
    for revision in [3, 4] {
        let text = format!("version {revision}:plain");
        assert_eq!(shown(&mut world, "mark", Some(revision))[0]["text"], text.as_str());
    }
    let engine = world.engine(false);
    let mark = target(&engine, "mark");
    let error = now(engine.show(&mark, Some(refrain_schemas::name::Revision(2)), 0, None));
    assert!(matches!(error, Err(EngineError::NoRevision { .. })));
    drop(engine);
    assert_eq!(world.unfresh(), [""; 0]);
    let again = gc(&mut world, 2, true, false);
    assert_eq!((again.collected.pages, again.collected.history, forgotten(&again).len()), (0, 0, 0));
    set_text(&mut world, 3, "new");
    assert_eq!((world.run().calls, world.take_units()), (1, vec!["mark/l4".to_owned()]));
    assert_eq!(world.revision("mark").unwrap().revision.0, 5, "numbers are never used again");
}

#[test]
fn a_dry_run_says_what_would_go_and_removes_nothing() {
    let mut world = with_revisions(3);
    let n_entries = world.history().n_entries();
    let told = gc(&mut world, 1, true, true);
    assert!(told.collected.pages > 0 && told.collected.replies == 2 && told.collected.history == 6);
    assert_eq!(world.history().n_entries(), n_entries);
    assert_eq!(shown(&mut world, "mark", Some(1))[0]["text"], "version 1:plain");
    assert_eq!(gc(&mut world, 1, true, false), told);
}

#[test]
fn what_a_kept_revision_was_made_from_stays() {
    let mut world = with_revisions(1);
    set_text(&mut world, 3, "new");
    world.run_targets(&["ingest"]);
    assert_eq!(forgotten(&gc(&mut world, 1, false, false)), ["ingest#1"]);
    assert_eq!(world.status()["mark"], Freshness::Stale);
    let report = world.run();
    assert_eq!((report.units.ran, world.take_units()), (1, vec!["mark/l4".to_owned()]));
}

#[test]
fn at_least_one_revision_stays() {
    let mut world = with_revisions(2);
    assert_eq!(forgotten(&gc(&mut world, 0, false, false)), ["ingest#1", "mark#1", "export#1"]);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn replies_go_only_where_that_is_asked_for() {
    for (replies, calls) in [(false, 0), (true, 1)] {
        let mut world = with_revisions(2);
        gc(&mut world, 1, replies, false);
        // Another rule makes every unit be looked at; its reply is still there.
        world.redefine(|pipeline| pipeline["phases"]["mark"]["merge"] = json!("last"));
        assert_eq!(world.run().calls, 0);
        set_text(&mut world, 0, "version 1");
        assert_eq!(world.run().calls, calls, "the reply of a forgotten revision, with --replies: {replies}");
    }
}

#[test]
fn replies_of_every_rung_stay() {
    let mut world = project(json!({
        "judge": {
            "units": {"of": "ingest"}, "fan": "cascade", "accept": "reply.text != 'ok'",
            "agents": {"a": 1, "b": 1}, "output": {"key": "id"},
        },
    }));
    world.redefine(|pipeline| {
        pipeline["agents"] = json!({"a": {"builtin": "note"}, "b": {"builtin": "mark"}});
    });
    assert_eq!(world.run().calls, 12);
    assert_eq!(gc(&mut world, 1, true, false).collected.replies, 0);
    world.redefine(|pipeline| pipeline["phases"]["judge"]["merge"] = json!("last"));
    assert_eq!(world.run().calls, 0);
}

#[test]
fn what_was_accepted_stays_accepted() {
    let mut world = with_revisions(2);
    set_tone(&mut world, "warm");
    let engine = world.engine(false);
    now(engine.accept(&[target(&engine, "mark")], "a typo", &holder())).unwrap();
    drop(engine);
    world.set("glossary.csv", json!([{"term": "nothing", "means": "nothing"}]));
    assert!(gc(&mut world, 1, true, false).collected.replies > 0);
    world.redefine(|pipeline| pipeline["phases"]["mark"]["merge"] = json!("last"));
    world.take_asked();
    world.run();
    assert_eq!(world.take_units(), ["mark/l2"], "the one that saw the glossary");
}

#[test]
fn a_phase_that_is_gone_is_forgotten_with_its_waivers() {
    let mut world = with_revisions(1);
    set_tone(&mut world, "warm");
    let engine = world.engine(false);
    now(engine.accept(&[target(&engine, "mark")], "a typo", &holder())).unwrap();
    drop(engine);
    let phases = world.model().phases.len();
    let mut without = project(json!({}));
    let mut kept = serde_json::Value::Null;
    world.redefine(|pipeline| {
        kept = pipeline["phases"].take();
        pipeline["phases"] = json!({"ingest": kept["ingest"]});
    });
    assert_eq!((phases, without.model().phases.len()), (3, 1));
    assert_eq!(forgotten(&gc(&mut world, 3, false, false)), ["mark#1", "export#1"]);
    // The phase comes back with another definition than the one that was accepted: its revision 1 is a new one.
    world.redefine(|pipeline| pipeline["phases"] = kept);
    set_tone(&mut world, "plain");
    world.run();
    assert_eq!(world.revision("mark").unwrap().revision.0, 1);
    assert_eq!(world.unfresh(), [""; 0]);
    set_tone(&mut world, "warm");
    assert_eq!(world.status()["mark"], Freshness::Stale);
}

#[test]
fn the_last_attempt_still_counts() {
    let mut world = project(json!({
        "judge": {
            "units": {"of": "ingest"}, "fan": "panel", "merge": "error",
            "agents": {"a": 1, "b": 1}, "output": {"key": "id"},
        },
    }));
    world.redefine(|pipeline| {
        pipeline["agents"] = json!({"a": {"builtin": "note"}, "b": {"builtin": "mark"}});
    });
    world.run();
    gc(&mut world, 1, false, false);
    assert_eq!(world.status()["judge"], Freshness::Failed);
    let engine = world.engine(false);
    assert_eq!(now(engine.conflicts(&target(&engine, "judge"), None)).unwrap().len(), 6);
}

#[test]
fn old_runs_are_forgotten() {
    let mut world = marked();
    (0..60).for_each(|_| drop(world.run()));
    let collected = gc(&mut world, 1, false, false).collected;
    assert_eq!(collected, Collected { history: 20, ..Collected::default() });
    assert_eq!(world.history().runs().len(), 50);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn a_project_that_is_held_is_left_alone() {
    let mut world = with_revisions(2);
    let (engine, other) = (world.engine(false), world.engine(false));
    now(other.ports().store.begin_writing(&holder())).unwrap();
    let error = now(engine.gc(LATEST, &holder())).unwrap_err();
    assert!(error.to_string().starts_with("the project is held by"), "{error}");
    now(other.ports().store.end_writing()).unwrap();
    now(engine.gc(LATEST, &holder())).unwrap();
    assert_eq!(now(engine.ports().store.holder()).unwrap(), None, "the place is free again");
}

#[test]
fn what_people_edited_stays_and_what_machines_said_below_it() {
    let mut world = with_revisions(1);
    let plain = shown(&mut world, "mark", None);
    world.person("mark", "l2", &[("text", json!("mine"))], true);
    world.person("mark", "l3", &[("text", json!("mine too"))], false);
    set_text(&mut world, 0, "version 2");
    world.run();
    world.take_asked();
    gc(&mut world, 1, true, false);
    let edited = shown(&mut world, "mark", None);
    assert_eq!((&edited[1]["text"], &edited[2]["text"]), (&json!("mine"), &json!("mine too")));
    assert_eq!(world.edits("mark").0.len(), 2);
    assert_eq!(world.to_review("mark"), []);
    world.change_edits("mark", |edits| drop(edits.0.remove("l3")));
    set_text(&mut world, 3, "new");
    assert_eq!((world.run().calls, world.take_units()), (1, vec!["mark/l4".to_owned()]));
    let taken_back = shown(&mut world, "mark", None);
    assert_eq!((&taken_back[1]["text"], &taken_back[2]), (&json!("mine"), &plain[2]));
}
