//! What a model says is wrong: only what is borne out counts.

use refrain_schemas::quality::{Category, Finding, Severity};
use serde::Deserialize;
use serde_json::Value;

use super::tally::{Subject, shown};

/// The JSON Schema of what the model answers.
pub const ANSWER: &str = r#"{
  "type": "object",
  "required": ["findings"],
  "additionalProperties": false,
  "properties": {
    "findings": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["severity", "category", "step", "message", "evidence"],
        "additionalProperties": false,
        "properties": {
          "severity": { "enum": ["critical", "error", "warning", "info"] },
          "category": {
            "enum": ["content", "format", "size", "structure", "performance", "security", "compliance"]
          },
          "step": { "type": "string" },
          "message": { "type": "string" },
          "evidence": { "type": "string" }
        }
      }
    }
  }
}"#;

/// The rule that what a model says stands under.
const MODEL: &str = "model";
/// So many findings of a model count at most.
const MOST: usize = 50;

#[derive(Debug, Deserialize)]
struct Said {
    severity: Severity,
    category: Category,
    step: String,
    message: String,
    evidence: String,
}

/// Returns the findings of a model that name a step of the run and quote what it made, and a note for each that does not.
#[must_use]
pub fn borne_out(answer: &Value, subjects: &[Subject]) -> (Vec<Finding>, Vec<String>) {
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    let said = answer.get("findings").and_then(Value::as_array);
    for value in said.into_iter().flatten().take(MOST) {
        let Ok(said) = Said::deserialize(value) else {
            notes.push("left out: a finding of the model that does not have its shape".to_owned());
            continue;
        };
        match refuted(&said, subjects) {
            Some(why) => notes.push(format!("left out: {:?}, for {why}", shown(&said.message))),
            None => findings.push(Finding {
                severity: said.severity,
                category: said.category,
                rule: MODEL.to_owned(),
                step: said.step,
                record: None,
                message: shown(&said.message),
                evidence: Some(shown(&said.evidence)),
                count: 1,
            }),
        }
    }
    (findings, notes)
}

/// Says why a finding does not count.
fn refuted(said: &Said, subjects: &[Subject]) -> Option<String> {
    let Some(subject) = subjects.iter().find(|subject| subject.step == said.step) else {
        return Some(format!("there is no step `{}`", shown(&said.step)));
    };
    let evidence = plain(&said.evidence);
    if evidence.is_empty() {
        return Some("it quotes nothing".to_owned());
    }
    let is_there = plain(&subject.text).contains(&evidence);
    (!is_there).then(|| format!("what it quotes is not in `{}`", said.step))
}

/// Returns a text without what a quotation may change: spaces, and the escapes of JSON.
fn plain(text: &str) -> String {
    let text = text.replace("\\n", " ").replace("\\t", " ").replace("\\\"", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::quality::tally::MadeBy;

    fn subjects() -> Vec<Subject> {
        let text = r#"{"result":"The cat\nsat \"there\"."}"#.to_owned();
        let (step, status) = ("write".to_owned(), "completed".to_owned());
        vec![Subject { step, status, made_by: MadeBy::Model, text, is_cut: false }]
    }

    fn check(step: &str, evidence: &str, expect: Result<(), &str>) {
        let finding = json!({"severity": "warning", "category": "content", "step": step,
            "message": "it is dull", "evidence": evidence});
        let (findings, notes) = borne_out(&json!({"findings": [finding]}), &subjects());
        match expect {
            Ok(()) => assert_eq!((findings.len(), notes.len()), (1, 0), "{notes:?}"),
            Err(why) => assert!(findings.is_empty() && notes[0].ends_with(why), "{notes:?}"),
        }
    }

    #[test]
    fn only_what_is_borne_out_counts() {
        check("write", "The cat sat", Ok(()));
        check("write", "The cat\\nsat", Ok(()));
        check("write", "\"there\"", Ok(()));
        check("write", "The dog sat", Err("what it quotes is not in `write`"));
        check("write", "  ", Err("it quotes nothing"));
        check("rite", "The cat sat", Err("there is no step `rite`"));
    }

    #[test]
    fn nonsense_is_left_out() {
        for answer in [json!(null), json!("no"), json!({"findings": 3})] {
            assert_eq!(borne_out(&answer, &subjects()), (Vec::new(), Vec::new()), "{answer}");
        }
        let (findings, notes) = borne_out(&json!({"findings": [{"severity": "mild"}]}), &subjects());
        assert_eq!((findings.len(), notes.len()), (0, 1));
    }
}
