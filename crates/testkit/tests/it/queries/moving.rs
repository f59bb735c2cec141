//! Replies on their way from one project to another.

use std::io;

use refrain_core::engine::{Engine, EngineError, Lines};
use refrain_core::ports::store::{CallFilter, StoreError};
use refrain_schemas::ledger::{ExportHeader, ExportedReply, ImportReport};
use refrain_testkit::world::{World, request};
use serde_json::{Value, json};

use super::{holder, marked, now, set_text, target};

/// Exports replies as the lines of a file.
fn export(engine: &Engine, targets: &[&str]) -> String {
    let targets: Vec<_> = targets.iter().map(|name| target(engine, name)).collect();
    let mut export = now(engine.export(&targets)).unwrap();
    let mut lines = vec![serde_json::to_string(&export.header()).unwrap()];
    loop {
        let replies = now(export.next()).unwrap();
        if replies.is_empty() {
            return lines.join("\n");
        }
        lines.extend(replies.iter().map(|reply| serde_json::to_string(reply).unwrap()));
    }
}

fn import(engine: &Engine, text: &str) -> Result<ImportReport, EngineError> {
    let lines = || -> io::Result<Lines> {
        Ok(Box::new(text.lines().map(|line| Ok(line.to_owned())).collect::<Vec<_>>().into_iter()))
    };
    now(engine.import(&lines, &holder()))
}

fn counts(report: &ImportReport) -> (u64, u64, u64, usize) {
    (report.imported, report.kept, report.differing, report.keys.len())
}

fn offline(world: &mut World) -> Value {
    let mut request = request(&[]);
    request.offline = true;
    let report = world.run_with(&request);
    json!([report.exit_code, report.calls, report.units.reused])
}

#[test]
fn what_one_project_paid_for_another_answers_from() {
    let mut world = marked();
    world.run();
    let text = export(&world.engine(false), &[]);
    let mut keys = Vec::new();
    for line in text.lines().skip(1) {
        keys.push(serde_json::from_str::<ExportedReply>(line).unwrap().key);
    }
    assert!(keys.is_sorted() && keys.len() == 6, "{keys:?}");
    let header: ExportHeader = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((header.refrain_ledger, header.project.as_str(), header.replies), (1, "test", 6));

    let mut other = world.afresh();
    assert_eq!(offline(&mut other), json!([11, 0, 0]));
    assert_eq!(counts(&import(&other.engine(false), &text).unwrap()), (6, 0, 0, 0));
    assert_eq!(offline(&mut other), json!([0, 0, 6]));
    assert_eq!(other.digests(), world.digests());
    assert_eq!(export(&other.engine(false), &[]), text, "the same replies make the same bytes");
    assert_eq!(counts(&import(&other.engine(false), &text).unwrap()), (0, 6, 0, 0));
    let calls = now(other.engine(false).ports().store.calls(&CallFilter::default())).unwrap();
    assert_eq!(calls, [], "what was imported was not called for");
}

#[test]
fn some_phases_take_the_replies_they_came_from_and_those_they_asked_for() {
    let mut world = super::project(json!({
        "a": {"units": {"of": "ingest"}, "agent": {"builtin": "mark", "params": {"tone": "a"}}, "output": {"key": "id"}},
        "b": {"units": {"of": "ingest"}, "agent": {"builtin": "mark", "params": {"tone": "b"}}, "output": {"key": "id"}},
        // Asks what `a` has asked: its replies were called for by another phase.
        "same": {"units": {"of": "ingest"}, "needs": ["a"], "agent": {"builtin": "mark", "params": {"tone": "a"}},
            "output": {"key": "id"}},
    }));
    world.run();
    let count = |world: &mut World, names: &[&str]| export(&world.engine(false), names).lines().count() - 1;
    assert_eq!(count(&mut world, &[]), 12);
    assert_eq!(count(&mut world, &["a"]), 6);
    assert_eq!(count(&mut world, &["a", "b"]), 12);
    assert_eq!(count(&mut world, &["same"]), 6);
    set_text(&mut world, 1, "new");
    world.run();
    assert_eq!(count(&mut world, &["a"]), 7, "what it asked for once counts too");
    assert_eq!(count(&mut world, &["ingest"]), 0);
}

