//! Tests of the demo's data, and of its translator as a program.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod program;
mod script;
