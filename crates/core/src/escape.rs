//! Texts of strangers, made harmless for a terminal: what comes from data, agents, files or the environment cannot move the
//! cursor, change colours or titles, turn the direction of text around or hide.
//!
//! This is the only place that says what is harmless; whoever shows a text to a person uses it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character steers a terminal or the eye: control characters, those that turn the direction of text around, and
/// those that cannot be seen. The joiners that scripts and emoji are written with are none of them.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns a text on one line, with an escape in place of each character that [`steers`]: `\n`, `\r`, `\t`, `\u{1b}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    written(text, |out, c| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.extend(c.escape_unicode()),
    })
}

/// Returns JSON text with an escape of JSON in place of each character that [`steers`]; its value stays the same.
#[must_use]
pub fn escape_json(text: &str) -> Cow<'_, str> {
    written(text, |out, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn written(text: &str, write: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) { write(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Returns a whole page as it may be sent to a terminal: lines, tabs and colours stay, anything else that [`steers`] is
/// escaped. Each text on a page is escaped on its way in; this is for the one that was forgotten.
#[must_use]
pub fn screen(page: &str) -> Cow<'_, str> {
    if !page.chars().any(|c| steers(c) && c != '\n' && c != '\t') {
        return Cow::Borrowed(page);
    }
    let mut out = String::with_capacity(page.len() + 8);
    let mut rest = page;
    while let Some(c) = rest.chars().next() {
        let length = colour(rest).unwrap_or_else(|| c.len_utf8());
        let (piece, behind) = rest.split_at(length);
        let is_kept = length > c.len_utf8() || matches!(c, '\n' | '\t');
        out.push_str(&if is_kept { Cow::Borrowed(piece) } else { escape(piece) });
        rest = behind;
    }
    Cow::Owned(out)
}

/// Returns the length of the change of colour that a text begins with.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(escape(text), expect, "{text:?}");
    }

    #[test]
    fn what_steers_is_written_out() {
        check("plain ü 日本 💡 👩\u{200d}🚀", "plain ü 日本 💡 👩\u{200d}🚀");
        check("a\u{1b}[2Jb\n\t\r\u{7}", "a\\u{1b}[2Jb\\n\\t\\r\\u{7}");
        check("\u{9b}1m\u{202e}x\u{2066}\u{61c}", "\\u{9b}1m\\u{202e}x\\u{2066}\\u{61c}");
        check("a\u{200b}b\u{feff}\u{e0041}", "a\\u{200b}b\\u{feff}\\u{e0041}");
    }

    #[test]
    fn pages_keep_lines_and_colours_and_nothing_else() {
        let check = |page: &str, expect: &str| assert_eq!(screen(page), expect);
        check("\u{1b}[1;31mred\u{1b}[0m\n\tx\n", "\u{1b}[1;31mred\u{1b}[0m\n\tx\n");
        check("\u{1b}[2J\u{1b}]0;title\u{7}\r\n", "\\u{1b}[2J\\u{1b}]0;title\\u{7}\\r\n");
        check("\u{1b}[1;31", "\\u{1b}[1;31");
        check("\u{1b}[", "\\u{1b}[");
        check("\u{9b}31m\u{202e}", "\\u{9b}31m\\u{202e}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn nothing_that_steers_comes_through(text in "(\\PC|\\p{Cc}|\\p{Cf}|\\u{1b}\\[|[0-9;m]){0,24}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.chars().any(steers));
            prop_assert_eq!(escape(&escaped), escaped.as_ref());
            let json = serde_json::to_string(&text).unwrap();
            let shown = escape_json(&json);
            prop_assert!(!shown.chars().any(steers));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text.clone());
            let shown = screen(&text);
            prop_assert_eq!(screen(&shown), shown.as_ref());
            let kept = ['\n', '\t', '\u{1b}'];
            prop_assert!(shown.chars().all(|c| !steers(c) || kept.contains(&c)));
        }
    }
}
