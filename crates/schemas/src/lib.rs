//! The public data types of Refrain: what is written in a pipeline file, kept in the store, printed with `--json`
//! and spoken to agents.
//!
//! Everything here is plain data with `serde` and `schemars` derives. There is no logic beyond the validation of a
//! value's own shape; the meaning of these types lives in `refrain-core`. The JSON Schemas in the repository's
//! `schemas/` folder are generated from this crate (see [`catalogue`]).

pub mod agent_spec;
pub mod artifact;
pub mod catalogue;
pub mod choice;
pub mod comparison;
pub mod digest;
pub mod doctor;
pub mod duration;
pub mod edit;
pub mod endpoint;
pub mod environment;
pub mod event;
pub mod exchange;
pub mod exit_code;
pub mod explanation;
pub mod failure;
pub mod freshness;
pub mod history;
pub mod json;
pub mod ledger;
pub mod log_line;
pub mod loop_spec;
pub mod meaning;
pub mod money;
pub mod name;
pub mod on_failure;
pub mod overview;
pub mod phase_spec;
pub mod pipeline;
pub mod plan;
pub mod plan_file;
pub mod problem;
pub mod progress;
pub mod protocol;
pub mod quality;
pub mod report;
pub mod scope;
pub mod simulation;
pub mod status;
pub mod steps;
pub mod time;
pub mod usage;
pub mod why;
