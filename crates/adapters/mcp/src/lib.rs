//! The tools of MCP servers: for models, through the port [`Tools`](refrain_core::ports::tools::Tools), and as agents.
//!
//! [`McpServers`] holds the connections, one per server of the pipeline, started at first use; [`McpAgents`] makes the
//! agents of specs that say `mcp:`. A server is a child process that speaks over stdio, or is reached over streamable
//! HTTP.
//!
//! **What is guaranteed about processes.** Every server leads a process group of its own, with an environment that
//! holds nothing but what its spec names and what is [always passed](refrain_core::ports::secrets::ALWAYS_PASSED). The whole group is killed when the
//! server dies, stops answering, is closed or dropped; a child that leaves the group (`setsid`) is out of reach.
//!
//! What is decided here and why is in `specs/0014-tools.md`.

mod agent;
mod arguments;
mod connection;
mod ears;
mod environment;
mod factory;
mod group;
mod http;
mod listing;
mod memory;
mod outcome;
mod pipe;
mod process;
mod resources;
mod server;
mod servers;
mod trouble;

pub use factory::McpAgents;
pub use servers::McpServers;
