//! Servers that nobody here wrote, run as neighbours of a test: `peers/install.sh` installs them, this finds and runs them.
//!
//! A test that needs them starts with [`Peers::find`] and is over where there are none; that is said where nobody can miss
//! it. With `REFRAIN_PEERS=require` it is a failure instead.

mod model_peer;
mod process;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

pub use model_peer::{Faults, ModelEntry, ModelPeer, Said};
pub use process::Process;

/// The servers that are installed.
#[derive(Debug, Clone)]
pub struct Peers {
    node: PathBuf,
    modules: PathBuf,
}

impl Peers {
    /// Returns the servers, where they are installed; says loudly that a test is skipped where they are not.
    ///
    /// # Panics
    /// Where there are none and `REFRAIN_PEERS=require`.
    #[must_use]
    pub fn find(test: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../peers");
        let modules = folder.join("node_modules");
        let node = [folder.join(".venv/bin/node"), PathBuf::from("node")].into_iter().find(|node| runs(node));
        let is_installed = modules.join(".refrain-installed").is_file();
        if let Some(node) = node.filter(|_| is_installed) {
            return Some(Self { node, modules: modules.canonicalize().unwrap_or(modules) });
        }
        let message = format!("SKIPPED {test}: the servers it needs are not installed; run peers/install.sh");
        assert!(std::env::var_os("REFRAIN_PEERS").is_none_or(|value| value != "require"), "{message}");
        // Not through `eprintln!`, which the test harness keeps to itself where a test passes.
        let _unsaid = writeln!(std::io::stderr(), "\n!!! {message}");
        None
    }

    /// Returns the command of the reference server with a tool of every sort; it speaks MCP over stdio.
    #[must_use]
    pub fn everything(&self) -> Vec<String> {
        self.command("@modelcontextprotocol/server-everything/dist/index.js", &["stdio"])
    }

    /// Returns the command of the reference server that remembers; it speaks MCP over stdio and keeps what it remembers
    /// in the file that `MEMORY_FILE_PATH` names.
    #[must_use]
    pub fn memory(&self) -> Vec<String> {
        self.command("@modelcontextprotocol/server-memory/dist/index.js", &[])
    }

    /// Starts the reference server with a tool of every sort, and returns it and its address for streamable HTTP.
    ///
    /// # Errors
    /// Fails where it does not start.
    pub fn everything_over_http(&self) -> std::io::Result<(Process, String)> {
        let command =
            self.command("@modelcontextprotocol/server-everything/dist/index.js", &["streamableHttp"]);
        let port = free_port()?;
        let process = Process::start(&command, &[("PORT", &port.to_string())])?;
        process.wait_for_port(port)?;
        Ok((process, format!("http://127.0.0.1:{port}/mcp")))
    }

    /// Starts the simulator of several providers' models.
    ///
    /// # Errors
    /// Fails where it does not start.
    pub fn models(&self, said: &[Said], faults: Faults) -> std::io::Result<ModelPeer> {
        let script = self.command("@copilotkit/aimock/dist/cli.js", &[]);
        ModelPeer::start(&script, said, faults)
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Vec<String> {
        let script = self.modules.join(script).to_string_lossy().into_owned();
        let node = self.node.to_string_lossy().into_owned();
        [node, script].into_iter().chain(arguments.iter().map(|&argument| argument.to_owned())).collect()
    }
}

fn runs(node: &Path) -> bool {
    Command::new(node).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Returns a port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
