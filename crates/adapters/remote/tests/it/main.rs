//! Models, over a server in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panics, too")]

mod anthropic;
mod contract;
mod drafts;
mod fallback;
mod faults;
mod fetch;
mod gemini;
mod openai;
mod probes;
mod repairs;
mod responses;
mod secrets;
mod server;
mod services;
mod streams;
mod tools;
mod world;
