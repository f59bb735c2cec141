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

/// A glossary as a French spreadsheet program saves it.
const GLOSSARY: &str = "term;translation;note\nWren;Roitelet;\nWren;Troglodyte;a bird\n";

fn with_glossary(delimiter: &str) -> TestProject {
    let context = format!("{{ file: glossary.csv{delimiter}, match: {{ field: term, in: text }} }}");
    let pipeline = format!(
        "\
refrain: 1
name: terms
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: id }}
  translate:
    units: {{ of: ingest }}
    context: {{ glossary: {context} }}
    agent: {{ builtin: template, params: {{ text: \"{{{{ glossary[0].translation }}}}\" }} }}
    output: {{ records: lines, key: id }}
"
    );
    let project = TestProject::new(&pipeline).file("glossary.csv", GLOSSARY);
    project.file("lines.csv", "id,text\n1,Wren sings\n")
}

#[test]
fn a_glossary_may_have_other_characters_between_its_cells_where_that_is_said() {
    let wrong = with_glossary("").run(&["check"]).expect(2).stdout;
    assert!(wrong.contains("glossary.csv:1:1: error[E0628]: the cells seem to stand between `;`"), "{wrong}");
    assert!(wrong.contains("say `delimiter: \";\"` beside `file:`"), "{wrong}");
    assert!(wrong.ends_with("1 error in glossary.csv\n"), "{wrong}");
    let stopped = with_glossary("").run(&["run"]).expect(2).stderr;
    assert!(stopped.contains("glossary.csv has 1 error; nothing was run"), "{stopped}");

    let project = with_glossary(", delimiter: \";\"");
    let said = project.run(&["check"]).expect(0).stdout;
    assert!(said.contains("glossary.csv:3:1: warning[W0629]: `Wren` is `Roitelet` in line 2 and"), "{said}");
    assert!(said.contains("see glossary.csv:2:1"), "{said}");
    project.run_json(&[], 0);
    assert_eq!(project.run(&["show", "translate"]).expect(0).json()["text"], "Roitelet");
}

#[test]
fn a_source_that_is_missing_is_told_by_all_and_fails_its_phase() {
    let project = TestProject::empty();
    project.run(&["init", "--template", "fanout"]).expect(0);
    assert!(project.run(&["doctor"]).expect(0).stdout.contains("every source is there"));
    std::fs::remove_dir_all(project.path("script")).unwrap();
    let said = "no file script/*.csv";
    let checked = project.run(&["check"]).expect(0);
    assert!(checked.stdout.contains("warning[W0794]") && checked.stdout.contains(said), "{}", checked.stdout);
    let doctor = project.run(&["doctor"]).expect(1);
    assert!(doctor.stdout.contains(said), "{}", doctor.stdout);
    // The plan says what the run does.
    for command in [&["plan"][..], &["run", "--dry-run"], &["run", "--progress", "none"]] {
        let output = project.run(command).expect(1);
        assert!(format!("{}{}", output.stdout, output.stderr).contains(said), "{command:?}: {output:?}");
    }
}
