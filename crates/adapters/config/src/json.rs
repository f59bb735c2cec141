//! JSON files: read as YAML, of which JSON is nearly a part, after their syntax was judged as JSON.

use refrain_core::check::code::Code;
use refrain_schemas::problem::Problem;

use crate::source::{Source, placed, point};

/// Returns what is wrong with the syntax of a JSON file.
pub(crate) fn syntax(source: &Source<'_>) -> Option<Problem> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(source.text).err()?;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or(&said);
    // serde_json counts bytes; a diagnostic counts characters.
    let line = source.line(number(error.line()));
    let before = line.get(..error.column().saturating_sub(1));
    let column = before.map_or(error.column(), |before| before.chars().count() + 1);
    Some(placed(Code::NotJson, said.to_owned(), point(&source.file, number(error.line()), number(column))))
}

/// Returns the text in a form that a YAML parser reads the same: tabs between values become spaces, and surrogate
/// pairs one character.
pub(crate) fn as_yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        if quoted && c == '\\' {
            rest = escape(rest, &mut out);
            continue;
        }
        quoted ^= c == '"';
        out.push(if c == '\t' && !quoted { ' ' } else { c });
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn escape<'t>(text: &'t str, out: &mut String) -> &'t str {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let pair = unit(text).zip(text.get(6..).and_then(unit));
    if let Some((high, low)) = pair
        && let Some(Ok(c)) = char::decode_utf16([high, low]).next()
        && char::decode_utf16([high, low]).count() == 1
    {
        out.push_str(&format!("\\U{:08X}", u32::from(c)));
        return &text[12..];
    }
    let length = text.chars().take(2).map(char::len_utf8).sum();
    out.push_str(&text[..length]);
    &text[length..]
}
