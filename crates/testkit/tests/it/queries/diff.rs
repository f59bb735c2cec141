//! Comparing revisions.

use std::collections::BTreeMap;

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
use refrain_schemas::name::Revision;
use refrain_schemas::why::DiffReport;
use refrain_testkit::witnessed_store::WitnessedStore;
use refrain_testkit::world::World;
use serde_json::{Value, json};

use super::{lines, marked, now, over, project, target};

fn diff(world: &mut World, name: &str, revisions: Option<(u32, u32)>) -> Result<DiffReport, String> {
    let engine = world.engine(false);
    let target = target(&engine, name);
    let revisions = revisions.map(|(from, to)| (Revision(from), Revision(to)));
    now(engine.diff(&target, revisions)).map_err(|error| error.to_string())
}

/// Returns the changes as `+key`, `-key` and `~key`.
fn marks(report: &DiffReport) -> Vec<String> {
    let mark = |change: &refrain_schemas::why::RecordChange| {
        let mark = match (&change.old, &change.new) {
            (None, Some(_)) => '+',
            (Some(_), None) => '-',
            (Some(old), Some(new)) if old != new => '~',
            _ => '?',
        };
        format!("{mark}{}", change.key)
    };
    report.changes.iter().map(mark).collect()
}

/// Makes two revisions of records of the form `key` or `key=text`, and compares them.
fn check(old: &[&str], new: &[&str], expected: &[&str]) {
    let mut world = project(json!({}));
    for side in [old, new] {
        let record = |text: &&str| {
            let (id, text) = text.split_once('=').unwrap_or((text, ""));
            json!({"id": id, "text": text})
        };
        world.set("lines.csv", side.iter().map(record).collect());
        world.run();
    }
    let report = diff(&mut world, "ingest", None).unwrap();
    assert_eq!(marks(&report), expected, "{old:?} to {new:?}");
    assert_eq!((report.from, report.to), (Revision(1), Revision(2)));
}

#[test]
fn changes_are_told_in_the_order_of_the_second_revision() {
    check(&["a", "b", "c"], &["a", "b=x", "c"], &["~b"]);
    check(&["a", "b", "c"], &["a", "c", "d"], &["-b", "+d"]);
    check(&["a", "b", "c"], &["x", "a", "c=y"], &["+x", "-b", "~c"]);
    check(&["a", "b"], &["x", "b"], &["-a", "+x"]);
    check(&["a", "b", "c", "d"], &["d", "c", "b", "a"], &[]);
    check(&["a", "b", "c", "d"], &["d", "a=x", "e", "b"], &["-c", "~a", "+e"]);
    check(&["a"], &[], &["-a"]);
    check(&[], &["a"], &["+a"]);
}

#[test]
fn revisions_are_compared_by_number_and_missing_ones_are_named() {
    let mut world = marked();
    assert_eq!(diff(&mut world, "mark", None).unwrap_err(), "mark has no revision yet");
    world.run();
    assert_eq!(diff(&mut world, "mark", None).unwrap_err(), "mark has no revision before 1");
    for n in 0..2 {
        world.edit("lines.csv", |lines| lines[n]["text"] = json!("new"));
        world.run();
    }
    assert_eq!(marks(&diff(&mut world, "mark", None).unwrap()), ["~l2"]);
    assert_eq!(marks(&diff(&mut world, "mark", Some((1, 3))).unwrap()), ["~l1", "~l2"]);
    let back = diff(&mut world, "mark", Some((2, 1))).unwrap();
    assert_eq!(back.changes[0].new.as_ref().unwrap().value()["text"], "text 1:plain");
    assert_eq!(marks(&diff(&mut world, "mark", Some((2, 2))).unwrap()), [""; 0]);
    assert_eq!(diff(&mut world, "mark", Some((1, 4))).unwrap_err(), "mark has no revision 4");
}

