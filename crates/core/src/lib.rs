//! The engine of Refrain, and the ports through which it reaches the world.
//!
//! A [`model::Model`] says what the project means; the [`engine`] runs it through the [`ports`]. Nothing in this crate
//! opens a file or a socket, starts a process, reads a clock, an environment variable or a random number.

pub mod builder;
pub mod check;
pub mod engine;
pub mod expression;
pub mod model;
pub mod ports;
pub mod template;
