//! What the file adapters promise, on a real file system.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod codes;
mod folder;
mod formats;
mod patching;
mod project;
mod reading;
mod round_trip;
mod writing;
