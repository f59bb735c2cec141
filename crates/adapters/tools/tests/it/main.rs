//! Tools, over doubles of the world.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panics, too")]

mod catalogue;
mod contract;
mod data;
mod files;
mod memory_scratch;
mod offers;
mod others;
mod world;
