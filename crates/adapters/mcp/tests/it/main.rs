//! MCP servers with real processes and sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panics, too")]

mod agents;
mod http;
mod listings;
mod processes;
mod resources;
mod stdio;
mod world;
