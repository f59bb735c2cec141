//! Processes that tools start.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

pub use refrain_schemas::usage::Resources;

use super::agent::AgentError;
use super::cancel::Cancel;

/// Runs programs to their end.
///
/// - When a run is over, however it ended, no process of it MUST be left: not those that it started either.
/// - Nothing of Refrain's own environment reaches it but what is always passed.
/// - It MUST return soon after `cancel` fires.
#[async_trait]
pub trait Runner: Debug + Send + Sync + 'static {
    /// Runs a program. That it failed, or took too long, is no error; an error is that it could not be started.
    async fn run(&self, work: Invocation, cancel: &Cancel) -> Result<Finished, AgentError>;
}

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The program.
    pub program: Program,
    /// The folder that it works in, on the disk; the project's where absent.
    pub folder: Option<PathBuf>,
    /// Its environment, besides what is always passed.
    pub environment: Vec<(String, String)>,
    /// What it reads on its standard input.
    pub input: Vec<u8>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What it may use.
    pub limits: RunLimits,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A line for the shell.
    Shell(String),
    /// A text for Python.
    Python(String),
    /// A program and its arguments.
    Arguments(Vec<String>),
}

/// What a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Seconds of a processor.
    pub cpu_seconds: Option<u64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Bytes of each of its outputs that are kept; what follows is dropped.
    pub output_bytes: usize,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Its exit code; negative for the signal that ended it; none where it was killed for the time that it took.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    /// Whether an output was longer than what is kept.
    pub is_cut: bool,
    /// Whether it took too long.
    pub timed_out: bool,
    /// What it used.
    pub resources: Resources,
}
