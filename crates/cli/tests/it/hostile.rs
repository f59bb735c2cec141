//! Projects, data and agents that mean harm: nothing leaves the project, and nothing steers a terminal.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use refrain_core::escape::steers;

use crate::project::{Output, TestProject, copying};

/// A project whose source, context and export are given.
fn project(source: &str, context: &str, export: &str) -> TestProject {
    let project = TestProject::new(&copying(source, context, export));
    project.write("lines.csv", "id,text\n1,one\n");
    project.write("notes.txt", "none");
    project.write(".env", "TOKEN=hidden\n");
    fs::create_dir_all(project.path(".git/hooks")).unwrap();
    fs::write(project.outside("lines.csv"), "id,text\n1,outside\n").unwrap();
    fs::write(project.outside("notes.txt"), "outside").unwrap();
    symlink(project.outside(""), project.path("link")).unwrap();
    symlink(project.outside("later.csv"), project.path("later.csv")).unwrap();
    symlink(project.path(".git"), project.path("repository")).unwrap();
    project
}

/// Runs a project that is refused, and fails where anything of it was made or told.
#[track_caller]
fn check_refused(project: &TestProject, part: &str) {
    let before = (project.files(), names(project));
    let output = project.run(&["run", "--progress", "none"]);
    assert_ne!(output.code, Some(0), "{}", output.stdout);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains(part), "`{part}` is not in\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!((project.files(), names(project)), before);
    assert_eq!(project.read("refrain.yaml").lines().next(), Some("refrain: 1"));
}

/// Returns what there is beside the project and in the repository.
fn names(project: &TestProject) -> Vec<String> {
    let folders = [project.outside(""), project.path(".git"), project.path(".git/hooks")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().path().display().to_string()).collect();
    names.sort();
    names
}

const SOURCE: &str = "lines.csv";
const NOTES: &str = "notes.txt";
const EXPORT: &str = "out/lines.csv";

#[test]
fn paths_stay_in_the_project() {
    project(SOURCE, NOTES, EXPORT).run(&["run"]).expect(0);
    let outside = "leads out of the project";
    for source in
        ["../lines.csv", "/etc/passwd", "link/lines.csv", "link/*.csv", "sub/../../lines.csv", "a\0b"]
    {
        check_refused(&project(source, NOTES, EXPORT), if source.contains('\0') { "" } else { outside });
    }
    for context in ["../notes.txt", "/etc/passwd", "link/notes.txt"] {
        check_refused(&project(SOURCE, context, EXPORT), "");
    }
    for export in ["../out.csv", "/refrain-out.csv", "link/out.csv", "later.csv", "link/new/out.csv"] {
        check_refused(&project(SOURCE, NOTES, export), outside);
    }
}

#[test]
fn exports_do_not_steer_programs_and_secrets_are_not_read() {
    let reserved = "is not for pipelines";
    for export in [".git/hooks/out.csv", "repository/hooks/out.csv", ".refrain/out.csv", ".Git/out.csv"] {
        check_refused(&project(SOURCE, NOTES, export), reserved);
    }
    let json = "{ path: refrain.json, format: json }";
    let yaml = project(SOURCE, NOTES, EXPORT);
    yaml.edit("refrain.yaml", "{ path: \"out/lines.csv\" }", json);
    check_refused(&yaml, reserved);
    let secret = project(SOURCE, ".env", EXPORT);
    check_refused(&secret, "");
    assert!(!secret.files().iter().any(|file| file.starts_with("out")));
}

#[test]
fn links_lead_out_where_that_is_allowed() {
    let project = project("link/lines.csv", "link/notes.txt", "link/new/out.csv");
    check_refused(&project, "");
    let folder = project.outside("").display().to_string();
    project.run(&["run", "--allow-outside", &folder]).expect(0);
    assert_eq!(fs::read_to_string(project.outside("new/out.csv")).unwrap(), "id,text\n1,outside\n");
    project.run(&["run", "--allow-outside", "nowhere"]).expect(2);
    let status = project.json(&["status", "--allow-outside", &folder], 0);
    assert!(
        status["phases"].as_array().unwrap().iter().all(|phase| phase["freshness"] == "fresh"),
        "{status}"
    );
}

/// Where a link leads that is not allowed any more, there is no output.
#[test]
fn an_output_behind_a_link_that_is_not_allowed_is_missing() {
    let project = project(SOURCE, NOTES, "link/out.csv");
    let folder = project.outside("").display().to_string();
    project.run(&["run", "--allow-outside", &folder]).expect(0);
    assert_eq!(project.not_fresh(), ["export: stale (output_file)"]);
}

