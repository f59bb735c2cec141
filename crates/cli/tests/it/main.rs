//! The binary as people and programs see it.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod agents;
mod arguments;
mod check;
mod crash;
mod data;
mod demo;
mod editing;
mod help;
#[cfg(unix)]
mod hostile;
#[cfg(unix)]
mod hostile_steps;
mod init;
mod interrupt;
mod ledger;
mod leftovers;
mod limits;
mod localisation;
mod models;
mod money;
mod numbers;
mod project;
mod reading;
mod run;
mod schema;
mod secrets;
mod sim;
mod staleness;
mod streams;
mod tools;
mod trouble;
mod views;
mod wander;
