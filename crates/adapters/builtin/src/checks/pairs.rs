//! Brackets and quotes in pairs.
//!
//! `pairs: true`, or `{ inverted: auto | required }`: what is opened is closed, as far as that is so in the source.
//! `auto`: an inverted question or exclamation mark has its upright one; `required`: and the other way round.

use std::ops::Range;

use super::issue::Finding;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;

/// Brackets, and quotes that are used in one direction only.
const PAIRS: [(char, char); 15] = [
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('（', '）'),
    ('［', '］'),
    ('｛', '｝'),
    ('「', '」'),
    ('『', '』'),
    ('｢', '｣'),
    ('【', '】'),
    ('《', '》'),
    ('〈', '〉'),
    ('〔', '〕'),
    ('〖', '〗'),
    ('⟦', '⟧'),
];
/// Quotes of which languages use each as the first or the last; each kind is there an even number of times.
const QUOTES: [&str; 3] = ["“”„‟", "«»", "\""];
const INVERTED: [(char, &str); 2] = [('¿', "?？"), ('¡', "!！")];

/// What is opened is closed.
#[derive(Debug)]
pub(super) struct Pairs {
    /// Whether every question begins with an inverted mark.
    required: bool,
}

/// Something that is wrong, and which kind of sign it is about.
type Slip = (char, Range<usize>, String);

impl Pairs {
    pub(super) fn read(own: &Params<'_>) -> Self {
        Self { required: own.word("inverted", &["auto", "required"]) == "required" }
    }
}

impl Rule for Pairs {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let text = subject.masked();
        let excused: Vec<char> = slips(&subject.masked_source()).into_iter().map(|(kind, ..)| kind).collect();
        let excused = |kind: char| excused.iter().any(|other| family(*other) == family(kind));
        let mut found = slips(&text);
        found.retain(|(kind, ..)| !excused(*kind));
        found.extend(inverted(&text, self.required));
        found.into_iter().map(|(_, range, message)| Finding::new(range, message)).collect()
    }

    /// Closes what was opened by the first character, where the source is all in brackets or quotes.
    fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let (text, source) = (subject.text.trim_end(), subject.origin().trim());
        let opened = |text: &str| PAIRS.into_iter().find(|(open, _)| text.trim_start().starts_with(*open));
        let (open, close) = opened(text)?;
        let source_close = opened(source).map(|(_, close)| close);
        let wrapped = source_close.is_some_and(|close| source.ends_with(close))
            || source.starts_with(['"', '“', '„', '«']) && source.ends_with(['"', '”', '“', '»']);
        let count = |c: char| text.matches(c).count();
        let lacks = wrapped && count(open) == count(close) + 1 && !text.ends_with(close);
        lacks.then(|| format!("{text}{close}{}", &subject.text[text.len()..]))
    }
}

/// Kinds that stand for each other in different languages have one name.
const fn family(kind: char) -> char {
    match kind {
        '（' => '(',
        '［' => '[',
        '｛' => '{',
        '「' | '『' | '｢' | '«' | '“' => '"',
        other => other,
    }
}

fn slips(text: &str) -> Vec<Slip> {
    let mut slips = Vec::new();
    let mut open: Vec<(char, char, Range<usize>)> = Vec::new();
    for (at, c) in text.char_indices() {
        let range = at..at + c.len_utf8();
        if let Some((_, close)) = PAIRS.iter().find(|(open, _)| *open == c) {
            open.push((c, *close, range));
        } else if let Some((kind, _)) = PAIRS.iter().find(|(_, close)| *close == c) {
            close(text, *kind, range, &mut open, &mut slips);
        }
    }
    let left = open.into_iter().map(|(c, _, range)| (c, range, format!("`{c}` is not closed")));
    slips.extend(left);
    for marks in QUOTES {
        let found: Vec<(usize, &str)> = text.match_indices(|c| marks.contains(c)).collect();
        if let Some((at, mark)) = found.last().filter(|_| found.len() % 2 == 1) {
            let kind = marks.chars().next().unwrap_or_default();
            slips.push((kind, *at..at + mark.len(), format!("`{mark}` has no partner")));
        }
    }
    slips
}

fn close(
    text: &str,
    kind: char,
    range: Range<usize>,
    open: &mut Vec<(char, char, Range<usize>)>,
    slips: &mut Vec<Slip>,
) {
    let found = &text[range.clone()];
    // What was opened behind the partner is not closed by this sign.
    match open.iter().rposition(|(opened, ..)| *opened == kind) {
        None => slips.push((kind, range, format!("`{found}` closes nothing"))),
        Some(place) => {
            for (c, _, range) in open.split_off(place).into_iter().skip(1) {
                slips.push((c, range, format!("`{c}` is not closed before `{found}`")));
            }
        }
    }
}

fn inverted(text: &str, required: bool) -> Vec<Slip> {
    let mut slips = Vec::new();
    for (mark, ends) in INVERTED {
        let marks: Vec<usize> = text.match_indices(mark).map(|(at, _)| at).collect();
        for (n, at) in marks.iter().enumerate() {
            let next = marks.get(n + 1).copied().unwrap_or(text.len());
            if !text[*at..next].contains(|c| ends.contains(c)) {
                slips.push((mark, *at..at + mark.len_utf8(), format!("`{mark}` has no partner")));
            }
        }
    }
    if required {
        slips.extend(uninverted(text));
    }
    slips
}

/// Returns the questions and exclamations before which no inverted mark stands.
fn uninverted(text: &str) -> Vec<Slip> {
    let mut slips = Vec::new();
    let mut from = 0;
    let inverted_of = |c: char| INVERTED.iter().find(|(_, ends)| ends.contains(c)).map(|(mark, _)| *mark);
    for (at, end) in text.match_indices(|c| inverted_of(c).is_some()) {
        let opened = text[from..at].contains(|c| INVERTED.iter().any(|(mark, _)| *mark == c));
        // A run such as `?!` or `???` is one end.
        let goes_on = at == from && at > 0;
        if let Some(mark) = end.chars().next().and_then(inverted_of).filter(|_| !opened && !goes_on) {
            let message = format!("`{end}` has no `{mark}` before its sentence");
            slips.push((mark, at..at + end.len(), message));
        }
        from = at + end.len();
    }
    slips
}
