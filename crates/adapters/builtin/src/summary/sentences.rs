//! Splits text into sentences.

use unicode_segmentation::UnicodeSegmentation as _;

/// Words behind whose dot a sentence goes on.
const ABBREVIATIONS: [&str; 26] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "no", "vol", "fig",
    "approx", "gen", "col", "sgt", "capt", "lt", "rev", "hon", "inc", "ltd", "cf",
];

/// Brackets that open, and are never used to close.
const OPENING: [char; 6] = ['「', '『', '（', '《', '【', '('];

/// Returns the sentences of a text, trimmed and in order; blank ones are left out.
///
/// The rules are Unicode's (UAX 29), which know `。！？` and quotes behind them; on top of these a sentence ends behind
/// an ellipsis that is followed by a space and no small letter, and goes on behind an abbreviation or an initial, and
/// in small letters.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, piece) in text.split_sentence_bound_indices() {
        let end = at + piece.len();
        if end == text.len() || !goes_on(&text[start..end], &text[end..]) {
            let sentence = &text[start..end];
            // A bracket that opens behind a full stop belongs to what comes.
            let own = if end == text.len() { sentence } else { sentence.trim_end_matches(OPENING) };
            split_at_ellipses(own, &mut sentences);
            start += own.len();
        }
    }
    sentences
}

/// Whether a sentence that seems to be over goes on in small letters, or ends with an abbreviation or an initial.
fn goes_on(sentence: &str, rest: &str) -> bool {
    if rest.starts_with(char::is_lowercase)
        && !sentence.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
    {
        return true;
    }
    let Some(head) = sentence.trim_end_matches(' ').strip_suffix('.') else { return false };
    let word = head.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or(head);
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    is_initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn split_at_ellipses<'a>(sentence: &'a str, sentences: &mut Vec<&'a str>) {
    let mut rest = sentence;
    let mut from = 0;
    while let Some(at) = rest[from..].find(['…', '.']).map(|at| at + from) {
        let behind = rest[at..].trim_start_matches(['…', '.']);
        let end = rest.len() - behind.len();
        let dots = &rest[at..end];
        let next = behind.trim_start().chars().next();
        let is_end = (dots.contains('…') || dots.len() >= 3)
            && behind.starts_with(char::is_whitespace)
            && next.is_some_and(|c| !c.is_lowercase());
        from = end;
        if is_end {
            push(&rest[..end], sentences);
            (rest, from) = (behind, 0);
        }
    }
    push(rest, sentences);
}

fn push<'a>(sentence: &'a str, sentences: &mut Vec<&'a str>) {
    let sentence = sentence.trim();
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(split(text), expect, "{text:?}");
    }

    #[test]
    fn sentences_end_where_readers_think_so() {
        check("One. Two! Three?", &["One.", "Two!", "Three?"]);
        check("Mr. J. Smith met Dr. Who. He left.", &["Mr. J. Smith met Dr. Who.", "He left."]);
        check("It costs 3.50 dollars, e.g. today.", &["It costs 3.50 dollars, e.g. today."]);
        check(
            "\u{201c}Stop!\u{201d} he said. So am I. Yes.",
            &["\u{201c}Stop!\u{201d} he said.", "So am I.", "Yes."],
        );
        check("Wait… What? Well… maybe. So... Yes", &["Wait…", "What?", "Well… maybe.", "So...", "Yes"]);
        check("竜だ。逃げろ！「どこへ？」山へ", &["竜だ。", "逃げろ！", "「どこへ？」", "山へ"]);
        check("a\nb\n\nc", &["a", "b", "c"]);
        check("שלום. עולם.", &["שלום.", "עולם."]);
        check("", &[]);
        check(" \n\t ", &[]);
        check("\u{202e}\0", &["\u{202e}\0"]);
        check("Mr.", &["Mr."]);
    }
}
