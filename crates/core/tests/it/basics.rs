//! A pipeline of three phases from one end to the other.

use refrain_schemas::freshness::CauseKind;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use serde_json::json;

use crate::pieces::{ids, world};

fn three() -> serde_json::Value {
    json!({
        "translate": {
            "per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"},
            "pack": {"max": 4, "within": "scene"}, "output": {"key": "id", "aligned": true},
        },
        "export": {
            "per": ["language"], "units": {"of": "translate"},
            "agent": {"builtin": "write", "params": {"path": "out/{{ scope.language }}.csv"}},
        },
    })
}

#[test]
fn three_phases_run_and_then_have_nothing_to_do() {
    let mut world = world(three());
    let report = world.run();
    assert_eq!((report.status, report.exit_code), (RunStatus::Completed, 0));
    assert_eq!((report.calls, report.units.ran), (4, 12));
    let translated = world.artifact("translate@ja");
    assert_eq!(ids(&translated), ["l1", "l2", "l3", "l4", "l5", "l6"]);
    assert_eq!(translated[0], json!({"id": "l1", "text": "text 1:ja", "scene": "s1"}));
    assert_eq!(world.file("out/fr.csv").unwrap()[5]["text"], "text 6:fr");
    assert_eq!(world.unfresh(), [""; 0]);
    let digests = world.digests();

    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 0));
    assert!(report.phases.iter().all(|phase| phase.status == PhaseStatus::Fresh));
    assert_eq!(report.units.reused, 12);
    assert_eq!(world.digests(), digests);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_changed_line_is_all_that_is_done_again() {
    let mut world = world(three());
    world.run();
    world.take_asked();
    world.edit("lines.csv", |lines| lines[1]["text"] = json!("new"));
    assert_eq!(world.unfresh(), ["export@fr", "export@ja", "ingest", "translate@fr", "translate@ja"]);
    let report = world.run();
    assert_eq!((report.calls, report.units.ran, report.units.reused), (2, 2, 10));
    assert_eq!(world.take_units(), ["translate@fr/l2", "translate@ja/l2"]);
    assert_eq!(world.file("out/ja.csv").unwrap()[1]["text"], "new:ja");
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn an_export_follows_the_files_that_it_patches() {
    let mut phases = three();
    phases["export"]["agent"]["params"]["patch"] = json!("script.txt");
    let mut world = world(phases);
    world.set("script.txt", json!("old"));
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.unfresh(), [""; 0]);

    // A comment in the script: what is read from it stays as it was.
    world.set("script.txt", json!("new"));
    assert_eq!(world.unfresh(), ["export@fr", "export@ja"]);
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 0));
    let export = report.phases.iter().find(|phase| phase.phase.as_str() == "export").unwrap();
    let causes: Vec<_> = export.causes.iter().map(|cause| (cause.kind, cause.subject.as_str())).collect();
    assert_eq!(causes, [(CauseKind::SourceFile, "script.txt")]);
    assert_eq!(world.unfresh(), [""; 0]);

    // One that is gone is a problem of the export, not of the whole run.
    world.remove("script.txt");
    assert_eq!(world.unfresh(), ["export@fr", "export@ja"]);
    assert_eq!(world.run().status, RunStatus::Failed);
}

#[test]
fn an_altered_output_is_written_again() {
    let mut world = world(three());
    world.run();
    world.set("out/ja.csv", json!([]));
    assert_eq!(world.unfresh(), ["export@ja"]);
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.file("out/ja.csv").unwrap().as_array().unwrap().len(), 6);
    world.remove("out/ja.csv");
    assert_eq!(world.unfresh(), ["export@ja"]);
    world.run();
    assert!(world.file("out/ja.csv").is_some());
}

#[test]
fn an_empty_source_is_an_empty_artifact() {
    let mut world = world(three());
    world.set("lines.csv", json!([]));
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 0));
    assert_eq!(world.artifact("translate@ja"), [json!(null); 0]);
    world.set("lines.csv", crate::pieces::lines(2));
    assert_eq!(world.run().units.ran, 4);
    world.set("lines.csv", json!([]));
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.artifact("translate@ja"), [json!(null); 0]);
}

#[test]
fn a_missing_source_fails_its_phase_and_blocks_the_others() {
    let mut world = world(three());
    world.remove("lines.csv");
    let report = world.run();
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 1));
    assert_eq!(report.phases[0].status, PhaseStatus::Failed);
    assert!(report.phases[1..].iter().all(|phase| phase.status == PhaseStatus::Blocked));
    world.set("lines.csv", crate::pieces::lines(2));
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.unfresh(), [""; 0]);
}
