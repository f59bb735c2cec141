//! What a template is made of: its blocks, and the words, texts and signs in these.
//!
//! What is refused and what is counted rests on this, so it MUST see the same blocks and words as the engine does. Where the
//! two could differ, it refuses.

use std::ops::Range;

use super::{TemplateError, position};

/// What stands between `{{` and `}}`, or `{%` and `%}`.
pub(super) struct Block {
    /// Where it is, without its braces and marks of white space in front.
    pub(super) range: Range<usize>,
    /// Whether it is a statement.
    pub(super) is_statement: bool,
}

/// Returns the blocks of a template; comments and raw texts have none.
pub(super) fn blocks(source: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let open = at + found;
        let start = open + 2 + usize::from(matches!(source.as_bytes().get(open + 2), Some(b'-' | b'+')));
        at = match source.as_bytes().get(open + 1) {
            Some(b'#') => source[start..].find("#}").map_or(source.len(), |length| start + length + 2),
            Some(b'%') => match tag_end(&source[start..], "raw") {
                Some(length) => raw_end(source, start + length),
                None => block_end(source, start, "%}", true, &mut blocks),
            },
            Some(b'{') => block_end(source, start, "}}", false, &mut blocks),
            _ => open + 1,
        };
    }
    blocks
}

/// Returns where a tag of one word ends, with its `%}`.
fn tag_end(text: &str, name: &str) -> Option<usize> {
    let space = |c: char| c.is_ascii_whitespace();
    let rest = text.trim_start_matches(space).strip_prefix(name)?.trim_start_matches(space);
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

fn raw_end(source: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = source[at..].find("{%") {
        at += found + 2;
        let rest = &source[at..];
        let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if let Some(length) = tag_end(rest, "endraw") {
            return source.len() - rest.len() + length;
        }
    }
    source.len()
}

/// Adds a block; it ends at the first end outside texts and brackets.
fn block_end(source: &str, from: usize, end: &str, is_statement: bool, blocks: &mut Vec<Block>) -> usize {
    let mut depth = 0_isize;
    let mut texts = Texts::default();
    for (at, c) in source[from..].char_indices() {
        if texts.holds(c) {
            continue;
        }
        match c {
            _ if depth == 0 && source[from + at..].starts_with(end) => {
                blocks.push(Block { range: from..from + at, is_statement });
                return from + at + end.len();
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    blocks.push(Block { range: from..source.len(), is_statement });
    source.len()
}

/// Follows the texts in quotes.
#[derive(Default)]
struct Texts {
    quote: Option<char>,
    is_escaped: bool,
}

impl Texts {
    /// Whether a character belongs to a text, its quotes included.
    fn holds(&mut self, c: char) -> bool {
        match self.quote {
            Some(_) if self.is_escaped => self.is_escaped = false,
            Some(_) if c == '\\' => self.is_escaped = true,
            Some(open) if c == open => self.quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => self.quote = Some(c),
            None => return false,
        }
        true
    }
}

/// Returns the words, numbers, texts and signs of a piece of a text.
///
/// # Errors
/// Fails where a number runs into what follows: the engine ends it where the next word may begin.
pub(super) fn tokens(source: &str, range: Range<usize>) -> Result<Vec<Range<usize>>, TemplateError> {
    const DOUBLE: [&str; 6] = ["==", "!=", "<=", ">=", "**", "//"];
    let mut tokens = Vec::new();
    let mut at = range.start;
    while let Some(c) = source[at..range.end].chars().next() {
        let rest = &source[at..range.end];
        let length = match c {
            '\'' | '"' => text_length(rest),
            '0'..='9' => number_length(rest).ok_or_else(|| {
                refused(source, at..at + 1, "a number is followed by a space or a sign".to_owned())
            })?,
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if DOUBLE.iter().any(|sign| rest.starts_with(sign)) => 2,
            c => c.len_utf8(),
        };
        if !c.is_whitespace() {
            tokens.push(at..at + length);
        }
        at += length;
    }
    Ok(tokens)
}

fn text_length(text: &str) -> usize {
    let mut texts = Texts::default();
    let end = text.char_indices().find(|(_, c)| !(texts.holds(*c) && texts.quote.is_some()));
    end.map_or(text.len(), |(at, c)| at + c.len_utf8())
}

/// Returns how long the whole part of a number is, or its fraction with an exponent.
fn number_length(text: &str) -> Option<usize> {
    let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit() || c == b'_');
    let lower = number.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return hex.bytes().all(|c| c.is_ascii_hexdigit() || c == b'_').then_some(length);
    }
    if lower.strip_prefix("0b").or_else(|| lower.strip_prefix("0o")).is_some_and(digits) {
        return Some(length);
    }
    match lower.split_once('e') {
        None => {
            let is_open = rest.strip_prefix('.').is_some_and(|rest| !rest.starts_with(is_word));
            (digits(&lower) && !is_open).then_some(length)
        }
        Some((whole, "")) if digits(whole) && rest.starts_with(['-', '+']) => {
            let power = rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1);
            digits(&rest[1..=power]).then_some(length + 1 + power)
        }
        Some((whole, power)) => (digits(whole) && digits(power)).then_some(length),
    }
}

/// Says that something is refused.
pub(super) fn refused(source: &str, range: Range<usize>, message: String) -> TemplateError {
    let (line, column) = position(source, range.start);
    TemplateError { message, line, column, range: Some(range) }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expect: &[&str]) {
        let found: Vec<&str> = blocks(source).into_iter().map(|block| source[block.range].trim()).collect();
        assert_eq!(found, expect, "{source}");
    }

    #[test]
    fn blocks_are_those_of_the_engine() {
        check("{{ a }} {%- b -%} {{+ c }}", &["a", "b -", "c"]);
        check("{% raw %}{% endraw x %}{{ ) {% endraw %}{{ a }}", &["a"]);
        check("{%- raw -%}{{ a }}{%+ endraw +%}{{ b }}", &["b"]);
        check("{% raw %}{%endraw%}{{ a }}{% raw x %}{{ b }}", &["a", "raw x", "b"]);
        check("{#} {% raw %} #}{{ a }}", &["a"]);
        check("{#-#}{{ a }}{# ' #}{{ b }}{# {{ #}", &["a", "b"]);
        check("{{ '}}\\'}}' }}{{ \"'\" }}{% if a == '%}' %}", &["'}}\\'}}'", "\"'\"", "if a == '%}'"]);
        check("{{ {'a': {}} }}{{ a[{}] }}{{ ) }} {% b %}", &["{'a': {}}", "a[{}]", ") }} {% b %}"]);
    }

    #[test]
    fn words_are_those_of_the_engine() {
        let check = |source: &str, expect: Option<&[&str]>| {
            let found = tokens(source, 0..source.len()).ok();
            let found = found.map(|tokens| tokens.into_iter().map(|t| &source[t]).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expect, "{source}");
        };
        check("a.1.b 'x' 0xff", Some(&["a", ".", "1", ".", "b", "'x'", "0xff"]));
        check("1.5e-5 ~ 2E3", Some(&["1", ".", "5e-5", "~", "2E3"]));
        for joined in ["1recursive", "1in a", "1.5if", "1. recursive", "0xfor", "0b1f", "1e5in", "1e-5if"] {
            check(joined, None);
        }
    }
}
