//! Terms and how they are to be rendered, from the context of a unit.
//!
//! An entry has `term`, `translation` (several with `|` between them), `forbidden` (renderings not to be used), `case`
//! (`yes` where capital letters count). Entries of one term are one entry with all their renderings.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::words::{Hit, Phrase, Searched};

/// A term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) term: String,
    /// What it may be rendered as; empty where nobody said.
    pub(crate) renderings: Vec<String>,
    pub(crate) forbidden: Vec<String>,
    /// Whether capital letters count.
    pub(crate) cased: bool,
    phrase: Phrase,
}

impl Entry {
    /// Returns a term of which nobody said what it is to be.
    pub(crate) fn bare(term: &str) -> Self {
        let phrase = Phrase::new(term, false);
        Self { term: term.to_owned(), renderings: Vec::new(), forbidden: Vec::new(), cased: false, phrase }
    }

    /// Returns a term with its renderings, `|` between them.
    pub(crate) fn rendered(term: &str, renderings: &str) -> Self {
        Self { renderings: several(Some(&Value::from(renderings))), ..Self::bare(term) }
    }

    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let term = fields.get("term")?.as_str()?.trim();
        let cased = is_yes(fields.get("case"));
        (!term.is_empty()).then(|| Self {
            term: term.to_owned(),
            renderings: several(fields.get("translation")),
            forbidden: several(fields.get("forbidden")),
            cased,
            phrase: Phrase::new(term, cased),
        })
    }
}

fn several(value: Option<&Value>) -> Vec<String> {
    let texts = match value {
        Some(Value::String(text)) => text.split('|').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn is_yes(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => matches!(text.trim().to_lowercase().as_str(), "yes" | "true" | "1"),
        _ => false,
    }
}

/// The entries of several sources, those of the first that has a term counting for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Glossary {
    entries: Vec<Entry>,
    places: BTreeMap<String, usize>,
}

impl Glossary {
    /// Adds the entries of a context entry: a list of records, or one record.
    pub(crate) fn add(&mut self, value: &Value) {
        let records = match value {
            Value::Array(records) => records.as_slice(),
            one => std::slice::from_ref(one),
        };
        self.extend(records.iter().filter_map(Value::as_object).filter_map(Entry::of));
    }

    /// Adds entries; where a term is there from another source, that one counts.
    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let known = self.entries.len();
        for entry in entries {
            match self.places.get(&entry.term).copied() {
                Some(place) if place < known => self.fill(place, entry),
                Some(place) => self.join(place, entry),
                None => {
                    self.places.insert(entry.term.clone(), self.entries.len());
                    self.entries.push(entry);
                }
            }
        }
    }

    /// Adds the entries of another glossary; where a term is there already, that one counts.
    pub(crate) fn add_all(&mut self, other: Option<&Self>) {
        self.extend(other.into_iter().flat_map(|other| other.entries.iter().cloned()));
    }

    /// Lets another glossary count for the terms that it has renderings for.
    pub(crate) fn overrule(&mut self, other: Option<&Self>) {
        let Some(other) = other else { return };
        for entry in &mut self.entries {
            let known = other.places.get(&entry.term).and_then(|place| other.entries.get(*place));
            if let Some(known) = known.filter(|known| !known.renderings.is_empty()) {
                entry.renderings.clone_from(&known.renderings);
            }
        }
    }

    /// Lets those of some terms that nobody has a rendering for stay as they are.
    pub(crate) fn complete(&mut self, kept: &Self) {
        for entry in self.entries.iter_mut().filter(|entry| kept.has(entry) && entry.renderings.is_empty()) {
            entry.renderings.push(entry.term.clone());
        }
    }

    /// Whether a term is in it.
    pub(crate) fn has(&self, entry: &Entry) -> bool {
        self.places.contains_key(&entry.term)
    }

    /// Takes from another source what a term lacks.
    fn fill(&mut self, place: usize, entry: Entry) {
        if let Some(known) = self.entries.get_mut(place).filter(|known| known.renderings.is_empty()) {
            known.renderings = entry.renderings;
        }
    }

    fn join(&mut self, place: usize, entry: Entry) {
        let Some(known) = self.entries.get_mut(place) else { return };
        for (into, from) in
            [(&mut known.renderings, entry.renderings), (&mut known.forbidden, entry.forbidden)]
        {
            let new: Vec<String> = from.into_iter().filter(|text| !into.contains(text)).collect();
            into.extend(new);
        }
        if entry.cased && !known.cased {
            (known.cased, known.phrase) = (true, entry.phrase);
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the terms that a text holds, each with its places. A term within a longer one is not there: a `Dark
    /// Knight` is no `Knight`.
    pub(crate) fn terms_in(&self, text: &str, slack: usize) -> Vec<(&Entry, Vec<Hit>)> {
        if self.entries.is_empty() {
            return Vec::new();
        }
        let searched = Searched::new(text);
        let hits = self.entries.iter().map(|entry| entry.phrase.hits(&searched, slack));
        let mut all: Vec<(usize, Vec<Hit>)> = hits.enumerate().filter(|(_, hits)| !hits.is_empty()).collect();
        all.sort_by_key(|(place, _)| (std::cmp::Reverse(self.entries[*place].phrase.length()), *place));
        let mut taken: Vec<Hit> = Vec::new();
        for (_, hits) in &mut all {
            hits.retain(|hit| taken.iter().all(|other| other.end <= hit.start || hit.end <= other.start));
            taken.extend(hits.iter().cloned());
        }
        all.retain(|(_, hits)| !hits.is_empty());
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(place, hits)| (&self.entries[place], hits)).collect()
    }

    /// Returns the entries whose terms stand in a text, within longer ones or not.
    pub(crate) fn within(&self, text: &Searched, slack: usize) -> Self {
        let is_in =
            |entry: &&Entry| entry.phrase.is_in(text, 0) || slack > 0 && entry.phrase.is_in(text, slack);
        let mut near = Self::default();
        near.extend(self.entries.iter().filter(is_in).cloned());
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(sources: &[Value], text: &str, expect: &[(&str, &str)]) {
        let mut glossary = Glossary::default();
        sources.iter().for_each(|source| glossary.add(source));
        let found = glossary.terms_in(text, 0);
        let found: Vec<(&str, String)> =
            found.iter().map(|(entry, _)| (entry.term.as_str(), entry.renderings.join("/"))).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(term, all)| (*term, all.as_str())).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn the_longest_term_counts_and_the_first_source() {
        let glossary = json!([
            {"term": "Knight", "translation": "Ritter | Recke"}, {"term": "Dark Knight", "translation": "Schwarzer Ritter"},
            {"term": "Rose", "translation": "Rose", "case": "yes"}, {"term": "Knight", "translation": "Ritter|Held"},
            {"term": " ", "translation": "x"}, {"translation": "x"}, 3,
        ]);
        let terms =
            json!([{"term": "Knight", "translation": "Springer"}, {"term": "Anna", "translation": "Anna"}]);
        let both = [glossary, terms];
        check(&both, "the Dark Knight", &[("Dark Knight", "Schwarzer Ritter")]);
        check(
            &both,
            "a knight and the dark knight rose",
            &[("Knight", "Ritter/Recke/Held"), ("Dark Knight", "Schwarzer Ritter")],
        );
        check(&both, "Anna's Rose", &[("Rose", "Rose"), ("Anna", "Anna")]);
        check(&[json!({"term": "Anna", "translation": null})], "Anna", &[("Anna", "")]);
        check(&[json!(null)], "Anna", &[]);
    }
}
