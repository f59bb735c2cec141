//! Terms, such as those of a glossary, and the texts that they occur in.
//!
//! `match:` in a context and the filter `occurring` in prompts find the same terms, because both look in here.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, BuildError};
use refrain_schemas::json::{field, scalar_text};

mod bounds;
mod folding;

use bounds::stands_alone;
use folding::fold;

/// The apostrophe of typographers; people write it and the plain one alike.
const TYPOGRAPHIC: char = '\u{2019}';

/// How terms are looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Matching {
    /// Only where they stand as words.
    pub words: bool,
    /// Whether large and small letters are the same.
    pub ignore_case: bool,
    /// The field of an entry that says whether case counts for it.
    pub case: Option<String>,
}

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// The text; never empty.
    pub text: String,
    /// Whether large and small letters differ.
    pub counts_case: bool,
}

impl Matching {
    /// Returns the term of an entry, which is canonical JSON: its scalar in a field, where that is not empty.
    #[must_use]
    pub fn term_of(&self, entry: &str, name: &str) -> Option<Term> {
        let text = scalar_text(field(entry, name)?)?;
        let said = self.case.as_deref().and_then(|name| scalar_text(field(entry, name)?));
        self.term(text.into_owned(), said.as_deref())
    }

    /// Returns a term with what its entry says of case, where it says something.
    #[must_use]
    pub fn term(&self, text: String, said: Option<&str>) -> Option<Term> {
        let said = said.map(|said| said.trim().to_ascii_lowercase());
        let counts_case = match said.as_deref() {
            Some("yes" | "true" | "1") => true,
            Some("no" | "false" | "0") => false,
            _ => !self.ignore_case,
        };
        (!text.is_empty()).then_some(Term { text, counts_case })
    }
}

/// Finds many terms at once.
#[derive(Debug)]
pub struct Finder {
    words: bool,
    exact: Option<Side>,
    folded: Option<Side>,
}

/// The terms for which case counts, or those for which it does not.
#[derive(Debug)]
struct Side {
    automaton: AhoCorasick,
    /// The numbers of the terms, in the order of the patterns.
    numbers: Vec<usize>,
}

impl Finder {
    /// Makes a finder of terms, which it calls by their places.
    ///
    /// # Errors
    /// Fails where there are too many of them.
    pub fn new(terms: &[Term], words: bool) -> Result<Self, BuildError> {
        let side = |counts_case: bool| {
            let own = terms.iter().enumerate().filter(|(_, term)| term.counts_case == counts_case);
            let own = own.map(|(n, term)| (n, look(&term.text, counts_case, words)));
            Side::new(own.unzip())
        };
        Ok(Self { words, exact: side(true)?, folded: side(false)? })
    }

    /// Returns the places of the terms that occur in a text.
    #[must_use]
    pub fn find(&self, text: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.search(text, |n| {
            found.insert(n);
            false
        });
        found
    }

    /// Whether any of the terms occurs in a text.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.search(text, |_| true)
    }

    /// Goes through what is found until `enough` says so; tells whether it did.
    fn search(&self, text: &str, mut enough: impl FnMut(usize) -> bool) -> bool {
        for (side, counts_case) in [(&self.exact, true), (&self.folded, false)] {
            let Some(side) = side else { continue };
            let text = look(text, counts_case, self.words);
            let found = side.automaton.find_overlapping_iter(&*text);
            let mut found = found.filter(|found| !self.words || stands_alone(&text, found.range()));
            if found.any(|found| side.numbers.get(found.pattern().as_usize()).is_some_and(|n| enough(*n))) {
                return true;
            }
        }
        false
    }
}

