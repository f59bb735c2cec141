//! The form in which texts are compared.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// A text in a form in which equal words are equal bytes: composed, full-width and half-width forms made the same, in
/// small letters if wanted; with the way back to the text.
#[derive(Debug)]
pub(crate) struct Folded {
    text: String,
    /// For every byte, where in the original its character as readers see it starts; then the original's length.
    origin: Vec<usize>,
}

impl Folded {
    /// Folds a text; capital letters stay different from small ones if case is `kept`.
    pub(crate) fn new(text: &str, kept: bool) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), origin: Vec::new() };
        for (at, grapheme) in text.grapheme_indices(true) {
            push(&mut folded.text, grapheme, kept);
            folded.origin.resize(folded.text.len(), at);
        }
        folded.origin.push(text.len());
        folded
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns where a range of the folded text is in the original: whole characters as readers see them.
    pub(crate) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.origin[range.start];
        let last = self.origin[range.end.saturating_sub(1).max(range.start)];
        let behind = self.origin[range.end..].iter().find(|at| **at > last);
        start..behind.copied().unwrap_or(last)
    }
}

/// Folds a short text of which no place is asked for.
pub(crate) fn fold(text: &str, kept: bool) -> String {
    Folded::new(text, kept).text
}

fn push(out: &mut String, grapheme: &str, kept: bool) {
    let from = out.len();
    if grapheme.is_ascii() {
        out.push_str(grapheme);
    } else {
        out.extend(grapheme.nfkc());
    }
    if !kept && out[from..].chars().any(|c| !c.is_lowercase()) {
        let lower = out[from..].to_lowercase();
        out.truncate(from);
        out.push_str(&lower);
    }
    // Both small sigmas are one letter; which is written depends on the place in the word.
    if !kept && out[from..].contains('ς') {
        let plain = out[from..].replace('ς', "σ");
        out.truncate(from);
        out.push_str(&plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kept: bool, expect: &str) {
        assert_eq!(fold(text, kept), expect, "{text:?}");
    }

    #[test]
    fn the_same_word_folds_to_the_same_bytes() {
        check("Cafe\u{301} É", false, "café é");
        check("Ａｎｎａ １２", true, "Anna 12");
        check("ｱﾅ", true, "アナ");
        check("ΟΔΟΣ οδος", false, "οδοσ οδοσ");
        check("ﬁn", false, "fin");
    }

    #[test]
    fn places_lead_back_to_whole_characters() {
        let text = "x ﬁe\u{301}";
        let folded = Folded::new(text, false);
        assert_eq!(folded.as_str(), "x fié");
        let find = |part: &str| {
            let at = folded.as_str().find(part).unwrap();
            &text[folded.origin(&(at..at + part.len()))]
        };
        assert_eq!(find("x"), "x");
        assert_eq!(find("i"), "ﬁ");
        assert_eq!(find("é"), "e\u{301}");
        assert_eq!(find("x fié"), text);
    }
}
