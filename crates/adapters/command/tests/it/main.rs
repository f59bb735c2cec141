//! Command agents with real processes.

mod contract;
mod failures;
mod processes;
mod talk;
mod world;
