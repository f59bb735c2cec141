//! Kills: whatever moment a run is killed at, nothing that came back is bought twice.

mod certificate;
mod figures;
mod strike;
mod subject;

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::{TestProject, phase};

/// Lets a run go on for a while; returns whether it had to be killed.
pub(crate) fn run_for(project: &TestProject, arguments: &[&str], time: Duration) -> bool {
    let mut child = project.command(&[&["run", "--quiet"], arguments].concat()).spawn().unwrap();
    let end = Instant::now() + time;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        thread::sleep(Duration::from_micros(500).min(end.saturating_duration_since(Instant::now())));
    }
    let is_killed = child.try_wait().unwrap().is_none();
    kill(child);
    is_killed
}

fn kill(mut child: Child) {
    // An agent that holds the pipes must not be able to make this test wait.
    drop((child.stdout.take(), child.stderr.take()));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until a file has so many lines.
pub(crate) fn wait_for_lines(project: &TestProject, file: &str, n: usize) {
    let patience = Instant::now() + Duration::from_secs(20);
    let lines = || std::fs::read_to_string(project.outside(file)).unwrap_or_default().lines().count();
    while lines() < n {
        assert!(Instant::now() < patience, "{file} has {} lines of {n}", lines());
        thread::sleep(Duration::from_millis(2));
    }
}

/// Four lines, two clones; agents wait for the file `gate`.
pub(crate) fn gated() -> TestProject {
    let text = "\
refrain: 1
name: gated
agents:
  slow: { command: [fake_agent, --upper, --asked, OUTSIDE/asked, --wait, OUTSIDE/gate, --log, OUTSIDE/answered] }
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.csv } }
    output: { records: lines, key: id }
  shout:
    units: { of: ingest }
    agents: { slow: 2 }
    output: { records: lines, key: id }
";
    TestProject::new(text).with_outside().file("lines.csv", "id,text\na,one\nb,two\nc,three\nd,four\n")
}

/// Starts a run of the gated project and waits until both clones were asked.
pub(crate) fn start_gated(project: &TestProject) -> Child {
    let child = project.command(&["run", "--json", "--progress", "none"]).spawn().unwrap();
    wait_for_lines(project, "asked", 2);
    child
}

/// Lets the agents of the gated project answer.
pub(crate) fn open_gate(project: &TestProject) {
    std::fs::write(project.outside("gate"), "").unwrap();
}

#[test]
fn calls_in_flight_at_a_crash_are_in_doubt_and_count_against_the_next_budget() {
    let project = gated();
    kill(start_gated(&project));
    let status = project.json(&["status"], 0);
    assert_eq!(
        (&status["holder"], &status["run"], &status["in_doubt"]),
        (&Value::Null, &Value::Null, &2.into())
    );
    assert_eq!(phase(&status, "shout")["freshness"], "missing");
    let doubtful = project.json(&["ledger", "--in-doubt"], 0);
    assert_eq!(doubtful["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(project.json(&["plan"], 0)["in_doubt"], 2);
    open_gate(&project);
    // Two of the five are the ones in doubt, so three of the four lines are left to ask.
    let report = project.run_json(&["--max-calls", "5"], 3);
    assert_eq!((&report["calls"], &report["in_doubt"]), (&3.into(), &2.into()));
    let report = project.run_json(&["--max-calls", "5"], 0);
    assert_eq!((&report["calls"], &report["in_doubt"]), (&1.into(), &0.into()));
    let ledger = project.json(&["ledger"], 0);
    assert_eq!(
        (&ledger["in_doubt"], &ledger["abandoned"], &ledger["done"]),
        (&0.into(), &2.into(), &4.into())
    );
    assert_eq!(project.json(&["history"], 0)["runs"][0]["status"], Value::Null, "a killed run has no end");
}

#[test]
fn agents_die_with_a_run_that_crashes() {
    let project = gated();
    let child = start_gated(&project);
    let agents = processes_under(child.id());
    assert_eq!(agents.len(), 2);
    kill(child);
    open_gate(&project);
    assert_gone(&agents);
}

/// Returns the processes that a process started.
pub(crate) fn processes_under(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let parent_of = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    all.filter(|id: &u32| parent_of(*id) == Some(parent)).collect()
}

/// Waits until processes are gone.
#[track_caller]
pub(crate) fn assert_gone(processes: &[u32]) {
    let patience = Instant::now() + Duration::from_secs(10);
    let lives = |id: &&u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    while processes.iter().any(|id| lives(&id)) {
        let left: Vec<&u32> = processes.iter().filter(lives).collect();
        assert!(Instant::now() < patience, "still there: {left:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
