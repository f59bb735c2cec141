//! A plan that was written down, to be run as it is or not at all.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::money::Budget;
use crate::plan::PlanReport;
use crate::time::Timestamp;

/// The version of the file that this crate writes.
pub const PLAN_FILE_VERSION: u32 = 1;

/// What `plan -o` writes and `run --plan` reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The version of the format; 1.
    pub refrain_plan: u32,
    /// The project.
    pub project: String,
    /// When it was made.
    pub at: Timestamp,
    /// What was asked for.
    pub request: PlannedRequest,
    /// What the plan was made from, by name: `lines@ja definition`, `source.csv`, `prices`, `ledger` and so on. A run refuses
    /// where one of them has changed, and names it.
    pub drift: BTreeMap<String, Digest>,
    /// The most that the run may spend.
    pub ceiling: Budget,
    /// What the run would do.
    pub plan: PlanReport,
}

/// What a plan was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedRequest {
    /// The phases, as written on the command line; empty for the whole plan.
    pub targets: Vec<String>,
    /// Only these scopes, by dimension.
    pub scopes: Vec<(String, String)>,
    /// Exactly the phases named.
    pub only: bool,
    /// Even those that are fresh.
    pub force: bool,
}
