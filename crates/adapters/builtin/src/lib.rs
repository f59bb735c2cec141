//! Agents that need no other program: `template`, `filter`, `map`, `summary`; for localisation `checks`, `consistency`,
//! `apply`, `pseudo`, `annotate`, `terms`, `cast`; and the specs of `read` and `write`, whose work the engine does through
//! other ports.
//!
//! [`BuiltinAgents`] makes them, and the agents that an embedding program adds with [`BuiltinAgents::with`]. Every
//! built-in is a pure function of its request, so the same request has the same answer on every machine. Nothing here
//! reads a file, a clock or a random number. Params are described in `docs/builtins.md`.

mod agent;
mod annotate;
mod apply;
mod cast;
mod checks;
mod consistency;
mod diff;
mod engine;
mod factory;
mod files;
mod filter;
mod glossary;
mod map;
mod nearest;
mod params;
mod pseudo;
mod record;
mod summary;
mod template;
mod terms;
mod view;
mod words;

pub use factory::{BuiltinAgents, MakeAgent};
