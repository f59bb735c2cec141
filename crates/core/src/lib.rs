//! The engine of Refrain, and the ports through which it reaches the world.
//!
//! A [`model::Model`] says what the project means; the [`engine`] runs it through the [`ports`]. Nothing in this crate
//! opens a file or a socket, starts a process, reads a clock, an environment variable or a random number.

pub mod artifact;
pub mod builder;
pub mod check;
pub mod choice;
pub mod condition;
pub mod define;
pub mod delta;
pub mod edits;
pub mod end;
pub mod engine;
pub mod escape;
pub mod execution;
pub mod executor;
pub mod explain;
pub mod expression;
pub mod facts;
pub mod fill;
pub mod formula;
pub mod history;
pub mod judge;
mod left;
pub mod meaning;
pub mod merge;
pub mod model;
pub mod overlay;
pub mod past;
pub mod plan;
pub mod ports;
pub mod prepare;
pub mod progress;
pub mod prompt;
pub mod protocol;
pub mod publish;
pub mod quality;
mod queries;
pub mod recorder;
pub mod redactor;
pub mod reply;
pub mod request;
pub mod run;
pub mod score;
pub mod sight;
pub mod status;
pub mod stream;
pub mod survey;
pub mod template;
pub mod terms;
pub mod tokens;
pub mod tree;
pub mod turns;
pub mod unit_table;
pub mod units;
pub mod upstream;
pub mod why;
