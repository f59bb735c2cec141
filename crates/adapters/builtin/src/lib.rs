//! Agents that need no other program: `template`, `filter`, `map`, `summary`, `checks`, and the specs of `read` and
//! `write`, whose work the engine does through other ports.
//!
//! [`BuiltinAgents`] makes them, and the agents that an embedding program adds with [`BuiltinAgents::with`]. Every
//! built-in is a pure function of its request, so the same request has the same answer on every machine. Nothing here
//! reads a file, a clock or a random number. Params are specified in `specs/0004-agents.md`.

mod agent;
mod apply;
mod checks;
mod diff;
mod engine;
mod factory;
mod files;
mod filter;
mod glossary;
mod map;
mod nearest;
mod params;
mod record;
mod summary;
mod template;
mod view;
mod words;

pub use factory::{BuiltinAgents, MakeAgent};
