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
use crate::usage::{Resources, Usage};

/// Which phase each step became, and where in the file everything of the pipeline comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepsMap {
    /// The id of the pipeline.
    pub id: String,
    /// The steps, in file order; those of a loop behind it.
    pub entries: Vec<StepEntry>,
    /// Paths in the pipeline, and the paths in the file that they come from.
    pub places: BTreeMap<String, String>,
    /// The model that is asked about the pipeline itself.
    pub orchestrator: Option<String>,
    /// What it is to be asked.
    pub wishes: Wishes,
    /// The values that are left to it, in file order.
    pub autos: Vec<Auto>,
    /// What the pipeline does, as it is written, without what says something to people alone.
    pub outline: Value,
    /// The models that were chosen, in the order of the file.
    pub choices: Vec<ModelChoice>,
    /// The same, as they are kept for the next time.
    pub record: ChoicesOnRecord,
    /// Whether a limit hangs on an input that is not set.
    pub lacks_limits: bool,
}

/// What a model is to say of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// Whether it is asked at all, but for values that are left to it.
    pub intelligence: bool,
    /// Whether it says if the pipeline does what it is for.
    pub validation: bool,
    /// Whether it says what could be better.
    pub suggestions: bool,
    /// What the pipeline is for, where a person wrote it.
    pub intention: Option<String>,
    /// How it goes about that, where a person wrote it.
    pub architecture: Option<String>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { intelligence: true, validation: true, suggestions: true, intention: None, architecture: None }
    }
}

/// A value that is left to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auto {
    /// Where it stands in the file; `#N` behind it where it is a part of a text.
    pub path: String,
    /// What is wanted.
    pub task: String,
    /// All of the text that it stands in.
    pub text: String,
    /// What stands around it.
    pub about: Value,
    /// The JSON Schema of what belongs there.
    pub schema: Value,
    /// What the model said, where it did.
    pub answer: Option<Value>,
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
    /// What is wrong with the file: why it was refused, or what people are warned of.
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
    /// The model that is asked first, where another one answered in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Who is asked for it: what stands before the `/` of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
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
    /// When work on it began in this run; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// How many seconds that took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// What its calls used of the machine; absent where none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// What its calls consumed; absent where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}
