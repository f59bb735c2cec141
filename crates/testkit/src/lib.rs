//! Doubles and conformance suites for the ports of Refrain.

pub mod contract;
pub mod memory_store;
