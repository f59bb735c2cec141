//! Tests of what the crate shows to the outside.

mod checked_in;
