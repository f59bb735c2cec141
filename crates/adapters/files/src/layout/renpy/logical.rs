//! Logical lines of a script: statements over several lines are one, comments stand for themselves.
//!
//! A line goes on where a bracket or a string is open or where it ends with a backslash. What is never closed is told
//! where it opens; the text is then read on from the next line, so that one slip does not hide the others.

use std::ops::Range;

use crate::layout::located::Located;
use crate::layout::renpy::literal::{Literal, is_word, literal};

/// How much is read again behind slips: so many times the length of the text, and some more for short ones. Then the rest
/// is not understood. Keeps the time in proportion to the length.
const AGAIN: (usize, usize) = (4, 1 << 16);

/// A statement, or a comment that has a line to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logical {
    /// How many blanks are before it.
    pub(super) indent: usize,
    /// From its first character to its last, without a comment behind it.
    pub(super) span: Range<usize>,
    pub(super) literals: Vec<Literal>,
    pub(super) is_comment: bool,
}

/// Cuts a script into lines.
#[derive(Debug)]
struct Scanner<'a, 'b> {
    text: &'a str,
    found: &'b mut Located<'a>,
    /// How many bytes were read in vain.
    spent: usize,
}

/// Returns the lines of a script.
pub(super) fn logical_lines<'a>(text: &'a str, found: &mut Located<'a>) -> Vec<Logical> {
    let mut scanner = Scanner { text, found, spent: 0 };
    let mut lines = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (line, next) = scanner.line(at);
        lines.extend(line);
        at = next;
    }
    lines
}

/// Reads a comment's text as a statement; none where it is not whole.
pub(super) fn statement_in(text: &str, span: Range<usize>) -> Option<Logical> {
    let scanned = scan(text, span.start, span.end).ok()?;
    (scanned.next >= span.end).then_some(Logical {
        indent: 0,
        span: scanned.span,
        literals: scanned.literals,
        is_comment: false,
    })
}

impl Scanner<'_, '_> {
    /// Reads what begins at the start of a physical line.
    fn line(&mut self, at: usize) -> (Option<Logical>, usize) {
        let bytes = self.text.as_bytes();
        let mut start = at;
        while matches!(bytes.get(start), Some(b' ' | b'\t' | b'\r' | 0x0c)) {
            start += 1;
        }
        let end_of_line = line_end(self.text, start);
        match bytes.get(start) {
            None | Some(b'\n') => (None, start + 1),
            Some(b'#') => (Some(comment(self.text, at, start, end_of_line)), end_of_line + 1),
            Some(_) => self.statement(at, start, end_of_line),
        }
    }

    fn statement(&mut self, at: usize, start: usize, end_of_line: usize) -> (Option<Logical>, usize) {
        if let Some(tab) = self.text[at..start].find('\t') {
            let hint = "Ren'Py takes no tabs; indent with blanks";
            self.found.add_with_hint(at + tab, "E0743", "a tab in the indentation", hint);
        }
        let scanned = scan(self.text, start, self.text.len());
        let scanned = match scanned {
            Ok(scanned) => scanned,
            Err(slip) => {
                let gives_up = self.tell(slip, start);
                return (None, if gives_up { self.text.len() } else { end_of_line + 1 });
            }
        };
        let line =
            Logical { indent: start - at, span: scanned.span, literals: scanned.literals, is_comment: false };
        (Some(line), scanned.next)
    }

    /// Tells of a slip; says whether that is enough.
    fn tell(&mut self, slip: Slip, start: usize) -> bool {
        let hint = "a quote within a text is written `\\\"`";
        match slip {
            Slip::String(at) => self.found.add_with_hint(at, "E0740", "the string is never closed", hint),
            Slip::Stray(at) => {
                self.found.add_with_hint(at, "E0740", "the string is not closed on its line", hint);
                return false;
            }
            Slip::Bracket(at) => self.found.add(at, "E0741", "the bracket is never closed"),
        }
        self.spent += self.text.len() - start;
        let gives_up = self.spent > AGAIN.0 * self.text.len() + AGAIN.1;
        if gives_up {
            let message = "too much is never closed; the rest of the file is not read";
            self.found.add(start, "E0741", message);
        }
        gives_up
    }
}

fn comment(text: &str, at: usize, start: usize, end: usize) -> Logical {
    let end = start + text[start..end].trim_end().len();
    Logical { indent: start - at, span: start..end, literals: Vec::new(), is_comment: true }
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}

/// What is wrong with a line, and where.
#[derive(Debug, Clone, Copy)]
enum Slip {
    String(usize),
    /// A string that ends on a later line, in the middle of words: a quote is missing.
    Stray(usize),
    Bracket(usize),
}

struct Scanned {
    span: Range<usize>,
    literals: Vec<Literal>,
    /// Where the next physical line begins.
    next: usize,
}

/// Reads one statement.
fn scan(text: &str, start: usize, end: usize) -> Result<Scanned, Slip> {
    let bytes = text.as_bytes();
    let (mut pos, mut last) = (start, start);
    let mut literals = Vec::new();
    let mut open = Vec::new();
    while pos < end {
        match bytes[pos] {
            b'\n' if open.is_empty() => break,
            b'\\' if newline(bytes, pos + 1) > 0 => {
                pos += 1 + newline(bytes, pos + 1);
                continue;
            }
            b'#' => {
                pos = line_end(text, pos).min(end);
                continue;
            }
            b'"' | b'\'' | b'`' => {
                let found = literal(text, pos, end).ok_or(Slip::String(pos))?;
                if is_stray(text, &found) {
                    return Err(Slip::Stray(pos));
                }
                pos = found.whole.end;
                last = pos;
                literals.push(found);
                continue;
            }
            b'(' | b'[' | b'{' => open.push(pos),
            b')' | b']' | b'}' => {
                open.pop();
            }
            _ => {}
        }
        if !matches!(bytes[pos], b' ' | b'\t' | b'\r' | b'\n') {
            last = pos + 1;
        }
        pos += 1;
    }
    match open.first() {
        Some(at) => Err(Slip::Bracket(*at)),
        None => Ok(Scanned { span: start..last, literals, next: pos + 1 }),
    }
}

/// The length of a line break at an offset.
fn newline(bytes: &[u8], at: usize) -> usize {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\n'), _) => 1,
        (Some(b'\r'), Some(b'\n')) => 2,
        _ => 0,
    }
}

fn is_stray(text: &str, found: &Literal) -> bool {
    let glued = text.as_bytes().get(found.whole.end).is_some_and(|byte| is_word(*byte));
    glued && !found.triple && text[found.inner.clone()].contains('\n')
}
