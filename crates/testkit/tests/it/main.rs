//! Tests of the repository as a whole (what may know what, and what every file looks like), and of the doubles of this
//! crate, which pass the suites of this crate; and of what the engine answers and keeps, on projects in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod architecture;
mod files;
mod memory_store;
mod mutants;
mod peers;
mod provider;
mod queries;
mod repository;
