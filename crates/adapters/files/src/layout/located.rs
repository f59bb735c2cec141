//! Problems of a text by their offsets, told with line and column when all are found.

use crate::problems::{Problems, SHOWN, place, problem};

/// Collects problems of one text in any order.
#[derive(Debug)]
pub(crate) struct Located<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    at: usize,
    code: &'static str,
    message: String,
    hint: Option<&'static str>,
    first: Option<usize>,
}

impl<'a> Located<'a> {
    pub(crate) const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn add(&mut self, at: usize, code: &'static str, message: impl Into<String>) {
        self.found.push(Found { at, code, message: message.into(), hint: None, first: None });
    }

    pub(crate) fn add_with_hint(
        &mut self,
        at: usize,
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) {
        self.found.push(Found { at, code, message: message.into(), hint: Some(hint), first: None });
    }

    /// Adds a problem that is one because of another place.
    pub(crate) fn add_beside(
        &mut self,
        at: usize,
        code: &'static str,
        message: impl Into<String>,
        first: usize,
    ) {
        self.found.push(Found { at, code, message: message.into(), hint: None, first: Some(first) });
    }

    /// Tells all of them, in the order of the text.
    pub(crate) fn report(mut self, problems: &mut Problems) {
        self.found.sort_by_key(|found| found.at);
        let mut positions = Positions::new(self.text);
        for (n, found) in self.found.into_iter().enumerate() {
            let (line, column) = positions.of(found.at);
            let mut told = problem(found.code, found.message, Some(place(self.file, line, column)));
            told.hint = found.hint.map(str::to_owned);
            // Looking for another line takes time; no more problems than these are shown.
            if let Some(first) = found.first.filter(|_| n < SHOWN) {
                told.related.push(place(self.file, lines_to(self.text, first), 1));
            }
            problems.add(told);
        }
    }
}

/// The number of the line an offset lies in, from 1. Takes time in proportion to the offset.
fn lines_to(text: &str, at: usize) -> u64 {
    Positions::new(text).of(at).0
}

/// Turns offsets that grow into lines and columns, reading the text once.
#[derive(Debug)]
pub(crate) struct Positions<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    column: usize,
}

impl<'a> Positions<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Returns the line and the column in characters of an offset, both from 1. Asking for a smaller offset than before
    /// begins anew.
    pub(crate) fn of(&mut self, offset: usize) -> (u64, usize) {
        if offset < self.at {
            *self = Self::new(self.text);
        }
        let passed = self.text.get(self.at..offset).unwrap_or_default();
        for c in passed.chars() {
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.at += passed.len();
        (self.line, self.column)
    }

    pub(crate) fn line(&mut self, offset: usize) -> u64 {
        self.of(offset).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_lines_and_columns() {
        let mut positions = Positions::new("ab\né x\r\n");
        let of = |positions: &mut Positions<'_>, at| positions.of(at);
        assert_eq!(of(&mut positions, 1), (1, 2));
        assert_eq!(of(&mut positions, 5), (2, 2));
        assert_eq!(of(&mut positions, 9), (3, 1));
        assert_eq!(of(&mut positions, 0), (1, 1));
    }
}
