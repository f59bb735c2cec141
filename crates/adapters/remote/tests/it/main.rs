//! Models, over a server in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panics, too")]

mod contract;
mod openai;
mod server;
mod world;