#[test]
fn a_document_is_one_record() {
    let mut world = project(json!({
        "sum": {
            "units": {"of": "ingest", "whole": true}, "agent": {"builtin": "count"},
            "output": {"document": "sum"},
        },
    }));
    world.agent("count", |asked| Ok(json!(asked.input["records"].as_array().unwrap().len())));
    for n in [2, 3] {
        world.set("lines.csv", lines(n));
        world.run();
    }
    let report = diff(&mut world, "sum", None).unwrap();
    let [change] = &report.changes[..] else { panic!("{report:?}") };
    let value = |side: &Option<refrain_schemas::json::Json>| side.as_ref().unwrap().value();
    assert_eq!((change.key.as_str(), value(&change.old), value(&change.new)), ("all", json!(2), json!(3)));
}

#[test]
fn comparing_costs_the_difference() {
    let mut world = project(json!({}));
    world.set("lines.csv", lines(5000));
    world.run();
    world.edit("lines.csv", |lines| lines[2500]["text"] = json!("new"));
    world.run();
    let engine = world.engine(false);
    let store = WitnessedStore::counting(engine.ports().store.clone());
    let (engine, target) = (over(&engine, store.clone()), target(&engine, "ingest"));
    assert_eq!(marks(&now(engine.diff(&target, None)).unwrap()), ["~l2501"]);
    let few = store.take_pages();
    now(engine.show(&target, None, 0, None)).unwrap();
    let all = store.take_pages();
    assert!(all > 50 && few * 3 < all, "{few} pages, of {all} of one revision");
}

/// Keys and texts.
type List = Vec<(u32, u8)>;

/// Two lists of records that have much in common, in another order.
fn versions() -> impl Strategy<Value = (List, List)> {
    let old = proptest::collection::btree_map(0..400_u32, 0..2_u8, 0..300);
    old.prop_flat_map(|old| {
        let old: List = old.into_iter().collect();
        let edits = proptest::collection::vec((0..400_u32, proptest::option::of(0..2_u8)), 0..20);
        let moves = proptest::collection::vec((0..300_usize, 0..300_usize), 0..4);
        (Just(old), edits, moves).prop_map(|(old, edits, moves)| {
            let mut new = old.clone();
            for (key, text) in edits {
                let at = new.iter().position(|(other, _)| *other == key);
                match (at, text) {
                    (Some(at), Some(text)) => new[at].1 = text,
                    (Some(at), None) => drop(new.remove(at)),
                    (None, Some(text)) => new.insert(new.len() / 2, (key, text)),
                    (None, None) => {}
                }
            }
            for (from, to) in moves {
                if from < new.len() {
                    let record = new.remove(from);
                    new.insert(to.min(new.len()), record);
                }
            }
            (old, new)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changes_are_exactly_what_differs((old, new) in versions()) {
        let mut world = project(json!({}));
        world.unwatched();
        let records = |list: &[(u32, u8)]| -> Value {
            list.iter().map(|(key, text)| json!({"id": format!("k{key}"), "text": text})).collect()
        };
        for side in [&old, &new] {
            world.set("lines.csv", records(side));
            world.run();
        }
        if old == new {
            return Ok(());
        }
        let report = diff(&mut world, "ingest", Some((1, 2))).unwrap();
        let map = |list: &[(u32, u8)]| -> BTreeMap<String, u8> {
            list.iter().map(|(key, text)| (format!("k{key}"), *text)).collect()
        };
        let (was, is) = (map(&old), map(&new));
        let told: BTreeMap<String, _> = report.changes.iter().map(|change| (change.key.clone(), change)).collect();
        prop_assert_eq!(told.len(), report.changes.len(), "each record once");
        let text = |side: &Option<refrain_schemas::json::Json>| {
            side.as_ref().map(|record| record.value()["text"].as_u64().unwrap() as u8)
        };
        for key in was.keys().chain(is.keys()) {
            let (old, new) = (was.get(key).copied(), is.get(key).copied());
            let told = told.get(key).map(|change| (text(&change.old), text(&change.new)));
            prop_assert_eq!(told, (old != new).then_some((old, new)));
        }
        let order: BTreeMap<String, usize> =
            new.iter().enumerate().map(|(n, (key, _))| (format!("k{key}"), n)).collect();
        let places: Vec<usize> =
            report.changes.iter().filter_map(|change| order.get(&change.key).copied()).collect();
        prop_assert!(places.is_sorted());
    }
}
