//! Progress, from the file that everybody can read: defined from start to end, and it never falls.

use std::collections::BTreeMap;

use serde_json::Value;

use super::setup::started;
use crate::project::{TestProject, phase, target};

/// Returns the progress of a run, line by line.
fn progress(project: &TestProject, report: &Value) -> Vec<Value> {
    let run = report["run_id"].as_str().unwrap();
    let text = project.read(&format!(".refrain/logs/{run}.progress.jsonl"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What must not fall for one revision of a phase in a language.
fn figures(entry: &Value) -> (f64, u64, u64) {
    let units = &entry["units"];
    let sum = ["ran", "reused", "failed"].iter().filter_map(|count| units[*count].as_u64()).sum();
    (entry["percent"].as_f64().unwrap_or(0.0), sum, entry["calls"].as_u64().unwrap())
}

/// Checks a run's progress; returns the revisions that it tells of, by phase and scope.
#[track_caller]
fn assert_rises(lines: &[Value]) -> BTreeMap<String, Vec<u64>> {
    let (mut run, mut phases) = (0.0, BTreeMap::new());
    let mut revisions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in lines {
        let percent = line["percent"].as_f64().expect("the run always has a percentage");
        assert!((run..=100.0).contains(&percent), "{percent} after {run}");
        run = percent;
        for entry in line["phases"].as_array().unwrap() {
            let (name, now) = (target(entry), figures(entry));
            if let Some(revision) = entry["revision"].as_u64() {
                let known = revisions.entry(name.clone()).or_default();
                if known.last() != Some(&revision) {
                    known.push(revision);
                }
            }
            let before = phases.insert((name.clone(), entry["revision"].clone().to_string()), now);
            if let Some(before) = before {
                assert!(
                    before.0 <= now.0 && before.1 <= now.1 && before.2 <= now.2,
                    "{name}: {now:?} after {before:?}"
                );
            }
            assert!(
                entry["locked"] == true || entry["percent"].is_null(),
                "no percentage before the totals: {entry}"
            );
        }
    }
    let last = lines.last().expect("a line at least");
    assert_eq!((last["percent"].as_f64(), last["status"].is_null()), (Some(100.0), false), "{last}");
    for entry in last["phases"].as_array().unwrap() {
        assert_eq!(entry["percent"], 100.0, "{entry}");
    }
    revisions
}

#[test]
fn progress_is_defined_from_start_to_end_and_never_falls() {
    let project = started(&[]);
    let lines = progress(&project, &project.run_json(&[], 0));
    let revisions = assert_rises(&lines);
    assert_eq!(revisions["translate@ja"], [1]);
    assert_eq!(
        lines[0]["phases"].as_array().unwrap().len(),
        lines.last().unwrap()["phases"].as_array().unwrap().len()
    );
}

#[test]
fn an_early_phase_that_runs_again_opens_a_new_revision() {
    let project = started(&[]);
    // Half-way: everything up to the translation, which then has to be done again.
    assert_rises(&progress(&project, &project.run_json(&["translate"], 0)));
    let before = project.run(&["show", "translate@ja#1"]).expect(0).stdout;
    project.edit("script/main.csv", "I've been called worse", "They call me worse");
    let forced = project.run_json(&["context", "--force"], 0);
    assert_rises(&progress(&project, &forced));
    assert_eq!(phase(&forced, "context")["revision"], 2);
    let report = project.run_json(&[], 0);
    let revisions = assert_rises(&progress(&project, &report));
    assert_eq!(revisions["translate@ja"], [2]);
    assert_eq!(
        project.run(&["show", "translate@ja#1"]).expect(0).stdout,
        before,
        "the old one stays what it was"
    );
}
