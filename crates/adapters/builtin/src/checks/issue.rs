//! What a rule found.

use std::ops::Range;

use refrain_schemas::digest::Digester;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

/// One place where a rule is broken. Ordered by place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// From and to, in bytes.
    start: usize,
    end: usize,
    message: String,
    suggestion: Option<String>,
    /// Where in the source that stands which the text lacks.
    lacks: Option<usize>,
    /// How often the rule is broken there.
    pub(crate) times: usize,
}

impl Finding {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { start: span.start, end: span.end, message, suggestion: None, lacks: None, times: 1 }
    }

    /// Returns a finding about something that stands in the source, and so many times not in the text.
    pub(crate) fn missing(source: usize, times: usize, message: impl Into<String>) -> Self {
        Self { lacks: Some(source), times, ..Self::new(0..0, message) }
    }

    /// Puts findings about what is missing about where it should be, each at a place of its own: issues with equal
    /// places would count as one.
    pub(crate) fn place(findings: &mut [Self], text: &str, source: &str) {
        if findings.iter().all(|finding| finding.lacks.is_none()) {
            return;
        }
        let mut free: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
        free.push(text.len());
        let bounds = free.clone();
        for finding in findings {
            let Some(at) = finding.lacks else { continue };
            let wanted = bounds[at * (bounds.len() - 1) / source.len().max(1)];
            let next = free.partition_point(|place| *place < wanted).min(free.len().saturating_sub(1));
            let place = if free.is_empty() { text.len() } else { free.remove(next) };
            (finding.start, finding.end) = (place, place);
        }
    }

    /// Suggests a whole text to have instead.
    pub(crate) fn suggest(self, text: &str) -> Self {
        Self { suggestion: Some(text.to_owned()), ..self }
    }

    pub(crate) const fn is_at(&self, span: &Range<usize>) -> bool {
        self.start == span.start && self.end == span.end
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the record of the issue.
    pub(crate) fn issue(self, about: &About<'_>, rule: &str, severity: &str) -> Value {
        let text = about.text;
        let start = text[..self.start].chars().count();
        let end = start + text[self.start..self.end].chars().count();
        let mut id = Digester::new("issue");
        id.part(about.line.as_bytes()).part(rule.as_bytes()).part(text.as_bytes());
        id.part(self.message.as_bytes());
        id.number(start as u64).number(end as u64);
        id.number(about.position.map_or(0, |position| position as u64 + 1));
        let mut issue = json!({
            "issue_id": id.finish().short(),
            "rule": rule,
            "span": [start, end],
            "severity": severity,
            "message": self.message,
        });
        if let Some(suggestion) = self.suggestion {
            issue["suggestion"] = Value::from(suggestion);
            issue["before"] = Value::from(text);
        }
        if let Some(position) = about.position {
            issue["record"] = Value::from(position);
        }
        for (name, value) in &about.carried {
            issue[*name] = value.clone();
        }
        issue
    }
}

/// What an issue is about.
#[derive(Debug)]
pub(crate) struct About<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The id of its line.
    pub(crate) line: &'a str,
    /// The position of its record, where that has no id of its own.
    pub(crate) position: Option<usize>,
    /// Fields of its record that the issue has, too.
    pub(crate) carried: Vec<(&'a str, Value)>,
}
