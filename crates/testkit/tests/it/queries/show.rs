//! What a revision holds.

use refrain_core::engine::{EngineError, Shown};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_testkit::witnessed_store::WitnessedStore;
use refrain_testkit::world::World;
use serde_json::{Value, json};

use super::{lines, marked, now, over, project, set_text, shown, target};

/// Every seventh line fails.
fn with_holes(n: usize) -> World {
    let mut world = project(json!({
        "mark": {
            "units": {"of": "ingest"}, "agent": {"builtin": "some"}, "pack": {"max": 100},
            "on_unit_failure": "continue", "output": {"key": "id"},
        },
    }));
    world.agent("some", |asked| {
        let number: usize = asked.id[1..].parse().unwrap();
        let failure = Failure { kind: FailureKind::Refused, message: "no".to_owned() };
        if number.is_multiple_of(7) { Err(failure) } else { Ok(json!({"n": number})) }
    });
    world.unwatched();
    world.set("lines.csv", lines(n));
    world.run();
    world
}

#[test]
fn records_are_counted_without_the_holes() {
    let mut world = with_holes(500);
    let all: Vec<Value> = world.artifact("mark");
    assert_eq!(all.len(), 500 - 71);
    let engine = world.engine(false);
    let target = target(&engine, "mark");
    let check = |offset: usize, limit: Option<usize>| {
        let found = now(engine.show(&target, None, offset as u64, limit.map(|n| n as u64))).unwrap();
        let Shown::Records(found) = found else { panic!("{found:?}") };
        let found: Vec<Value> = found.iter().map(refrain_schemas::json::Json::value).collect();
        let expected = all.iter().skip(offset).take(limit.unwrap_or(usize::MAX));
        assert!(found.iter().eq(expected), "from {offset}, {limit:?}");
    };
    for offset in (0..440).step_by(3) {
        [None, Some(0), Some(1), Some(50), Some(usize::MAX)].into_iter().for_each(|n| check(offset, n));
    }
}

#[test]
fn only_the_pages_that_are_shown_are_read() {
    let mut world = with_holes(3000);
    let engine = world.engine(false);
    let store = WitnessedStore::counting(engine.ports().store.clone());
    let (engine, target) = (over(&engine, store.clone()), target(&engine, "mark"));
    now(engine.show(&target, None, 0, None)).unwrap();
    let all = store.take_pages();
    now(engine.show(&target, None, 1500, Some(1))).unwrap();
    let few = store.take_pages();
    assert!(all > 30 && few * 4 < all, "{few} of {all} pages");
}

#[test]
fn a_document_and_files_are_shown_as_what_they_are() {
    let mut world = project(json!({
        "sum": {"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "note"}, "output": {"document": "sum"}},
        "export": {"units": {"of": "ingest"}, "agent": {"builtin": "write", "params": {"path": "out.csv"}}},
    }));
    world.run();
    assert_eq!(shown(&mut world, "sum", None), json!({"text": "ok"}));
    assert_eq!(shown(&mut world, "export", None), json!(["out.csv"]));
}

#[test]
fn a_revision_is_shown_by_its_number() {
    let mut world = marked();
    let error = |world: &mut World, revision| {
        let engine = world.engine(false);
        let target = target(&engine, "mark");
        let error = now(engine.show(&target, revision, 0, None)).unwrap_err();
        assert!(matches!(error, EngineError::NoRevision { .. }));
        error.to_string()
    };
    assert_eq!(error(&mut world, None), "mark has no revision yet");
    world.run();
    set_text(&mut world, 0, "new");
    world.run();
    assert_eq!(shown(&mut world, "mark", Some(1))[0]["text"], "text 1:plain");
    assert_eq!(shown(&mut world, "mark", Some(2))[0]["text"], "new:plain");
    assert_eq!(shown(&mut world, "mark", None)[0]["text"], "new:plain");
    assert_eq!(error(&mut world, Some(refrain_schemas::name::Revision(3))), "mark has no revision 3");
}
