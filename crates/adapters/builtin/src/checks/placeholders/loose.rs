//! Finds markup that was written a little differently: in full-width characters, in other letters, with spaces.

use std::ops::Range;

/// Returns where a piece of markup seems to stand, as often as wanted, outside of places that are right.
///
/// What stands in brackets may have other capital letters, and spaces inside; everything may be full-width, and a
/// backslash may be a yen sign.
pub(super) fn find(text: &str, token: &str, count: usize, right: &[Range<usize>]) -> Vec<Range<usize>> {
    let bracketed = token.starts_with(['{', '[', '<']);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()).filter(|_| found.len() < count) {
        let range = matches(&text[at..], token, bracketed).map(|length| at..at + length);
        let range = range
            .filter(|range| right.iter().all(|other| other.end <= range.start || range.end <= other.start));
        at = range.as_ref().map_or(at + c.len_utf8(), |range| range.end);
        found.extend(range);
    }
    found
}

/// Returns how many bytes of a text are the token, written loosely.
fn matches(text: &str, token: &str, bracketed: bool) -> Option<usize> {
    let mut rest = text;
    for (n, wanted) in token.chars().enumerate() {
        if n > 0 && bracketed && !wanted.is_whitespace() {
            rest = rest.trim_start_matches([' ', '\u{3000}', '\u{a0}']);
        }
        let c = rest.chars().next()?;
        let same = plain(c) == wanted || bracketed && plain(c).eq_ignore_ascii_case(&wanted);
        if !same {
            return None;
        }
        rest = &rest[c.len_utf8()..];
    }
    Some(text.len() - rest.len())
}

/// Returns the ASCII character that a full-width one stands for.
fn plain(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '¥' | '￥' => '\\',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, token: &str, expect: &[&str]) {
        let found: Vec<&str> = find(text, token, 9, &[]).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expect, "{token} in {text}");
    }

    #[test]
    fn markup_is_recognised_in_other_clothes() {
        check("｛name｝と{ Name }", "{name}", &["｛name｝", "{ Name }"]);
        check("％s 100% sure", "%s", &["％s"]);
        check("￥C[2]赤＼C［2］", r"\C[2]", &["￥C[2]", "＼C［2］"]);
        check("＜ｂ＞", "<b>", &["＜ｂ＞"]);
        check("{nom}", "{name}", &[]);
        check("", "{name}", &[]);
        let right = std::slice::from_ref(&(0..3));
        assert_eq!(find("{a}{A}", "{a}", 9, right), std::slice::from_ref(&(3..6)));
        assert_eq!(find("{a}{A}", "{a}", 1, &[]), *right);
    }
}
