//! Ctrl-C, once and twice.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::crash::{assert_gone, gated, open_gate, processes_under, wait_for_lines};
use crate::project::{Output, TestProject, phase};
use crate::schema;

/// Starts a run of the gated project and waits until both clones were asked.
fn start(project: &TestProject, arguments: &[&str]) -> Child {
    let child = project.command(&[&["run", "--progress", "none"], arguments].concat()).spawn().unwrap();
    wait_for_lines(project, "asked", 2);
    child
}

fn interrupt(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Reads standard error up to a text; the rest stays to be read.
fn wait_for(child: &mut Child, text: &str) -> String {
    use std::io::Read as _;
    let pipe = child.stderr.as_mut().unwrap();
    let mut seen = String::new();
    let mut byte = [0];
    while !seen.contains(text) {
        assert_ne!(pipe.read(&mut byte).unwrap(), 0, "{seen}");
        seen.push(char::from(byte[0]));
    }
    seen
}

fn end(project: &TestProject, child: Child) -> Output {
    project.output(&child.wait_with_output().unwrap())
}

#[test]
fn the_first_interrupt_finishes_and_keeps_the_calls_in_flight() {
    for signal in [Signal::INT, Signal::TERM] {
        let project = gated();
        let mut child = start(&project, &[]);
        interrupt(&child, signal);
        wait_for(&mut child, "Ctrl-C again cancels them");
        open_gate(&project);
        let output = end(&project, child).expect(130);
        assert!(output.stdout.contains("`refrain run"), "how to resume: {}", output.stdout);
        let ledger = project.json(&["ledger"], 0);
        assert_eq!((&ledger["done"], &ledger["in_doubt"]), (&2.into(), &0.into()), "no third call left");
        let report = project.run_json(&[], 0);
        assert_eq!((&report["calls"], &phase(&report, "shout")["units"]["reused"]), (&2.into(), &2.into()));
    }
}

/// Nobody waits for what is in flight where the terminal is gone, and programs do not outlive it.
#[test]
fn a_terminal_that_is_gone_cancels_at_once() {
    let project = gated();
    let child = start(&project, &["--json"]);
    let agents = processes_under(child.id());
    interrupt(&child, Signal::HUP);
    let report = end(&project, child).expect(130).json();
    assert_eq!(
        (&report["status"], &phase(&report, "shout")["status"]),
        (&"cancelled".into(), &"cancelled".into())
    );
    assert_gone(&agents);
}

#[test]
fn the_second_interrupt_cancels_at_once() {
    let project = gated();
    let mut child = start(&project, &["--json"]);
    let agents = processes_under(child.id());
    interrupt(&child, Signal::INT);
    wait_for(&mut child, "Ctrl-C again cancels them");
    interrupt(&child, Signal::INT);
    let output = end(&project, child).expect(130);
    let report = output.json();
    schema::check("run", &report);
    assert_eq!((&report["status"], &report["exit_code"]), (&"cancelled".into(), &130.into()));
    assert_eq!(phase(&report, "shout")["status"], "cancelled");
    assert_gone(&agents);
    open_gate(&project);
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "shout")["units"]["ran"], 4);
    assert_eq!(project.not_fresh(), [""; 0]);
}
