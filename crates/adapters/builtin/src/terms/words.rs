//! Which words are written like names.

use std::collections::BTreeSet;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::summary::sentences::split;

/// Words that have a capital letter or begin sentences without being names.
const COMMON: [&str; 84] = [
    "i", "i'm", "i'll", "i've", "i'd", "a", "an", "the", "this", "that", "these", "those", "my", "your",
    "his", "her", "its", "our", "their", "he", "she", "it", "we", "you", "they", "me", "him", "us", "them",
    "and", "but", "or", "so", "if", "when", "while", "then", "than", "as", "at", "by", "for", "from", "in",
    "into", "of", "on", "to", "up", "with", "no", "not", "yes", "oh", "ah", "well", "hey", "now", "what",
    "who", "why", "how", "where", "which", "is", "are", "was", "were", "do", "does", "did", "can", "could",
    "will", "would", "let", "let's", "there", "here", "it's", "don't", "please", "just", "all",
];
/// Words that may stand within a name.
const LINKS: [&str; 8] = ["of", "the", "de", "la", "von", "van", "du", "der"];

/// Something written like a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) term: String,
    /// Whether only names are written like that.
    pub(super) sure: bool,
}

/// A word of a sentence.
struct Word<'a> {
    range: Range<usize>,
    text: &'a str,
    first: bool,
}

/// Returns what is written like names in some texts that belong together, text by text.
pub(super) fn candidates<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Vec<Seen>> {
    let texts: Vec<(&str, Vec<Word<'_>>)> = texts.map(|text| (text, words(text))).collect();
    let all = || texts.iter().flat_map(|(_, words)| words);
    let small: BTreeSet<String> =
        all().filter(|word| !is_capital(word.text)).map(|word| word.text.to_lowercase()).collect();
    texts.iter().map(|(text, words)| names(text, words, &small)).collect()
}

/// Returns the words of a text, without the sentences that are all in capital letters.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut from = 0;
    for sentence in split(text) {
        let at = text[from..].find(sentence).map_or(from, |at| from + at);
        from = at + sentence.len();
        if !sentence.contains(char::is_lowercase) && sentence.contains(char::is_uppercase) {
            continue;
        }
        for (n, (place, word)) in sentence.unicode_word_indices().enumerate() {
            let own = possessor(word);
            let start = at + place;
            // What is said begins anew behind a quotation mark.
            let quoted = text[..start].trim_end_matches('\0').ends_with(['"', '“', '„', '«', '‘']);
            words.push(Word { range: start..start + own.len(), text: own, first: n == 0 || quoted });
        }
    }
    words
}

/// Returns whose something is: `Anna` of `Anna's`.
fn possessor(word: &str) -> &str {
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
}

fn is_capital(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

fn is_common(word: &str) -> bool {
    COMMON.contains(&word.to_lowercase().replace('’', "'").as_str())
}

fn names(text: &str, words: &[Word<'_>], small: &BTreeSet<String>) -> Vec<Seen> {
    let mut seen: Vec<(usize, Seen)> = katakana(text);
    let mut at = 0;
    while at < words.len() {
        let run = run(text, &words[at..]);
        if run == 0 {
            at += 1;
            continue;
        }
        let mut own = &words[at..at + run];
        at += run;
        // The first word of a sentence has its capital letter from there.
        let is_drop = |word: &Word<'_>| {
            word.first && (is_common(word.text) || small.contains(&word.text.to_lowercase()))
        };
        while own.first().is_some_and(|word| is_drop(word) || is_common(word.text)) {
            own = &own[1..];
            let links = own.iter().take_while(|word| !is_capital(word.text)).count();
            own = &own[links..];
        }
        if let (Some(first), Some(last)) = (own.first(), own.last()) {
            let term = text[first.range.start..last.range.end].to_owned();
            let sure = !first.first || own.len() > 1;
            seen.push((first.range.start, Seen { term, sure }));
        }
    }
    seen.sort_by_key(|(at, _)| *at);
    seen.into_iter().map(|(_, seen)| seen).collect()
}

/// Returns how many words from the first one are one name: with a space between them, links only within.
fn run(text: &str, words: &[Word<'_>]) -> usize {
    let mut length = 0;
    for (n, word) in words.iter().enumerate() {
        let apart = n > 0 && &text[words[n - 1].range.end..word.range.start] != " ";
        if apart || n > 0 && word.first {
            break;
        }
        if is_capital(word.text) {
            length = n + 1;
        } else if n == 0 || !LINKS.contains(&word.text) {
            break;
        }
    }
    length
}

/// Returns runs of two katakana and more.
fn katakana(text: &str) -> Vec<(usize, Seen)> {
    let is_kana = |c: char| matches!(c, '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30fe}');
    let mut found = Vec::new();
    let mut from = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (is_kana(c), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                let term = &text[start..at];
                if term.chars().count() > 1 {
                    found.push((start, Seen { term: term.to_owned(), sure: false }));
                }
                from = None;
            }
            _ => {}
        }
    }
    found
}
