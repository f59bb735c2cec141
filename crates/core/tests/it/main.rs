//! The engine as a whole, on a project in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod again;
mod ahead;
mod answers;
mod basics;
mod blame;
mod calls;
mod changed;
mod corners;
mod costs;
mod delta;
mod editing;
mod effects;
mod ends;
mod estimates;
mod failing;
mod fans;
mod flow;
mod fuzz;
mod given;
mod handled;
mod limiting;
mod localising;
mod logs;
mod look_ups;
mod money;
mod pieces;
mod programs;
mod progress;
mod prompts;
mod repairing;
mod reviewed;
mod routes;
mod same_bytes;
mod seeing;
mod settling;
mod shapes;
mod sim;
mod simulated;
mod spending;
mod steps;
mod streaming;
mod tokens;
mod trees;
mod turns;
