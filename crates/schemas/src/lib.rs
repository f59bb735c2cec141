//! The public data types of Refrain: what is written in a pipeline file, kept in the store, printed with `--json`
//! and spoken to agents.
//!
//! Everything here is plain data with `serde` and `schemars` derives. There is no logic beyond the validation of a
//! value's own shape; the meaning of these types lives in `refrain-core`. The JSON Schemas in the repository's
//! `schemas/` folder are generated from this crate (see [`catalogue`]).

pub mod json;
pub mod digest;
pub mod name;
pub mod scope;
pub mod pipeline;
pub mod agent_spec;
pub mod phase_spec;
pub mod duration;
pub mod time;
pub mod problem;
pub mod usage;
pub mod failure;
pub mod freshness;
pub mod artifact;
pub mod history;
pub mod ledger;
pub mod event;
pub mod log_line;
pub mod progress;
pub mod plan;
pub mod report;
pub mod status;
pub mod why;
pub mod protocol;
pub mod exit_code;
pub mod catalogue;