impl Side {
    fn new((numbers, texts): (Vec<usize>, Vec<Cow<'_, str>>)) -> Result<Option<Self>, BuildError> {
        if numbers.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasick::new(texts.iter().map(|text| text.as_bytes()))?;
        Ok(Some(Self { automaton, numbers }))
    }
}

/// Returns a text with everything evened out that makes no difference.
fn look(text: &str, counts_case: bool, words: bool) -> Cow<'_, str> {
    let text = if counts_case { Cow::Borrowed(text) } else { fold(text) };
    if words && text.contains(TYPOGRAPHIC) { Cow::Owned(text.replace(TYPOGRAPHIC, "'")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks whether a term occurs; `how` names the options.
    #[track_caller]
    fn check(how: &str, term: &str, text: &str, expect: bool) {
        let matching =
            Matching { words: how.contains("words"), ignore_case: how.contains("ignore"), case: None };
        let term = matching.term(term.to_owned(), None).unwrap();
        let finder = Finder::new(&[term], matching.words).unwrap();
        assert_eq!(finder.finds(text), expect, "{how}: {text}");
        assert_eq!(finder.find(text).len(), usize::from(expect), "{how}: {text}");
    }

    #[test]
    fn without_options_any_piece_of_a_text_will_do() {
        check("", "sea", "overseas", true);
        check("", "sea", "Sea", false);
        check("", "\u{2019}s", "Mara's", false);
    }

    #[test]
    fn words_stand_alone() {
        for text in ["the sea", "sea.", "(sea)", "sea-side", "«sea»", "…sea…", "sea\nfoam", "sea", "{sea}"]
        {
            check("words", "sea", text, true);
        }
        for text in ["overseas", "seas", "Übersea", "sea1", "_sea", "sea\u{301}", "nausea", "sea\u{200d}x"] {
            check("words", "sea", text, false);
        }
        check("words", "sea", "overseas sea", true);
        check("words", "Route 6", "Route 66", false);
        check("words", "C++", "in C++, mostly", true);
        check("words", "Dr.", "Dr. Who", true);
    }

    #[test]
    fn an_apostrophe_ends_a_word() {
        check("words", "Mara", "Mara's lamp", true);
        check("words", "Mara", "Mara\u{2019}s lamp", true);
        check("words", "homme", "l\u{2019}homme", true);
        check("words", "don't", "I don\u{2019}t", true);
        check("words", "don\u{2019}t", "I don't know", true);
        check("words", "O\u{2019}Brien", "O'Briens", false);
    }

    #[test]
    fn marks_belong_to_their_letters() {
        // A letter and its mark are one, however they are written.
        check("words", "cafe", "cafe\u{301}", false);
        check("words", "cafe\u{301}", "cafe\u{301} noir", true);
        check("words", "cafe\u{301}", "cafe\u{301}s", false);
        check("words", "か", "か\u{3099}", false);
        check("words", "ﾊ", "ﾊ\u{ff9e}", false);
        check("words", "\u{915}\u{93f}", "\u{915}\u{93f} ", true);
    }

    #[test]
    fn scripts_without_spaces_have_no_bounds() {
        check("words", "海", "北海道", true);
        check("words", "アイ", "アイス", true);
        check("words", "서울", "서울에서", true);
        check("words", "ทะเล", "ชายทะเลสาบ", true);
        check("words", "Sea", "Sea号", true);
        check("words", "Sea", "Seas号", false);
    }

    #[test]
    fn case_is_folded_where_it_does_not_count() {
        for (term, text) in [("SEA", "the Sea"), ("ÉCOLE", "l'école"), ("ΟΔΟΣ", "οδος"), ("ſea", "SEA")]
        {
            check("ignore", term, text, true);
        }
        check("ignore", "ΟΔΟΣ", "οδός", false);
        check("ignore words", "straße", "STRAẞE 7", true);
        check("ignore words", "sea", "SEAS", false);
        check("ignore", "i", "ı", false);
    }

    #[test]
    fn an_entry_says_whether_case_counts_for_it() {
        let counts = |ignore_case, entry: &str| {
            let matching = Matching { words: false, ignore_case, case: Some("case".to_owned()) };
            matching.term_of(entry, "term").map(|term| term.counts_case)
        };
        for yes in ["\"yes\"", "\" Yes \"", "true", "\"TRUE\"", "1"] {
            assert_eq!(counts(true, &format!("{{\"case\":{yes},\"term\":\"x\"}}")), Some(true), "{yes}");
        }
        assert_eq!(counts(false, "{\"case\":\"no\",\"term\":\"x\"}"), Some(false));
        assert_eq!(counts(false, "{\"case\":\"\",\"term\":\"x\"}"), Some(true));
        assert_eq!(counts(true, "{\"term\":\"x\"}"), Some(false));
        assert_eq!(counts(true, "{\"term\":\"\"}"), None);
        assert_eq!(counts(true, "{\"term\":[\"x\"]}"), None);
    }
}
