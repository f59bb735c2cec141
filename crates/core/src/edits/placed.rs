//! Which record each edit belongs to.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::edit::Edit;
use refrain_schemas::json::Json;

use super::{EditTable, Inputs, lay};

/// The edits of a table by the keys of the records that they belong to now.
///
/// An edit belongs to the record it was made of. Where the unit of that record is gone and exactly one other unit without
/// an edit has the same input, it belongs to that one's record: the line has another name.
#[derive(Debug, Clone, Default)]
pub struct Placed<'a>(BTreeMap<&'a str, &'a Edit>);

impl<'a> Placed<'a> {
    /// Places the edits of a table; where units and records are not the same, each stays with its key.
    #[must_use]
    pub fn of(table: &'a EditTable, inputs: Option<&'a Inputs>) -> Self {
        let mut placed = Self(table.0.iter().map(|(key, edit)| (key.as_str(), edit)).collect());
        if let Some(inputs) = inputs {
            placed.follow(table, inputs);
        }
        placed
    }

    fn follow(&mut self, table: &'a EditTable, inputs: &'a Inputs) {
        let mut homeless: BTreeMap<Digest, Vec<&'a Edit>> = BTreeMap::new();
        for edit in table.0.values().filter(|edit| !inputs.has(&edit.key)) {
            edit.source.into_iter().for_each(|source| homeless.entry(source).or_default().push(edit));
        }
        if homeless.is_empty() {
            return;
        }
        let mut homes: BTreeMap<Digest, BTreeSet<&'a str>> = BTreeMap::new();
        for (unit, digest) in inputs.0.iter().filter(|(unit, _)| !table.0.contains_key(*unit)) {
            if let Some(digest) = digest.filter(|digest| homeless.contains_key(digest)) {
                homes.entry(digest).or_default().insert(unit);
            }
        }
        for (digest, edits) in homeless {
            let homes = homes.get(&digest).map_or_else(Vec::new, |homes| homes.iter().copied().collect());
            if let ([edit], [home]) = (&edits[..], &homes[..]) {
                self.0.remove(edit.key.as_str());
                self.0.insert(home, edit);
            }
        }
    }

    /// Returns the edit that belongs to a record.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Edit> {
        self.0.get(key).copied()
    }

    /// Iterates over the edits by the keys of their records.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Edit)> + '_ {
        self.0.iter().map(|(key, edit)| (*key, *edit))
    }

    /// Returns the machine's record of a unit that a person locked: what it was then.
    #[must_use]
    pub fn locked(&self, unit: &str, key: &str) -> Option<Json> {
        let edit = self.get(unit).filter(|edit| edit.locked && edit.record.is_object())?;
        if edit.key == unit {
            return Some(edit.record.clone());
        }
        edit.record.with_field(key, &Json::string(unit))
    }

    /// Returns the record that a person wants of a unit and locked.
    #[must_use]
    pub fn wanted(&self, unit: &str, key: &str) -> Option<Json> {
        let machine = self.locked(unit, key)?;
        Some(lay(&machine, self.get(unit)?, key).record)
    }
}
