//! The text of a file, and places in it.

use std::cell::OnceCell;

use refrain_core::check::code::Code;
use refrain_core::check::problem;
use refrain_schemas::problem::{Place, Problem};

use crate::node::Span;

/// The largest file that is read.
const LARGEST: usize = 64 * 1024 * 1024;

/// The text of a file by lines.
#[derive(Debug, Clone)]
pub(crate) struct Source<'t> {
    pub(crate) file: String,
    pub(crate) text: &'t str,
    /// Where each line begins, once somebody asks for one: a file of many steps has each of them looked at.
    starts: OnceCell<Vec<usize>>,
}

impl<'t> Source<'t> {
    pub(crate) fn new(file: impl Into<String>, text: &'t str) -> Self {
        Self { file: file.into(), text, starts: OnceCell::new() }
    }

    /// Takes the bytes of a file; a byte order mark is left out.
    pub(crate) fn read(bytes: &'t [u8], file: &str) -> Result<Self, Box<Problem>> {
        if bytes.len() > LARGEST {
            let message = format!("the file has {} bytes; {LARGEST} are read", bytes.len());
            return Err(Box::new(placed(Code::TooLarge, message, point(file, 1, 1))));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                Ok(Self::new(file, text))
            }
            Err(error) => Err(Box::new(not_utf8(bytes, error.valid_up_to(), file))),
        }
    }

    /// Returns the place of a span, as far as it lies on its first line.
    pub(crate) fn place(&self, span: Span) -> Place {
        let length = if span.end_line == span.line {
            span.end_column.saturating_sub(span.column)
        } else {
            let line = self.line(span.line);
            u32::try_from(line.trim_end().chars().count()).unwrap_or(u32::MAX).saturating_sub(span.column - 1)
        };
        Place { length: length.max(1), ..point(&self.file, span.line, span.column) }
    }

    /// Returns a line by its number, without its end.
    pub(crate) fn line(&self, line: u32) -> &'t str {
        let starts = self.starts.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let start = starts.get(line.saturating_sub(1) as usize);
        start.and_then(|start| self.text[*start..].lines().next()).unwrap_or_default()
    }
}

/// Returns a line by its number from 1, without its end.
pub(crate) fn nth_line(text: &str, line: u32) -> &str {
    text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default()
}

/// Makes a problem that is about a place rather than a field.
pub(crate) fn placed(code: Code, message: impl Into<String>, place: Place) -> Problem {
    Problem { place: Some(place), ..problem(code, "", message) }
}

/// Makes the place of one character.
pub(crate) fn point(file: &str, line: u32, column: u32) -> Place {
    Place { file: file.to_owned(), line: line.max(1), column: column.max(1), length: 1 }
}

/// Makes the place behind a text that a file begins with.
pub(crate) fn behind(file: &str, text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    point(file, number(line), number(column))
}

fn not_utf8(bytes: &[u8], at: usize, file: &str) -> Problem {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let message = if utf16 {
        "the file is UTF-16, not UTF-8".to_owned()
    } else {
        format!("the byte 0x{:02x} is not UTF-8", bytes[at])
    };
    placed(Code::NotUtf8, message, behind(file, &before))
}
