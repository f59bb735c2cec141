//! A project in a folder of its own, and what the binary says about it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::schema;

/// A folder that is removed in the end. The binary runs in it with an empty environment and 80 columns.
#[derive(Debug)]
pub(crate) struct TestProject {
    root: TempDir,
    outside: TempDir,
}

impl TestProject {
    /// Returns an empty folder.
    pub(crate) fn empty() -> Self {
        Self { root: tempfile::tempdir().unwrap(), outside: tempfile::tempdir().unwrap() }
    }

    /// Returns a folder with a pipeline file.
    pub(crate) fn new(pipeline: &str) -> Self {
        Self::empty().file("refrain.yaml", pipeline)
    }

    /// Writes a file, and the folders it is in.
    pub(crate) fn file(self, path: &str, contents: &str) -> Self {
        self.write(path, contents);
        self
    }

    /// Writes a file, and the folders it is in.
    pub(crate) fn write(&self, path: &str, contents: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Returns a copy of the demo project.
    pub(crate) fn demo() -> Self {
        let project = Self::empty();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/game"), project.root.path());
        project
    }

    /// Replaces a text in a file that has it exactly once.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {path}");
        self.write(path, &text.replace(old, new));
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Returns the path of something in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Returns the path of something beside the project. What a command names inside is part of the agent's identity.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.outside.path().join(path)
    }

    /// Replaces `OUTSIDE` in the pipeline file by the folder beside the project.
    pub(crate) fn with_outside(self) -> Self {
        let text = self.read("refrain.yaml");
        self.write("refrain.yaml", &text.replace("OUTSIDE", &self.outside.path().to_string_lossy()));
        self
    }

    /// Returns the paths of all files but those of the state folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(self.root.path(), self.root.path(), &mut files);
        files.sort();
        files
    }

    /// Returns the binary with arguments, for tests that want to spawn it themselves.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
        command.args(arguments).current_dir(self.root.path()).env_clear();
        // Programs of agents and their interpreters are found as usual; nothing else leaks in.
        command.env("PATH", path());
        command.env("COLUMNS", "80").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        self.output(&output)
    }

    /// Runs the binary with `--json` and returns the document, which fits its schema.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).expect(code);
        let document = output.json();
        schema::check(arguments[0], &document);
        document
    }

    /// Runs phases and returns the report, which fits its schema.
    #[track_caller]
    pub(crate) fn run_json(&self, arguments: &[&str], code: i32) -> Value {
        let report = self.json(&[&["run", "--progress", "none"], arguments].concat(), code);
        assert_eq!(report["exit_code"], code);
        report
    }

    /// Returns the phases and scopes that are not fresh, as `PHASE@SCOPE: WORD (CAUSES)`.
    #[track_caller]
    pub(crate) fn not_fresh(&self) -> Vec<String> {
        let status = self.json(&["status"], 0);
        let phases = status["phases"].as_array().unwrap();
        let line = |phase: &Value| {
            let causes = phase["causes"].as_array().unwrap().iter();
            let causes: Vec<&str> = causes.filter_map(|cause| cause["kind"].as_str()).collect();
            format!("{}: {} ({})", target(phase), phase["freshness"].as_str().unwrap(), causes.join(", "))
        };
        phases.iter().filter(|phase| phase["freshness"] != "fresh").map(line).collect()
    }

    /// Makes what a spawned binary left readable.
    pub(crate) fn output(&self, output: &std::process::Output) -> Output {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let root = self.root.path().canonicalize().unwrap();
        Output {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            roots: [root, self.root.path().to_owned()],
        }
    }
}

/// How the binary ended and what it said.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output as it is.
    pub(crate) stdout: String,
    /// Standard error as it is.
    pub(crate) stderr: String,
    roots: [PathBuf; 2],
}

impl Output {
    /// Fails where the exit code is another one, and shows what was said.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Returns standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Returns everything without what differs from one run to the next.
    pub(crate) fn redacted(&self) -> String {
        let code = self.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        let text = format!("exit code: {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr);
        self.redact(&text)
    }

    /// Replaces folders, ids, times and digests in a text.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = self
            .roots
            .iter()
            .fold(text.to_owned(), |text, root| text.replace(&*root.to_string_lossy(), "[DIR]"));
        redact(&text)
    }
}

