//! What a model said of a pipeline: how it is read.

use refrain_schemas::meaning::{Alignment, AlignmentIssue, IssueKind, IssueSeverity};
use serde_json::Value;

/// From this confidence on, a pipeline that does not do what it is for is refused.
const SURE: f64 = 0.8;

/// The JSON Schema of an alignment.
pub(super) const ALIGNMENT: &str = r#"{
  "type": "object",
  "required": ["is_valid", "confidence"],
  "properties": {
    "is_valid": { "type": "boolean" },
    "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
    "issues": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["description"],
        "properties": {
          "severity": { "type": "string", "description": "critical, warning or info" },
          "step": { "type": ["string", "null"] },
          "type": { "type": "string", "description": "dependency, variable, model_selection or logic" },
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

/// Reads an alignment. The verdict counts however it is dressed: what is not said of an issue is made up for.
#[must_use]
pub fn alignment(document: &Value) -> Option<Alignment> {
    let texts = |field: &str| {
        let texts = document.get(field).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let issues = document.get("issues").and_then(Value::as_array).into_iter().flatten();
    Some(Alignment {
        is_valid: document.get("is_valid")?.as_bool()?,
        confidence: document.get("confidence")?.as_f64()?.clamp(0.0, 1.0),
        issues: issues.filter_map(issue).collect(),
        warnings: texts("warnings"),
        suggestions: texts("suggestions"),
    })
}

fn issue(said: &Value) -> Option<AlignmentIssue> {
    let text = |field: &str| said.get(field).and_then(Value::as_str).map(str::to_owned);
    let word = |field: &str| said.get(field).cloned().unwrap_or_default();
    Some(AlignmentIssue {
        severity: serde_json::from_value(word("severity")).unwrap_or(IssueSeverity::Warning),
        step: text("step"),
        kind: serde_json::from_value(word("type")).unwrap_or(IssueKind::Logic),
        description: text("description")?,
        suggested_fix: text("suggested_fix"),
    })
}

/// Returns the value that an answer holds.
#[must_use]
pub fn auto_value(document: &Value) -> Option<&Value> {
    document.get("value")
}

/// Says what follows from an alignment, and which issues speak for that: those that do not matter are left out.
#[must_use]
pub fn verdict(alignment: &Alignment) -> (Verdict, Vec<&AlignmentIssue>) {
    let verdict = match (alignment.is_valid, alignment.confidence >= SURE) {
        (true, _) => Verdict::Aligned,
        (false, true) => Verdict::Misaligned,
        (false, false) => Verdict::Doubtful,
    };
    let issues = alignment.issues.iter().filter(|issue| issue.severity != IssueSeverity::Info).collect();
    (verdict, issues)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_verdict_counts_however_it_is_dressed() {
        let said = json!({"is_valid": false, "confidence": 0.9, "reason": "none",
            "issues": [{"description": "it reads nothing", "type": "goal", "severity": "high"}, {"step": "a"}]});
        let schema: Value = serde_json::from_str(ALIGNMENT).unwrap();
        let told = alignment(&said).unwrap();
        assert_eq!((verdict(&told).0, told.issues.len()), (Verdict::Misaligned, 1));
        assert_eq!(
            (told.issues[0].kind, told.issues[0].severity),
            (IssueKind::Logic, IssueSeverity::Warning)
        );
        let whole =
            json!({"is_valid": false, "confidence": 0.9, "issues": [{"description": "x", "type": "goal"}]});
        assert!(jsonschema::is_valid(&schema, &whole));
        for lacking in
            [json!({"is_valid": false}), json!({"confidence": 1}), json!({"is_valid": "no", "confidence": 1})]
        {
            assert!(alignment(&lacking).is_none() && !jsonschema::is_valid(&schema, &lacking), "{lacking}");
        }
    }
}
