//! What a model said of a pipeline: how it is read.

use refrain_schemas::meaning::{Alignment, AlignmentIssue};
use serde_json::Value;

/// From this confidence on, a pipeline that does not do what it is for is refused.
const SURE: f64 = 0.8;

/// The JSON Schema of an alignment.
pub(super) const ALIGNMENT: &str = r#"{
  "type": "object",
  "required": ["is_valid", "confidence", "issues", "warnings", "suggestions"],
  "additionalProperties": false,
  "properties": {
    "is_valid": { "type": "boolean" },
    "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
    "issues": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["severity", "step", "type", "description", "suggested_fix"],
        "additionalProperties": false,
        "properties": {
          "severity": { "enum": ["critical", "warning", "info"] },
          "step": { "type": ["string", "null"] },
          "type": { "enum": ["dependency", "variable", "model_selection", "logic"] },
          "description": { "type": "string" },
          "suggested_fix": { "type": ["string", "null"] }
        }
      }
    },
    "warnings": { "type": "array", "items": { "type": "string" } },
    "suggestions": { "type": "array", "items": { "type": "string" } }
  }
}"#;

/// What follows from an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The pipeline may run.
    Aligned,
    /// It does not do what it is for, and the model is sure of that.
    Misaligned,
    /// It may not do what it is for.
    Doubtful,
}

/// Reads an alignment.
#[must_use]
pub fn alignment(document: &Value) -> Option<Alignment> {
    serde_json::from_value(document.clone()).ok()
}

/// Returns the value that an answer holds.
#[must_use]
pub fn auto_value(document: &Value) -> Option<&Value> {
    document.get("value")
}

/// Says what follows from an alignment, and which issues speak for that: those that do not matter are left out.
#[must_use]
pub fn verdict(alignment: &Alignment) -> (Verdict, Vec<&AlignmentIssue>) {
    use refrain_schemas::meaning::IssueSeverity as S;
    let verdict = match (alignment.is_valid, alignment.confidence >= SURE) {
        (true, _) => Verdict::Aligned,
        (false, true) => Verdict::Misaligned,
        (false, false) => Verdict::Doubtful,
    };
    let issues = alignment.issues.iter().filter(|issue| issue.severity != S::Info).collect();
    (verdict, issues)
}
