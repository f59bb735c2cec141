//! What is wrong with a template, and where.

use std::ops::Range;

use minijinja::{Error, ErrorKind};

use super::{FUEL, Guarded};

/// A template or an expression that does not parse, or that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The column in characters, from 1; 0 where it is not known.
    pub column: u32,
    /// The bytes of the source that are meant, where that is known.
    pub range: Option<Range<usize>>,
}

impl TemplateError {
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: 0, column: 0, range: None }
    }

    pub(crate) fn of(error: &Error, source: &str, guarded: &Guarded) -> Self {
        let range = error.range().map(|range| guarded.place(range.start)..guarded.place(range.end));
        let range = range.filter(|range| source.get(range.clone()).is_some());
        let (line, column) = range.as_ref().map_or_else(
            || (error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(0), 0),
            |range| position(source, range.start),
        );
        Self { message: message(error, source, range.as_ref()), line, column, range }
    }
}

fn message(error: &Error, source: &str, range: Option<&Range<usize>>) -> String {
    let piece = range.and_then(|range| source.get(range.clone())).unwrap_or_default().trim();
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError if !piece.is_empty() && detail.is_empty() => {
            format!("`{piece}` is undefined")
        }
        ErrorKind::OutOfFuel => format!("more than {FUEL} steps"),
        kind if detail.is_empty() => kind.to_string(),
        _ => detail.to_owned(),
    }
}

pub(super) fn position(source: &str, byte: usize) -> (u32, u32) {
    let before = source.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
