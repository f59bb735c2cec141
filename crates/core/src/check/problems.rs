//! The list that checks write their findings into.

use refrain_schemas::problem::{Place, Problem, Severity};

use super::code::Code;

/// The findings so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a finding.
    pub(crate) fn add(&mut self, code: Code, path: impl Into<String>, message: impl Into<String>) {
        self.push(problem(code, path, message));
    }

    /// Adds a finding with a hint of its own, where there is one.
    pub(crate) fn add_with(
        &mut self,
        code: Code,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let found = problem(code, path, message);
        let hint = hint.or_else(|| found.hint.clone());
        self.push(Problem { hint, ..found });
    }

    /// Adds a finding whose place may be known already.
    pub(crate) fn add_at(
        &mut self,
        code: Code,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
        place: Option<Place>,
    ) {
        let found = problem(code, path, message);
        let hint = hint.or_else(|| found.hint.clone());
        self.push(Problem { hint, place, ..found });
    }

    /// What several phases share is looked at for each of them, and said once.
    pub(crate) fn push(&mut self, found: Problem) {
        if !self.0.contains(&found) {
            self.0.push(found);
        }
    }

    /// Whether something that stands under a path is wrong; a warning is not.
    pub(crate) fn is_wrong(&self, path: &str) -> bool {
        let under = |found: &str| {
            found.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.0.iter().any(|found| found.severity == Severity::Error && under(&found.path))
    }

    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// Makes a problem without a place; the severity is the first letter of the code.
#[must_use]
pub fn problem(code: Code, path: impl Into<String>, message: impl Into<String>) -> Problem {
    let severity = if code.as_str().starts_with('W') { Severity::Warning } else { Severity::Error };
    Problem {
        code: code.as_str().to_owned(),
        severity,
        message: message.into(),
        hint: Some(code.hint().to_owned()),
        path: path.into(),
        place: None,
        related: Vec::new(),
    }
}
