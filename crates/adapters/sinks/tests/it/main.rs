//! What the sinks promise.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod console;
mod events;
mod jsonl;
mod redacting;
mod terminal;
