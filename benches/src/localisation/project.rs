//! A project that starts with the template, and what the binary says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use refrain_testkit::bin::program;
use refrain_testkit::sight::{Made, Seen};
use refrain_testkit::{peak, script};
use serde_json::{Map, Value};
use tempfile::TempDir;

const LANGUAGES: [&str; 3] = ["ja", "fr", "de"];
const SHARED: [&str; 3] = ["context", "pretranslation", "names"];
const SCOPED: [&str; 4] = ["terms", "translate", "qa", "edit"];

/// What a run took.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) status: String,
    pub(crate) units: u64,
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    /// The most memory of the process, in bytes.
    pub(crate) memory: u64,
    /// How large the state is, in bytes.
    pub(crate) state: u64,
    report: Value,
}

pub(crate) struct Project(TempDir);

impl Project {
    /// Starts a project with a script of so many lines.
    pub(crate) fn new(lines: usize) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let flags =
            ["--template", "localisation", "--yes", "--languages", "ja,fr,de", "--source", "script/*.csv"];
        script::write(&project.0.path().join("script"), lines).unwrap();
        project.refrain(&[&["init"], &flags[..]].concat());
        for language in LANGUAGES {
            project.write(&format!("glossary/{language}.csv"), &script::glossary(language));
        }
        let pseudo = program("refrain-examples", "refrain-pseudo");
        let pseudo = pseudo.to_string_lossy();
        project.change("refrain.yaml", |text| {
            let lines = text.lines().map(|line| match line {
                line if line.starts_with("  pseudo: ") => format!(
                    "  pseudo: {{ command: [\"{pseudo}\"], version: \"1\" }}\n  proofreader: {{ command: [\"{pseudo}\", --review], version: \"1\" }}\n"
                ),
                line => format!("{line}\n"),
            });
            lines.collect::<String>().replace("checks: 1, critic: 8", "checks: 1, proofreader: 2")
        });
        project
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("refrain-cli", "refrain"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn refrain(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs to the end, watched.
    pub(crate) fn run(&self) -> Figures {
        let out = self.0.path().join("run.json");
        let mut command = self.command(&["run", "--json", "--quiet", "--progress", "none"]);
        command.stdout(std::fs::File::create(&out).unwrap());
        let begun = Instant::now();
        let (status, memory) = peak::wait(&mut command.spawn().unwrap()).unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        assert!(status.success(), "{}", std::fs::read_to_string(&out).unwrap());
        let report: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
        eprintln!("run: {seconds:.1} s, {} MB", memory / 1_000_000);
        Figures {
            status: report["status"].as_str().unwrap().to_owned(),
            units: report["units"]["ran"].as_u64().unwrap(),
            calls: report["calls"].as_u64().unwrap(),
            seconds,
            memory,
            state: size(&self.0.path().join(".refrain")),
            report,
        }
    }

    pub(crate) fn plan(&self) -> Value {
        serde_json::from_slice(&self.refrain(&["plan", "--json"])).unwrap()
    }

    /// Fails where a phase did less or more than was planned.
    pub(crate) fn assert_within(&self, plan: &Value, figures: &Figures) {
        let of = |document: &Value, name: &str| -> Value {
            let mut phases = document["phases"].as_array().unwrap().iter();
            phases.find(|phase| target(phase) == name).unwrap_or_else(|| panic!("no {name}")).clone()
        };
        for planned in plan["phases"].as_array().unwrap() {
            let name = target(planned);
            let ran = of(&figures.report, &name);
            for (count, actual) in [("run", &ran["units"]["ran"]), ("calls", &ran["calls"])] {
                let actual = actual.as_u64().unwrap();
                let (least, most) = (planned[count]["min"].as_u64(), planned[count]["max"].as_u64());
                let fits =
                    least.is_none_or(|least| least <= actual) && most.is_none_or(|most| actual <= most);
                assert!(fits, "{name}: {count} is {actual}, planned {planned}");
            }
        }
        let context = &of(plan, "context")["run"];
        assert_eq!(context["min"], context["max"], "nothing before it is pending");
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.0.path().join(path), text).unwrap();
    }

    /// Changes a file; what is no change is a mistake.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&str) -> String) {
        let before = std::fs::read_to_string(self.0.path().join(path)).unwrap();
        let after = change(&before);
        assert_ne!(before, after, "{path}");
        self.write(path, &after);
    }

    fn records(&self, address: &str) -> Vec<Value> {
        let shown = String::from_utf8(self.refrain(&["show", address])).unwrap();
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns what all units see, by phase and scope.
    pub(crate) fn sights(&self) -> BTreeMap<String, Seen> {
        let mut sights = BTreeMap::new();
        let mut made = Made::default();
        for phase in ["ingest"].into_iter().chain(SHARED) {
            made.records.insert(phase, self.records(phase));
        }
        sights.extend(SHARED.map(|phase| (phase.to_owned(), made.seen(phase))));
        for language in LANGUAGES {
            for phase in SCOPED {
                made.records.insert(phase, self.records(&format!("{phase}@{language}")));
            }
            made.glossary = glossary(
                &std::fs::read_to_string(self.0.path().join(format!("glossary/{language}.csv"))).unwrap(),
            );
            sights.extend(SCOPED.map(|phase| (format!("{phase}@{language}"), made.seen(phase))));
        }
        sights
    }

    /// Returns what was asked about in a run, by phase and scope.
    pub(crate) fn asked(&self, figures: &Figures) -> BTreeMap<String, BTreeSet<String>> {
        let run = figures.report["run_id"].as_str().unwrap();
        let ledger = self.refrain(&["ledger", "--json", "--last", "1000000", "--run", run]);
        let ledger: Value = serde_json::from_slice(&ledger).unwrap();
        let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for call in ledger["calls"].as_array().unwrap() {
            let units =
                call["asks"].as_array().unwrap().iter().map(|ask| ask["unit"].as_str().unwrap().to_owned());
            asked.entry(target(&call["target"])).or_default().extend(units);
        }
        // It looks at all lines at once.
        asked.retain(|name, _| !name.starts_with("consistency@"));
        asked
    }
}

/// Reads a glossary, whose cells have no quotes.
fn glossary(text: &str) -> Vec<Value> {
    let columns: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let record = |row: &str| {
        let cells = columns.iter().zip(row.split(','));
        Value::Object(cells.map(|(name, cell)| ((*name).to_owned(), cell.into())).collect::<Map<_, _>>())
    };
    text.lines().skip(1).map(record).collect()
}

fn target(phase: &Value) -> String {
    let name = phase["phase"].as_str().unwrap();
    let scope: Vec<&str> = phase["scope"].as_object().unwrap().values().filter_map(Value::as_str).collect();
    if scope.is_empty() { name.to_owned() } else { format!("{name}@{}", scope.join(",")) }
}

fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
