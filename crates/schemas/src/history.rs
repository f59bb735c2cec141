//! The run history: runs, revisions with their lineage, attempts, generations and waivers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, FileStamp};
use crate::digest::Digest;
use crate::edit::{EditsLaid, EditsRecord};
use crate::failure::{FailureKind, PhaseError};
use crate::freshness::Cause;
use crate::name::{PhaseName, Revision, RunId, UnitId};
use crate::report::{RunReport, UnitCounts};
use crate::scope::Target;
use crate::time::Timestamp;
use crate::usage::Usage;

/// One entry of the history; entries are appended and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEntry {
    /// A run began.
    RunStarted(RunStart),
    /// A run ended; a run without this entry was killed or still runs.
    RunEnded(RunEnd),
    /// A phase made a revision.
    Revision(Box<RevisionRecord>),
    /// A phase tried and made none.
    Attempt(AttemptRecord),
    /// A phase is to be asked again, or that is done.
    Generation(GenerationRecord),
    /// A person declared the present output good.
    Waiver(WaiverRecord),
    /// People changed records, or took changes back.
    Edits(EditsRecord),
    /// Files of a revision were read again and are what they were; their new stamps vouch for that.
    Stamps(StampsRecord),
}

/// The beginning of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStart {
    /// The run.
    pub run_id: RunId,
    /// When.
    pub at: Timestamp,
    /// What was asked for; empty for the whole plan.
    pub targets: Vec<String>,
    /// The pipeline file; absent where there was none. Several of one folder share a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// What `run --json` printed.
    pub report: RunReport,
}

/// A revision of one phase in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionRecord {
    /// The phase and scope.
    pub target: Target,
    /// The number.
    pub revision: Revision,
    /// The run that made it.
    pub run_id: RunId,
    /// When it was published.
    pub at: Timestamp,
    /// What it holds.
    pub artifact: ArtifactRef,
    /// What it was made from.
    pub lineage: Lineage,
    /// The unit table: which asks each unit came from; absent for `read` and `write`.
    pub units: Option<Digest>,
    /// Whether every record's key is its unit's id, so that a changed unit changes only its own records.
    pub local: bool,
    /// How many units ran, were reused, failed.
    pub counts: UnitCounts,
    /// What the calls of this revision consumed.
    pub usage: Usage,
    /// The units that are missing, the first thousand of them; the revision is partial where there are any.
    pub missing: Vec<UnitId>,
    /// How many units failed by themselves, rather than for the lack of something upstream; a run retries these.
    pub own_failures: u64,
    /// The conflicts of the merge: a page of the store.
    pub conflicts: Option<Digest>,
    /// How many conflicts there were.
    pub n_conflicts: u64,
    /// The files written by `write`, or read by `read`.
    pub files: Vec<FileStamp>,
    /// The pipeline file of the run that made it; absent where there was none. Several of one folder share a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Whether some of its records have ids that come from what they say, because their file gives them none; absent where
    /// it was not read from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_ids: Option<bool>,
    /// What people's edits made of it; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<EditsLaid>,
    /// The files that `write` patched copies of, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patched: Vec<FileStamp>,
    /// The files that were read for it by a phase with an input of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<FileStamp>,
    /// The phase that it goes on with, where a template says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goes_to: Option<PhaseName>,
    /// How often such a phase was tried again.
    #[serde(default, skip_serializing_if = "is_none")]
    pub retries: u64,
    /// How many milliseconds the calls took that made it, of a phase of a turn: its loop may read that.
    #[serde(default, skip_serializing_if = "is_none")]
    pub took_ms: u64,
    /// Why it was made.
    pub causes: Vec<Cause>,
}

impl RevisionRecord {
    /// Whether units are missing, here or upstream.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.artifact.holes > 0
    }
}

/// What a revision was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The parts of the phase's definition, each with its digest.
    pub definition: BTreeMap<String, Digest>,
    /// The upstream artifacts by what they were read for; `None` is a want that was absent.
    pub upstream: BTreeMap<String, Option<UpstreamRef>>,
    /// Context files by path.
    pub context_files: BTreeMap<String, ContextFileRef>,
    /// The source files of `read`, with their digests.
    pub sources: BTreeMap<String, Digest>,
    /// The generation of the phase.
    pub generation: u32,
    /// The edits that were laid over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<Digest>,
    /// What tells these whether a unit's input is still what the person saw, where that is not read: a phase in between is
    /// locked by this one and repeats what people wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_from: Option<Digest>,
}

