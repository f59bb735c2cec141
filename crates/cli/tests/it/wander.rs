//! Random walks: whatever is edited, broken, mended, forced and run in whatever order, plans hold, nothing stale passes
//! for fresh, and in the end everything is as if it had been made in one go.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::crash::run_for;
use crate::numbers::{Numbers, seed, setting};
use crate::project::{TestProject, phase, target};

const PIPELINE: &str = "\
refrain: 1
name: walk
dimensions: { language: [ja, fr] }
agents:
  translator: { command: [refrain-pseudo], version: \"1\" }
  proofreader: { command: [refrain-pseudo, --review], version: \"1\" }
  echo: { command: [fake_agent] }
  checks: { builtin: checks, params: { max_length: 30, numbers: true } }
phases:
  ingest:
    agent: { builtin: read, params: { files: \"script/*.csv\" } }
    output: { records: lines, key: id }
  context:
    units: { of: ingest, by: scene }
    agent: { builtin: summary, params: { sentences: 1 } }
    output: { records: scenes, key: scene }
  translate:
    per: [language]
    units: { of: ingest }
    pack: { max: 3, within: scene }
    context:
      summary: { from: context, on: scene }
      nearby: { from: ingest, window: 1, within: scene }
      glossary: { file: glossary.csv, match: { field: term, in: text } }
    agents: { translator: 2 }
    on_unit_failure: continue
    output: { records: lines, key: id, aligned: true }
  qa:
    per: [language]
    units: { of: translate }
    agents: { checks: 1, proofreader: 2 }
    fan: panel
    merge: { union: [line_id, rule, span] }
    output: { records: issues, key: issue_id }
  scenes:
    per: [language]
    units: { of: translate, by: scene }
    context: { all: { from: translate, on: scene } }
    agent: echo
    output: { document: scenes }
  report:
    gather: [language]
    units: { of: translate, whole: true }
    wants: [qa]
    agent: { command: [fake_agent], version: \"report\" }
    output: { document: report }
  export:
    wants: [qa]
    per: [language]
    units: { of: translate }
    agent: { builtin: write, params: { path: \"out/{{ scope.language }}.csv\" } }
";

const WORDS: [&str; 8] = ["bell", "ferry", "rain", "Where is it?", "No.", "captain", "12", "{player}"];
const TARGETS: [&str; 6] = ["context", "translate@ja", "translate@fr", "qa@ja", "scenes@fr", "report"];

/// The inputs of a walk, as they are now.
#[derive(Clone)]
struct Inputs {
    lines: Vec<(String, u64, String)>,
    glossary: Vec<(String, String)>,
    pack: u64,
    next_id: u64,
}

impl Inputs {
    fn new(numbers: &mut Numbers) -> Self {
        let glossary = ["bell", "ferry", "captain"].map(|term| (term.to_owned(), format!("le {term}")));
        let mut inputs = Self { lines: Vec::new(), glossary: glossary.into(), pack: 3, next_id: 0 };
        for scene in 0..3 {
            for _ in 0..4 {
                inputs.insert(inputs.lines.len(), scene, numbers);
            }
        }
        inputs
    }

    fn insert(&mut self, at: usize, scene: u64, numbers: &mut Numbers) {
        let text = text(numbers);
        self.lines.insert(at, (format!("line_{}", self.next_id), scene, text));
        self.next_id += 1;
    }

    fn write(&self, project: &TestProject) {
        for part in 0..2 {
            let rows = self.lines.iter().filter(|(_, scene, _)| scene % 2 == part);
            let rows: String = rows.map(|(id, scene, text)| format!("{id},s{scene},\"{text}\"\n")).collect();
            project.write(&format!("script/{part}.csv"), &format!("id,scene,text\n{rows}"));
        }
        let rows: String = self.glossary.iter().map(|(term, fr)| format!("{term},{fr},{term}\n")).collect();
        project.write("glossary.csv", &format!("term,fr,ja\n{rows}"));
        project.write("refrain.yaml", &PIPELINE.replace("max: 3,", &format!("max: {},", self.pack)));
    }

    /// Changes something; says what.
    fn change(&mut self, numbers: &mut Numbers) -> String {
        let n_lines = self.lines.len() as u64;
        let at = usize::try_from(numbers.below(n_lines)).unwrap();
        let id = self.lines[at].0.clone();
        match numbers.below(9) {
            0..=2 => {
                self.lines[at].2 = text(numbers);
                format!("{id} is now {:?}", self.lines[at].2)
            }
            3 => {
                self.lines[at].2.push_str(" {broken");
                format!("{id} is broken")
            }
            4 => {
                self.lines.iter_mut().for_each(|line| line.2 = line.2.replace(" {broken", ""));
                "all lines are mended".to_owned()
            }
            5 if n_lines > 6 => {
                self.lines.remove(at);
                format!("{id} is gone")
            }
            6 => {
                let scene = numbers.below(4);
                self.insert(at, scene, numbers);
                format!("a new line of s{scene} stands before {id}")
            }
            7 => {
                let entry = usize::try_from(numbers.below(3)).unwrap();
                self.glossary[entry].1 = format!("le {}", numbers.below(100));
                format!("{:?} in the glossary", self.glossary[entry])
            }
            _ => {
                self.pack = 1 + numbers.below(5);
                let other = usize::try_from(numbers.below(n_lines)).unwrap();
                self.lines.swap(at, other);
                format!("packs of {}, {id} and line {other} change places", self.pack)
            }
        }
    }
}

fn text(numbers: &mut Numbers) -> String {
    let words: Vec<&str> =
        (0..=numbers.below(5)).map(|_| WORDS[usize::try_from(numbers.below(8)).unwrap()]).collect();
    words.join(" ")
}

/// Plans a run, runs it and holds one against the other; returns the exit code.
fn plan_and_run(project: &TestProject, arguments: &[&str], trail: &[String]) -> i32 {
    let plan = project.json(&[&["plan"], arguments].concat(), 0);
    let output = project.run(&[&["run", "--quiet", "--json"], arguments].concat());
    let code = output.code.unwrap();
    assert!(matches!(code, 0 | 1 | 8), "{trail:#?}\n{}", output.stderr);
    let report = output.json();
    crate::schema::check("run", &report);
    for planned in plan["phases"].as_array().unwrap() {
        check_counts(planned, phase(&report, &target(planned)), trail);
    }
    code
}

fn check_counts(planned: &Value, ran: &Value, trail: &[String]) {
    if planned["action"] == "blocked" || ran["status"] == "blocked" {
        return;
    }
    let within = |count: &str, least: u64, most: u64| {
        let max = planned[count]["max"].as_u64();
        planned[count]["min"].as_u64().unwrap() <= most && max.is_none_or(|max| least <= max)
    };
    let units = |name: &str| ran["units"][name].as_u64().unwrap();
    // A unit that failed was asked, or is a hole because something it needs is one.
    let (asked, tried) = (units("ran"), units("ran") + units("failed"));
    assert!(within("run", asked, tried), "units: {planned}\n{ran}\n{trail:#?}");
    assert!(
        within("reuse", units("reused"), units("reused") + units("failed")),
        "reuse: {planned}\n{ran}\n{trail:#?}"
    );
    let calls = ran["calls"].as_u64().unwrap() - ran["retries"].as_u64().unwrap();
    assert!(within("calls", calls, calls), "calls: {planned}\n{ran}\n{trail:#?}");
    if ran["status"] == "fresh" && units("failed") == 0 {
        assert_ne!(planned["action"], "run", "{planned}\n{ran}\n{trail:#?}");
    }
}

/// Returns everything that was made.
fn made(project: &TestProject) -> BTreeMap<String, String> {
    let status = project.json(&["status"], 0);
    let show = |phase: &Value| {
        let name = target(phase);
        let shown = project.run(&["show", &name]).expect(0).stdout;
        (name, format!("{} {} {} {shown}", phase["freshness"], phase["digest"], phase["units"]["failed"]))
    };
    status["phases"].as_array().unwrap().iter().map(show).collect()
}

fn walk(seed: u64) {
    let mut numbers = Numbers(seed);
    let mut inputs = Inputs::new(&mut numbers);
    let project = TestProject::empty();
    inputs.write(&project);
    let mut trail = vec![format!("seed {seed}")];
    plan_and_run(&project, &[], &trail);
    for _ in 0..6 {
        for _ in 0..=numbers.below(2) {
            trail.push(inputs.change(&mut numbers));
        }
        inputs.write(&project);
        let some = TARGETS[usize::try_from(numbers.below(6)).unwrap()];
        let arguments = match numbers.below(4) {
            0 => vec![some],
            1 => vec![some, "--only"],
            2 => vec![some, "--only", "--force"],
            _ => vec![],
        };
        if numbers.below(3) == 0 {
            let time = Duration::from_millis(5 + numbers.below(80));
            run_for(&project, &arguments, time);
            trail.push(format!("run {arguments:?}, killed after {time:?}"));
        }
        trail.push(format!("run {arguments:?}"));
        plan_and_run(&project, &arguments, &trail);
    }
    trail.push("run []".to_owned());
    let code = plan_and_run(&project, &[], &trail);
    let unfinished = project.not_fresh();
    assert!(unfinished.iter().all(|word| word.contains(": partial (")), "{unfinished:?}: {trail:#?}");
    assert_eq!(code, i32::from(!unfinished.is_empty()), "{unfinished:?}: {trail:#?}");
    let fresh = TestProject::empty();
    inputs.write(&fresh);
    fresh.run(&["run", "--quiet"]);
    assert_eq!(made(&project), made(&fresh), "{trail:#?}");
}

#[test]
fn a_random_walk_ends_where_a_fresh_run_does() {
    let first = seed("REFRAIN_WALK_SEED");
    let walks = setting("REFRAIN_WALKS").unwrap_or(6);
    (0..walks).for_each(|n| walk(first.wrapping_add(n)));
}
