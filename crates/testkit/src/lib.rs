//! Doubles and conformance suites for the ports of Refrain, and the simulator.
//!
//! With the feature `suite`, which is on by default, everything that tests need; without it the [`sim`]ulator and what it
//! stands on, which programs may be built with.

#[cfg(feature = "suite")]
pub mod agents;
#[cfg(feature = "suite")]
pub mod ask;
#[cfg(feature = "suite")]
pub mod bin;
pub mod clock;
#[cfg(feature = "suite")]
pub mod contract;
mod drive;
#[cfg(feature = "suite")]
pub mod fuzz;
pub mod ids;
#[cfg(feature = "suite")]
pub mod loopback;
pub mod memory_store;
#[cfg(feature = "suite")]
pub mod peak;
#[cfg(feature = "suite")]
pub mod peers;
#[cfg(feature = "suite")]
pub mod provider;
#[cfg(feature = "suite")]
pub mod remarks;
#[cfg(feature = "suite")]
pub mod script;
#[cfg(feature = "suite")]
pub mod sight;
pub mod sim;
#[cfg(feature = "suite")]
pub mod sinks;
#[cfg(feature = "suite")]
pub mod tools;
pub mod witnessed_store;
#[cfg(feature = "suite")]
pub mod world;
