//! Progress: a fold over events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{PhaseName, Revision, RunId};
use crate::report::{PhaseStatus, RunStatus, UnitCounts};
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::usage::{Resources, Usage};

/// How far a phase's attempt at one revision is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseProgress {
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// The revision that is being made; null while it is not known.
    pub revision: Option<Revision>,
    /// How the phase ended in this run; null while it has not.
    pub status: Option<PhaseStatus>,
    /// Whether work on the phase has begun.
    pub started: bool,
    /// Whether the totals are final; there is a percentage only then.
    pub locked: bool,
    /// The units so far.
    pub units: UnitCounts,
    /// Calls so far, retries included.
    pub calls: u64,
    /// What the calls consumed.
    pub usage: Usage,
    /// What they used of the machine; absent where it is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The share of units that are done; null while the totals are not final.
    pub percent: Option<f64>,
    /// Units done per second of late; null while none is done. Of a phase that has ended: since it began.
    pub rate: Option<f64>,
    /// Seconds left, as far as that can be told; null where it cannot, or where there is nothing left to do.
    pub eta_seconds: Option<f64>,
}

/// How far a run is; also one line of the progress file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunProgress {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// When this was so.
    pub at: Timestamp,
    /// How the run ended; null while it has not.
    pub status: Option<RunStatus>,
    /// The share of the work that is done; every phase and scope weighs the same.
    pub percent: f64,
    /// Units over all phases.
    pub units: UnitCounts,
    /// Calls so far, retries included.
    pub calls: u64,
    /// What the calls consumed.
    pub usage: Usage,
    /// Seconds since the run began.
    pub elapsed_seconds: f64,
    /// Seconds left, as far as that can be told; null while the totals of some phase are not final, and at the end.
    #[serde(default)]
    pub eta_seconds: Option<f64>,
    /// Every phase and scope of the plan, in plan order.
    pub phases: Vec<PhaseProgress>,
}
