//! Laying the edits of a target over its records, and what is to be said of each.

use std::collections::BTreeSet;

use refrain_schemas::edit::{Edit, ReviewField, ReviewKind};
use refrain_schemas::json::Json;

use super::{Inputs, Placed, lay, sides, value};

/// Lays edits over records one after the other, and counts.
#[derive(Debug)]
pub struct Layer<'a> {
    placed: Placed<'a>,
    key: &'a str,
    inputs: Option<&'a Inputs>,
    found: BTreeSet<&'a str>,
    /// Whether something is missing of which it is not known which records it would have made.
    hides: bool,
}

/// A record with an edit laid over it, and why that is to be looked at, if it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over<'a> {
    /// The edit.
    pub edit: &'a Edit,
    /// The record as the person wants it.
    pub record: Json,
    /// Why it is to be looked at, with the fields this is about.
    pub review: Option<(ReviewKind, Vec<ReviewField>)>,
}

impl<'a> Layer<'a> {
    /// Makes a layer of edits over records that `key` tells apart.
    #[must_use]
    pub const fn new(placed: Placed<'a>, key: &'a str, inputs: Option<&'a Inputs>) -> Self {
        Self { placed, key, inputs, found: BTreeSet::new(), hides: false }
    }

    /// Whether an edit belongs to a record.
    #[must_use]
    pub fn touches(&self, key: &str) -> bool {
        self.placed.get(key).is_some()
    }

    /// Notes that a unit is missing for now: the edit of its record waits for it and is no orphan. Where records do not have
    /// the ids of their units as keys, it may have made any of them.
    pub fn hole(&mut self, unit: &str) {
        self.found.extend(self.placed.get(unit).map(|edit| edit.key.as_str()));
        self.hides |= self.inputs.is_none();
    }

    /// Lays the edit that belongs to a record over it, if there is one.
    pub fn lay(&mut self, key: &str, machine: &Json) -> Option<Over<'a>> {
        let edit = self.placed.get(key)?;
        self.found.insert(edit.key.as_str());
        let laid = lay(machine, edit, self.key);
        let review = if laid.conflicts.is_empty() {
            let fields = || all_sides(edit, Some(machine));
            self.is_made_for_another(key, edit).then(|| (ReviewKind::SourceChanged, fields()))
        } else {
            Some((ReviewKind::Conflict, laid.conflicts))
        };
        Some(Over { edit, record: laid.record, review })
    }

    fn is_made_for_another(&self, key: &str, edit: &Edit) -> bool {
        let now = self.inputs.and_then(|inputs| inputs.digest(key));
        let around = self.inputs.and_then(|inputs| inputs.around(key));
        edit.source.is_some() && now.is_some() && (now != edit.source || around != edit.around)
    }

    /// Iterates over the edits that found no record, in the order of their keys, with the fields they are about. There are
    /// none as long as a missing unit may have their records.
    pub fn orphans(&self) -> impl Iterator<Item = (&'a Edit, Vec<ReviewField>)> + '_ {
        let mut lost: Vec<&'a Edit> = self.placed.iter().map(|(_, edit)| edit).collect();
        lost.retain(|edit| !self.hides && !self.found.contains(edit.key.as_str()));
        lost.sort_by(|a, b| a.key.cmp(&b.key));
        lost.into_iter().map(|edit| (edit, all_sides(edit, None)))
    }
}

/// Returns the sides of all fields that a person set.
fn all_sides(edit: &Edit, machine: Option<&Json>) -> Vec<ReviewField> {
    let now = |field: &str| value(machine?, field);
    edit.set.iter().map(|(field, change)| sides(field, change, now(field))).collect()
}
