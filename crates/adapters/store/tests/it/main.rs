//! The embedded store keeps the port's contract, also when it is damaged, killed or out of space.

mod conformance;
mod crash;
mod damage;
mod failing;
mod folder;
mod project;
