//! What the tests have in common.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use refrain_command::CommandAgents;
use refrain_core::ports::agent::{Agent, AgentError, AgentFactory as _, Blueprint, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_testkit::ask::request;
use refrain_testkit::bin::fake_agent;
use refrain_testkit::remarks::RecordingRemarks;
use serde_json::json;

/// A clone of a command agent, and what it remarked.
pub(crate) struct World {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) remarks: Arc<RecordingRemarks>,
}

impl World {
    /// A clone of the fake agent with flags.
    pub(crate) fn fake(flags: &[&str]) -> Self {
        Self::of(&fake(flags), false)
    }

    /// The fake agent, one process per call.
    pub(crate) fn oneshot(flags: &[&str]) -> Self {
        Self::of(&fake(flags), true)
    }

    pub(crate) fn of(command: &[String], oneshot: bool) -> Self {
        Self::within(Path::new("/"), command, oneshot)
    }

    pub(crate) fn within(folder: &Path, command: &[String], oneshot: bool) -> Self {
        Self::made(folder, AgentSpec { command: Some(command.to_vec()), oneshot, ..AgentSpec::default() })
    }

    pub(crate) fn made(folder: &Path, spec: AgentSpec) -> Self {
        let remarks = RecordingRemarks::new();
        let name = "fake".parse().unwrap();
        let blueprint =
            Blueprint { declared: Arc::default(), name, spec, clone: 0, remarks: remarks.clone() };
        let agent = CommandAgents::new(folder, Arc::new(Machine)).unwrap().make(&blueprint).unwrap();
        Self { agent, remarks }
    }

    /// Opens the clone.
    pub(crate) async fn open(self) -> Self {
        self.agent.open().await.unwrap();
        self
    }

    /// Asks about unit `a`.
    pub(crate) async fn ask(&self, call: u64) -> Result<Reply, AgentError> {
        self.send(request(call, &[("a", json!({"text": "hi"}))])).await
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Reply, AgentError> {
        self.agent.answer(request, &Cancel::new()).await
    }

    /// Asks, and cancels once the agent has said something that begins so; returns the rest of that line.
    pub(crate) async fn ask_and_cancel_at(&self, call: u64, sign: &str) -> (AgentError, String) {
        let cancel = Cancel::new();
        let heard = async {
            let rest = self.hear(sign).await;
            cancel.fire();
            rest
        };
        let request = request(call, &[("a", json!({"text": "hi"}))]);
        let (outcome, rest) = tokio::join!(self.agent.answer(request, &cancel), heard);
        (outcome.unwrap_err(), rest)
    }

    /// Waits until the agent has said something that begins so, and returns its rest.
    pub(crate) async fn hear(&self, sign: &str) -> String {
        until(|| self.remarks.said().iter().find_map(|line| line.strip_prefix(sign).map(str::to_owned))).await
    }
}

/// The environment of this process, and a key.
#[derive(Debug)]
struct Machine;

impl Secrets for Machine {
    fn get(&self, name: &str) -> Option<String> {
        if name == "API_KEY" { Some("the-key".to_owned()) } else { std::env::var(name).ok() }
    }
}

/// The command of the fake agent.
pub(crate) fn fake(flags: &[&str]) -> Vec<String> {
    let program = fake_agent().display().to_string();
    std::iter::once(program).chain(flags.iter().map(|&flag| flag.to_owned())).collect()
}

/// Returns the first answer to a question that is asked again and again.
pub(crate) async fn until<T>(mut question: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2000 {
        if let Some(answer) = question() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to pass within ten seconds");
}

/// Whether a process runs (a zombie does not).
pub(crate) fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !matches!(stat.rsplit(") ").next().unwrap_or("").chars().next(), None | Some('Z' | 'X'))
}

/// The children of this process with this text in their command lines, and its zombies.
pub(crate) fn children(text: &str) -> Vec<String> {
    let me = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mine = |pid: &String| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let stat = read("stat");
        let mut fields = stat.rsplit(") ").next().unwrap_or("").split(' ');
        let state = fields.next();
        fields.next() == Some(&me) && (state == Some("Z") || read("cmdline").contains(text))
    };
    pids.filter(mine).collect()
}

/// Runs the named test alone in a process of its own, so that it can count what the process has; returns whether this
/// is that process.
pub(crate) fn is_alone(test: &str) -> bool {
    if std::env::var_os("REFRAIN_TEST_ALONE").is_some() {
        return true;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test]).env("REFRAIN_TEST_ALONE", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}
