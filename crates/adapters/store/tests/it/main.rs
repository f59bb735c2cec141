//! The embedded store keeps the port's contract, also when it is damaged, killed or out of space.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what tests share fails as they do")]

mod conformance;
mod crash;
mod damage;
mod failing;
mod folder;
mod fuzz;
mod golden;
mod power;
mod project;
