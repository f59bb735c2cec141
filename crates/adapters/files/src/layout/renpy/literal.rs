//! String literals of a script: where they end, what they say, and how a text is written as one.
//!
//! Dialogue and menus are read by Ren'Py's own rules (runs of blanks and line breaks are one blank, `\n` is a line break,
//! `\%`, `\{` and `\[` stand for doubled characters), strings in code and in `translate … strings` by Python's. `{{`,
//! `[[` and `%%` stay as they are in both: they are the text's own way to tell a brace from a tag.

use std::ops::Range;
use std::sync::Arc;

use crate::layout::Quoting;

/// A literal as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    /// All of it, with its prefix letter and its quotes.
    pub(super) whole: Range<usize>,
    /// What is between the quotes.
    pub(super) inner: Range<usize>,
    pub(super) quote: char,
    pub(super) triple: bool,
    /// The letter before it, if one is: `r`, `u`, `f`, `b`.
    pub(super) prefix: Option<char>,
}

impl Literal {
    pub(super) const fn is_raw(&self) -> bool {
        matches!(self.prefix, Some('r' | 'R'))
    }
}

/// Finds the end of the literal whose quote stands at an offset; none if it is not closed before the end.
pub(super) fn literal(text: &str, at: usize, end: usize) -> Option<Literal> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(at)?;
    let triple = bytes.get(at..at + 3).is_some_and(|three| three.iter().all(|byte| *byte == quote));
    let width = if triple { 3 } else { 1 };
    let mut pos = at + width;
    let closed = loop {
        match bytes.get(pos..end)?.first()? {
            b'\\' => pos += 2,
            byte if *byte == quote && closes(bytes, pos, quote, triple) => break pos,
            _ => pos += 1,
        }
    };
    if closed + width > end {
        return None;
    }
    let prefix = prefix(bytes, at);
    let start = at - usize::from(prefix.is_some());
    Some(Literal {
        whole: start..closed + width,
        inner: at + width..closed,
        quote: char::from(quote),
        triple,
        prefix,
    })
}

fn closes(bytes: &[u8], at: usize, quote: u8, triple: bool) -> bool {
    !triple || bytes.get(at..at + 3).is_some_and(|three| three.iter().all(|byte| *byte == quote))
}

/// Returns the letter before a quote where it stands alone.
fn prefix(bytes: &[u8], at: usize) -> Option<char> {
    let letter = *bytes.get(at.checked_sub(1)?)?;
    let alone = at < 2 || !is_word(bytes[at - 2]);
    let known = matches!(letter, b'r' | b'R' | b'u' | b'U' | b'f' | b'F' | b'b' | b'B');
    (known && alone).then(|| char::from(letter))
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Why a literal says nothing: an escape that is no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadEscape;

/// Returns what a literal of dialogue says.
pub(super) fn say_text(text: &str, literal: &Literal) -> Result<String, BadEscape> {
    let inner = &text[literal.inner.clone()];
    if literal.is_raw() {
        return Ok(inner.replace("\r\n", "\n"));
    }
    dequoted(&collapsed(inner, true))
}

/// Makes one blank of each run of blanks, and of line breaks where they are no more than blanks.
fn collapsed(text: &str, breaks: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut blank = false;
    while let Some(c) = chars.next() {
        let c = if c == '\r' && chars.peek() == Some(&'\n') { continue } else { c };
        let is_blank = c == ' ' || (breaks && c == '\n');
        match (is_blank, blank) {
            (true, true) => {}
            (true, false) => out.push(' '),
            (false, _) => out.push(c),
        }
        blank = is_blank;
    }
    out
}

/// Resolves the escapes of dialogue.
fn dequoted(text: &str) -> Result<String, BadEscape> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let Some(c) = after.chars().next() else {
            out.push('\\');
            return Ok(out);
        };
        rest = &after[c.len_utf8()..];
        match c {
            '{' | '[' | '%' => out.extend([c, c]),
            'n' => out.push('\n'),
            'u' => rest = unicode(rest, &mut out)?,
            // A blank at the end of a line is escaped to stay; anything else stands for itself.
            _ => out.push(c),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads up to four digits; without any, the escape is nothing at all.
fn unicode<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, BadEscape> {
    let digits = rest.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
    if digits > 0 {
        out.push(character(&rest[..digits])?);
    }
    Ok(&rest[digits..])
}

fn character(digits: &str) -> Result<char, BadEscape> {
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or(BadEscape)
}

/// How triple quoted dialogue is cut into statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Monologue {
    /// At blank lines.
    Double,
    /// At each line break.
    Single,
    /// Not at all.
    None,
}

/// Cuts the inside of a triple quoted literal into the texts that are said, each with where it stands.
pub(super) fn paragraphs(text: &str, literal: &Literal, mode: Monologue) -> Vec<Range<usize>> {
    let inner = literal.inner.clone();
    let mut parts = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut at = inner.start;
    for line in text[inner].split_inclusive('\n') {
        let is_blank = line.trim_matches([' ', '\n', '\r']).is_empty();
        if !is_blank {
            current = Some(current.map_or(at, |so_far| so_far.start)..at + line.len());
        }
        if mode == Monologue::Single || (is_blank && mode == Monologue::Double) {
            parts.extend(current.take().and_then(|part| trimmed(text, part)));
        }
        at += line.len();
    }
    parts.extend(current.and_then(|part| trimmed(text, part)));
    parts
}

fn trimmed(text: &str, part: Range<usize>) -> Option<Range<usize>> {
    let all = &text[part.clone()];
    let said = all.trim();
    let start = part.start + (all.len() - all.trim_start().len());
    (!said.is_empty()).then(|| start..start + said.len())
}

/// Returns what a part of a triple quoted literal says.
pub(super) fn paragraph_text(part: &str, mode: Monologue) -> Result<String, BadEscape> {
    if mode != Monologue::None {
        return dequoted(&collapsed(part, true));
    }
    let lines: Vec<&str> = part.split('\n').map(|line| line.trim_matches([' ', '\r'])).collect();
    dequoted(&collapsed(&lines.join("\n"), false))
}

/// Returns what a literal of Python says; none where that is not known here (bytes, formatted strings, named characters).
pub(super) fn python_text(text: &str, literal: &Literal) -> Result<Option<String>, BadEscape> {
    let inner = text[literal.inner.clone()].replace("\r\n", "\n");
    match literal.prefix {
        Some('f' | 'F' | 'b' | 'B') => Ok(None),
        Some('r' | 'R') => Ok(Some(inner)),
        _ => python_unescaped(&inner),
    }
}

fn python_unescaped(text: &str) -> Result<Option<String>, BadEscape> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let Some(c) = after.chars().next() else { break };
        rest = &after[c.len_utf8()..];
        match c {
            'N' => return Ok(None),
            'x' => rest = fixed(rest, 2, &mut out)?,
            'u' => rest = fixed(rest, 4, &mut out)?,
            'U' => rest = fixed(rest, 8, &mut out)?,
            '0'..='7' => rest = octal(after, &mut out)?,
            '\n' => {}
            _ => match simple_escape(c) {
                Some(meant) => out.push(meant),
                None => out.extend(['\\', c]),
            },
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

const fn simple_escape(c: char) -> Option<char> {
    Some(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '"' | '\'' => c,
        _ => return None,
    })
}

fn fixed<'a>(rest: &'a str, digits: usize, out: &mut String) -> Result<&'a str, BadEscape> {
    let number = rest.get(..digits).filter(|n| n.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(BadEscape)?;
    out.push(character(number)?);
    Ok(&rest[digits..])
}

