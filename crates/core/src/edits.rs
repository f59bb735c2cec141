//! People's edits: the table that keeps them, and how one is laid over what the machine made.
//!
//! An edit says of single fields what a person wrote and what the machine had said there. Laying it over a record is a
//! three-way merge in which the person always wins; where the machine has changed its mind since, to something else again,
//! that is a conflict, which is told and never settled by itself.
//!
//! Which record an edit belongs to, and what is to be said of it, hangs on the edits and the inputs alone: [`Origin`] names
//! where the inputs of a target's units are, [`Inputs`] are their digests, [`Placed`] finds the record of each edit, and
//! [`Layer`] lays them over the machine's records one after the other.

mod layer;
mod origin;
mod placed;
mod present;
mod repeated;

pub use layer::{Layer, Over};
pub use origin::{Inputs, Origin, editable_key, input_digest, keys_are_units};
pub use placed::Placed;
pub use present::{Editing, EditsNow, Lock};

use std::collections::BTreeMap;

use refrain_schemas::artifact::{ArtifactKind, ArtifactRef};
use refrain_schemas::edit::{Edit, FieldEdit, ReviewField};
use refrain_schemas::json::Json;

use crate::artifact::{Pages, reference};
use crate::ports::store::{Store, StoreError};
use crate::tree::build::TreeBuilder;
use crate::tree::page::Entry;
use crate::tree::sequence::Sequence;

/// The edits of one target, by the key of their records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditTable(pub BTreeMap<String, Edit>);

impl EditTable {
    /// Reads the table that a history entry names; empty where it names none.
    ///
    /// # Errors
    /// Fails where the store does, or a page is malformed.
    pub async fn load(store: &dyn Store, edits: Option<&ArtifactRef>) -> Result<Self, StoreError> {
        let Some(edits) = edits else { return Ok(Self::default()) };
        let sequence = Sequence::open_whole(store, edits.digest).await?;
        let read = |(_, entry): (u64, Entry<'_>)| {
            let edit = Json::from_canonical(entry.text()).read::<Edit>();
            edit.map(|edit| (edit.key.clone(), edit)).map_err(|error| StoreError::Damaged {
                what: "an edit".to_owned(),
                message: error.to_string(),
            })
        };
        sequence.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the table as an artifact with its pages; none where it is empty.
    #[must_use]
    pub fn artifact(&self) -> Option<(ArtifactRef, Pages)> {
        let mut builder = TreeBuilder::new();
        for (key, edit) in &self.0 {
            let json = Json::from_serialize(edit).unwrap_or_else(|_| Json::null());
            builder.push(&Entry::record(key, json.as_str()));
        }
        let (root, pages) = builder.finish();
        (!self.0.is_empty()).then(|| (reference(ArtifactKind::Records, &root), pages))
    }
}

/// A record with an edit laid over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    /// The record as the person wants it.
    pub record: Json,
    /// The fields that the machine changed as well since then, to something else.
    pub conflicts: Vec<ReviewField>,
}

/// Lays an edit over the machine's record; `key` is the field that tells records apart, which is nobody's to change.
#[must_use]
pub fn lay(machine: &Json, edit: &Edit, key: &str) -> Laid {
    let mut record = machine.clone();
    let mut conflicts = Vec::new();
    for (field, change) in edit.set.iter().filter(|(field, _)| *field != key) {
        let now = value(machine, field);
        if is_conflict(change, now.as_ref()) {
            conflicts.push(sides(field, change, now));
        }
        record = record.with_field(field, &change.value).unwrap_or(record);
    }
    Laid { record, conflicts }
}

/// Returns a field of a record; null is no value, as it is none in a [`FieldEdit`] either.
#[must_use]
pub fn value(record: &Json, field: &str) -> Option<Json> {
    record.field(field).filter(|text| *text != "null").map(Json::from_canonical)
}

/// Whether both sides have moved away from what they had in common, and not to the same.
fn is_conflict(change: &FieldEdit, now: Option<&Json>) -> bool {
    now != change.base.as_ref() && now != Some(&change.value)
}

/// Returns the three sides of a field.
#[must_use]
pub fn sides(field: &str, change: &FieldEdit, machine: Option<Json>) -> ReviewField {
    ReviewField { field: field.to_owned(), base: change.base.clone(), human: change.value.clone(), machine }
}

#[cfg(test)]
mod tests {
    use refrain_schemas::time::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn edit(set: &[(&str, Option<&str>, &str)]) -> Edit {
        let text = |text: &str| Json::string(text);
        let set = set.iter().map(|(field, base, value)| {
            ((*field).to_owned(), FieldEdit { value: text(value), base: base.map(text), looked: None })
        });
        Edit {
            key: "k".to_owned(),
            set: set.collect(),
            locked: true,
            by: "ana".to_owned(),
            at: Timestamp::from_micros(0),
            note: None,
            record: Json::null(),
            source: None,
            around: None,
            settled: None,
        }
    }

    fn check(machine: Value, set: &[(&str, Option<&str>, &str)], expect: Value, conflicts: &[&str]) {
        let laid = lay(&Json::of(&machine).unwrap(), &edit(set), "id");
        assert_eq!(laid.record.value(), expect);
        assert_eq!(laid.conflicts.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), conflicts);
    }

    #[test]
    fn people_win_and_true_conflicts_are_told() {
        let one = [("text", Some("old"), "mine")];
        check(json!({"text": "old", "n": 1}), &one, json!({"text": "mine", "n": 1}), &[]);
        check(json!({"text": "mine", "n": 1}), &one, json!({"text": "mine", "n": 1}), &[]);
        check(json!({"text": "new", "n": 2}), &one, json!({"text": "mine", "n": 2}), &["text"]);
        check(json!({"n": 1}), &one, json!({"text": "mine", "n": 1}), &["text"]);
        check(json!({"id": "a"}), &[("id", Some("a"), "b")], json!({"id": "a"}), &[]);
        check(json!({"text": "a"}), &[("state", None, "final")], json!({"text": "a", "state": "final"}), &[]);
    }
}
