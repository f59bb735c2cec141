//! The engine of Refrain, and the ports through which it reaches the world.
//!
//! A [`model::Model`] says what the project means; the [`engine`] runs it through the [`ports`]. Nothing in this crate
//! opens a file or a socket, starts a process, reads a clock, an environment variable or a random number.

pub mod check;
pub mod tree;
pub mod history;
pub mod template;
pub mod expression;
pub mod upstream;
pub mod define;
pub mod judge;
pub mod units;
pub mod artifact;
pub mod prepare;
pub mod delta;
pub mod publish;
pub mod facts;
pub mod survey;
pub mod request;
pub mod reply;
pub mod merge;
pub mod unit_table;
pub mod engine;
pub mod model;
pub mod ports;
pub mod progress;
