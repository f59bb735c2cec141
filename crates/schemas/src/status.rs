//! What `status --json` and `history --json` print.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::edit::{EditCounts, EditsRecord};
use crate::failure::PhaseError;
use crate::freshness::{Cause, Freshness};
use crate::history::{AttemptRecord, RevisionRecord, WaiverRecord};
use crate::name::{PhaseName, Revision, RunId};
use crate::problem::Problem;
use crate::progress::RunProgress;
use crate::report::{LeftoverFile, OpenErrors, RunStatus, UnitCounts};
use crate::scope::Scope;
use crate::time::Timestamp;

/// One phase in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseState {
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// One word for where it stands.
    pub freshness: Freshness,
    /// Why it is not fresh.
    pub causes: Vec<Cause>,
    /// The latest revision; null where there is none.
    pub revision: Option<Revision>,
    /// The digest of the latest artifact.
    pub digest: Option<Digest>,
    /// Records of the latest artifact; null where there is none.
    pub records: Option<u64>,
    /// The units of the latest revision.
    pub units: Option<UnitCounts>,
    /// How many conflicts its merge recorded.
    pub conflicts: u64,
    /// How people's edits of it stand; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<EditCounts>,
    /// What all calls for it ever consumed.
    #[serde(default)]
    pub usage: crate::usage::Usage,
    /// The most that its calls in doubt can have consumed besides, noted or not, as far as that is known.
    #[serde(default)]
    pub doubtful: crate::usage::Usage,
    /// Why the last attempt at the present inputs made no revision.
    pub error: Option<PhaseError>,
    /// Whether a value stands in for what it failed to make.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
}

/// Who holds the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// The command.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

/// What `status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// Who writes to the project now; null where nobody does.
    pub holder: Option<Holder>,
    /// The progress of the run under way; null where there is none.
    pub run: Option<RunProgress>,
    /// Calls whose outcome is unknown.
    pub in_doubt: u64,
    /// Every phase and scope, in pipeline order.
    pub phases: Vec<PhaseState>,
    /// Exported files that are not as a run wrote them and that nobody has imported so, by path; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_import: Vec<String>,
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

/// One run of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunView {
    /// The run.
    pub run_id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; null where it was killed or still runs.
    pub ended_at: Option<Timestamp>,
    /// How it ended; null where it was killed or still runs.
    pub status: Option<RunStatus>,
    /// What was asked for; empty for the whole plan.
    pub targets: Vec<String>,
    /// Calls made; null where it was killed or still runs.
    pub calls: Option<u64>,
}

/// A revision of the history and whether it is still true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionView {
    /// The record.
    pub record: RevisionRecord,
    /// Whether a later revision stands in its place.
    pub superseded: bool,
    /// How fresh it is; null where it is superseded.
    pub freshness: Option<Freshness>,
}

/// What `history --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The runs, oldest first.
    pub runs: Vec<RunView>,
    /// The revisions, oldest first.
    pub revisions: Vec<RevisionView>,
    /// The attempts that made no revision, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// What people declared good, oldest first.
    pub waivers: Vec<WaiverRecord>,
    /// What people changed of records, oldest first.
    #[serde(default)]
    pub edits: Vec<EditsRecord>,
}
