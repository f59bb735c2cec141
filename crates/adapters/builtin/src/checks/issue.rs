//! What a rule found.

use std::ops::Range;

use refrain_schemas::digest::Digester;
use serde_json::{Value, json};

/// One place where a rule is broken. Ordered by place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// From and to, in bytes.
    start: usize,
    end: usize,
    message: String,
    suggestion: Option<String>,
}

impl Finding {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { start: span.start, end: span.end, message: message.into(), suggestion: None }
    }

    pub(crate) fn suggest(self, text: &str) -> Self {
        Self { suggestion: Some(text.to_owned()), ..self }
    }

    /// Returns the record of the issue.
    pub(crate) fn issue(
        self,
        unit: &str,
        rule: &str,
        severity: &str,
        text: &str,
        record: Option<usize>,
    ) -> Value {
        let start = text[..self.start].chars().count();
        let end = start + text[self.start..self.end].chars().count();
        let mut id = Digester::new("issue");
        id.part(unit.as_bytes()).part(rule.as_bytes()).part(text.as_bytes()).part(self.message.as_bytes());
        id.number(start as u64).number(end as u64).number(record.map_or(0, |position| position as u64 + 1));
        let mut issue = json!({
            "issue_id": id.finish().short(),
            "rule": rule,
            "span": [start, end],
            "severity": severity,
            "message": self.message,
        });
        if let Some(suggestion) = self.suggestion {
            issue["suggestion"] = Value::from(suggestion);
        }
        if let Some(record) = record {
            issue["record"] = Value::from(record);
        }
        issue
    }
}
