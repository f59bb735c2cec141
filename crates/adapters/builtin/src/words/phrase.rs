//! Finds terms in texts.

use std::cell::OnceCell;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::fold::{Folded, fold};
use super::script::runs_on;

/// The letters a word must have before it may differ from its plain form.
const LONG_ENOUGH: usize = 4;

/// A text that terms are looked for in.
#[derive(Debug)]
pub(crate) struct Searched {
    text: String,
    plain: OnceCell<Form>,
    /// With capital letters as they are.
    cased: OnceCell<Form>,
}

#[derive(Debug)]
struct Form {
    folded: Folded,
    words: OnceCell<Vec<Range<usize>>>,
}

impl Form {
    fn new(text: &str, kept: bool) -> Self {
        Self { folded: Folded::new(text, kept), words: OnceCell::new() }
    }

    fn words(&self) -> &[Range<usize>] {
        self.words.get_or_init(|| {
            self.folded.as_str().unicode_word_indices().map(|(at, word)| at..at + word.len()).collect()
        })
    }
}

impl Searched {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), plain: OnceCell::new(), cased: OnceCell::new() }
    }

    fn form(&self, cased: bool) -> &Form {
        let form = if cased { &self.cased } else { &self.plain };
        form.get_or_init(|| Form::new(&self.text, cased))
    }
}

/// Where a phrase stands in a text, in bytes.
pub(crate) type Hit = Range<usize>;

/// A term or a phrase to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    folded: String,
    words: Vec<String>,
    cased: bool,
    /// Whether its words have ends that can be found.
    spaced: bool,
}

impl Phrase {
    /// Makes a phrase; with `cased` capital letters count.
    pub(crate) fn new(text: &str, cased: bool) -> Self {
        let folded = fold(text.trim(), cased);
        let words = folded.unicode_words().map(str::to_owned).collect();
        Self { words, cased, spaced: !folded.chars().any(runs_on), folded }
    }

    /// Returns the length of its plain form in characters.
    pub(crate) fn length(&self) -> usize {
        self.folded.chars().count()
    }

    /// Returns all places where it stands in a text, in order; they do not overlap. So many letters at the ends of its
    /// words may differ as `slack` says.
    pub(crate) fn hits(&self, text: &Searched, slack: usize) -> Vec<Hit> {
        let form = text.form(self.cased);
        let found = if slack == 0 || self.words.is_empty() || !self.spaced {
            self.exact(form.folded.as_str())
        } else {
            self.inflected(form, slack)
        };
        found.iter().map(|range| form.folded.origin(range)).collect()
    }

    pub(crate) fn is_in(&self, text: &Searched, slack: usize) -> bool {
        !self.hits(text, slack).is_empty()
    }

    fn exact(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = self.next(text, from) {
            let end = at + self.folded.len();
            if self.is_whole(text, at, end) {
                found.push(at..end);
                from = end;
            } else {
                from = at + text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        found
    }

    fn next(&self, text: &str, from: usize) -> Option<usize> {
        (!self.folded.is_empty()).then(|| text.get(from..)?.find(&self.folded).map(|at| at + from))?
    }

    /// Whether words begin and end where the phrase does.
    fn is_whole(&self, text: &str, start: usize, end: usize) -> bool {
        let joined = |a: Option<char>, b: Option<char>| {
            let sticks = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !runs_on(c));
            sticks(a) && sticks(b)
        };
        !joined(text[..start].chars().next_back(), self.folded.chars().next())
            && !joined(self.folded.chars().next_back(), text[end..].chars().next())
    }

    fn inflected(&self, form: &Form, slack: usize) -> Vec<Range<usize>> {
        let text = form.folded.as_str();
        let mut found: Vec<Range<usize>> = Vec::new();
        for window in form.words().windows(self.words.len()) {
            let start = window.first().map_or(0, |word| word.start);
            let end = window.last().map_or(0, |word| word.end);
            let free = found.last().is_none_or(|last| last.end <= start);
            let mut pairs = self.words.iter().zip(window);
            if free && pairs.all(|(wanted, word)| alike(wanted, &text[word.clone()], slack)) {
                found.push(start..end);
            }
        }
        found
    }
}

/// Whether a word may be a form of another: they begin alike, and few letters are left of either.
fn alike(wanted: &str, word: &str, slack: usize) -> bool {
    if wanted == word {
        return true;
    }
    let long = wanted.chars().count();
    let same = wanted.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    long >= LONG_ENOUGH
        && same + slack >= long
        && same + 1 >= LONG_ENOUGH
        && word.chars().count() <= same + slack
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(term: &str, slack: usize, text: &str, expect: &[&str]) {
        let hits = Phrase::new(term, false).hits(&Searched::new(text), slack);
        let found: Vec<&str> = hits.into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expect, "{term} in {text}");
    }

    #[test]
    fn terms_are_whole_words_where_there_are_words() {
        check("sword", 0, "A Sword, swords; passwords. SWORD!", &["Sword", "SWORD"]);
        check("竜", 0, "竜は竜だ", &["竜", "竜"]);
        check("アンナ", 0, "アンナさんとｱﾝﾅ", &["アンナ", "ｱﾝﾅ"]);
        check("안나", 0, "안나는", &["안나"]);
        check("café", 0, "Cafe\u{301}!", &["Cafe\u{301}"]);
        check("C++", 0, "C++ and C++11", &["C++", "C++"]);
        check("a a", 0, "a a a", &["a a"]);
        check("", 0, "a", &[]);
    }

    #[test]
    fn words_may_have_other_ends_where_that_is_wanted() {
        check("Drache", 2, "Die Drachen des Drachentöters", &["Drachen"]);
        check("kick the bucket", 3, "He kicked the bucket.", &["kicked the bucket"]);
        check("the", 3, "then them the", &["the"]);
        check("Anna", 2, "Annas Anne", &["Annas", "Anne"]);
        check("Anna", 0, "Annas", &[]);
    }

    #[test]
    fn capital_letters_count_if_told() {
        let phrase = Phrase::new("Rose", true);
        assert!(phrase.is_in(&Searched::new("Eine Rose."), 0));
        assert!(!phrase.is_in(&Searched::new("he rose"), 0));
    }
}
