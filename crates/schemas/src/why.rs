//! What `why --json` and `diff --json` print.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::failure::Failure;
use crate::freshness::{Cause, Freshness};
use crate::json::Json;
use crate::name::{AgentName, PhaseName, Revision, UnitId};
use crate::scope::Scope;

/// A part of a unit's request, then and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartChange {
    /// The part: `agent`, `params`, `scope`, `unit`, `context.NAME`, `generation`, `lock`.
    pub part: String,
    /// The digest the present revision was made from; null where the part was not there.
    pub old: Option<Digest>,
    /// The digest of now; null where the part is not there.
    pub new: Option<Digest>,
    /// The value then, where the store still has it.
    pub old_value: Option<Json>,
    /// The value now.
    pub new_value: Option<Json>,
}

/// One ask of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskState {
    /// The agent.
    pub agent: AgentName,
    /// The sample, from 0.
    pub sample: u32,
    /// The key; null where it hangs on a reply that is not there yet.
    pub key: Option<Digest>,
    /// Whether the ledger has a reply that counts today.
    pub recorded: bool,
    /// Why the reply that the ledger has is refused today, where it is: by the schema, the alignment or the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// One unit and why it would be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitWhy {
    /// The unit.
    pub unit: UnitId,
    /// Whether it is new, gone, changed or the same.
    pub change: UnitChange,
    /// The parts that differ.
    pub parts: Vec<PartChange>,
    /// Its asks now.
    pub asks: Vec<AskState>,
    /// How it failed in the latest revision.
    pub failure: Option<Failure>,
    /// Who locked it, so that nobody is asked about it; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<String>,
}

/// How a unit compares with the revision's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitChange {
    /// It is the same.
    Same,
    /// It is there now and was not.
    Added,
    /// It was there and is not.
    Removed,
    /// A part of its request differs.
    Changed,
    /// It was not made: it failed, or something it needs is missing.
    Hole,
    /// Its request is the same, but today's rules refuse a reply on record.
    Refused,
}

/// What `why --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhyReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// How fresh it is.
    pub freshness: Freshness,
    /// All the reasons, upstream ones included, each with its own subject.
    pub causes: Vec<Cause>,
    /// The units that differ (at most as many as were asked for), or the one unit that was asked about.
    pub units: Vec<UnitWhy>,
    /// How many units differ; null where that hangs on a reply that is not there yet.
    pub n_units: Option<u64>,
}

/// How a record differs between two revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordChange {
    /// The key of the record.
    pub key: String,
    /// The record in the first revision; null where it was not there.
    pub old: Option<Json>,
    /// The record in the second revision; null where it is not there.
    pub new: Option<Json>,
}

/// What `diff --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// The first revision.
    pub from: Revision,
    /// The second revision.
    pub to: Revision,
    /// The records that differ, in the order of the second revision, removed ones where they stood.
    pub changes: Vec<RecordChange>,
}

/// One conflict of a merge: several records were proposed under one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// The key.
    pub key: String,
    /// The rule that chose, as written in the pipeline file.
    pub rule: String,
    /// What was proposed, in unit and agent order.
    pub proposals: Vec<Proposal>,
    /// Which proposal was chosen; null where the phase failed for it.
    pub chosen: Option<u32>,
}

/// One proposal of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The unit it came from.
    pub unit: UnitId,
    /// The agent that proposed it.
    pub agent: AgentName,
    /// The sample of that agent.
    pub sample: u32,
    /// The record.
    pub record: Json,
}
