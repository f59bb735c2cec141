//! Pipes, colours and readers that leave; and pipelines with many phases.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::TestProject;
use crate::staleness::pipeline;

#[test]
fn a_run_on_a_pipe_prints_plain_lines() {
    let project = pipeline(", --upper");
    let output = project.run(&["run"]).expect(0);
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
    }
    assert!(
        output.stderr.lines().count() > 10 && output.stderr.contains("run completed"),
        "{}",
        output.stderr
    );
    assert!(output.stdout.contains("completed: 12 calls"), "{}", output.stdout);
}

/// Runs a command on a terminal of its own.
fn on_terminal(project: &TestProject, variables: &[(&str, &str)], arguments: &str) -> Option<String> {
    let refrain = project.command(&[]);
    let line = format!("{} {arguments}", refrain.get_program().to_string_lossy());
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(project.path("")).env_clear();
    command.envs(refrain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn colours_are_for_terminals_unless_told_otherwise() {
    let project = pipeline("");
    project.run_json(&[], 0);
    let term = ("TERM", "xterm");
    let Some(coloured) = on_terminal(&project, &[term], "status") else { return };
    assert!(coloured.contains('\u{1b}') && coloured.contains("translate@ja"), "{coloured:?}");
    for variables in [&[term, ("NO_COLOR", "1")][..], &[("TERM", "dumb")]] {
        let plain = on_terminal(&project, variables, "status").unwrap();
        assert!(!plain.contains('\u{1b}') && plain.contains("translate@ja"), "{variables:?}: {plain:?}");
    }
    assert!(!project.run(&["status"]).expect(0).stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let project = pipeline("");
    let lines: String = (0..3000).map(|n| format!("line_{n},text {n}\n")).collect();
    project.write("lines.csv", &format!("id,text\n{lines}"));
    project.run_json(&["ingest"], 0);
    let refrain = project.command(&[]).get_program().to_string_lossy().into_owned();
    let script = format!("set -o pipefail; {refrain} show ingest | head -1; echo \"${{PIPESTATUS[0]}}\"");
    let output = Command::new("bash").args(["-c", &script]).current_dir(project.path("")).output().unwrap();
    let output = project.output(&output);
    assert_eq!(output.stdout, "{\"id\":\"line_0\",\"text\":\"text 0\"}\n0\n");
    assert_eq!(output.stderr, "");
}

#[test]
fn a_thousand_phases_check_plan_and_show_quickly() {
    let mut text = String::from(
        "refrain: 1\nname: many\nagents: { echo: { command: [fake_agent] } }\nphases:\n  phase-0:\n    agent: { builtin: read, params: { files: lines.csv } }\n    output: { records: lines, key: id }\n",
    );
    for n in 1..1000 {
        let before = n - 1;
        writeln!(
            text,
            "  phase-{n}: {{ units: {{ of: phase-{before} }}, agent: echo, output: {{ records: lines, key: id }} }}"
        )
        .unwrap();
    }
    let project = TestProject::new(&text).file("lines.csv", "id,text\na,one\n");
    for command in ["check", "plan", "status"] {
        let started = Instant::now();
        project.json(&[command], 0);
        assert!(started.elapsed() < Duration::from_secs(10), "{command} took {:?}", started.elapsed());
    }
    let plan = project.json(&["plan"], 0);
    assert_eq!(plan["phases"].as_array().map(Vec::len), Some(1000));
}
