//! Large and small letters.

use std::borrow::Cow;

/// Returns a text in which letters that differ by case alone are the same: the simple case folding of Unicode, character
/// by character, which hangs on no language.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    match text.char_indices().find(|(_, c)| fold_char(*c) != *c) {
        None => Cow::Borrowed(text),
        Some((at, _)) => {
            let (same, rest) = text.split_at(at);
            let mut folded = String::with_capacity(text.len() + 4);
            folded.push_str(same);
            folded.extend(rest.chars().map(fold_char));
            Cow::Owned(folded)
        }
    }
}

/// By way of the capital, so that letters with one capital fold alike: `ς` and `σ`, `ſ` and `s`.
fn fold_char(c: char) -> char {
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        // The dots of Turkish: neither is an `i` in any other language.
        'ı' | 'İ' => c,
        _ => {
            let capital = one(c.to_uppercase()).unwrap_or(c);
            one(capital.to_lowercase()).unwrap_or(c)
        }
    }
}

/// Letters that become several are left as they are.
fn one(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_twice_is_folding_once() {
        for c in '\0'..=char::MAX {
            let folded = fold_char(c);
            assert_eq!(fold_char(folded), folded, "{c:?}");
            assert_eq!(folded.is_alphanumeric(), c.is_alphanumeric(), "{c:?} would change where words end");
        }
    }

    #[test]
    fn a_text_without_capitals_is_not_copied() {
        assert!(matches!(fold("no capitals, 海"), Cow::Borrowed(_)));
        assert_eq!(fold("no CAPITALS, Ünder"), "no capitals, ünder");
    }
}
