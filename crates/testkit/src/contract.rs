//! Conformance suites: what every adapter of a port must pass.

pub mod agent;
pub mod store;
pub mod workspace;