#[test]
fn a_reply_on_record_is_never_replaced() {
    let mut world = marked();
    world.run();
    let text = export(&world.engine(false), &[]);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut entry: Value = serde_json::from_str(&lines[2]).unwrap();
    entry["reply"] = json!({"text": "something else"});
    lines[2] = entry.to_string();
    let report = import(&world.engine(false), &lines.join("\n")).unwrap();
    assert_eq!(counts(&report), (0, 5, 1, 1));
    assert_eq!(report.keys[0].to_string(), entry["key"].as_str().unwrap());
    assert_eq!(export(&world.engine(false), &[]), text);
    let twice = [lines[0].as_str(), &lines[2], text.lines().nth(2).unwrap(), &lines[2]].join("\n");
    let twice = twice.replacen("\"replies\":6", "\"replies\":3", 1);
    let mut other = world.afresh();
    assert_eq!(counts(&import(&other.engine(false), &twice).unwrap()), (1, 1, 1, 1), "the first one stays");
}

#[test]
fn a_bad_line_names_its_number_and_nothing_is_imported() {
    let mut world = marked();
    world.run();
    let text = export(&world.engine(false), &[]);
    let mut other = world.afresh();
    let check = |other: &mut World, old: &str, new: &str, expected: &str| {
        assert!(text.contains(old), "{old}");
        let error = import(&other.engine(false), &text.replacen(old, new, 1)).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(now(other.engine(false).ports().store.recorded()).unwrap(), []);
    };
    let last = text.lines().last().unwrap();
    let key = &last[8..last.find("\",").unwrap()];
    check(
        &mut other,
        key,
        &key[1..],
        &format!("line 7: {}", digest_error(&key[1..], last.find(',').unwrap() - 1)),
    );
    check(&mut other, last, "{\"key\"", "line 7: EOF while parsing an object at column 6");
    check(
        &mut other,
        "\"refrain_ledger\":1",
        "\"refrain_ledger\":2",
        "line 1: the file has format 2, this version reads 1; use a newer refrain",
    );
    check(&mut other, "\"refrain_ledger\":1", "\"refrain_ledger\":0", "line 1: there is no format 0");
    check(
        &mut other,
        "\"replies\":6",
        "\"replies\":7",
        "line 7: the file ends after 6 replies and its first line promises 7",
    );
    let error = import(&other.engine(false), "").unwrap_err();
    assert_eq!(error.to_string(), "line 1: the file is empty");
    let error = import(&other.engine(false), "[]").unwrap_err().to_string();
    assert!(error.starts_with("line 1: this is not the first line of an exported ledger: "), "{error}");
    let number = text.replacen("{\"text\":", "{\"n\":9007199254740993,\"text\":", 1);
    let error = import(&other.engine(false), &number).unwrap_err().to_string();
    assert!(error.starts_with("line 2: ") && error.contains("beyond 2^53"), "{error}");
}

/// What is said of a key that is none.
fn digest_error(key: &str, column: usize) -> String {
    let error = key.parse::<refrain_schemas::digest::Digest>().unwrap_err();
    format!("{error} at column {column}")
}

#[test]
fn importing_wants_the_writers_place() {
    let mut world = marked();
    world.run();
    let text = export(&world.engine(false), &[]);
    let engine = world.engine(false);
    now(engine.ports().store.begin_writing(&holder())).unwrap();
    let other = world.engine(false);
    let refused = import(&other, &text);
    assert!(matches!(refused, Err(EngineError::Store(StoreError::Held { .. }))), "{refused:?}");
    now(engine.ports().store.end_writing()).unwrap();
    import(&other, &text).unwrap();
}
