//! Projects that start with the template, and what their phases made.

use std::collections::{BTreeMap, BTreeSet};

use refrain_testkit::sight::{Made, Seen, changed};
use serde_json::Value;

use crate::project::TestProject;

/// The files of the sample script, in the order in which they are read.
pub(super) const SCRIPT: [&str; 3] = ["script/ivo.csv", "script/main.csv", "script/wren.csv"];

/// The phases that ask, in order, and whether they are there once per language.
pub(super) const ASKING: [(&str, bool); 7] = [
    ("context", false),
    ("pretranslation", false),
    ("names", false),
    ("terms", true),
    ("translate", true),
    ("qa", true),
    ("edit", true),
];

/// Returns a project that starts with the template.
pub(super) fn started(flags: &[&str]) -> TestProject {
    let project = TestProject::empty();
    start(&project, flags);
    project
}

/// Starts with the template where a script is already.
pub(super) fn start(project: &TestProject, flags: &[&str]) {
    project.run(&[&["init", "--template", "localisation", "--yes"], flags].concat()).expect(0);
}

/// Returns the records of a phase.
pub(super) fn records(project: &TestProject, address: &str) -> Vec<Value> {
    let shown = project.run(&["show", address]).expect(0).stdout;
    shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the rows of a CSV file as records, with the order of its columns.
pub(super) fn table(text: &str) -> (Vec<String>, Vec<Value>) {
    let mut rows = rows(text).into_iter();
    let columns = rows.next().unwrap_or_default();
    let record = |row: Vec<String>| {
        assert_eq!(row.len(), columns.len(), "{row:?}");
        columns.iter().cloned().zip(row).map(|(name, cell)| (name, Value::String(cell))).collect()
    };
    let records = rows.map(record).collect();
    (columns, records)
}

/// Reads CSV on its own, so that reader and writer cannot be wrong together.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut rest) = (false, text.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(cell.is_empty() && row.is_empty(), "the last line is not ended");
    rows
}

/// Returns everything that units of a language see: the files of the project and what its phases made.
pub(super) fn made(project: &TestProject, language: &str) -> Made {
    let scoped = |phase: &str, is_scoped: bool| {
        if is_scoped { format!("{phase}@{language}") } else { phase.to_owned() }
    };
    let phases = std::iter::once(("ingest", false)).chain(ASKING);
    let records = phases.map(|(phase, is_scoped)| (phase, records(project, &scoped(phase, is_scoped))));
    Made {
        records: records.collect(),
        glossary: table(&project.read(&format!("glossary/{language}.csv"))).1,
        lexicon: table(&project.read("lexicon/idioms.csv")).1,
    }
}

/// What the units of all phases see in a language, by the name of phase and scope.
pub(super) fn sights(project: &TestProject, languages: &[&str]) -> BTreeMap<String, Seen> {
    let mut sights = BTreeMap::new();
    for language in languages {
        let made = made(project, language);
        for (phase, is_scoped) in ASKING {
            let name = if is_scoped { format!("{phase}@{language}") } else { phase.to_owned() };
            sights.insert(name, made.seen(phase));
        }
    }
    sights
}

/// By phase and scope, the units that see something else than before.
pub(super) fn expected(
    before: &BTreeMap<String, Seen>,
    after: &BTreeMap<String, Seen>,
) -> BTreeMap<String, BTreeSet<String>> {
    let differences = after.iter().map(|(name, seen)| (name.clone(), changed(&before[name], seen)));
    differences.filter(|(_, units)| !units.is_empty()).collect()
}

/// By phase and scope, the units that were asked about in a run.
pub(super) fn asked(project: &TestProject, report: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let run = report["run_id"].as_str().unwrap();
    let ledger = project.json(&["ledger", "--run", run, "--last", "1000000"], 0);
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in ledger["calls"].as_array().unwrap() {
        let units =
            call["asks"].as_array().unwrap().iter().map(|ask| ask["unit"].as_str().unwrap().to_owned());
        asked.entry(crate::project::target(&call["target"])).or_default().extend(units);
    }
    asked
}
