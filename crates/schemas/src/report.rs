//! What `run --json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::edit::EditCounts;
use crate::exit_code::ExitCode;
use crate::failure::PhaseError;
use crate::freshness::Cause;
use crate::name::{PhaseName, Revision, RunId};
use crate::problem::Problem;
use crate::scope::{Scope, Target};
use crate::time::Timestamp;
use crate::usage::{Resources, Usage};

/// How many units there are and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitCounts {
    /// All units.
    pub total: u64,
    /// Units that were asked in this run.
    pub ran: u64,
    /// Units whose replies were all there already.
    pub reused: u64,
    /// Units that failed, or are holes because something they need is one.
    pub failed: u64,
}

impl UnitCounts {
    /// Adds other counts to these.
    pub const fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.ran += other.ran;
        self.reused += other.reused;
        self.failed += other.failed;
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Everything that was asked for is there.
    Completed,
    /// Everything is there, but some revisions lack units.
    Partial,
    /// A phase failed.
    Failed,
    /// A phase lacked something it needs.
    Blocked,
    /// A phase waits for a person.
    Waiting,
    /// A ceiling was reached.
    Stopped,
    /// A person stopped it.
    Cancelled,
}

impl RunStatus {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the exit code that goes with it, as far as the status alone tells.
    #[must_use]
    pub const fn exit_code(self) -> ExitCode {
        match self {
            Self::Completed => ExitCode::Ok,
            Self::Partial | Self::Failed => ExitCode::Failed,
            Self::Blocked => ExitCode::Blocked,
            Self::Waiting => ExitCode::Waiting,
            Self::Stopped => ExitCode::Budget,
            Self::Cancelled => ExitCode::Interrupted,
        }
    }
}

/// What became of a phase in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseStatus {
    /// There was nothing to do.
    Fresh,
    /// It made a complete revision.
    Completed,
    /// It made a revision that lacks units.
    Partial,
    /// It made none.
    Failed,
    /// It lacked something it needs.
    Blocked,
    /// It waits for a person.
    Waiting,
    /// Its `when:` is false, or a phase it needs was skipped.
    Skipped,
    /// A ceiling was reached before it ended.
    Stopped,
    /// A person stopped the run before it ended.
    Cancelled,
}

impl PhaseStatus {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What became of one phase in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseReport {
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// What became of it.
    pub status: PhaseStatus,
    /// The latest revision; null where there is none.
    pub revision: Option<Revision>,
    /// Calls made, retries included.
    pub calls: u64,
    /// Of these, calls that tried something again.
    pub retries: u64,
    /// How often runs that this one goes on with tried again what they made or failed at; absent where never.
    #[serde(default, skip_serializing_if = "is_none")]
    pub earlier_retries: u64,
    /// Of those, calls that told the agent what was wrong with its reply.
    #[serde(default)]
    pub repairs: u64,
    /// Its units.
    pub units: UnitCounts,
    /// How people's edits of it stand; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<EditCounts>,
    /// The digest of the latest artifact.
    pub digest: Option<Digest>,
    /// What the calls consumed.
    pub usage: Usage,
    /// What its calls used of the machine, of a phase with an input of its own; absent where none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// When work on it began, of a phase with an input of its own; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Why it ran.
    pub causes: Vec<Cause>,
    /// Why it made no revision.
    pub error: Option<PhaseError>,
    /// The document that stands for what it would have made; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
    /// Written files that somebody had changed since, each kept under another name before it was replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptFile>,
}

const fn is_none(n: &u64) -> bool {
    *n == 0
}

/// A file that a person had made or changed and a run replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// The file.
    pub path: String,
    /// Where what the person made of it is now.
    pub copy: String,
    /// Whether it was imported before, and the import left something out; absent where it was not imported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
}

/// Errors that a phase found in texts which nothing has changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenErrors {
    /// The target that found them.
    pub target: Target,
    /// How many.
    pub count: u64,
}

/// A file that an earlier revision of an export wrote, that is as it wrote it, and that none writes any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftoverFile {
    /// The file.
    pub path: String,
    /// The target that wrote it last.
    pub target: Target,
}

/// What `run --json` prints at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// The first of the runs that this one goes on with; absent where it goes on with none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<RunId>,
    /// How it ended.
    pub status: RunStatus,
    /// The exit code of the command.
    pub exit_code: u8,
    /// Calls made, retries included.
    pub calls: u64,
    /// Of these, calls that tried something again.
    pub retries: u64,
    /// Of those, calls that told the agent what was wrong with its reply.
    #[serde(default)]
    pub repairs: u64,
    /// Calls of earlier runs that were in doubt and count against this run's ceilings.
    pub in_doubt: u64,
    /// All units of all phases.
    pub units: UnitCounts,
    /// What the calls consumed.
    pub usage: Usage,
    /// Dollars; null where no agent told.
    pub cost_usd: Option<f64>,
    /// Every phase and scope of the plan, in plan order.
    pub phases: Vec<PhaseReport>,
    /// The values of the whole run, as far as they could be made; absent where the pipeline declares none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// Why the others could not be, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub output_errors: BTreeMap<String, String>,
    /// Exported files that are left over, by path; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<LeftoverFile>,
    /// Errors in texts that nothing has changed since they were found; absent where there are none, or where nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_errors: Vec<OpenErrors>,
    /// Warnings about edits that do not come out; absent where all do, or where nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle_edits: Vec<Problem>,
}
