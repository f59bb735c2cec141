//! Command agents with real processes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panics, too")]

mod contract;
mod environment;
mod failures;
mod processes;
mod runner;
mod talk;
mod world;
