//! What a model says of a pipeline: what it is for, how it goes about that, and whether the two agree; and the values that are
//! left to a model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a model says of a pipeline. What it was not asked, or did not answer, is null.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// The model that is asked; null where the file names none.
    pub orchestrator: Option<String>,
    /// What the pipeline is for.
    pub intention: Option<String>,
    /// How it goes about that.
    pub architecture: Option<String>,
    /// Whether the one serves the other.
    pub alignment: Option<Alignment>,
    /// The values that are left to the model.
    pub autos: Vec<AutoValue>,
    /// What the next run would ask the model, as far as it is known: `intention`, `steps[1].parameters.content`.
    pub to_ask: Vec<String>,
}

/// Whether what a pipeline does serves what it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alignment {
    /// Whether it does.
    pub is_valid: bool,
    /// How sure the model is, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// What is not as it should be.
    pub issues: Vec<AlignmentIssue>,
    /// What people should know.
    pub warnings: Vec<String>,
    /// What could be better.
    pub suggestions: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlignmentIssue {
    /// How much it matters.
    pub severity: IssueSeverity,
    /// The step that it is about; null for the whole.
    pub step: Option<String>,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: IssueKind,
    /// What is wrong.
    pub description: String,
    /// What to do about it.
    pub suggested_fix: Option<String>,
}

/// How much an issue matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssueSeverity {
    /// The pipeline will not do what it is for.
    Critical,
    /// It may not.
    Warning,
    /// Worth knowing.
    Info,
}

/// What an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// What comes after what.
    Dependency,
    /// What is read.
    Variable,
    /// Which model is asked.
    ModelSelection,
    /// Anything else.
    Logic,
}

/// A value that is left to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoValue {
    /// Where it stands in the file: `steps[1].parameters.content`.
    pub path: String,
    /// What the file says about it.
    pub task: String,
    /// What the model made of it; null where it was not asked yet.
    pub value: Value,
    /// Whether that is on record.
    pub is_answered: bool,
}
