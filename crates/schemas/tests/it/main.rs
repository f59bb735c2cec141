//! Tests of what the crate shows to the outside.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod checked_in;
