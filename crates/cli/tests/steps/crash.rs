//! Kills at the boundaries of steps: the run that goes on makes the same document as an undisturbed one, and no step is
//! done twice that had not been under way.
//!
//! Steps call a script that keeps a book, and that kills Refrain when a file names the step: before it has left anything behind, so
//! that everything before it is done and it is not, or behind that, so that nobody has heard of it.

mod questions;
mod within;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// What every step does that counts: `step.sh NAME [CODE]`, and `step.sh NAME until N` fails before its nth time.
///
/// What has killed Refrain goes on all the same, until somebody ends it.
const SCRIPT: &str = r#"
die() {
  while [ ! -s pid ]; do sleep 0.01; done
  rm kill
  echo $$ >> leftovers
  kill -9 "$(cat pid)"
  exec sleep 600
}
if [ "$(cat kill 2>/dev/null)" = "$1 before" ]; then die "$1"; fi
echo "$1" >> book
if [ "$(cat kill 2>/dev/null)" = "$1 behind" ]; then die "$1"; fi
if [ "$2" = until ]; then
  if [ "$(grep -c "^$1$" book)" -lt "$3" ]; then echo "not yet" >&2; exit 1; fi
  exit 0
fi
echo "$1 was here"
exit "${2:-0}"
"#;

/// One pipeline, whose steps with books stand one after the other, the steps at which it is killed, and how often each is done in all.
struct Story {
    steps: &'static str,
    kills: &'static [&'static str],
    book: &'static [(&'static str, usize)],
    code: i32,
}

const POLICIES: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a } }
  - { id: b, tool: terminal, action: execute, parameters: { command: sh step.sh b 3 }, dependencies: [a], on_failure: continue }
  - { id: c, tool: terminal, action: execute, parameters: { command: "sh step.sh c && echo {{ b.return_code }}" }, dependencies: [b] }
  - { id: d, tool: terminal, action: execute, parameters: { command: sh step.sh d 4 }, dependencies: [c], on_failure: skip }
  - { id: e, tool: terminal, action: execute, parameters: { command: sh step.sh e }, dependencies: [d] }
  - { id: f, tool: terminal, action: execute, parameters: { command: sh step.sh f }, dependencies: [c, d], condition: "false" }
"#,
    kills: &["a", "b", "c", "d"],
    book: &[("a", 1), ("b", 1), ("c", 1), ("d", 1)],
    code: 1,
};

const ROUTES: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a }, on_success: d }
  - { id: b, tool: terminal, action: execute, parameters: { command: sh step.sh b }, dependencies: [a] }
  - { id: d, tool: terminal, action: execute, parameters: { command: sh step.sh d 1 }, dependencies: [b], on_failure: g }
  - { id: e, tool: terminal, action: execute, parameters: { command: sh step.sh e }, dependencies: [d] }
  - { id: g, tool: terminal, action: execute, parameters: { command: sh step.sh g }, dependencies: [e] }
  - { id: beside, tool: terminal, action: execute, parameters: { command: "true" }, dependencies: [a] }
"#,
    kills: &["a", "d", "g"],
    book: &[("a", 1), ("d", 1), ("g", 1)],
    code: 1,
};

const RETRIES: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a until 3 }, on_failure: retry, retry: { max_attempts: 4, initial_delay: 0.01 } }
  - { id: b, tool: terminal, action: execute, parameters: { command: sh step.sh b }, dependencies: [a] }
  - { id: c, tool: terminal, action: execute, parameters: { command: sh step.sh c 7 }, dependencies: [b], on_error: [{ fallback_value: { result: { return_code: 70 } } }] }
  - { id: d, tool: terminal, action: execute, parameters: { command: "sh step.sh d && echo {{ c.return_code }}" }, dependencies: [c] }
"#,
    kills: &["b", "c", "d"],
    book: &[("a", 3), ("b", 1), ("c", 1), ("d", 1)],
    code: 0,
};

