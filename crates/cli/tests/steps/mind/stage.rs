//! Where what a model is asked about a pipeline is looked at: a project whose orchestrator is one provider, and the model of its
//! steps another.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use refrain_testkit::provider::{Entry, Provider, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) const INTENTION: &str = "Say what this pipeline is for";
pub(super) const ARCHITECTURE: &str = "Describe how this pipeline";
pub(super) const ALIGNMENT: &str = "Judge whether the architecture";
pub(crate) const VALUE: &str = "A value of a pipeline is left to you";
pub(super) const QUALITY: &str = "Look for what is wrong";

pub(super) const STORY: &str = "
  - id: write
    prompt: \"Write about {{ topic }}\"
  - id: save
    tool: filesystem
    action: write
    parameters: { path: out/story.txt, content: \"{{ write.result }}\" }
";

pub(super) fn aligned() -> String {
    json!({"is_valid": true, "confidence": 0.9, "issues": [], "warnings": [], "suggestions": []}).to_string()
}

/// A project with a steps file, and the two providers that it names.
pub(crate) struct Stage {
    pub(super) place: TempDir,
    pub(crate) boss: Provider,
    pub(crate) worker: Provider,
    header: String,
}

/// How the binary ended.
pub(crate) struct Ended {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl Stage {
    /// Sets up a project. `header` is what it says besides its models, `answers` what the orchestrator says to what.
    pub(crate) fn new(header: &str, steps: &str, answers: &[(&str, &str)]) -> Self {
        let provider = || Provider::start(Settings::default()).unwrap();
        let stage = Self {
            place: tempfile::tempdir().unwrap(),
            boss: provider(),
            worker: provider(),
            header: header.to_owned(),
        };
        let defaults = [(INTENTION, "It writes a story."), (ARCHITECTURE, "1. write\n2. save")];
        let aligned = aligned();
        let mut all: Vec<(&str, &str)> = answers.to_vec();
        all.extend(defaults);
        all.push((ALIGNMENT, &aligned));
        stage.says(&all);
        stage.write(steps);
        stage
    }

    pub(crate) fn says(&self, answers: &[(&str, &str)]) {
        let own = |(mark, said): &(&str, &str)| ((*mark).to_owned(), (*said).to_owned());
        let answers = answers.iter().map(own).collect();
        self.boss.set(|settings| settings.says = answers);
    }

    pub(crate) fn write(&self, steps: &str) {
        let text = format!(
            "id: story\nname: Story\norchestrator: boss:large\ndefault_model: worker:small\nendpoints:\n  boss: {{ base_url: \"{}\", \
             timeout: 2s }}\n  worker: {{ base_url: \"{}\" }}\n{}inputs: {{ topic: {{ type: string, default: cats }} }}\nsteps:{steps}",
            self.boss.url(),
            self.worker.url(),
            self.header
        );
        fs::write(self.path("story.yaml"), text).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
        command.args(["-f", "story.yaml"]).args(words).current_dir(self.place.path()).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap()).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        let output = command.args(["--progress", "none"]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Returns what the orchestrator was asked since the first `from` questions, by the words that each begins with.
    pub(super) fn asked(&self, from: usize) -> Vec<&'static str> {
        let marks = [INTENTION, ARCHITECTURE, ALIGNMENT, VALUE, QUALITY];
        let mark = |entry: &Entry| marks.into_iter().find(|mark| entry.prompt.contains(mark)).unwrap_or("?");
        self.boss.journal()[from..].iter().map(mark).collect()
    }

    /// Returns the prompt of the first question of a kind.
    pub(super) fn prompt(&self, mark: &str) -> String {
        let journal = self.boss.journal();
        journal.iter().find(|entry| entry.prompt.contains(mark)).unwrap().prompt.clone()
    }

    pub(crate) fn file(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }
}
