//! Doubles and conformance suites for the ports of Refrain.

pub mod agents;
pub mod ask;
pub mod bin;
pub mod clock;
pub mod contract;
mod drive;
pub mod ids;
pub mod loopback;
pub mod memory_store;
pub mod peak;
pub mod peers;
pub mod provider;
pub mod remarks;
pub mod script;
pub mod sight;
pub mod sim;
pub mod sinks;
pub mod witnessed_store;
pub mod world;
