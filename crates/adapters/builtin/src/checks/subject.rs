//! What rules look at.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::markup::{Markup, Token};
use crate::glossary::Glossary;
use crate::record::Record;
use crate::words::Searched;

/// The glossaries that rules use, by the names of their context entries.
pub(crate) type Glossaries = BTreeMap<String, Glossary>;

/// Returns the entries of glossaries whose terms stand in a source. The others mean nothing for it, and there may be
/// thousands of them. Of two glossaries of one name that of the earlier layer counts: what a unit sees alone before what
/// all units see.
pub(crate) fn near(layers: &[&Glossaries], source: &str, slack: usize) -> Glossaries {
    let searched = LazyCell::new(|| Searched::new(source));
    let mut near = Glossaries::new();
    for (name, glossary) in layers.iter().flat_map(|layer| layer.iter()) {
        if !near.contains_key(name) {
            let is_empty = glossary.entries().is_empty();
            let own = if is_empty { Glossary::default() } else { glossary.within(&searched, slack) };
            near.insert(name.clone(), own);
        }
    }
    near
}

/// A text, what it was made from, and what else is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) text: &'a str,
    /// `None` where no rule needs it and nobody gave it.
    pub(crate) source: Option<&'a str>,
    /// Records that tell more, such as the speaker; the first one that has a field counts.
    pub(crate) records: [Option<&'a Record>; 2],
    pub(crate) glossaries: &'a Glossaries,
    pub(crate) markup: &'a Markup,
}

impl<'a> Subject<'a> {
    /// Returns the same subject with another text.
    pub(crate) const fn with<'b>(&self, text: &'b str) -> Subject<'b>
    where
        'a: 'b,
    {
        Subject { text, ..*self }
    }

    /// Returns the source, empty where there is none.
    pub(crate) fn origin(&self) -> &'a str {
        self.source.unwrap_or_default()
    }

    /// Returns a field as text.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.records.iter().flatten().find_map(|record| match record.get(name)? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            _ => None,
        })
    }

    /// Returns the entries of all glossaries together; the first that has a term counts for it.
    pub(crate) fn glossary(&self) -> Glossary {
        let mut all = Glossary::default();
        self.glossaries.values().for_each(|glossary| all.add_all(Some(glossary)));
        all
    }

    pub(crate) fn tokens(&self) -> Vec<Token<'a>> {
        self.markup.tokens(self.text)
    }

    pub(crate) fn source_tokens(&self) -> Vec<Token<'a>> {
        self.markup.tokens(self.origin())
    }

    /// Returns the text with NUL characters in the place of its markup.
    pub(crate) fn masked(&self) -> Cow<'a, str> {
        self.markup.mask(self.text)
    }

    /// Returns the source with NUL characters in the place of its markup.
    pub(crate) fn masked_source(&self) -> Cow<'a, str> {
        self.markup.mask(self.origin())
    }
}
