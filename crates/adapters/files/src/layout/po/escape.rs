//! Strings of PO files: their escapes, and how a text is written as one or several.

use crate::layout::Quoting;

/// Why an escape says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadEscape {
    /// Where it stands in what was read.
    pub(super) at: usize,
}

/// Returns what stands between two quotes, as the text that it means.
pub(super) fn unescaped(raw: &str) -> Result<String, BadEscape> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let at = raw.len() - after.len() - 1;
        let (meant, length) = escape(after).ok_or(BadEscape { at })?;
        out.push(meant);
        rest = &after[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Returns the character behind a backslash and how many bytes say so.
fn escape(after: &str) -> Option<(char, usize)> {
    let simple = |c| Some((c, 1));
    match after.bytes().next()? {
        b'n' => simple('\n'),
        b't' => simple('\t'),
        b'r' => simple('\r'),
        b'a' => simple('\u{7}'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'v' => simple('\u{b}'),
        b'\\' => simple('\\'),
        b'"' => simple('"'),
        b'x' => {
            let digits = after[1..].bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
            Some((ascii(&after[1..=digits], 16)?, 1 + digits))
        }
        b'0'..=b'7' => {
            let digits = after.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            Some((ascii(&after[..digits], 8)?, digits))
        }
        _ => None,
    }
}

/// Bytes beyond ASCII are parts of characters in some encoding, which nobody writes as escapes.
fn ascii(digits: &str, radix: u32) -> Option<char> {
    u8::from_str_radix(digits, radix).ok().filter(u8::is_ascii).map(char::from)
}

/// Appends a text with escapes.
fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            _ if c.is_ascii_control() => out.push_str(&format!("\\{:03o}", u32::from(c))),
            _ => out.push(c),
        }
    }
}

/// Writes a text as strings: one where it is one line, else one for each line below an empty one.
pub(super) fn quoted(text: &str, line_break: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let is_one_line = text.find('\n').is_none_or(|at| at + 1 == text.len());
    if is_one_line {
        out.push('"');
        escape_into(&mut out, text);
        out.push('"');
        return out;
    }
    out.push_str("\"\"");
    for line in text.split_inclusive('\n') {
        out.push_str(line_break);
        out.push('"');
        escape_into(&mut out, line);
        out.push('"');
    }
    out
}

/// Writes a `msgstr`.
#[derive(Debug)]
pub(super) struct PoQuoting {
    pub(super) line_break: &'static str,
}

impl Quoting for PoQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        Ok(quoted(plain, self.line_break))
    }
}