fn octal<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, BadEscape> {
    let digits = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
    let number = u32::from_str_radix(&rest[..digits], 8).map_err(|_| BadEscape)?;
    out.push(char::from_u32(number).ok_or(BadEscape)?);
    Ok(&rest[digits..])
}

/// Writes a text of dialogue between quotes, or as one paragraph of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct SayQuoting {
    /// The quotes to write around it; none where they stay as they are.
    pub(super) quotes: bool,
    pub(super) quote: char,
}

impl SayQuoting {
    pub(super) fn shared(quotes: bool, quote: char) -> Arc<dyn Quoting> {
        Arc::new(Self { quotes, quote })
    }
}

impl Quoting for SayQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        let mut out = String::with_capacity(plain.len() + 2);
        if self.quotes {
            out.push(self.quote);
        }
        let last = plain.chars().count().wrapping_sub(1);
        let mut blank = false;
        for (n, c) in plain.chars().enumerate() {
            match c {
                '\n' => out.push_str("\\n"),
                '\\' => out.push_str("\\\\"),
                _ if c == self.quote => out.extend(['\\', c]),
                // The ends of a paragraph are trimmed before escapes are looked at, so that `\ ` would lose its blank.
                _ if !self.quotes && c.is_whitespace() && (n == 0 || n == last) => {
                    out.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                ' ' if blank => out.push_str("\\ "),
                _ if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => out.push(c),
            }
            blank = c == ' ';
        }
        if self.quotes {
            out.push(self.quote);
        }
        Ok(out)
    }
}

/// Writes a literal of Python.
#[derive(Debug, Clone, Copy)]
pub(super) struct PythonQuoting {
    pub(super) quote: char,
    /// Whether what is written is read as paragraphs (`_p`).
    pub(super) paragraphs: bool,
}

impl Quoting for PythonQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        if self.paragraphs && joined(plain) != plain {
            return Err(
                "has line breaks or blanks that `_p(…)` would not keep; paragraphs are apart by one empty line"
                    .to_owned(),
            );
        }
        let mut out = String::with_capacity(plain.len() + 2);
        out.push(self.quote);
        for c in plain.chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\\' => out.push_str("\\\\"),
                _ if c == self.quote => out.extend(['\\', c]),
                _ if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => out.push(c),
            }
        }
        out.push(self.quote);
        Ok(out)
    }
}

/// Joins the lines of each paragraph, as `_p` does.
pub(super) fn joined(text: &str) -> String {
    let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    if lines.first().is_some_and(|line| line.is_empty()) {
        lines.remove(0);
    }
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let paragraphs: Vec<String> = lines.split(|line| line.is_empty()).map(|lines| lines.join(" ")).collect();
    paragraphs.join("\n\n")
}
