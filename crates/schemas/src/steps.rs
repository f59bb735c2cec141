//! Steps files: what became of each step in the pipeline that the file was turned into, and what a run of it prints.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::choice::{ChoicesOnRecord, ModelChoice};
use crate::name::{PhaseName, RunId};
use crate::problem::Problem;
use crate::report::RunReport;
use crate::time::Timestamp;

/// Which phase each step became, and where in the file everything of the pipeline comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepsMap {
    /// The id of the pipeline.
    pub id: String,
    /// The steps, in file order; those of a loop behind it.
    pub entries: Vec<StepEntry>,
    /// Paths in the pipeline, and the paths in the file that they come from.
    pub places: BTreeMap<String, String>,
    /// The models that were chosen, in the order of the file.
    pub choices: Vec<ModelChoice>,
    /// The same, as they are kept for the next time.
    pub record: ChoicesOnRecord,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEntry {
    /// Its id, as it is in its list of steps.
    pub id: String,
    /// The phase that it became.
    pub phase: PhaseName,
    /// The loop that it is a step of.
    pub within: Option<PhaseName>,
    /// What kind of step it is.
    pub kind: StepKind,
    /// Its tool.
    pub tool: Option<String>,
    /// What it does.
    pub action: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The ids of the steps that it comes after.
    pub dependencies: Vec<String>,
}

/// What kind of step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// One that does something.
    Step,
    /// A loop over a list, which has an entry of its own where this is so.
    Each(bool),
    /// A loop with conditions.
    While,
    /// A loop whose turns are not shown.
    Queue,
    /// Something that belongs to another step.
    Hidden,
}

/// What `run --json` prints for a steps file: the report of the run, and what became of each step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepsReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The id of the pipeline.
    pub pipeline_id: String,
    /// The id of the run that began it all; runs that went on have the same.
    pub execution_id: Option<RunId>,
    /// `completed`, `failed`, `waiting`, `stopped` or `cancelled`.
    pub status: String,
    /// Whether everything went well.
    pub success: bool,
    /// The steps by id; those of a turn of a loop are `LOOP_TURN_STEP`.
    pub steps: IndexMap<String, StepReport>,
    /// What the file's `outputs` say.
    pub outputs: IndexMap<String, Value>,
    /// The ids of the steps in the order that they hang together in.
    pub execution_order: Vec<String>,
    /// The same, with those together that hang on none of each other.
    pub execution_levels: Vec<Vec<String>>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Seconds between the two.
    pub duration: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
    /// What kind of failure it was.
    pub error_type: Option<String>,
    /// What is wrong with the file, where it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The exit code of the command.
    pub exit_code: u8,
    /// The report of the run; null where nothing was run.
    pub run: Option<RunReport>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepReport {
    /// Its name.
    pub id: String,
    /// What it does.
    pub action: Option<String>,
    /// `pending`, `completed`, `failed` or `skipped`.
    pub status: String,
    /// Whether it did what it should.
    pub success: bool,
    /// Its document.
    pub value: Value,
    /// Why it failed.
    pub error: Option<String>,
    /// What kind of failure it was.
    pub error_type: Option<String>,
    /// Its tool.
    pub tool: Option<String>,
    /// The model that answered; where none did, the one that is asked first.
    pub model: Option<String>,
    /// Which model was chosen and why, where the step leaves it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<ModelChoice>,
    /// How often it was tried again.
    pub retries: u64,
    /// Whether it took longer than it may.
    pub timed_out: bool,
    /// Whether a value stands in for what it failed to make.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps that it comes after.
    pub dependencies: Vec<String>,
}
