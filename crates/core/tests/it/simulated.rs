//! Simulated ports: the same seed gives the same run, and what a run tells of itself never goes back.

use refrain_schemas::event::Level;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::World;
use serde_json::json;

use crate::pieces::{failure, fields, lines, mark, world};

fn busy(seed: u64) -> World {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agents": {"odd": 3}, "pack": {"max": 2},
            "on_unit_failure": "continue"},
        "u": {"gather": ["language"], "units": {"of": "t", "by": "id"}, "agent": {"builtin": "note"}},
        "out": {"gather": ["language"], "units": {"of": "t"},
            "agent": {"builtin": "write", "params": {"path": "out.csv"}}},
        "sum": {"per": ["language"], "units": {"of": "ingest", "chunk": 2}, "agent": {"builtin": "odd2"},
            "on_unit_failure": "continue", "output": {"document": "sums"}},
    }));
    world.redefine(|file| file["agents"] = json!({"odd": {"builtin": "odd", "retry": {"attempts": 3}}}));
    world.agent("odd", |asked| match asked.id.as_str() {
        "l2" if asked.attempt < 3 => Err(failure(FailureKind::Transient)),
        "l5" => Err(failure(FailureKind::Permanent)),
        _ => Ok(mark(asked)),
    });
    world.agent("odd2", |asked| {
        if asked.id == "l3" { Err(failure(FailureKind::Refused)) } else { Ok(json!(asked.id)) }
    });
    world.shuffle(seed);
    world
}

#[test]
fn the_same_seed_gives_the_same_run_event_for_event() {
    let log = |seed| {
        let mut world = busy(seed);
        world.run();
        world.edit("lines.csv", |lines| lines.swap(0, 3));
        world.run();
        serde_json::to_string(&world.log_lines(Level::Debug)).unwrap()
    };
    for seed in 0..5 {
        assert_eq!(log(seed), log(seed));
    }
    assert_ne!(log(1), log(2), "seeds matter");
}

#[test]
fn progress_never_goes_back() {
    for seed in 0..20 {
        let mut world = busy(seed);
        world.set("lines.csv", lines(40));
        world.run();
        let states = world.progress();
        assert!(states.len() > 10);
        let mut before = 0.0;
        for state in &states {
            assert!((before..=100.0).contains(&state.percent), "{before} and then {}", state.percent);
            before = state.percent;
        }
        for pair in states.windows(2) {
            for (old, new) in pair[0].phases.iter().zip(&pair[1].phases) {
                assert_eq!((&old.phase, &old.scope), (&new.phase, &new.scope));
                if old.revision == new.revision {
                    assert!(new.units.ran >= old.units.ran && new.units.failed >= old.units.failed);
                    assert!(new.calls >= old.calls);
                }
            }
        }
    }
}

#[test]
fn partial_things_are_written_gathered_and_put_into_documents() {
    let mut world = busy(3);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    let written = world.file("out.csv").unwrap();
    let written = written.as_array().unwrap();
    assert_eq!(written.len(), 10, "five lines in two languages");
    assert_eq!(written[0]["scope"], json!({"language": "ja"}));
    assert_eq!(world.artifact("sum@ja"), [json!(["l1", "l5"])]);
    assert_eq!(world.holes("sum@fr"), ["l3"]);
    let statuses: Vec<PhaseStatus> = report.phases.iter().map(|phase| phase.status).collect();
    assert!(statuses.contains(&PhaseStatus::Partial));
    world.agent("odd", |asked| Ok(mark(asked)));
    world.agent("odd2", |asked| Ok(json!(asked.id)));
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.unfresh(), [""; 0]);
    assert_eq!(world.artifact("sum@ja"), [json!(["l1", "l3", "l5"])]);
    assert_eq!(fields(world.file("out.csv").unwrap().as_array().unwrap(), "id").len(), 12);
}