const MEMORY: Story = Story {
    steps: r#"
  - { id: put, tool: mcp-memory, action: store, parameters: { namespace: n, key: k, value: { deep: [1, 2] } } }
  - { id: count, tool: recursion-control, action: update_state, parameters: { context_id: c, state_key: n, increment: 2 }, dependencies: [put] }
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a }, dependencies: [count] }
  - { id: get, tool: mcp-memory, action: retrieve, parameters: { namespace: n, key: k }, dependencies: [a] }
  - { id: seen, tool: recursion-control, action: get_state, parameters: { context_id: c }, dependencies: [a] }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo '{{ get.result.value.deep | join(' ') }}'" }, dependencies: [get, seen] }
"#,
    kills: &["a", "b"],
    book: &[("a", 1), ("b", 1)],
    code: 0,
};

/// Files that are written, moved and changed in their place, and products.
const FILES: Story = Story {
    steps: r#"
  - { id: w, tool: filesystem, action: write, parameters: { path: out/w.txt, content: one } }
  - { id: a, tool: terminal, action: execute, parameters: { command: "sh step.sh a && cat out/w.txt && echo two >> out/w.txt" }, dependencies: [w], products: [{ stdout: out/a.txt }] }
  - { id: m, tool: filesystem, action: move, parameters: { path: out/w.txt, destination: out/m.txt }, dependencies: [a] }
  - { id: r, tool: filesystem, action: read, parameters: { path: out/m.txt }, dependencies: [m] }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo '{{ r.content }}'" }, dependencies: [r] }
  - { id: v, tool: terminal, action: execute, parameters: { command: sh step.sh v }, dependencies: [b] }
"#,
    kills: &["a", "b", "v"],
    book: &[("a", 1), ("b", 1), ("v", 1)],
    code: 0,
};

const NAMES: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: "sh step.sh a && echo {{ execution_id }} {{ timestamp }} {{ pipeline_id }}" } }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && test '{{ a.stdout | trim }}' = 'a was here\n{{ execution_id }} {{ timestamp }} {{ pipeline_id }}'" }, dependencies: [a] }
  - { id: c, tool: terminal, action: execute, parameters: { command: sh step.sh c }, dependencies: [b] }
"#,
    kills: &["b", "c"],
    book: &[("a", 1), ("b", 1), ("c", 1)],
    code: 0,
};

struct Place(TempDir);

impl Place {
    fn new(story: &Story) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("p.yaml", &format!("id: p\nname: P\nsteps:{}", story.steps));
        place.write("step.sh", SCRIPT);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap_or_default()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
        command.args(["-f", "p.yaml"]).args(words).args(["--json", "--quiet"]).current_dir(self.path());
        command.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    fn run(&self, code: i32) -> Value {
        let output = self.command(&["run"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
    }

    /// Runs until a step kills the run.
    #[track_caller]
    fn killed(&self, at: &str) {
        self.write("kill", at);
        let mut child = self.command(&["run"]).spawn().unwrap();
        // A step that is left over holds no pipe of Refrain's own.
        drop((child.stdout.take(), child.stderr.take()));
        self.write("pid", &child.id().to_string());
        assert_eq!(child.wait().unwrap().signal(), Some(9), "nothing was killed at {at}");
        fs::remove_file(self.path().join("pid")).unwrap();
    }

    fn book(&self) -> BTreeMap<String, usize> {
        let mut book = BTreeMap::new();
        self.read("book").lines().for_each(|line| *book.entry(line.to_owned()).or_default() += 1);
        book
    }

    /// Whether any process lives that had killed its run.
    fn has_leftovers(&self) -> bool {
        self.read("leftovers").lines().any(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
        })
    }
}

/// Takes out of a document what says when, how long and by which run.
fn lasting(document: &Value) -> Value {
    const FLEETING: [&str; 10] = [
        "started_at",
        "completed_at",
        "duration",
        "resources",
        "run",
        "execution_id",
        "execution_time",
        "cpu_time",
        "peak_memory",
        "stored_at",
    ];
    match document {
        Value::Array(items) => items.iter().map(lasting).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| !FLEETING.contains(&name.as_str()));
            Value::Object(fields.map(|(name, value)| (name.clone(), lasting(value))).collect())
        }
        other => crate::normal::document(other),
    }
}

/// Takes the ids of executions out as well, which a step of [`NAMES`] prints.
fn without_ids(text: &str, id: &Value) -> String {
    text.replace(id.as_str().unwrap(), "ID")
}

