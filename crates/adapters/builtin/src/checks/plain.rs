//! Rules about a text as a whole: that it says something, that it is not its source, which terms it must not hold.

use std::sync::Arc;

use regex::Regex;

use super::issue::Finding;
use super::patterns::compile;
use super::rule::Rule;
use super::subject::Subject;
use super::terms::Terms;
use crate::glossary::Glossary;
use crate::params::Params;
use crate::words::{Phrase, Searched};

/// The text says something, where its source does.
#[derive(Debug)]
pub(super) struct NotEmpty;

impl Rule for NotEmpty {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let text = subject.text;
        let may_be = subject.source.is_some_and(|source| source.trim().is_empty());
        let empty = text.trim().is_empty() && !may_be;
        empty.then(|| Finding::new(0..text.len(), "the text is empty")).into_iter().collect()
    }
}

/// What stands where a conversion of encodings lost a character.
const LOST: char = '\u{fffd}';

/// No character was lost that the source has.
#[derive(Debug)]
pub(super) struct Lost;

impl Rule for Lost {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        if subject.origin().contains(LOST) {
            return Vec::new();
        }
        let lost = "a character was lost when the text was converted";
        let found = subject.text.match_indices(LOST);
        found.map(|(at, c)| Finding::new(at..at + c.len(), lost)).collect()
    }
}

/// The text is not its source, where there is something to translate.
#[derive(Debug)]
pub(super) struct Untouched {
    /// Texts that stay as they are.
    allow: Vec<String>,
    /// The names, where there are rules for them.
    names: Option<Arc<Terms>>,
    /// Where terms stand that may stay as they are.
    contexts: Vec<String>,
}

impl Untouched {
    pub(super) fn read(own: &Params<'_>, names: Option<&Arc<Terms>>) -> Self {
        let allow = own.texts("allow").unwrap_or_default().into_iter().map(str::to_owned).collect();
        let contexts = vec!["glossary".to_owned(), "terms".to_owned()];
        Self { allow, names: names.cloned(), contexts }
    }

    /// Returns the terms that may be in a text as they are in its source.
    fn known(&self, subject: &Subject<'_>) -> Glossary {
        let mut known =
            self.names.as_ref().map_or_else(Glossary::default, |names| names.known(subject.glossaries));
        known.add_all(Some(&subject.glossary()));
        known
    }
}

impl Rule for Untouched {
    fn needs_source(&self) -> bool {
        true
    }

    fn glossaries(&self) -> &[String] {
        &self.contexts
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (text, source) = (subject.text, subject.origin());
        if text.trim() != source.trim() || self.allow.iter().any(|allowed| allowed == text.trim()) {
            return Vec::new();
        }
        let mut rest = subject.masked().into_owned();
        let searched = Searched::new(text);
        for entry in self.known(subject).entries() {
            // A name that is rendered as itself is no sign that nobody translated.
            for kept in entry.renderings.iter().filter(|kept| **kept == entry.term) {
                for hit in Phrase::new(kept, entry.cased).hits(&searched, 0) {
                    rest.replace_range(hit.clone(), &"\0".repeat(hit.len()));
                }
            }
        }
        let says = rest.chars().any(char::is_alphabetic);
        says.then(|| Finding::new(0..text.len(), "the text is the same as its source")).into_iter().collect()
    }
}

/// None of these terms.
#[derive(Debug)]
pub(super) struct Forbid(Regex);

impl Forbid {
    /// Reads the terms; `None` where there are none.
    pub(super) fn read(params: &Params<'_>) -> Option<Self> {
        let terms = params.texts("forbid")?.into_iter().filter(|term| !term.is_empty()).map(regex::escape);
        let terms = terms.collect::<Vec<_>>().join("|");
        (!terms.is_empty()).then(|| Self(compile(&format!("(?i){terms}"))))
    }
}

impl Rule for Forbid {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let say = |found: regex::Match<'_>| format!("`{}` is not wanted", found.as_str());
        self.0.find_iter(subject.text).map(|found| Finding::new(found.range(), say(found))).collect()
    }
}
