//! What comes after what, and what becomes of those behind.

use refrain_core::engine::{EngineError, RunRequest};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::freshness::{CauseKind, Freshness};
use refrain_schemas::report::{PhaseStatus, RunReport, RunStatus};
use refrain_testkit::world::{World, request};
use serde_json::json;

use crate::pieces::{failure, mark, world};

use PhaseStatus::{Blocked, Completed, Failed, Fresh, Skipped};

fn statuses(report: &RunReport) -> Vec<(String, PhaseStatus)> {
    report.phases.iter().map(|phase| (phase.phase.to_string(), phase.status)).collect()
}

#[track_caller]
fn check(report: &RunReport, expect: &[(&str, PhaseStatus)]) {
    let found = statuses(report);
    let found: Vec<(&str, PhaseStatus)> =
        found.iter().map(|(phase, status)| (phase.as_str(), *status)).collect();
    assert_eq!(found, expect);
}

/// A phase that wants `notes`, whose agent is `odd`.
fn wanting() -> World {
    let mut world = world(json!({
        "notes": {"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "odd"}, "output": {"document": "d"}},
        "t": {"wants": ["notes"], "units": {"of": "ingest"}, "agent": {"builtin": "echo"},
            "context": {"notes": {"from": "notes"}}},
    }));
    world.agent("odd", |_| Ok(json!("the notes")));
    world
}

#[test]
fn a_want_is_read_if_it_is_there() {
    let mut world = wanting();
    check(&world.run(), &[("ingest", Completed), ("notes", Completed), ("t", Completed)]);
    assert_eq!(world.artifact("t")[0]["context"]["notes"], "the notes");
}

#[test]
fn a_want_that_fails_is_recorded_absent_and_makes_stale_when_it_arrives() {
    let mut world = wanting();
    world.agent("odd", |_| Err(failure(FailureKind::Permanent)));
    let report = world.run();
    check(&report, &[("ingest", Completed), ("notes", Failed), ("t", Completed)]);
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!(world.artifact("t")[0]["context"], json!({}), "absent is not empty");
    assert_eq!(world.revision("t").unwrap().lineage.upstream["notes"], None);
    assert_eq!(world.status()["t"], Freshness::Fresh);
    world.agent("odd", |_| Ok(json!("late notes")));
    let report = world.run();
    check(&report, &[("ingest", Fresh), ("notes", Completed), ("t", Completed)]);
    assert_eq!(report.phases[2].causes[0].kind, CauseKind::WantArrived);
    assert_eq!(world.artifact("t")[0]["context"]["notes"], "late notes");
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn the_latest_artifact_of_a_want_that_fails_is_read_and_stays_stale() {
    let mut world = wanting();
    world.run();
    world.agent("odd", |_| Err(failure(FailureKind::Permanent)));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    let report = world.run();
    check(&report, &[("ingest", Completed), ("notes", Failed), ("t", Completed)]);
    let first = world.artifact("t")[0].clone();
    assert_eq!((&first["saw"]["text"], &first["context"]["notes"]), (&json!("new"), &json!("the notes")));
    assert_eq!(world.status()["t"], Freshness::Stale);
    world.agent("odd", |_| Ok(json!("the notes")));
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn empty_absent_and_skipped_are_three_things() {
    let see = |edit: &dyn Fn(&mut World)| {
        let mut world = world(json!({
            "some": {"agent": {"builtin": "read", "params": {"files": "some.csv"}}, "output": {"key": "id"}},
            "t": {"wants": ["some"], "units": {"of": "ingest"}, "agent": {"builtin": "echo"},
                "context": {"some": {"from": "some"}, "mine": {"from": "some", "on": "id"}}},
        }));
        edit(&mut world);
        world.run();
        (world.artifact("t")[0]["context"].clone(), world.digest("t"))
    };
    let (empty, one) = see(&|world| world.set("some.csv", json!([])));
    assert_eq!(empty, json!({"some": [], "mine": null}));
    let (absent, two) = see(&|_| {});
    assert_eq!(absent, json!({}));
    let (skipped, three) =
        see(&|world| world.redefine(|file| file["phases"]["some"]["when"] = json!("false")));
    assert_eq!(skipped, json!({}));
    assert_ne!(one, two);
    assert_eq!(two, three);
}

#[test]
fn needs_for_the_order_alone_pass_on_no_change() {
    let mut world = world(json!({
        "check": {"units": {"of": "ingest"}, "agent": {"builtin": "odd"}},
        "t": {"needs": ["check"], "units": {"of": "ingest"}, "agent": {"builtin": "note"}},
    }));
    world.agent("odd", |asked| Ok(mark(asked)));
    world.run();
    world.take_asked();
    world.redefine(|file| file["phases"]["check"]["agent"]["version"] = json!("2"));
    world.agent("odd", |_| Ok(json!({"text": "other"})));
    let report = world.run();
    check(&report, &[("ingest", Fresh), ("check", Completed), ("t", Fresh)]);
    world.agent("odd", |_| Err(failure(FailureKind::Permanent)));
    world.redefine(|file| file["phases"]["check"]["agent"]["version"] = json!("3"));
    check(&world.run(), &[("ingest", Fresh), ("check", Failed), ("t", Blocked)]);
}

#[test]
fn the_first_alternative_that_is_there_is_split() {
    let mut world = world(json!({
        "translate": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "edit": {"when": "params.edit", "units": {"of": "translate"}, "agent": {"builtin": "odd"}},
        "t": {"units": {"of": ["edit", "translate"]}, "agent": {"builtin": "echo"}},
    }));
    world.redefine(|file| file["params"] = json!({"edit": {"default": false}}));
    world.agent("odd", |_| Ok(json!({"text": "edited"})));
    let report = world.run();
    assert_eq!(report.phases[2].status, Skipped);
    assert_eq!(world.artifact("t")[0]["saw"]["text"], "text 1:-");
    assert_eq!(world.unfresh(), ["edit"]);
    world.set_param("edit", json!(true));
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.artifact("t")[0]["saw"]["text"], "edited");
    assert_eq!(world.unfresh(), [""; 0]);
    world.set_param("edit", json!(false));
    assert_eq!(world.unfresh(), ["edit", "t"]);
    world.run();
    assert_eq!(world.artifact("t")[0]["saw"]["text"], "text 1:-");
}

#[test]
fn an_alternative_that_is_context_as_well_is_read() {
    let mut world = world(json!({
        "translate": {"units": {"of": "ingest"}, "agent": {"builtin": "odd"}},
        "edit": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "t": {"units": {"of": ["edit", "translate"]}, "agent": {"builtin": "echo"},
            "context": {"first": {"from": "translate", "on": "id"}}},
    }));
    world.agent("odd", |_| Ok(json!({"text": "one"})));
    world.run();
    world.redefine(|file| file["phases"]["translate"]["agent"]["version"] = json!("2"));
    world.agent("odd", |_| Ok(json!({"text": "two"})));
    world.run();
    let record = world.artifact("t")[0].clone();
    assert_eq!(
        (&record["saw"]["text"], &record["context"]["first"]["text"]),
        (&json!("text 1:-"), &json!("two"))
    );
}

#[test]
fn a_skipped_phase_takes_those_along_who_need_it() {
    let mut world = world(json!({
        "few": {"when": "phases.ingest.records > 3", "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "hard": {"units": {"of": "few"}, "agent": {"builtin": "echo"}},
        "soft": {"wants": ["few"], "units": {"of": "ingest"}, "agent": {"builtin": "note"}},
    }));
    world.set("lines.csv", crate::pieces::lines(2));
    let report = world.run();
    check(&report, &[("ingest", Completed), ("few", Skipped), ("hard", Skipped), ("soft", Completed)]);
    assert_eq!((report.status, report.exit_code), (RunStatus::Completed, 0));
    world.set("lines.csv", crate::pieces::lines(4));
    let report = world.run();
    check(&report, &[("ingest", Completed), ("few", Completed), ("hard", Completed), ("soft", Completed)]);
    world.set("lines.csv", crate::pieces::lines(3));
    world.run();
    assert_eq!(world.status()["hard"], Freshness::Skipped, "no current artifact");
    assert_eq!(world.status()["soft"], Freshness::Fresh);
}

#[test]
fn a_condition_sees_scope_and_params() {
    let mut world = world(json!({
        "t": {"per": ["language"], "when": "scope.language == params.only", "units": {"of": "ingest"},
            "agent": {"builtin": "mark"}},
    }));
    world.redefine(|file| file["params"] = json!({"only": {"default": "fr"}}));
    check(&world.run(), &[("ingest", Completed), ("t", Skipped), ("t", Completed)]);
}

#[test]
fn a_disabled_phase_is_nobodys_need() {
    let mut world = world(json!({
        "notes": {"enabled": false, "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "t": {"needs": ["notes"], "units": {"of": "ingest"}, "agent": {"builtin": "note"}},
    }));
    check(&world.run(), &[("ingest", Completed), ("t", Completed)]);
    let refused = world.try_run(&request(&["notes"]), &refrain_core::engine::Control::default());
    assert!(matches!(refused, Err(EngineError::Disabled { .. })));
}

fn chain() -> World {
    world(json!({
        "a": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "b": {"per": ["language"], "units": {"of": "a"}, "agent": {"builtin": "echo"}},
        "other": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}},
    }))
}

#[test]
fn named_phases_bring_what_they_need() {
    let mut world = chain();
    check(&world.run_targets(&["b@ja"]), &[("ingest", Completed), ("a", Completed), ("b", Completed)]);
    assert_eq!(world.unfresh(), ["a@fr", "b@fr", "other"]);
    let refused = world.try_run(&request(&["b@de"]), &refrain_core::engine::Control::default());
    assert!(matches!(refused, Err(EngineError::UnknownScope { .. })));
    let request = RunRequest { scopes: vec![("language".to_owned(), "fr".to_owned())], ..request(&["b"]) };
    check(&world.run_with(&request), &[("ingest", Fresh), ("a", Completed), ("b", Completed)]);
}

#[test]
fn only_runs_against_what_there_is() {
    let mut world = chain();
    let only = |target: &str| RunRequest { only: true, ..request(&[target]) };
    let report = world.run_with(&only("b@ja"));
    check(&report, &[("b", Blocked)]);
    assert_eq!((report.status, report.exit_code), (RunStatus::Blocked, 8));
    assert_eq!(report.phases[0].error.as_ref().unwrap().missing[0].to_string(), "a@ja");
    world.run();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    check(&world.run_with(&only("b@ja")), &[("b", Completed)]);
    assert_eq!(world.status()["b@ja"], Freshness::Stale, "what it reads is stale");
    assert_eq!(world.artifact("b@ja")[0]["saw"]["text"], "text 1:ja");
    check(&world.run_with(&only("ingest")), &[("ingest", Completed)]);
    assert_eq!(world.status()["b@ja"], Freshness::Stale);
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn every_cause_is_named() {
    let mut world = world(json!({
        "t": {"units": {"of": "ingest"}, "context": {"g": {"file": "g.csv"}}, "agent": {"builtin": "mark"}},
    }));
    world.set("g.csv", json!([]));
    world.run();
    world.set("g.csv", json!([{"term": "x"}]));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.redefine(|file| file["phases"]["t"]["agent"]["version"] = json!("2"));
    let report = world.run();
    let kinds: Vec<CauseKind> = report.phases[1].causes.iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::Agent, CauseKind::Upstream, CauseKind::ContextFile]);
}

#[test]
fn bad_data_is_a_diagnostic() {
    let mut world = world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}}}));
    world.redefine(|file| file["phases"]["ingest"]["output"]["schema"] = json!("line.json"));
    world.set("line.json", json!({"required": ["text"]}));
    world.edit("lines.csv", |lines| lines[1] = json!({"id": "l2"}));
    let report = world.run();
    check(&report, &[("ingest", Failed), ("t", Blocked)]);
    assert!(report.phases[0].error.as_ref().unwrap().message.contains("`l2`"));
}

#[test]
fn the_word_of_a_run_is_the_word_of_the_status_behind_it() {
    let mut world = world(json!({
        "notes": {"units": {"of": "ingest"}, "agent": {"builtin": "odd"}},
        "t": {"wants": ["notes"], "units": {"of": "ingest"}, "agent": {"builtin": "note"},
            "context": {"notes": {"from": "notes"}}},
        "u": {"units": {"of": "t"}, "agent": {"builtin": "echo"}},
    }));
    world.agent("odd", |asked| Ok(mark(asked)));
    world.run();
    world.agent("odd", |_| Err(failure(FailureKind::Permanent)));
    world.redefine(|file| file["phases"]["notes"]["agent"]["version"] = json!("2"));
    let report = world.run();
    assert_eq!(world.unfresh(), ["notes", "t", "u"]);
    assert!(report.phases[1..].iter().all(|phase| phase.status != Fresh), "nothing stale passes for fresh");
    assert_eq!(report.calls, 1, "but nothing is asked again");
}
