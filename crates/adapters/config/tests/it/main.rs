//! Pipeline files, good and bad.

#![expect(clippy::unwrap_used, reason = "the helpers of tests stop at what they do not expect")]

mod fake;
mod fake_models;
mod fake_tools;
mod files;
mod fuzz;
mod places;
mod steps;
mod table;
