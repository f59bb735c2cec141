//! A place in a statement that moves on as its parts are understood.

use std::ops::Range;

use crate::layout::renpy::literal::{Literal, is_word};
use crate::layout::renpy::logical::Logical;

/// Reads the parts of one statement.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    literals: &'a [Literal],
    pub(super) at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, line: &'a Logical) -> Self {
        Self { text, literals: &line.literals, at: line.span.start, end: line.span.end }
    }

    fn byte(&self) -> Option<u8> {
        (self.at < self.end).then(|| self.text.as_bytes()[self.at])
    }

    /// Goes to what comes next that is no blank; line breaks are blanks within a statement.
    pub(super) fn skip(&mut self) {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'\\') if self.text[self.at + 1..self.end].starts_with(['\n', '\r']) => self.at += 1,
                _ => return,
            }
        }
    }

    pub(super) fn is_over(&mut self) -> bool {
        self.skip();
        self.at >= self.end
    }

    /// Passes a text if it comes next.
    pub(super) fn passes(&mut self, token: &str) -> bool {
        self.skip();
        let comes = self.text[self.at..self.end].starts_with(token);
        if comes {
            self.at += token.len();
        }
        comes
    }

    /// Passes a whole word if it comes next.
    pub(super) fn passes_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let comes = self.word() == Some(word);
        if !comes {
            self.at = before;
        }
        comes
    }

    /// Passes a word: letters, digits and underscores, not beginning with a digit.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.skip();
        let start = self.at;
        if self.byte().is_none_or(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.run(is_word);
        (self.at > start).then(|| &self.text[start..self.at])
    }

    /// Passes the characters that a test lets through.
    pub(super) fn run(&mut self, test: impl Fn(u8) -> bool) {
        while self.byte().is_some_and(&test) {
            self.at += 1;
        }
    }

    /// Passes a name with its parts: `scene_1.local`.
    pub(super) fn dotted(&mut self) -> Option<&'a str> {
        self.skip();
        let start = self.at;
        self.run(|byte| is_word(byte) || byte == b'.');
        (self.at > start).then(|| &self.text[start..self.at])
    }

    /// Passes a string.
    pub(super) fn literal(&mut self) -> Option<&'a Literal> {
        self.skip();
        let at = self.at;
        let found = self.literals.partition_point(|literal| literal.whole.start < at);
        let literal = self.literals.get(found).filter(|literal| literal.whole.start == at)?;
        self.at = literal.whole.end;
        Some(literal)
    }

    /// Passes a bracket and all that is in it; says where the inside is.
    pub(super) fn bracketed(&mut self) -> Option<Range<usize>> {
        self.skip();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.byte()? {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
                b'"' | b'\'' | b'`' => {
                    self.at = self.literal_at(self.at)?;
                    continue;
                }
                b'#' => {
                    self.run(|byte| byte != b'\n');
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
            self.at += 1;
        }
        self.at += 1;
        (self.at > start + 1).then(|| start + 1..self.at - 1)
    }

    /// Returns the end of the literal whose quote stands here.
    fn literal_at(&self, quote: usize) -> Option<usize> {
        let found = self.literals.partition_point(|literal| literal.whole.end <= quote);
        self.literals.get(found).filter(|literal| literal.whole.start <= quote).map(|l| l.whole.end)
    }

    /// Passes what Ren'Py calls a simple expression: a name, a string or a bracket, and what is asked of it.
    pub(super) fn simple_expression(&mut self) -> Option<Range<usize>> {
        self.skip();
        let start = self.at;
        if self.literal().is_none() {
            match self.byte()? {
                b'(' | b'[' | b'{' => self.bracketed().map(|_| ())?,
                byte if byte.is_ascii_digit() => self.run(|byte| is_word(byte) || byte == b'.'),
                _ => self.word().map(|_| ())?,
            }
        }
        let mut end = self.at;
        while self.passes(".") && self.word().is_some() || self.opens() && self.bracketed().is_some() {
            end = self.at;
        }
        self.at = end;
        Some(start..end)
    }

    fn opens(&mut self) -> bool {
        self.skip();
        matches!(self.byte(), Some(b'(' | b'['))
    }

    /// Returns what is left.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at.min(self.end)..self.end]
    }
}
