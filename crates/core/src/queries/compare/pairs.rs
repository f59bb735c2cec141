//! The records that both sides have, paired by their keys.

use std::borrow::Cow;
use std::collections::HashMap;

use refrain_schemas::json::{field, scalar_text};

use crate::tree::sequence::Sequence;

/// Records paired by their keys, in the order of A.
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    pairs: Vec<(&'a str, &'a str, &'a str)>,
    field: Option<&'a str>,
    added: u64,
    removed: u64,
}

/// The texts of one pair.
#[derive(Debug, Clone)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    pub(super) a: Cow<'a, str>,
    pub(super) b: Cow<'a, str>,
}

impl<'a> Pairs<'a> {
    /// Pairs the records of two artifacts; a hole is no record. Where no record has the field, records are compared as a
    /// whole.
    pub(super) fn of([a, b]: &'a [Sequence; 2], name: &'a str) -> Self {
        let (a, b): (Vec<_>, HashMap<_, _>) = (records(a).collect(), records(b).collect());
        let pair = |(key, a): &(&'a str, &'a str)| Some((*key, *a, *b.get(key)?));
        let pairs: Vec<_> = a.iter().filter_map(pair).collect();
        let has_field = |text: &str| field(text, name).is_some();
        let is_there = pairs.iter().any(|(_, a, b)| has_field(a) || has_field(b));
        let n = pairs.len() as u64;
        Self {
            field: is_there.then_some(name),
            added: b.len() as u64 - n,
            removed: a.len() as u64 - n,
            pairs,
        }
    }

    pub(super) const fn field(&self) -> Option<&'a str> {
        self.field
    }

    pub(super) const fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(super) const fn added(&self) -> u64 {
        self.added
    }

    pub(super) const fn removed(&self) -> u64 {
        self.removed
    }

    pub(super) fn get(&self, at: usize) -> Option<Pair<'a>> {
        self.pairs.get(at).map(|pair| self.texts(pair))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Pair<'a>> {
        self.pairs.iter().map(|pair| self.texts(pair))
    }

    fn texts(&self, (key, a, b): &(&'a str, &'a str, &'a str)) -> Pair<'a> {
        Pair { key, a: self.text(a), b: self.text(b) }
    }

    /// Returns the text of a record: that of the field, empty where it has none, or the whole record.
    fn text(&self, record: &'a str) -> Cow<'a, str> {
        let Some(name) = self.field else { return Cow::Borrowed(record) };
        let value = field(record, name).unwrap_or("\"\"");
        scalar_text(value).unwrap_or(Cow::Borrowed(value))
    }
}

fn records(sequence: &Sequence) -> impl Iterator<Item = (&str, &str)> {
    sequence.iter().filter(|(_, entry)| !entry.hole).map(|(_, entry)| (entry.id, entry.text()))
}
