//! What `explain pipeline --json` prints: what a pipeline does, in which order, with which data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Span;
use crate::freshness::Freshness;
use crate::meaning::Meaning;
use crate::name::{DimensionName, PhaseName};
use crate::plan::{Outlay, PlannedAction, Range};

/// What a pipeline does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The title.
    pub project: String,
    /// What the file says of it.
    pub description: Option<String>,
    /// What a model says of it; null for native files.
    pub meaning: Option<Meaning>,
    /// The values that `--set` changes.
    pub inputs: Vec<ExplainedInput>,
    /// The steps, each behind those that it comes after.
    pub steps: Vec<ExplainedStep>,
    /// The names of the steps, those together that may run at once; steps of loops are not in it.
    pub levels: Vec<Vec<PhaseName>>,
    /// What goes from where to where.
    pub data_flow: Vec<DataFlow>,
    /// How much there is to it.
    pub complexity: Complexity,
    /// The models that are asked.
    pub models: Vec<ExplainedModel>,
    /// The files that are written, as far as they are named.
    pub files: Vec<ExplainedFile>,
    /// The names of the values of the whole run.
    pub outputs: Vec<String>,
    /// What a run would do now; null where that cannot be told.
    pub now: Option<ExplainedPlan>,
}

/// A value that `--set` changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedInput {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it must be set.
    pub required: bool,
    /// Its value where it is not set.
    pub default: Value,
    /// What it is for.
    pub description: Option<String>,
}

/// A step: a phase of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedStep {
    /// Its name.
    pub name: PhaseName,
    /// What the file says of it.
    pub description: Option<String>,
    /// What it does: `filesystem.write`, `model openai/gpt-5-mini`, `command ./build`, `loop over {{ names }}`.
    pub does: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// The loop whose turns it is done in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<PhaseName>,
    /// The dimensions for each of whose values it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per: Vec<DimensionName>,
    /// The steps that it comes after, whatever for.
    pub after: Vec<PhaseName>,
    /// The condition under which it runs.
    pub when: Option<String>,
    /// Where the run goes on after it.
    pub routes: Vec<ExplainedRoute>,
    /// What its failure means to what comes after it: `fail`, `continue`, `skip`, `retry`.
    pub on_failure: String,
    /// How many values stand ready for its failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stand_ins: u64,
    /// How often it is tried in all, where that is said.
    pub attempts: Option<u32>,
    /// How long one attempt may take, where that is said.
    pub timeout: Option<Span>,
    /// What it leaves behind: `pure`, `once` or `volatile`.
    pub effect: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A way on from a step to another one that does not lead over what lies between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedRoute {
    /// When it is taken: `false`, `success`, `failure` or `goto`.
    pub on: String,
    /// Where it leads: a step, or a template that names one.
    pub to: String,
}

/// Something that goes from one place to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataFlow {
    /// Where it comes from: a step, `inputs`, or a file.
    pub source: String,
    /// Where it goes: a step, or `outputs`.
    pub target: String,
    /// What of the source is read: a path in its document, the name of an input, or `records`.
    pub variable: String,
    /// Its type, as far as it is declared; else `any`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is made of it on the way; null where it goes over as it is.
    pub transformation: Option<String>,
}

/// How much there is to a pipeline. `score` is the mean of four parts, each from 0 to 1: log2(1 + steps) / 7, log2(levels) / 5,
/// branches / steps, and nesting / 3; what is more counts as 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complexity {
    /// From 0 to 1, in hundredths.
    pub score: f64,
    /// How many steps there are.
    pub steps: u64,
    /// How many of them come after one another at most.
    pub levels: u64,
    /// How many conditions, routes, policies other than `fail`, and stand-ins there are.
    pub branches: u64,
    /// How deep loops lie in loops.
    pub nesting: u64,
}

/// A model that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedModel {
    /// The model: `ENDPOINT/NAME`.
    pub model: String,
    /// The steps that ask it.
    pub steps: Vec<PhaseName>,
}

/// A file that is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedFile {
    /// Its path, which may be a template.
    pub path: String,
    /// The step that writes it.
    pub step: PhaseName,
}

/// What a run would do now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedPlan {
    /// Whether it would change anything.
    pub changes: bool,
    /// How many calls it would make.
    pub calls: Range,
    /// What these would come to, where that is known.
    pub outlay: Option<Outlay>,
    /// What it would do with each step and scope.
    pub steps: Vec<PlannedStep>,
}

/// What a run would do with a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// The step, with its scope: `translate@ja`.
    pub target: String,
    /// What would be done.
    pub action: PlannedAction,
    /// How fresh it is.
    pub freshness: Freshness,
    /// Why it would run.
    pub causes: Vec<String>,
    /// How many calls it would make.
    pub calls: Range,
}
