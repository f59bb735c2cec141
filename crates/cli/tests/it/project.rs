//! A project in a folder of its own, and what the binary says about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder that is removed in the end. The binary runs in it with an empty environment and 80 columns.
#[derive(Debug)]
pub(crate) struct TestProject {
    root: TempDir,
}

impl TestProject {
    /// Returns an empty folder.
    pub(crate) fn empty() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
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

    /// Reads a file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Returns the path of something in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
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
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("COLUMNS", "80").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        self.output(&output)
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
