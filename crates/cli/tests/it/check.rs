//! `refrain check`, and what every command says of a pipeline that may not run.

use crate::project::TestProject;

const WRONG: &str = "\
refrain: 1
name: wrong
phases:
  read:
    agent: { builtin: read, params: { files: a.csv } }
    output: { records: rows, key: id }
  greet:
    units: { of: raed }
    agent: { builtin: template, params: { text: hi } }
    output: { records: greetings, key: id }
  part:
    units: { of: read }
    agnt: { builtin: template, params: { text: bye } }
";

#[test]
fn templates_are_valid_as_they_are() {
    for template in ["hello", "fanout"] {
        let project = TestProject::empty();
        project.run(&["init", "--template", template]).expect(0);
        let output = project.run(&["check"]).expect(0);
        assert!(output.stdout.starts_with("ok: refrain.yaml has "), "{template}: {}", output.stdout);
        let report = project.run(&["check", "--json"]).expect(0).json();
        assert_eq!(report["problems"].as_array().map(Vec::len), Some(0), "{template}: {report}");
    }
}

#[test]
fn all_problems_are_shown_with_their_places() {
    let project = TestProject::new(WRONG);
    insta::assert_snapshot!(project.run(&["check"]).expect(2).redacted());
    let report = project.run(&["check", "--json"]).expect(2).json();
    assert_eq!(report["ok"], false);
    assert!(report["problems"].as_array().is_some_and(|problems| problems.len() >= 2), "{report}");
}

#[test]
fn nothing_runs_on_a_pipeline_with_errors_and_nothing_is_written() {
    let project = TestProject::new(WRONG);
    for command in
        [&["plan"][..], &["run"], &["run", "--json"], &["status"], &["why", "greet"], &["gc", "--dry-run"]]
    {
        let output = project.run(command).expect(2);
        assert_eq!(output.stdout, "", "{command:?}");
        assert!(output.stderr.contains("did you mean `read`?"), "{command:?}: {}", output.stderr);
        assert!(output.stderr.contains("; nothing was run"), "{command:?}: {}", output.stderr);
    }
    assert!(!project.path(".refrain").exists());
}

#[test]
fn the_project_is_found_from_a_folder_inside_it() {
    let project = TestProject::empty();
    project.run(&["init", "--template", "fanout"]).expect(0);
    let mut command = project.command(&["check"]);
    let output = command.current_dir(project.path("script")).output().unwrap();
    project.output(&output).expect(0);
}

#[test]
fn phases_and_scopes_that_do_not_exist_get_suggestions() {
    let project = TestProject::empty();
    project.run(&["init", "--template", "fanout"]).expect(0);
    for (address, hint) in [("drfat", "did you mean `draft`?"), ("draft@jp", "did you mean `draft@ja`?")] {
        let output = project.run(&["show", address]).expect(2);
        assert!(output.stderr.contains(hint), "{address}: {}", output.stderr);
    }
    let output = project.run(&["show", "draft"]).expect(2);
    assert!(output.stderr.contains("name one of draft@ja, draft@fr"), "{}", output.stderr);
    let output = project.run(&["status", "--scope", "langauge=ja"]).expect(2);
    assert!(output.stderr.contains("did you mean `language`?"), "{}", output.stderr);
}
