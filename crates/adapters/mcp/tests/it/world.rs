//! What the tests have in common.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use refrain_core::ports::agent::{AgentError, Remarks};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tools::{ToolResult, ToolUse, Tools as _};
use refrain_mcp::McpServers;
use refrain_schemas::endpoint::ServerSpec;
use refrain_testkit::bin::fake_mcp;
use refrain_testkit::remarks::RecordingRemarks;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The secret that tests look for where it must not be.
pub(crate) const SECRET: &str = "s3cr3t-canary-value";

/// A project with one server, `s`.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) servers: Arc<McpServers>,
    pub(crate) remarks: Arc<RecordingRemarks>,
    _held: Arc<dyn Remarks>,
}

/// Knows one secret and one variable that is none.
#[derive(Debug)]
struct Known;

impl Secrets for Known {
    fn get(&self, name: &str) -> Option<String> {
        match name {
            "FAKE_TOKEN" => Some(SECRET.to_owned()),
            "FAKE_MODE" => Some("fast".to_owned()),
            "PATH" => std::env::var("PATH").ok(),
            _ => None,
        }
    }
}

impl World {
    /// A project whose server is the fake one with flags.
    pub(crate) fn fake(flags: &[&str]) -> Self {
        Self::of(&json!({ "command": command(flags), "timeout": "20s" }))
    }

    pub(crate) fn of(spec: &Value) -> Self {
        Self::within(tempfile::tempdir().unwrap(), spec)
    }

    pub(crate) fn within(folder: TempDir, spec: &Value) -> Self {
        let servers = Arc::new(servers(folder.path(), spec));
        let remarks = RecordingRemarks::new();
        let held: Arc<dyn Remarks> = remarks.clone();
        servers.listen("s", &held);
        Self { folder, servers, remarks, _held: held }
    }

    /// The same project as the next process finds it, perhaps with another server.
    pub(crate) fn again(self, spec: &Value) -> Self {
        Self::within(self.folder, spec)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<ToolResult, AgentError> {
        self.call_until(tool, arguments, &Cancel::new()).await
    }

    pub(crate) async fn call_until(
        &self,
        tool: &str,
        arguments: Value,
        cancel: &Cancel,
    ) -> Result<ToolResult, AgentError> {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        self.servers.call(ToolUse { server: "s".into(), tool: tool.into(), arguments }, cancel).await
    }

    pub(crate) async fn names(&self) -> Result<Vec<String>, AgentError> {
        let list = self.servers.list("s").await?;
        Ok(list.tools.into_iter().map(|tool| tool.name).collect())
    }

    /// Waits until the server has said something that begins so, and returns its rest.
    pub(crate) async fn hear(&self, sign: &str) -> String {
        until(|| self.remarks.said().iter().find_map(|line| line.strip_prefix(sign).map(str::to_owned))).await
    }
}

pub(crate) fn servers(project: &Path, spec: &Value) -> McpServers {
    let spec: ServerSpec = serde_json::from_value(spec.clone()).unwrap();
    let declared: IndexMap<String, ServerSpec> = [("s".to_owned(), spec)].into_iter().collect();
    McpServers::new(project, &declared, &(Arc::new(Known) as Arc<dyn Secrets>)).unwrap()
}

/// The command of the fake server.
pub(crate) fn command(flags: &[&str]) -> Vec<String> {
    let program = fake_mcp().display().to_string();
    std::iter::once(program).chain(flags.iter().map(|&flag| flag.to_owned())).collect()
}

/// A fake server that serves HTTP for as long as this is held.
pub(crate) struct Site {
    child: Child,
    pub(crate) url: String,
}

impl Site {
    pub(crate) fn new(flags: &[&str]) -> Self {
        let mut command = Command::new(fake_mcp());
        command.arg("--http").args(flags).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, url: format!("http://127.0.0.1:{}/mcp", port.trim()) }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
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
