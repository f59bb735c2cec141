//! What cannot be broken.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::super::length::Count;
use crate::words::is_wide;

/// What must not stand at the start of a line.
const NOT_FIRST: &str =
    "、。，．・：；？！）］｝」』】〉》〕’”…‥ー～ぁぃぅぇぉっゃゅょァィゥェォッャュョ々%,.!?:;)]}»";
/// What must not stand at the end of a line.
const NOT_LAST: &str = "（［｛「『【〈《〔‘“([{«";

/// A stretch that stays on one line, and the spaces behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it is, without the spaces.
    pub(super) shown: Range<usize>,
    /// Where the spaces behind it end.
    pub(super) end: usize,
    pub(super) width: usize,
    pub(super) spaces: usize,
}

/// Cuts a paragraph, its markup masked by NUL characters, into pieces; `start` is where it begins in its text.
pub(super) fn pieces(paragraph: &str, start: usize, count: Count) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut before: Option<&str> = None;
    for (at, grapheme) in paragraph.grapheme_indices(true) {
        let range = start + at..start + at + grapheme.len();
        let size = if grapheme == "\0" { 0 } else { count.size(grapheme) };
        let space = is_space(grapheme);
        let last = pieces.last_mut().filter(|_| !before.is_some_and(|before| breaks(before, grapheme)));
        match last {
            Some(piece) if space => (piece.end, piece.spaces) = (range.end, piece.spaces + size),
            // Spaces at the start of a paragraph are part of it.
            Some(piece) => {
                (piece.end, piece.shown.end) = (range.end, range.end);
                (piece.width, piece.spaces) = (piece.width + piece.spaces + size, 0);
            }
            None => pieces.push(Piece { end: range.end, shown: range, width: size, spaces: 0 }),
        }
        // Markup between two characters changes nothing about them; behind a space it belongs to what comes.
        if grapheme != "\0" || before.is_none_or(is_space) {
            before = Some(grapheme);
        }
    }
    pieces
}

/// Whether a line may be broken between two characters.
fn breaks(before: &str, behind: &str) -> bool {
    let (Some(a), Some(b)) = (before.chars().next(), behind.chars().next()) else { return false };
    if is_space(before) || is_space(behind) {
        return is_space(before) && !is_space(behind);
    }
    b != '\0' && (is_wide(a) || is_wide(b)) && !NOT_LAST.contains(a) && !NOT_FIRST.contains(b)
}

fn is_space(grapheme: &str) -> bool {
    grapheme != "\u{a0}" && grapheme != "\u{202f}" && grapheme.chars().all(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let masked = text.replace('#', "\0");
        let found = pieces(&masked, 0, Count::Width);
        let found: Vec<&str> = found.into_iter().map(|piece| &text[piece.shown.start..piece.end]).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn lines_break_where_the_script_lets_them() {
        check("Hello there, you", &["Hello ", "there, ", "you"]);
        check("竜だ。「えっ？」", &["竜", "だ。", "「えっ？」"]);
        check("a\u{a0}b c", &["a\u{a0}b ", "c"]);
        check("##a# b", &["##a# ", "b"]);
        check("", &[]);
        check("e\u{301}e", &["e\u{301}e"]);
    }
}
