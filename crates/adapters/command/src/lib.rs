//! Agents that are command processes: JSON lines over stdio.
//!
//! [`CommandAgents`] makes them, [`CommandAgent`] is one clone. Kept alive, its process answers call after call; with
//! `oneshot: true` there is a process per call. Nothing goes through a shell.
//!
//! **What is guaranteed about processes.** Every process leads a process group of its own. The whole group is killed
//! when a call is cancelled or times out, when the leader dies, when the clone is closed or dropped, and it is reaped;
//! a child that leaves the group (`setsid`) is out of reach. When this program itself is killed with SIGKILL nobody is
//! left to kill anything: the agent then reads the end of its standard input, and a well-behaved one ends.
//!
//! What an agent reads and writes is specified in `specs/0004-agents.md`.

mod agent;
mod factory;
mod group;
mod lines;
mod measure;
mod process;
mod runner;
mod stderr;
mod traces;
mod wire;

pub use agent::CommandAgent;
pub use factory::CommandAgents;
pub use runner::ProcessRunner;
