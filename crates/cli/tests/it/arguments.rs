//! Arguments, errors and exit codes that need no engine.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::TestProject;

#[test]
fn version_is_printed_at_once_and_without_a_project() {
    let project = TestProject::empty();
    let started = Instant::now();
    let output = project.run(&["--version"]).expect(0);
    assert_eq!(output.stdout, format!("refrain {}\n", env!("CARGO_PKG_VERSION")));
    assert!(started.elapsed() < Duration::from_secs(2), "no runtime, no file: {:?}", started.elapsed());
}

#[test]
fn typos_get_suggestions() {
    let project = TestProject::empty();
    let output = project.run(&["stauts"]).expect(2);
    assert!(output.stderr.contains("a similar subcommand exists: 'status'"), "{}", output.stderr);
    let output = project.run(&["schema", "pipelin"]).expect(2);
    assert_eq!(
        output.stderr,
        "error: there is no schema `pipelin`\n  hint: did you mean `pipeline`?\n  hint: `refrain schema` lists them\n"
    );
}

#[test]
fn wrong_arguments_exit_with_2_and_say_what_was_expected() {
    let project = TestProject::empty();
    for (arguments, part) in [
        (&["run", "qa@"][..], "a scope value is missing"),
        (&["run", "qa/line_1"], "too much here"),
        (&["show", "qa#0"], "revisions are numbered from 1"),
        (&["run", "--only"], "required"),
        (&["run", "--offline", "--force"], "cannot be used with"),
        (&["run", "--set", "x"], "write NAME=VALUE"),
        (&["diff", "qa", "1"], "required"),
        (&["accept", "qa"], "--reason"),
        (&["accept", "qa", "--reason", ""], "--reason"),
        (&["gc", "--keep", "0"], "--keep"),
        (&["completions", "tcsh"], "possible values"),
        (&["-q", "-v", "check"], "cannot be used with"),
    ] {
        let output = project.run(arguments).expect(2);
        assert!(output.stderr.contains(part), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
}

#[test]
fn without_a_project_every_command_says_how_to_start_one() {
    let project = TestProject::empty();
    let commands: [&[&str]; 12] = [
        &["check"],
        &["plan"],
        &["run"],
        &["status"],
        &["why", "qa"],
        &["history"],
        &["show", "qa"],
        &["diff", "qa"],
        &["logs"],
        &["ledger"],
        &["accept", "qa", "--reason", "x"],
        &["gc"],
    ];
    for command in commands {
        let output = project.run(command).expect(2);
        assert!(output.stderr.starts_with("error: no project here"), "{command:?}: {}", output.stderr);
        assert!(output.stderr.contains("`refrain init` starts one"), "{command:?}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    let output = project.run(&["-f", "other.yaml", "check"]).expect(2);
    assert!(output.redact(&output.stderr).starts_with("error: there is no pipeline file [DIR]/other.yaml"));
    let output = project.run(&["-C", "nowhere", "check"]).expect(2);
    assert!(output.redact(&output.stderr).starts_with("error: there is no folder [DIR]/nowhere"));
}

#[test]
fn doctor_works_without_a_project() {
    let output = TestProject::empty().run(&["doctor", "--json"]).expect(2);
    insta::assert_snapshot!(
        TestProject::empty().run(&["doctor"]).redacted().replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
    );
    let report = output.json();
    assert_eq!(report["ok"], false);
    let status = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).map(|check| check["status"].clone())
    };
    assert_eq!(status("project"), Some(Value::from("fail")));
    assert_eq!(status("locale"), Some(Value::from("ok")));
    assert_eq!(status("pipeline"), None);
}

#[test]
fn every_schema_is_listed_and_is_json() {
    let project = TestProject::empty();
    let names = project.run(&["schema", "--json"]).expect(0).json();
    let list = project.run(&["schema"]).expect(0).stdout;
    for name in names.as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(list.contains(&format!("\n{name} ")), "{name}");
        assert!(project.run(&["schema", name]).expect(0).json()["$schema"].is_string(), "{name}");
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    let project = TestProject::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = project.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("ledger") && script.contains("max-calls"), "{shell}");
    }
}

#[test]
fn colours_are_used_when_asked_for_and_never_by_themselves() {
    let project = TestProject::empty();
    assert!(!project.run(&["schema"]).expect(0).stdout.contains('\u{1b}'));
    assert!(project.run(&["schema", "--color", "always"]).expect(0).stdout.contains('\u{1b}'));
    assert!(!project.run(&["doctor", "--color", "never"]).stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let project = TestProject::empty();
    let mut child = project.command(&["schema", "pipeline"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let output = project.output(&output).expect(0);
    assert_eq!(output.stderr, "");
}

#[test]
fn logs_are_read_without_a_valid_pipeline() {
    let line = |level: &str, message: &str| {
        format!(
            "{{\"timestamp\":\"2026-03-01T12:00:00.000000Z\",\"level\":\"{level}\",\"event\":\"run_started\",\
             \"run_id\":\"0195c3f0-7a5e-7cc0-8000-000000000000\",\"phase\":null,\"scope\":null,\
             \"message\":\"{message}\",\"data\":null}}\n"
        )
    };
    let project = TestProject::new("not: [a pipeline").file(
        ".refrain/logs/0195c3f0-7a5e-7cc0-8000-000000000000.jsonl",
        &[line("info", "run started"), line("warn", "\\u001b[2Jlook"), line("debug", "c1")].concat(),
    );
    let output = project.run(&["logs"]).expect(0);
    assert_eq!(
        output.stdout,
        "2026-03-01 12:00:00 info  run started\n2026-03-01 12:00:00 warn  \\u{1b}[2Jlook\n"
    );
    assert_eq!(project.run(&["logs", "--last", "1", "--json"]).expect(0).json()["level"], "warn");
    assert_eq!(project.run(&["logs", "--level", "debug"]).expect(0).stdout.lines().count(), 3);
    let output = project.run(&["logs", "--level", "error"]).expect(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", "no such lines in the log\n"));
}
