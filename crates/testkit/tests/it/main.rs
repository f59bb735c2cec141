//! Tests of the repository as a whole: what may know what, and what every file looks like.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod architecture;
mod files;
mod repository;
