//! Disks that are full, files that are torn or may not be written, and two runs at once.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Lines};
use std::process::{ChildStdout, Command};

use serde_json::Value;

use crate::crash::{gated, open_gate, start_gated};
use crate::project::{Output, TestProject, phase};
use crate::staleness;

/// Runs a shell script in the project, `$REFRAIN` being the binary.
pub(crate) fn shell(project: &TestProject, before: &[&str], script: &str) -> Output {
    let refrain = project.command(&[]);
    let mut command = Command::new(before.first().unwrap_or(&"sh"));
    command.args(before.iter().skip(1));
    if !before.is_empty() {
        command.arg("sh");
    }
    command.args(["-c", script]).current_dir(project.path("")).env("REFRAIN", refrain.get_program());
    command.envs(refrain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    project.output(&command.output().unwrap())
}

/// Whether file systems can be mounted here, in a name space of its own.
pub(crate) fn may_mount() -> bool {
    let output = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    output.is_ok_and(|output| output.status.success())
}

pub(crate) const ROOT: [&str; 2] = ["unshare", "-m"];

/// Enough lines that their replies fill a small disk.
fn many_lines(project: &TestProject) {
    let lines: String = (0..400).map(|n| format!("line_{n},{}\n", "long ".repeat(60))).collect();
    project.write("lines.csv", &format!("id,text\n{lines}"));
}

#[test]
fn a_file_that_may_not_grow_ends_the_run_and_it_can_be_resumed() {
    let project = staleness::pipeline(", --upper");
    many_lines(&project);
    let output =
        shell(&project, &[], "trap '' XFSZ; ulimit -f 200; exec \"$REFRAIN\" run --progress none").expect(9);
    assert!(output.stderr.starts_with("error: "), "{}", output.stderr);
    assert!(!output.stderr.contains("bug"), "{}", output.stderr);
    project.json(&["status"], 0);
    let ledger = project.json(&["ledger", "--last", "0"], 0);
    let done = ledger["done"].as_u64().unwrap();
    let report = project.run_json(&[], 0);
    assert!(report["calls"].as_u64().unwrap() + done <= 1200, "{done} calls were kept: {}", report["calls"]);
    assert_eq!(project.not_fresh(), [""; 0]);
}

#[test]
fn a_full_disk_ends_the_run_and_it_can_be_resumed() {
    if !may_mount() {
        return a_file_that_may_not_grow_ends_the_run_and_it_can_be_resumed();
    }
    let project = staleness::pipeline(", --upper");
    many_lines(&project);
    let script = "
        set -e
        mkdir .refrain && mount -t tmpfs -o size=2m none .refrain
        dd if=/dev/zero of=.refrain/ballast bs=1k count=1800 2> /dev/null
        code=0; \"$REFRAIN\" run --quiet > first 2>&1 || code=$?
        echo code $code; cat first; cp first ..//first 2> /dev/null || true
        \"$REFRAIN\" status > /dev/null || { echo status failed; exit 1; }
        rm .refrain/ballast; mount -o remount,size=50m .refrain
        \"$REFRAIN\" run --quiet && \"$REFRAIN\" plan --detailed-exitcode > /dev/null";
    let output = shell(&project, &ROOT, script).expect(0);
    assert!(output.stdout.starts_with("code 9\n"), "{}", output.stdout);
    assert!(output.stdout.contains("No space left on device"), "{}", output.stdout);
    assert!(output.stdout.contains("completed"), "{}", output.stdout);
}

#[test]
fn a_log_that_was_cut_off_in_the_middle_is_recovered() {
    let project = staleness::pipeline(", --upper");
    project.run_json(&[], 0);
    let shown = project.run(&["show", "translate@ja"]).expect(0).stdout;
    let logs = store_logs(&project);
    assert!(!logs.is_empty());
    for log in logs {
        let length = fs::metadata(&log).unwrap().len();
        OpenOptions::new().write(true).open(&log).unwrap().set_len(length - 3).unwrap();
    }
    project.json(&["status"], 0);
    let report = project.run_json(&[], 0);
    assert!(report["calls"].as_u64().unwrap() <= 6, "the last frame alone is lost: {report}");
    assert_eq!(project.run(&["show", "translate@ja"]).expect(0).stdout, shown);
    assert_eq!(project.not_fresh(), [""; 0]);
    let log = project.run(&["logs", "--level", "warn"]).expect(0).stdout;
    assert!(log.contains("store recovered"), "{log}");
}

/// Returns the files of the store that grow.
fn store_logs(project: &TestProject) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = Vec::new();
    let mut folders = vec![project.path(".refrain")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("logs") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "log") && fs::metadata(&path).unwrap().len() > 100
            {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn a_run_without_a_log_goes_on_with_a_warning() {
    let project = staleness::pipeline("").file(".refrain/logs", "in the way");
    let output = project.run(&["run", "--progress", "none"]).expect(0);
    assert!(output.stderr.starts_with("warning: this run has no log: "), "{}", output.stderr);
    assert_eq!(project.not_fresh(), [""; 0]);
    project.run_json(&[], 0);
}

#[test]
fn a_project_that_may_not_be_written_can_be_read() {
    if !may_mount() {
        return;
    }
    let project = staleness::pipeline("");
    project.run_json(&[], 0);
    project.edit("lines.csv", "first line", "another line");
    let script = "
        mount --bind . . && cd \"$PWD\" && mount -o remount,bind,ro . || exit 99
        for command in check plan status history ledger 'show translate@ja' 'why translate@ja' logs doctor; do
            \"$REFRAIN\" $command > /dev/null 2>&1; echo $command: $?
        done
        \"$REFRAIN\" run --progress none; echo run: $?";
    let output = shell(&project, &ROOT, script).expect(0);
    for command in
        ["check", "plan", "status", "history", "ledger", "show translate@ja", "why translate@ja", "logs"]
    {
        assert!(output.stdout.contains(&format!("{command}: 0\n")), "{}\n{}", output.stdout, output.stderr);
    }
    assert!(output.stdout.contains("doctor: 9\n"), "{}", output.stdout);
    assert!(output.stdout.ends_with("run: 9\n"), "{}", output.stdout);
    assert!(
        output.stderr.contains("error: ") && output.stderr.contains("Read-only file system"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_second_run_is_refused_and_reading_goes_on() {
    let project = gated();
    let child = start_gated(&project);
    let second = project.run(&["run"]).expect(7);
    assert!(second.stderr.contains(&child.id().to_string()), "{}", second.stderr);
    assert!(second.stderr.contains("refrain run --json"), "{}", second.stderr);
    for writer in [&["gc"][..], &["accept", "shout", "--reason", "x"]] {
        let code = project.run(writer).code;
        assert!(code == Some(7) || (writer[0] == "accept" && code == Some(2)), "{writer:?}: {code:?}");
    }

    let status = project.json(&["status"], 0);
    assert_eq!(status["holder"]["pid"], child.id());
    assert!(status["holder"]["command"].as_str().unwrap().starts_with("refrain run"), "{status}");
    let shout = phase(&status["run"], "shout");
    assert_eq!((&shout["units"]["total"], &shout["locked"]), (&4.into(), &true.into()), "{status}");
    assert!(status["run"]["percent"].as_f64().unwrap() >= 50.0, "ingest is done: {status}");
    let text = project.run(&["status"]).expect(0).stdout;
    assert!(text.contains(&child.id().to_string()) && text.contains("shout"), "{text}");
    for command in ["plan", "history", "ledger"] {
        project.json(&[command], 0);
    }
    assert!(project.run(&["logs"]).expect(0).stdout.contains("run started"));

    open_gate(&project);
    project.output(&child.wait_with_output().unwrap()).expect(0);
    assert_eq!(project.json(&["status"], 0)["holder"], Value::Null);
}

#[test]
fn a_run_is_followed_from_elsewhere() {
    let project = gated();
    let run = start_gated(&project);
    let follow = |arguments: &[&str]| {
        let mut follower = project.command(arguments).spawn().unwrap();
        let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
        (follower, lines)
    };
    let (mut log_follower, mut logs) = follow(&["logs", "--follow", "--json"]);
    let (mut watcher, mut watch) = follow(&["status", "--watch", "--json"]);
    let next = |lines: &mut Lines<BufReader<ChildStdout>>| -> Value {
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    assert_eq!(next(&mut logs)["event"], "run_started");
    assert_eq!(next(&mut watch)["holder"]["pid"], run.id());
    open_gate(&project);
    project.output(&run.wait_with_output().unwrap()).expect(0);
    while next(&mut logs)["event"] != "run_completed" {}
    let end = loop {
        let status = next(&mut watch);
        if status["holder"].is_null() {
            break status;
        }
    };
    crate::schema::check("status", &end);
    assert_eq!(phase(&end, "shout")["freshness"], "fresh");
    // Where the pipe is closed there is nobody left to watch for: both end by themselves, though nothing more happens.
    drop((logs, watch));
    assert!(log_follower.wait().unwrap().success());
    assert!(watcher.wait().unwrap().success());
}