#[track_caller]
fn survives(story: &Story) {
    let undisturbed = Place::new(story);
    let expected = undisturbed.run(story.code);
    let said = |document: &Value| without_ids(&lasting(document).to_string(), &document["execution_id"]);
    let once: BTreeMap<String, usize> = story.book.iter().map(|(step, n)| ((*step).to_owned(), *n)).collect();
    assert_eq!(undisturbed.book(), once, "{expected:#}");
    for step in story.kills {
        for when in ["before", "behind"] {
            let (place, at) = (Place::new(story), format!("{step} {when}"));
            place.killed(&at);
            let begun = Instant::now();
            let document = place.run(story.code);
            // Half of a minute guards against hanging; going on takes some hundredths of a second.
            assert!(begun.elapsed() < Duration::from_secs(30), "{at}");
            assert!(!place.has_leftovers(), "{at}: what was left over goes on");
            assert_eq!(said(&document), said(&expected), "{at}");
            let mut book = once.clone();
            if when == "behind" {
                // It was done, and nobody had heard of it: the call is in doubt and is made again.
                *book.entry((*step).to_owned()).or_default() += 1;
                assert_eq!(document["run"]["in_doubt"], 1, "{at}");
            }
            assert_eq!(place.book(), book, "{at}");
        }
    }
}

#[test]
fn policies_survive_kills() {
    survives(&POLICIES);
}

#[test]
fn routes_survive_kills() {
    survives(&ROUTES);
}

#[test]
fn retries_and_values_that_stand_in_survive_kills() {
    survives(&RETRIES);
}

#[test]
fn what_tools_remember_survives_kills() {
    survives(&MEMORY);
}

#[test]
fn files_and_products_survive_kills() {
    survives(&FILES);
}

#[test]
fn the_names_of_an_execution_survive_kills() {
    survives(&NAMES);
}

#[test]
fn what_tools_remember_is_there_in_the_next_run_as_well() {
    let place = Place::new(&MEMORY);
    let first = place.run(0);
    let again = place.run(0);
    let deep = |document: &Value| document["steps"]["get"]["value"]["result"]["value"].clone();
    assert_eq!((deep(&first), deep(&again)), (serde_json::json!({"deep": [1, 2]}), deep(&first)));
    assert_eq!(again["steps"]["seen"]["value"], first["steps"]["seen"]["value"]);
}

#[test]
fn another_execution_has_other_names() {
    let place = Place::new(&NAMES);
    let (first, again) = (place.run(0), place.run(0));
    assert_ne!(first["execution_id"], again["execution_id"]);
    assert_eq!(place.book()["a"], 2);
    let printed = again["steps"]["a"]["value"]["result"]["stdout"].as_str().unwrap();
    assert!(printed.contains(again["execution_id"].as_str().unwrap()), "{printed}");
}

/// A person is asked between two kills.
#[test]
fn a_person_is_asked_once_whatever_is_killed() {
    const STORY: Story = Story {
        steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a } }
  - { id: g, tool: approval-gate, parameters: { title: "Go on?", content: "{{ a.stdout }}" }, dependencies: [a] }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo {{ g.decision }}" }, dependencies: [g] }
  - { id: c, tool: terminal, action: execute, parameters: { command: sh step.sh c }, dependencies: [b] }
"#,
        kills: &[],
        book: &[],
        code: 0,
    };
    let place = Place::new(&STORY);
    place.killed("a before");
    place.run(6);
    let answered = place.command(&["answer", "g", "--approve", "--by", "Mika"]).output().unwrap();
    assert!(answered.status.success(), "{}", String::from_utf8_lossy(&answered.stderr));
    place.killed("b before");
    place.killed("c before");
    let document = place.run(0);
    let said = document["steps"]["b"]["value"]["result"]["stdout"].as_str().unwrap();
    assert!(said.starts_with("b was here\nappro"), "{said}");
    let once = ["a", "b", "c"].map(|step| (step.to_owned(), 1));
    assert_eq!(place.book(), BTreeMap::from(once));
}

#[test]
fn what_was_left_over_is_ended_before_it_is_started_again() {
    let place = Place::new(&NAMES);
    place.killed("b before");
    assert!(place.has_leftovers(), "the test shows nothing");
    place.run(0);
    assert!(!place.has_leftovers());
    assert_eq!(place.book()["b"], 1);
}
