//! Kills: whatever moment a run is killed at, nothing that came back is bought twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::numbers::{Numbers, seed, setting};
use crate::project::{TestProject, phase};

/// Clones of the first and of the second pool: no more calls are ever in flight.
const CLONES: [u64; 2] = [3, 2];
const N_LINES: usize = 60;

/// Two phases in two scopes whose agents write down each call before they answer it.
fn project() -> TestProject {
    let lines: String = (0..N_LINES).map(|n| format!("line_{n},text {n}\n")).collect();
    let [first, second] = CLONES;
    let text = format!(
        "\
refrain: 1
name: crash
dimensions: {{ language: [ja, fr] }}
agents:
  translator: {{ command: [fake_agent, --upper, --delay-ms, \"2\", --log, OUTSIDE/answered] }}
  reader: {{ command: [fake_agent, --delay-ms, \"1\", --log, OUTSIDE/answered], version: \"2\" }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: id }}
  translate:
    per: [language]
    units: {{ of: ingest }}
    pack: {{ max: 2 }}
    agents: {{ translator: {first} }}
    output: {{ records: lines, key: id, aligned: true }}
  qa:
    per: [language]
    units: {{ of: translate }}
    agents: {{ reader: {second} }}
    output: {{ records: lines, key: id }}
  export:
    per: [language]
    wants: [qa]
    units: {{ of: translate }}
    agent: {{ builtin: write, params: {{ path: \"out/{{{{ scope.language }}}}.csv\" }} }}
"
    );
    TestProject::new(&text).with_outside().file("lines.csv", &format!("id,text\n{lines}"))
}

/// What must be the same however often a run was killed.
fn artifacts(project: &TestProject) -> BTreeMap<String, String> {
    let targets = ["ingest", "translate@ja", "translate@fr", "qa@ja", "qa@fr"];
    let mut out: BTreeMap<String, String> = targets
        .into_iter()
        .map(|target| (target.to_owned(), project.run(&["show", target]).expect(0).stdout))
        .collect();
    out.extend(["out/ja.csv", "out/fr.csv"].map(|file| (file.to_owned(), project.read(file))));
    out
}

/// Returns the calls that agents answered, in order.
fn answered(project: &TestProject) -> Vec<String> {
    let log = std::fs::read_to_string(project.outside("answered")).unwrap_or_default();
    log.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Holds the ledger against what the agents wrote down; returns the keys that have a reply.
fn check_ledger(project: &TestProject, is_over: bool) -> Result<BTreeSet<String>, String> {
    let ledger = project.json(&["ledger", "--last", "1000000"], 0);
    let in_doubt = ledger["in_doubt"].as_u64().unwrap();
    if in_doubt > CLONES.iter().sum() {
        return Err(format!("{in_doubt} calls are in doubt"));
    }
    let calls = ledger["calls"].as_array().unwrap();
    let mut bought = BTreeSet::new();
    let mut known = BTreeMap::new();
    for call in calls {
        for ask in call["asks"].as_array().unwrap() {
            let key = ask["key"].as_str().unwrap();
            if bought.contains(key) {
                return Err(format!("{} was bought before: {call}", ask["unit"]));
            }
            if ask["result"]["reply"].is_object() {
                bought.insert(key.to_owned());
            }
        }
        known.insert(format!("c{}", call["call"]), call["state"].as_str().unwrap());
    }
    let answered = answered(project);
    let mut once = BTreeSet::new();
    for call in &answered {
        if !known.contains_key(call) {
            return Err(format!("{call} was made without an intent"));
        }
        if !once.insert(call.as_str()) {
            return Err(format!("{call} was made twice"));
        }
    }
    let unheard = known.iter().find(|(call, state)| **state == "done" && !once.contains(call.as_str()));
    if let Some((call, _)) = unheard {
        return Err(format!("{call} is done but was never answered"));
    }
    let expected = if is_over { 4 * N_LINES } else { 0 };
    if bought.len() < expected {
        return Err(format!("{} replies of {expected}", bought.len()));
    }
    Ok(bought)
}

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

#[test]
fn after_a_crash_nothing_that_was_bought_is_bought_again() {
    let kills = setting("REFRAIN_CRASH_KILLS").unwrap_or(50);
    let seed = seed("REFRAIN_CRASH_SEED");
    let undisturbed = project();
    undisturbed.run_json(&[], 0);
    let expected = artifacts(&undisturbed);
    let mut numbers = Numbers(seed);
    let mut n_killed = 0;
    while n_killed < kills {
        let project = project();
        let mut forced_runs = 2;
        let mut kept = BTreeSet::new();
        loop {
            let pause = Duration::from_micros(1_000 + numbers.below(120_000));
            // A generation that was begun is gone on with, forced or not.
            let is_forced = forced_runs > 0 && numbers.below(6) == 0;
            forced_runs -= u64::from(is_forced);
            let arguments: &[&str] = if is_forced { &["qa", "--force"] } else { &[] };
            let is_killed = run_for(&project, arguments, pause);
            n_killed += u64::from(is_killed);
            if !project.path(".refrain").exists() {
                continue;
            }
            let bought = check_ledger(&project, !is_killed)
                .unwrap_or_else(|problem| panic!("seed {seed}, kill {n_killed}: {problem}"));
            assert!(kept.is_subset(&bought), "seed {seed}, kill {n_killed}: replies were lost");
            kept = bought;
            if !is_killed && !is_forced {
                break;
            }
            assert_eq!(project.json(&["status"], 0)["holder"], Value::Null, "seed {seed}");
        }
        assert_eq!(artifacts(&project), expected, "seed {seed}, kill {n_killed}");
        assert_eq!(project.not_fresh(), [""; 0], "seed {seed}, kill {n_killed}");
        assert_eq!(project.run_json(&[], 0)["calls"], 0, "seed {seed}, kill {n_killed}");
    }
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
