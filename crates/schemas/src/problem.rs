//! Problems found in a project before anything runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::ModelChoice;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is refused.
    Warning,
    /// Nothing runs until it is mended.
    Error,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
}

/// One problem: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// A stable code such as `E0103`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, as one sentence fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The field meant, such as `phases.translate.units.of`; empty for the whole file.
    pub path: String,
    /// Where it stands, if that is known.
    pub place: Option<Place>,
    /// Other places that belong to it, such as the first of two duplicates.
    pub related: Vec<Place>,
}

/// What `check --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// Whether the project may run.
    pub ok: bool,
    /// Everything that was found, in file order.
    pub problems: Vec<Problem>,
    /// The models that were chosen for steps; absent where none were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ModelChoice>,
}
