//! What a text ends with.
//!
//! `ends: true`, or `{ ignore: [MARK] }`: a sentence ends as that of the source does, whatever the marks look like in
//! the language; a mark that is ignored may be there or not.

use std::collections::BTreeSet;

use super::issue::Finding;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;

/// Marks under the one by which they are compared.
const MARKS: [(char, &str); 6] =
    [('.', ".。．｡।။։"), ('?', "?？؟;⁇"), ('!', "!！‼"), ('…', "…‥⋯"), (':', ":："), ('—', "—–―")];

/// A sentence ends as that of the source does.
#[derive(Debug)]
pub(super) struct Ends {
    ignore: BTreeSet<char>,
}

impl Ends {
    pub(super) fn read(own: &Params<'_>) -> Self {
        let mut ignore = BTreeSet::new();
        for mark in own.texts("ignore").unwrap_or_default() {
            let marks = marks_of(&format!("x{mark}"));
            if marks.is_empty() {
                let all: Vec<String> = MARKS.iter().map(|(mark, _)| format!("`{mark}`")).collect();
                let hint = format!("there are {}", all.join(", "));
                own.problem("ignore", &format!("`{mark}` is no mark at the end of a sentence"), Some(hint));
            }
            ignore.extend(marks);
        }
        Self { ignore }
    }

    fn end(&self, text: &str) -> BTreeSet<char> {
        marks_of(text).into_iter().filter(|mark| !self.ignore.contains(mark)).collect()
    }
}

/// Returns where the last word of a text ends: behind it there are only marks, brackets, quotes, spaces, and markup
/// that is masked.
pub(crate) fn last_word(text: &str) -> usize {
    text.trim_end_matches(|c| is_behind(c) || mark(c).is_some()).len()
}

/// Returns the marks at the end of a text, behind which brackets, quotes, spaces and markup may stand.
fn marks_of(text: &str) -> BTreeSet<char> {
    let text = text.trim_end_matches(is_behind);
    let tail = &text[text.trim_end_matches(|c| mark(c).is_some()).len()..];
    // Several full stops are an ellipsis.
    let stops = tail.chars().filter(|c| mark(*c) == Some('.')).count();
    let dots = |mark: char| if mark == '.' && stops > 1 { '…' } else { mark };
    tail.chars().filter_map(mark).map(dots).collect()
}

fn mark(c: char) -> Option<char> {
    MARKS.iter().find(|(_, all)| all.contains(c)).map(|(mark, _)| *mark)
}

fn is_behind(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || "\"'’”“»«)]}）］｝」』｣】》〉〕⟧~～♪♡♥".contains(c)
        || is_direction(c)
}

/// Whether a character only says in which direction others run.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Rule for Ends {
    fn needs_source(&self) -> bool {
        true
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (text, source) = (subject.masked(), subject.masked_source());
        if text.trim().is_empty() || source.trim().is_empty() {
            return Vec::new();
        }
        let (found, wanted) = (self.end(&text), self.end(&source));
        if found == wanted {
            return Vec::new();
        }
        let from = text.trim_end_matches(is_behind).trim_end_matches(|c| mark(c).is_some()).len();
        let say = |marks: &BTreeSet<char>| match marks.len() {
            0 => "no mark".to_owned(),
            _ => format!("`{}`", marks.iter().collect::<String>()),
        };
        let message = format!("the source ends with {}, the text with {}", say(&wanted), say(&found));
        vec![Finding::new(from..text.trim_end().len().max(from), message)]
    }
}
