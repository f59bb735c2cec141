//! What `report --json` prints: what there is, how good it is, what it cost, and how that came about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failure::FailureKind;
use crate::freshness::{Cause, Freshness};
use crate::name::{PhaseName, Revision, RunId};
use crate::report::UnitCounts;
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::usage::Usage;

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overview {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// Whether somebody writes to the project now, so that the figures are those of a moment.
    pub under_way: bool,
    /// All calls for the phases below.
    pub calls: CallSums,
    /// Calls for phases and scopes that are no longer in the pipeline; null where only some phases were asked for.
    pub gone: Option<CallSums>,
    /// Every phase and scope, in pipeline order.
    pub phases: Vec<PhaseOverview>,
}

/// One phase in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseOverview {
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
    /// How much of it is there; null where there is no revision.
    pub coverage: Option<Coverage>,
    /// What its records find fault with; null where they are no issues (records with `rule` and `severity`).
    pub issues: Option<IssueSums>,
    /// How many of its records say what was changed; null where none has `changes`.
    pub changes: Option<ChangeSums>,
    /// Records whose `text` is their `source`, blank ones left out; null where no record has both.
    pub untranslated: Option<u64>,
    /// What people changed; null where nobody did.
    pub edits: Option<EditSums>,
    /// Conflicts that its merge recorded.
    pub conflicts: u64,
    /// All calls for it, over all runs.
    pub calls: CallSums,
    /// Where time and money went.
    pub places: Places,
    /// Its revisions, oldest first.
    pub trend: Vec<TrendPoint>,
}

/// How much of a phase is there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The units of the latest revision; records for phases that have no units.
    pub units: u64,
    /// Units that are missing, here or upstream.
    pub holes: u64,
    /// The share of units that are there, from 0 to 100; 100 where there are none.
    pub percent: f64,
    /// What it holds: records, files or one document.
    pub records: u64,
}

/// What records find fault with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueSums {
    /// All issues.
    pub total: u64,
    /// How many there are of each rule and severity, by rule and then by severity, the worst first.
    pub rules: Vec<RuleSum>,
}

/// How many issues there are of one rule and severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSum {
    /// The rule.
    pub rule: String,
    /// The severity: `error`, `warning`, `info`, or whatever the records say.
    pub severity: String,
    /// How many.
    pub count: u64,
}

/// How many records say what was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSums {
    /// Records with at least one change.
    pub records: u64,
    /// All changes.
    pub changes: u64,
}

/// What people changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditSums {
    /// Edits that stand now.
    pub standing: u64,
    /// Records of the latest revision that are as people want them.
    pub applied: u64,
    /// Of these, records that both a person and, since then, the machine changed.
    pub conflicts: u64,
    /// Edits that found no record.
    pub orphans: u64,
}

/// What calls came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallSums {
    /// Calls with an outcome.
    pub done: u64,
    /// Calls without one: in doubt, or on their way.
    pub in_doubt: u64,
    /// Of those with an outcome, calls that tried something again.
    pub retries: u64,
    /// Of those, calls that told the agent what was wrong with its reply.
    pub repairs: u64,
    /// How long all calls with an outcome took together, in seconds.
    pub seconds: f64,
    /// What the calls with an outcome consumed.
    pub usage: Usage,
    /// The most that those without can have consumed besides, as far as that is known.
    pub doubtful: Usage,
    /// What was consumed for nothing.
    pub waste: Waste,
}

/// What was consumed by asks that got no reply that could be used: they failed for good, were tried again or repaired.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waste {
    /// Asks that got none.
    pub asks: u64,
    /// What they consumed; asks of one call share evenly what it did.
    pub usage: Usage,
    /// The same by how they failed.
    pub kinds: Vec<WasteKind>,
}

/// What was consumed by asks that failed in one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WasteKind {
    /// How they failed.
    pub kind: FailureKind,
    /// How many.
    pub asks: u64,
    /// What they consumed.
    pub usage: Usage,
}

/// Where time and money went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// What the places are: the field of the records that names them, such as `scene_id`, or `unit`.
    pub by: String,
    /// How many there are.
    pub total: u64,
    /// Those that cost most, dollars first and then tokens.
    pub dearest: Vec<Place>,
    /// Those that took longest.
    pub slowest: Vec<Place>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Asks about it that have an outcome.
    pub asks: u64,
    /// How long they took, in seconds; asks of one call share its time evenly.
    pub seconds: f64,
    /// What they consumed; asks of one call share evenly what it did.
    pub usage: Usage,
}

/// One revision of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrendPoint {
    /// The revision.
    pub revision: Revision,
    /// The run that made it.
    pub run_id: RunId,
    /// When.
    pub at: Timestamp,
    /// Its units.
    pub units: UnitCounts,
    /// What it holds.
    pub records: u64,
    /// What it lacks.
    pub holes: u64,
    /// Conflicts of its merge.
    pub conflicts: u64,
    /// Records that were as people want them.
    pub edited: u64,
    /// What the calls of this revision consumed.
    pub usage: Usage,
}
