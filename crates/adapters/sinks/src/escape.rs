//! Texts of strangers, made harmless for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Writes out characters that would move the cursor, change colours or titles, or turn the direction of text around.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push(' '),
            c if is_unsafe(c) => {
                let _infallible = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(escape("plain é 💡"), "plain é 💡");
        assert_eq!(
            escape("\u{1b}[2J\u{7}a\nb\tc\u{9b}1m\u{202e}x"),
            "\\u{1b}[2J\\u{7}a\\nb c\\u{9b}1m\\u{202e}x"
        );
    }
}
