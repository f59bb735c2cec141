//! Where words begin and end.

use std::ops::Range;

use unicode_segmentation::GraphemeCursor;

/// Whether a piece of a text stands there as a word of its own, or as several.
///
/// Letters, digits and `_` make words; an apostrophe does not, so that `Mara` is found in `Mara's` and `homme` in
/// `l'homme`. What is shown as one character is one. Where words are written without spaces between them, any piece may
/// be a word.
pub(super) fn stands_alone(text: &str, piece: Range<usize>) -> bool {
    is_bound(text, piece.start) && is_bound(text, piece.end)
}

fn is_bound(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text[..at].chars().next_back(), text[at..].chars().next()) else {
        return true;
    };
    if before.is_ascii() && after.is_ascii() {
        return !(makes_words(before) && makes_words(after));
    }
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    // The whole text is there, so that the cursor never wants more of it.
    if !cursor.is_boundary(text, 0).unwrap_or(true) {
        return false;
    }
    // The letter that the marks right before are on.
    let start = cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0);
    let before = text[start..].chars().next().unwrap_or(before);
    let joined = makes_words(before) && makes_words(after);
    !joined || is_unspaced(before) || is_unspaced(after)
}

fn makes_words(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a character is of a script that puts no spaces between words, or, like Korean, none between a word and what
/// it governs.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Myanmar, Khmer, Tai, Javanese.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{19df}'
        | '\u{1a20}'..='\u{1aaf}' | '\u{a980}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}'
        // Hangul.
        | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // Han, kana, bopomofo, and their half and full forms.
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{303c}'
        | '\u{3041}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ffdc}'
        | '\u{1aff0}'..='\u{1b2ff}' | '\u{20000}'..='\u{3ffff}')
}
