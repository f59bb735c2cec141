//! A project whose agents keep books of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::project::{TestProject, phase, target};

/// No more calls than this are ever in flight: the clones of the first pool and of the second.
pub(super) const CLONES: u64 = 6;
const N_LINES: usize = 60;
/// Each line is translated twice, and each translation is read by two agents.
const REPLIES: usize = 6 * N_LINES;

/// Returns a project with packs, a panel, a merge and exports in two scopes.
pub(super) fn project(durability: &str) -> TestProject {
    let lines: String = (0..N_LINES).map(|n| format!("line_{n},text {n}\n")).collect();
    let text = format!(
        "\
refrain: 1
name: crash
durability: {durability}
dimensions: {{ language: [ja, fr] }}
agents:
  translator: {{ command: [fake_agent, --upper, --delay-ms, \"2\", --asked, OUTSIDE/asked, --log, OUTSIDE/answered] }}
  reader: {{ command: [fake_agent, --delay-ms, \"1\", --asked, OUTSIDE/asked, --log, OUTSIDE/answered], version: \"2\" }}
  judge: {{ command: [fake_agent, --upper, --asked, OUTSIDE/asked, --log, OUTSIDE/answered], version: \"3\" }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: id }}
  translate:
    per: [language]
    units: {{ of: ingest }}
    pack: {{ max: 2 }}
    agents: {{ translator: 3 }}
    output: {{ records: lines, key: id, aligned: true }}
  qa:
    per: [language]
    units: {{ of: translate }}
    agents: {{ reader: 2, judge: 1 }}
    fan: panel
    merge: first
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

/// Returns what must be the same however often a run was killed.
pub(super) fn artifacts(project: &TestProject) -> BTreeMap<String, String> {
    let targets = ["ingest", "translate@ja", "translate@fr", "qa@ja", "qa@fr"];
    let mut out: BTreeMap<String, String> = targets
        .into_iter()
        .map(|target| (target.to_owned(), project.run(&["show", target]).expect(0).stdout))
        .collect();
    out.extend(["out/ja.csv", "out/fr.csv"].map(|file| (file.to_owned(), project.read(file))));
    out
}

/// Returns how many unfinished commits runs found and cut off.
pub(super) fn cut_off(project: &TestProject) -> u64 {
    let logs = fs::read_dir(project.path(".refrain/logs")).into_iter().flatten().flatten();
    let found = |path| fs::read_to_string(path).unwrap_or_default().matches("\"store_recovered\"").count();
    logs.map(|log| found(log.path()) as u64).sum()
}

/// What the ledger says, held against the books of the agents.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The keys that have a reply.
    pub(super) bought: BTreeSet<String>,
    /// How many calls are in doubt.
    pub(super) in_doubt: u64,
}

/// Holds the ledger against what the agents wrote down.
pub(super) fn audit(project: &TestProject, is_over: bool) -> Result<Audit, String> {
    let ledger = project.run(&["ledger", "--last", "1000000", "--json"]).expect(0).json();
    let in_doubt = ledger["in_doubt"].as_u64().unwrap();
    if in_doubt > CLONES {
        return Err(format!("{in_doubt} calls are in doubt"));
    }
    let mut bought = BTreeSet::new();
    let mut known = BTreeMap::new();
    for call in ledger["calls"].as_array().unwrap() {
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
    check_books(project, &known)?;
    check_logs(project, &known)?;
    let expected = if is_over { REPLIES } else { 0 };
    if bought.len() < expected {
        return Err(format!("{} replies of {expected}", bought.len()));
    }
    Ok(Audit { bought, in_doubt })
}

/// Every call that arrived has an intent, none arrived twice, and what is done was answered.
fn check_books(project: &TestProject, known: &BTreeMap<String, &str>) -> Result<(), String> {
    let book = |file| -> Vec<String> {
        let log = fs::read_to_string(project.outside(file)).unwrap_or_default();
        log.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    let mut once = BTreeSet::new();
    for call in book("asked") {
        if !known.contains_key(&call) {
            return Err(format!("{call} was made without an intent"));
        }
        if !once.insert(call.clone()) {
            return Err(format!("{call} was made twice"));
        }
    }
    let answered: BTreeSet<String> = book("answered").into_iter().collect();
    let unheard = known.iter().find(|(call, state)| **state == "done" && !answered.contains(*call));
    unheard.map_or(Ok(()), |(call, _)| Err(format!("{call} is done but was never answered")))
}

/// What logs tell of is there: intents, outcomes and revisions are committed before anybody hears of them.
fn check_logs(project: &TestProject, known: &BTreeMap<String, &str>) -> Result<(), String> {
    let status = project.run(&["status", "--json"]).expect(0).json();
    if !status["holder"].is_null() {
        return Err(format!("{} holds the project", status["holder"]));
    }
    for line in told(project) {
        // Progress is kept beside.
        let Some(event) = line["event"].as_str() else { continue };
        let data = &line["data"];
        let state = known.get(&format!("c{}", data["call"])).copied();
        let is_there = match event {
            "call_intended" => state.is_some(),
            "call_completed" => state == Some("done"),
            "phase_completed" => {
                data["revision"].as_u64() <= phase(&status, &target(&line))["revision"].as_u64()
            }
            _ => true,
        };
        if !is_there {
            return Err(format!("this was told of and is not there: {line}"));
        }
    }
    Ok(())
}

/// Returns the lines of all logs; the last one of a process that was killed may be cut off.
fn told(project: &TestProject) -> Vec<Value> {
    let logs = fs::read_dir(project.path(".refrain/logs")).into_iter().flatten().flatten();
    let texts = logs.map(|log| fs::read_to_string(log.path()).unwrap());
    texts
        .flat_map(|text| text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect::<Vec<_>>())
        .collect()
}