/// Nobody writes to the pipe, so whoever opens it waits.
#[test]
fn a_pipe_in_the_place_of_an_export_is_not_waited_for() {
    let project = project(SOURCE, NOTES, EXPORT);
    fs::create_dir_all(project.path("out")).unwrap();
    assert!(Command::new("mkfifo").arg(project.path(EXPORT)).status().unwrap().success());
    let said = project.run(&["run"]);
    assert_ne!(said.code, Some(0));
    assert!(words(&format!("{}{}", said.stdout, said.stderr)).contains("no regular file"), "{}", said.stderr);
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A repository may come with a state folder that leads elsewhere.
#[test]
fn links_in_the_state_folder_are_refused() {
    let commands: [&[&str]; 4] = [&["run"], &["gc"], &["status"], &["edit", "list"]];
    for name in ["lock", "history-1.log", "format.tmp"] {
        let project = project(SOURCE, NOTES, EXPORT);
        fs::create_dir(project.path(".refrain")).unwrap();
        symlink(project.outside("notes.txt"), project.path(".refrain").join(name)).unwrap();
        for command in commands {
            let said = project.run(command);
            let reads = command == ["status"] && name != "history-1.log" || command[0] == "edit";
            assert!(
                words(&said.stderr).contains("it is a link") || reads,
                "{name}: {command:?}: {}",
                said.stderr
            );
            assert_eq!(fs::read_to_string(project.outside("notes.txt")).unwrap(), "outside");
        }
    }
    for name in [".refrain", ".refrain/logs", ".refrain/tools"] {
        let project = project(SOURCE, NOTES, EXPORT);
        let before = fs::read_dir(project.outside("")).unwrap().count();
        fs::create_dir_all(project.path(name).parent().unwrap()).unwrap();
        symlink(project.outside(""), project.path(name)).unwrap();
        for command in commands {
            let said = project.run(command).expect(2);
            assert!(
                words(&said.stderr).contains("is a link; nothing was written"),
                "{name}: {}",
                said.stderr
            );
        }
        assert_eq!(fs::read_dir(project.outside("")).unwrap().count(), before, "{name}");
        let folder = project.outside("").display().to_string();
        project.run(&["run", "--allow-outside", &folder]).expect(0);
    }
}

/// What an attacker sends to a terminal: a cleared screen, a title, colours by C1, text that turns around or hides.
const STEERING: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{e0041}\rend";

const AGENT: &str = r#"
import json, sys
evil = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\u200b\U000e0041\rend"
for line in sys.stdin.buffer:
    request = json.loads(line)
    sys.stderr.buffer.write(("said " + evil + "\n").encode())
    sys.stderr.flush()
    units = []
    for unit in request["units"]:
        text = unit["input"]["text"]
        if text.startswith("bad"):
            units.append({"id": unit["id"], "error": {"kind": "permanent", "message": "failed " + evil}})
        else:
            units.append({"id": unit["id"], "output": {"text": text + evil}})
    sys.stdout.buffer.write((json.dumps({"call": request["call"], "units": units}) + "\n").encode())
    sys.stdout.flush()
"#;

/// Runs the binary on a terminal of its own and returns what it sent there.
fn on_terminal(project: &TestProject, arguments: &[&str]) -> String {
    const SPAWN: &str = "import pty, sys; pty.spawn(sys.argv[1:])";
    let mut command = std::process::Command::new("python3");
    let plain = project.command(arguments);
    command.arg("-c").arg(SPAWN).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("TERM", "xterm").current_dir(project.path("")).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Removes what the command itself sends: ends of lines, and colours.
fn unpainted(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let codes = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(0);
        match part[codes..].strip_prefix('m') {
            Some(rest) => out.push_str(rest),
            None => out.push_str(&format!("\u{1b}[{part}")),
        }
    }
    out.replace("\r\n", "\n")
}

#[track_caller]
fn check_shown(project: &TestProject, arguments: &[&str], part: &str) {
    let shown = unpainted(&on_terminal(project, arguments));
    let steering: Vec<char> = shown.chars().filter(|c| steers(*c) && !matches!(c, '\n' | '\t')).collect();
    assert!(steering.is_empty(), "{arguments:?} sends {steering:?}:\n{shown:?}");
    assert!(shown.contains(part), "{arguments:?}: `{part}` is not in\n{shown}");
}

#[test]
fn nothing_steers_a_terminal() {
    let project = TestProject::new(
        "\
refrain: 1
name: hostile
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.jsonl } }
    output: { records: lines, key: id }
  copy:
    units: { of: ingest }
    agent: { command: [python3, agent.py], retry: { attempts: 1 } }
    on_unit_failure: continue
    output: { records: lines, key: id }
",
    );
    project.write("agent.py", AGENT);
    let line = |id: &str, text: &str| serde_json::json!({"id": format!("{id}{STEERING}"), "text": format!("{text}{STEERING}")});
    project.write("lines.jsonl", &format!("{}\n{}\n", line("a", "good"), line("b", "bad")));
    check_shown(&project, &["run", "--progress", "plain", "-vv"], "said ");
    for arguments in [
        &["status"][..],
        &["show", "copy"],
        &["show", "copy", "--json"],
        &["why", "copy"],
        &["history"],
        &["ledger"],
        &["logs"],
        &["plan"],
        &["diff", "ingest"],
        &["report"],
    ] {
        check_shown(&project, arguments, "");
    }
    let unit = format!("copy/a{STEERING}");
    check_shown(&project, &["why", &unit], "\\u{1b}");
    project.write(
        "refrain.yaml",
        &format!(
            "refrain: 1\nname: x # {STEERING}\nphases: {{ \"{}\": 1 }}\n",
            STEERING.replace(['\u{1b}', '\u{7}', '\r'], "")
        ),
    );
    check_shown(&project, &["check"], "error");
    project.write("lines.jsonl", &format!("{{\"id\": {STEERING}}}"));
    check_shown(&project, &["-C", STEERING, "status"], "");
    check_shown(&project, &["show", STEERING], "");
}

#[test]
fn what_is_read_by_programs_stays_as_it_is() {
    let project = project(SOURCE, NOTES, EXPORT);
    project.write("lines.csv", "id,text\n1,a\u{200b}b\u{202e}c\n");
    project.run(&["run"]).expect(0);
    let Output { stdout, .. } = project.run(&["show", "ingest"]).expect(0);
    assert!(stdout.contains("a\u{200b}b\u{202e}c"), "{stdout:?}");
}
