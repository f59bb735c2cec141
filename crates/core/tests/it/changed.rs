//! What costs as much as its change: pages read and keys looked up do not grow with the number of units.

use futures::FutureExt as _;
use refrain_schemas::report::RunStatus;
use refrain_schemas::why::UnitChange;
use refrain_testkit::world::World;
use serde_json::json;

use crate::pieces::{line, lines, world};

/// The workload of the benchmarks, in small: scenes of three lines, lines that see their scene, what is said of them.
fn script(n: usize) -> World {
    let mut world = world(json!({
        "context": {"units": {"of": "ingest", "by": "scene"}, "agent": {"builtin": "note"}, "output": {"key": "scene"}},
        "translate": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"},
            "context": {"summary": {"from": "context", "on": "scene"}}},
        "qa": {"units": {"of": "translate"}, "agent": {"builtin": "note"}},
    }));
    world.unwatched();
    world.set("lines.csv", lines(n));
    assert_eq!(world.run().status, RunStatus::Completed);
    world
}

/// Pages read and keys looked up for something that is done to scripts of two sizes.
#[track_caller]
fn check(act: impl Fn(&mut World, usize)) {
    let cost = |n: usize| {
        let mut world = script(n);
        act(&mut world, n);
        world.take_read()
    };
    let (few, many) = (cost(600), cost(4_800));
    assert!(few.0 > 0, "pages are counted");
    // Inner pages are read whole, one for some two thousand lines in each tree; one tree more that is read to its leaves shows.
    assert!(many.0 <= few.0 + 75, "pages read: {} of 600 lines, {} of 4,800", few.0, many.0);
    assert!(many.1 <= few.1.max(20), "keys looked up: {} of 600 lines, {} of 4,800", few.1, many.1);
}

fn edit_and_run(world: &mut World, edit: impl FnOnce(&mut Vec<serde_json::Value>), expect: &[&str]) {
    world.edit("lines.csv", edit);
    world.take_asked();
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.take_units(), expect);
}

#[test]
fn an_edited_line_costs_the_line() {
    check(|world, n| {
        let l = format!("l{}", n / 2 + 1);
        let s = format!("context/s{}", (n / 2 + 1).div_ceil(3));
        let edit = |lines: &mut Vec<serde_json::Value>| lines[n / 2]["text"] = json!("new");
        edit_and_run(world, edit, &[&s, &format!("qa/{l}"), &format!("translate/{l}")]);
    });
}

#[test]
fn a_line_that_comes_costs_the_line() {
    check(|world, n| {
        let mut new = line(9_999);
        new["scene"] = json!(format!("s{}", n / 2 / 3 + 1));
        let s = format!("context/s{}", n / 2 / 3 + 1);
        let edit = |lines: &mut Vec<serde_json::Value>| lines.insert(n / 2 + 1, new);
        edit_and_run(world, edit, &[&s, "qa/l9999", "translate/l9999"]);
    });
}

#[test]
fn nothing_to_do_costs_nothing() {
    let mut world = script(600);
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.take_read(), (0, 0));
}

#[test]
fn a_question_about_a_unit_costs_the_unit() {
    check(|world, n| {
        let engine = world.engine(false);
        let target = engine.target(&crate::pieces::selection("translate")).unwrap();
        let _before = world.take_read();
        let id = format!("l{}", n / 3);
        let why = engine.why(&target, Some(&id), 5).now_or_never().unwrap().unwrap();
        assert_eq!((why.units.len(), why.units[0].change), (1, UnitChange::Same));
        assert!(why.units[0].asks[0].recorded);
    });
}