/// Returns a pipeline that reads lines, copies them and writes them: its source, what its copying phase is told of, and what it
/// exports to are given.
pub(crate) fn copying(source: &str, notes: &str, export: &str) -> String {
    format!(
        "\
refrain: 1
name: copying
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: {source:?} }} }}
    output: {{ records: lines, key: id }}
  copy:
    units: {{ of: ingest }}
    agent: {{ command: [fake_agent] }}
    context: {{ notes: {{ file: {notes:?} }} }}
    output: {{ records: lines, key: id }}
  export:
    units: {{ of: copy }}
    agent: {{ builtin: write, params: {{ path: {export:?} }} }}
"
    )
}

/// Returns the entry of a report about a phase and scope, named as on the command line.
#[track_caller]
pub(crate) fn phase<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut phases = report["phases"].as_array().unwrap().iter();
    phases.find(|phase| target(phase) == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// Returns the name of a phase and scope, as on the command line.
pub(crate) fn target(phase: &Value) -> String {
    let name = phase["phase"].as_str().unwrap();
    let scope = phase["scope"].as_object().into_iter().flatten();
    let values: Vec<&str> = scope.filter_map(|(_, value)| value.as_str()).collect();
    if values.is_empty() { name.to_owned() } else { format!("{name}@{}", values.join(",")) }
}

/// Returns where programs are found: those of this workspace, then the others.
fn path() -> OsString {
    static WORKSPACE: OnceLock<PathBuf> = OnceLock::new();
    let folder = WORKSPACE.get_or_init(|| {
        let pseudo = refrain_testkit::bin::program("refrain-examples", "refrain-pseudo");
        assert_eq!(pseudo.parent(), refrain_testkit::bin::fake_agent().parent());
        pseudo.parent().unwrap().to_owned()
    });
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([folder.clone()].into_iter().chain(std::env::split_paths(&others))).unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == ".refrain" || name == "out" {
            continue;
        }
        if entry.path().is_dir() {
            fs::create_dir_all(to.join(&name)).unwrap();
            copy(&entry.path(), &to.join(&name));
        } else {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

/// What differs from run to run: `h` stands for a hexadecimal digit, `d` for a decimal one. Longer ones come first.
const PATTERNS: [(&str, &str); 5] = [
    ("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", "[DIGEST]"),
    ("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "[RUN]"),
    ("dddd-dd-ddTdd:dd:dd.ddddddZ", "[TIME]"),
    ("dddd-dd-dd dd:dd:dd", "[TIME]"),
    ("hhhhhhhhhhhh", "[DIGEST]"),
];

fn redact(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut inside_word = false;
    while let Some(c) = rest.chars().next() {
        let found = PATTERNS.iter().find(|(pattern, _)| !inside_word && matches(pattern, rest));
        let taken = match found {
            Some((pattern, name)) => {
                out.push_str(name);
                pattern.len()
            }
            None => {
                out.push(c);
                c.len_utf8()
            }
        };
        inside_word = found.is_none() && c.is_alphanumeric();
        rest = &rest[taken..];
    }
    out
}

fn matches(pattern: &str, text: &str) -> bool {
    let text = text.as_bytes();
    let whole = text.get(pattern.len()).is_none_or(|next| !next.is_ascii_alphanumeric());
    let fits = |(p, c): (u8, &u8)| match p {
        b'h' => c.is_ascii_digit() || (b'a'..=b'f').contains(c),
        b'd' => c.is_ascii_digit(),
        p => p == *c,
    };
    whole && text.len() >= pattern.len() && pattern.bytes().zip(text).all(fits)
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(".refrain") {
            collect(root, &path, files);
        } else if path.is_file() {
            files.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
}

#[test]
fn what_differs_is_redacted() {
    let text = "run 0195c3f0-7a5e-7cc0-8000-000000000000 at 2026-03-01T12:00:00.000000Z, 2026-03-01 12:00:00, \
                010203040506 but not 0102030405067 or x010203040506";
    assert_eq!(redact(text), "run [RUN] at [TIME], [TIME], [DIGEST] but not 0102030405067 or x010203040506");
}
