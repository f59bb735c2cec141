//! Takes a text apart into what a translator may touch and what it must not.

use crate::term::Term;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A placeholder, a tag or a number; it stays as it is.
    Kept(&'a str),
    /// A glossary term, already in the target language.
    Term(&'a str),
    /// Words, to be translated.
    Plain(&'a str),
}

/// A placeholder or a tag has no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{open}` at character {at} is never closed")]
pub struct Unclosed {
    /// The bracket.
    pub open: char,
    /// Where it stands, counted in characters from 1.
    pub at: usize,
}

/// Splits a text.
///
/// # Errors
/// Fails where a `{` or a tag is never closed.
pub fn split<'a>(text: &'a str, terms: &'a [Term]) -> Result<Vec<Piece<'a>>, Unclosed> {
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(first) = text[at..].chars().next() {
        let found = match kept(text, at)? {
            0 => term(text, at, terms).map(|term| (term.source.len(), Piece::Term(&term.target))),
            length => Some((length, Piece::Kept(&text[at..at + length]))),
        };
        match found {
            Some((length, piece)) => {
                push_plain(&mut pieces, &text[plain..at]);
                pieces.push(piece);
                at += length;
                plain = at;
            }
            None => at += first.len_utf8(),
        }
    }
    push_plain(&mut pieces, &text[plain..]);
    Ok(pieces)
}

fn push_plain<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        pieces.push(Piece::Plain(text));
    }
}

/// Returns the length of the placeholder, tag or number that begins here; 0 where none does.
fn kept(text: &str, at: usize) -> Result<usize, Unclosed> {
    let rest = &text[at..];
    let open = rest.chars().next().unwrap_or(' ');
    match open {
        '{' => closed(text, at, open, '}'),
        // A `<` before anything else is an arrow or a comparison.
        '<' if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
            closed(text, at, open, '>')
        }
        // What stands in square brackets may as well be an aside.
        '[' => Ok(bracketed(rest)),
        '%' if rest[1..].starts_with(['s', 'd']) => Ok(2),
        '\\' if rest[1..].starts_with(['n', 't']) => Ok(2),
        _ if open.is_ascii_digit() => Ok(number(rest)),
        _ => Ok(0),
    }
}

/// Returns the length of a name in square brackets, such as `[player]`.
fn bracketed(rest: &str) -> usize {
    let end = rest.find(']').unwrap_or(0);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if end > 1 && rest[1..end].chars().all(is_name) { end + 1 } else { 0 }
}

fn closed(text: &str, at: usize, open: char, close: char) -> Result<usize, Unclosed> {
    let end = text[at..].find(close).ok_or_else(|| Unclosed { open, at: text[..at].chars().count() + 1 })?;
    Ok(end + close.len_utf8())
}

/// Returns the length of a number; `12,000` and `21:45` are one number each, `12, 13` are two.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 1;
    while digit(end) || (matches!(bytes.get(end), Some(b',' | b'.' | b':')) && digit(end + 1)) {
        end += 1;
    }
    end
}

/// Returns the glossary term that begins here and stands for itself, so `cabin` but not `cabins`.
fn term<'a>(text: &str, at: usize, terms: &'a [Term]) -> Option<&'a Term> {
    let word = |c: char| c.is_alphanumeric();
    if text[..at].ends_with(word) {
        return None;
    }
    terms.iter().find(|term| {
        let end = at + term.source.len();
        text.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(&term.source))
            && !text[end..].starts_with(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Piece::{Kept, Plain, Term as Word};

    fn terms() -> Vec<Term> {
        let term = |source: &str, target: &str| Term { source: source.into(), target: target.into() };
        vec![term("log book", "journal"), term("bell", "cloche")]
    }

    #[test]
    fn placeholders_tags_numbers_and_terms_stand_apart() {
        let check =
            |text: &str, expect: &[Piece<'_>]| assert_eq!(split(text, &terms()).unwrap(), expect, "{text}");
        check("", &[]);
        check("Hi {name}!", &[Plain("Hi "), Kept("{name}"), Plain("!")]);
        check("<b>Bell</b>", &[Kept("<b>"), Word("cloche"), Kept("</b>")]);
        check("12,000, at 21:45.", &[Kept("12,000"), Plain(", at "), Kept("21:45"), Plain(".")]);
        check("[who] [is it] %s\\n", &[Kept("[who]"), Plain(" [is it] "), Kept("%s"), Kept("\\n")]);
        check("bells 1 < 2", &[Plain("bells "), Kept("1"), Plain(" < "), Kept("2")]);
        check("doorbell LOG BOOK", &[Plain("doorbell "), Word("journal")]);
    }

    #[test]
    fn brackets_without_an_end_are_errors() {
        assert_eq!(split("é {name", &[]), Err(Unclosed { open: '{', at: 3 }));
        assert_eq!(split("<i", &[]), Err(Unclosed { open: '<', at: 1 }));
    }
}
