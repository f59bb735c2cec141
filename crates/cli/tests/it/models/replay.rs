//! What was paid for once answers again, without anybody being asked.

use refrain_testkit::provider::{Provider, Settings};

use super::setup::{Shape, project, provider};
use crate::project::TestProject;

fn shape() -> Shape {
    Shape { lines: 20, ..Shape::default() }
}

/// Returns a project that has run, and the provider that served it.
fn recorded() -> (TestProject, Provider) {
    let provider = provider(Settings::default());
    let project = project(&provider.url(), &shape());
    project.run_json(&[], 0);
    (project, provider)
}

#[test]
fn what_the_ledger_has_is_answered_offline() {
    let (project, provider) = recorded();
    let made = project.run(&["show", "translate"]).expect(0).stdout;
    project.edit("lines.csv", "The door 7 is open", "The door 7 is shut");
    project.run_json(&[], 0);
    project.edit("lines.csv", "The door 7 is shut", "The door 7 is open");
    let before = provider.arrived();
    drop(provider);
    let report = project.run_json(&["--offline"], 0);
    assert_eq!((before, &report["calls"]), (21, &0.into()));
    assert_eq!(project.run(&["show", "translate"]).expect(0).stdout, made);
}

#[test]
fn what_the_ledger_lacks_fails_loudly_beside_what_comes_nearest() {
    let (project, provider) = recorded();
    project.edit("lines.csv", "The door 7 is open", "The door 7 is ajar");
    let output = project.run(&["run", "--offline"]).expect(11);
    let said = format!("{}{}", output.stdout, output.stderr);
    for expected in ["line_00007", "ajar", "open"] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    assert_eq!(provider.arrived(), 20);
}

#[test]
fn a_second_project_is_answered_from_what_the_first_one_exports() {
    let (first, provider) = recorded();
    let file = first.outside("replies.jsonl");
    first.run(&["ledger", "export", &file.to_string_lossy()]).expect(0);
    let second = project(&provider.url(), &shape());
    second.write(".env", "");
    second.run(&["run", "--offline"]).expect(11);
    second.run(&["ledger", "import", &file.to_string_lossy()]).expect(0);
    let report = second.run_json(&["--offline"], 0);
    assert_eq!((&report["calls"], provider.arrived()), (&0.into(), 20));
    let show = |project: &TestProject| project.run(&["show", "translate"]).expect(0).stdout;
    assert_eq!(show(&second), show(&first));
    let exported = std::fs::read_to_string(file).unwrap();
    assert!(!exported.contains(super::setup::KEY));
}
