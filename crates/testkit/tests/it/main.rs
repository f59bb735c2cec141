//! The doubles of this crate pass the suites of this crate.

mod memory_store;
