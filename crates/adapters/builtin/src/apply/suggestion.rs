//! What an issue suggests.

use serde_json::Value;

use crate::record::Record;

/// How bad an issue is. Ordered from the mildest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "error" => Self::Error,
            "warning" => Self::Warning,
            _ => Self::Info,
        }
    }
}

/// The suggestion of an issue. Ordered as they are applied: the worst first, then by place, then by issue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suggestion<'a> {
    pub(super) severity: Severity,
    span: Option<(u64, u64)>,
    pub(super) id: &'a str,
    pub(super) rule: &'a str,
    pub(super) text: &'a str,
    before: Option<&'a str>,
    sure: bool,
}

impl<'a> Suggestion<'a> {
    /// Reads an issue; `None` where it suggests nothing.
    pub(super) fn of(issue: &'a Record) -> Option<Self> {
        let word = |name: &str| issue.get(name).and_then(Value::as_str);
        let span = issue.get("span").and_then(Value::as_array);
        let span = span.and_then(|span| Some((span.first()?.as_u64()?, span.get(1)?.as_u64()?)));
        Some(Self {
            text: word("suggestion")?,
            severity: Severity::of(word("severity").unwrap_or_default()),
            span,
            id: word("issue_id").unwrap_or_default(),
            rule: word("rule").unwrap_or_default(),
            before: word("before"),
            sure: issue.get("sure") != Some(&Value::Bool(false)),
        })
    }

    /// Says why the suggestion does not fit a text, where it does not.
    pub(super) fn fits(&self, base: &str) -> Result<(), String> {
        if !self.sure {
            return Err("is not sure".to_owned());
        }
        let length = base.chars().count() as u64;
        let Some((start, end)) = self.span.or(self.before.map(|_| (0, 0))) else { return Ok(()) };
        if start > end || end > length {
            return Err(format!("is about the characters {start} to {end} of a text that has {length}"));
        }
        let within = || {
            let (skip, take) = (usize::try_from(start), usize::try_from(end - start));
            base.chars().skip(skip.unwrap_or(usize::MAX)).take(take.unwrap_or(0)).collect::<String>()
        };
        match self.before {
            Some(before) if before != base && before != within() => {
                Err("was made for another text".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn rank(&self) -> impl Ord + use<'a> {
        (std::cmp::Reverse(self.severity), self.span, self.id, self.rule, self.text)
    }
}

impl Ord for Suggestion<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Suggestion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
