//! The history as a report.

use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::AttemptOutcome;
use refrain_schemas::status::HistoryReport;
use refrain_testkit::world::{World, request};
use serde_json::json;

use super::{holder, marked, now, set_text, set_tone, target};

fn history(world: &mut World, phase: Option<&str>) -> HistoryReport {
    let phase = phase.map(|name| name.parse().unwrap());
    now(world.engine(false).history(phase.as_ref())).unwrap()
}

fn revisions(report: &HistoryReport) -> Vec<(String, Option<Freshness>)> {
    let name = |view: &refrain_schemas::status::RevisionView| {
        assert_eq!(view.superseded, view.freshness.is_none());
        (format!("{}#{}", view.record.target, view.record.revision), view.freshness)
    };
    report.revisions.iter().map(name).collect()
}

#[test]
fn what_happened_is_told_in_order() {
    let mut world = marked();
    assert_eq!(history(&mut world, None).runs, []);
    world.run();
    set_text(&mut world, 0, "new");
    world.run_targets(&["mark"]);
    let report = history(&mut world, None);
    let fresh = Some(Freshness::Fresh);
    let expected = [
        ("ingest#1", None),
        ("mark#1", None),
        ("export#1", Some(Freshness::Stale)),
        ("ingest#2", fresh),
        ("mark#2", fresh),
    ];
    assert_eq!(revisions(&report), expected.map(|(name, word)| (name.to_owned(), word)));
    assert_eq!(report.runs.iter().map(|run| run.calls.unwrap()).collect::<Vec<_>>(), [6, 1]);
    assert_eq!(report.runs[1].targets, ["mark"]);

    let report = history(&mut world, Some("export"));
    assert_eq!(revisions(&report), [("export#1".to_owned(), Some(Freshness::Stale))]);
    assert_eq!(report.runs.len(), 1, "the second run had nothing to do with it");
    let phase = "nobody".parse().unwrap();
    let error = now(world.engine(false).history(Some(&phase))).unwrap_err();
    assert_eq!(error.to_string(), "there is no phase `nobody`; there are ingest, mark, export");
}

#[test]
fn attempts_and_waivers_are_told() {
    let mut world = marked();
    world.run_with(&refrain_core::engine::RunRequest { only: true, ..request(&["mark"]) });
    let report = history(&mut world, Some("mark"));
    assert_eq!(
        report.attempts.iter().map(|attempt| attempt.outcome).collect::<Vec<_>>(),
        [AttemptOutcome::Blocked]
    );
    world.run();
    set_tone(&mut world, "warm");
    let engine = world.engine(false);
    now(engine.accept(&[target(&engine, "mark")], "a typo", &holder())).unwrap();
    let report = history(&mut world, Some("mark"));
    assert_eq!((report.waivers.len(), report.waivers[0].reason.as_str()), (1, "a typo"));
    assert_eq!(history(&mut world, Some("ingest")).waivers, []);
}

#[test]
fn a_phase_that_is_gone_has_a_past() {
    let mut world = marked();
    world.run();
    world.redefine(|pipeline| {
        pipeline["phases"] = json!({"ingest": pipeline["phases"]["ingest"]});
    });
    let report = history(&mut world, Some("mark"));
    assert_eq!(report.revisions.len(), 1);
    assert_eq!((report.revisions[0].superseded, report.revisions[0].freshness), (false, None));
}
