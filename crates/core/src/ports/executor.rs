//! Where calls run.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::name::{AgentName, PhaseName};

use super::agent::{AgentError, Reply, Request};
use super::cancel::Cancel;

/// Runs calls: in this process, or on a distributed engine.
///
/// - The engine never has two calls under way in one slot.
/// - A slot's agent is opened before its first call and closed by [`Executor::close`] at the latest.
/// - What answers a call MUST be what [`Call::identity`] says: where the identity of a slot's calls changes, its agent is
///   closed and another one opened, and the answer of a program that was started from files other than [`Call::files`] is
///   a failure.
/// - `execute` MUST return within the call's time-out, and soon after `cancel` fires.
#[async_trait]
pub trait Executor: Debug + Send + Sync + 'static {
    /// Runs one call to its end.
    async fn execute(&self, call: Call, cancel: &Cancel) -> Result<Reply, AgentError>;

    /// Closes every agent that was opened.
    async fn close(&self);
}

/// One call and where it runs.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whose clone answers.
    pub slot: Slot,
    /// The digest of who the agent is, as the keys of the call's asks have it.
    pub identity: Digest,
    /// The files that are part of that.
    pub files: Arc<[FileStamp]>,
    /// What is asked.
    pub request: Request,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// One clone of one agent in the pool of one phase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The phase whose pool it is.
    pub phase: PhaseName,
    /// The agent.
    pub agent: AgentName,
    /// The clone, from 0.
    pub clone: u32,
}