/// An upstream revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamRef {
    /// The phase and scope.
    pub target: Target,
    /// The revision.
    pub revision: Revision,
    /// Its artifact.
    pub artifact: ArtifactRef,
    /// Whether its contents are read; a mere order does not pass on changes.
    pub read: bool,
    /// Whether they are a value that stood in for what a failed phase would have made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
}

/// A context file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextFileRef {
    /// The digest of the file.
    pub file: Digest,
    /// Its contents, kept as an artifact in the store.
    pub artifact: ArtifactRef,
}

/// A phase that tried and made no revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptRecord {
    /// The phase and scope.
    pub target: Target,
    /// The run.
    pub run_id: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The digest of the inputs it was made at; at other inputs it says nothing.
    pub inputs: Digest,
    /// Why.
    pub error: PhaseError,
    /// How many units ran, were reused, failed.
    pub counts: UnitCounts,
    /// The conflicts it failed for: a page of the store.
    pub conflicts: Option<Digest>,
    /// The document of the failure, or the one that stands in for what the phase would have made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<ArtifactRef>,
    /// Whether the document stands in for what the phase would have made, so that what comes after it goes on as if it had.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
    /// What said so then: another `recover:` may say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_by: Option<Digest>,
    /// The document of the failure, where `document` stands in for something else: what those read who are for the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ArtifactRef>,
    /// The files that were read for it by a phase with an input of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<FileStamp>,
    /// How often such a phase was tried again.
    #[serde(default, skip_serializing_if = "is_none")]
    pub retries: u64,
    /// How many milliseconds the calls took that it made, of a phase of a turn: its loop may read that.
    #[serde(default, skip_serializing_if = "is_none")]
    pub took_ms: u64,
}

impl AttemptRecord {
    /// Whether all replies are there and of no use, so that only other ones can help.
    #[must_use]
    pub fn needs_other_replies(&self) -> bool {
        matches!(self.error.code.as_str(), "conflict" | "goto")
    }

    /// Returns the document of the failure, whatever stands in for what the phase would have made.
    #[must_use]
    pub const fn told(&self) -> Option<&ArtifactRef> {
        match &self.failure {
            Some(failure) => Some(failure),
            None => self.document.as_ref(),
        }
    }

    /// Whether a value stands in for what failed, and the same attempt would only fail again.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        use FailureKind as K;
        let lasts = |kind: K| {
            !kind.may_pass() && !matches!(kind, K::Credentials | K::Budget | K::Offline | K::Waiting)
        };
        self.recovered && self.error.units.iter().all(|unit| lasts(unit.failure.kind))
    }
}

const fn is_none(n: &u64) -> bool {
    *n == 0
}

/// How an attempt without a revision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It failed.
    Failed,
    /// A need was missing.
    Blocked,
    /// It waits for a person.
    Waiting,
    /// The run was stopped or cancelled before the phase ended; says nothing about the phase.
    Stopped,
}

/// Files of a revision that were found to be what they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StampsRecord {
    /// The phase and scope.
    pub target: Target,
    /// The revision.
    pub revision: Revision,
    /// The files with the stamps that they have from here on.
    pub files: Vec<FileStamp>,
}

/// A raised generation: all asks of the phase have new keys from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerationRecord {
    /// The phase and scope.
    pub target: Target,
    /// The generation, from 1; phases that were never forced are at 0.
    pub generation: u32,
    /// The run that raised it.
    pub run_id: RunId,
    /// When.
    pub at: Timestamp,
}

/// A person's word that the present output is good for the present definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverRecord {
    /// The phase and scope.
    pub target: Target,
    /// The revision that is declared good.
    pub revision: Revision,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// The lineage that the revision counts as made from, from here on.
    pub lineage: Lineage,
    /// The unit table under the new keys.
    pub units: Option<Digest>,
    /// What was waived.
    pub causes: Vec<Cause>,
}
