//! People who edit records between runs.

use refrain_core::edits::{EditTable, Layer, Origin, Placed, editable_key};
use refrain_core::ports::clock::Clock as _;
use refrain_core::ports::store::{Batch, Store as _};
use refrain_core::tree::sequence::Sequence;
use refrain_schemas::edit::{Edit, EditsRecord, FieldEdit, ReviewKind};
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::scope::Target;
use serde_json::Value;

use super::{World, holder, must, now};

impl World {
    /// Returns the edits of a target such as `translate@ja`, as far as they stand.
    #[must_use]
    pub fn edits(&mut self, target: &str) -> EditTable {
        let target = self.target(target);
        must(now(EditTable::load(&self.store.reopen(), self.history().edits(&target))))
    }

    /// Changes the edits of a target.
    pub fn change_edits(&mut self, target: &str, change: impl FnOnce(&mut EditTable)) {
        let mut table = self.edits(target);
        change(&mut table);
        let (edits, pages) = table.artifact().unzip();
        let record = EditsRecord {
            target: self.target(target),
            edits,
            at: self.clock.now(),
            by: "ana".to_owned(),
            what: "test".to_owned(),
            changed: 1,
            imported: None,
            imported_in_part: None,
            withdrawn: Vec::new(),
        };
        let store = self.store.reopen();
        must(now(store.begin_writing(&holder())));
        let (pages, history) = (pages.unwrap_or_default(), vec![HistoryEntry::Edits(record)]);
        must(now(store.commit(Batch { pages, history, ..Batch::default() })));
        must(now(store.end_writing()));
    }

    /// Lets a person change fields of a record of the latest revision.
    ///
    /// # Panics
    /// Where there is no such record.
    pub fn person(&mut self, target: &str, key: &str, set: &[(&str, Value)], locked: bool) {
        let record = must(self.machine(target, key).ok_or_else(|| format!("{target} has no {key}")));
        let base = |field: &str| record.field(field).map(Json::from_canonical);
        let change = |(field, value): &(&str, Value)| {
            ((*field).to_owned(), FieldEdit { value: must(Json::of(value)), base: base(field), looked: None })
        };
        let edit = Edit {
            key: key.to_owned(),
            set: set.iter().map(change).collect(),
            locked,
            by: "ana".to_owned(),
            at: self.clock.now(),
            note: None,
            settled: None,
            source: self.inputs(target).and_then(|inputs| inputs.digest(key)),
            around: self.inputs(target).and_then(|inputs| inputs.around(key)),
            record,
        };
        self.change_edits(target, |table| drop(table.0.insert(key.to_owned(), edit)));
    }

    /// Returns what a machine made of a record of the latest revision.
    #[must_use]
    pub fn machine(&mut self, target: &str, key: &str) -> Option<Json> {
        let tree = self.machine_tree(target);
        let mut entries = tree.iter().filter(|(_, entry)| !entry.hole && entry.id == key);
        entries.next().map(|(_, entry)| Json::from_canonical(entry.text()))
    }

    /// Returns which edits of a target are to be looked at, by their keys, and why.
    pub fn to_review(&mut self, target: &str) -> Vec<(String, ReviewKind)> {
        let (table, inputs, tree) = (self.edits(target), self.inputs(target), self.machine_tree(target));
        let (model, target) = (self.model(), self.target(target));
        let key = must(model.phase(target.phase.as_str()).and_then(editable_key).ok_or("no records"));
        let mut layer = Layer::new(Placed::of(&table, inputs.as_ref()), key, inputs.as_ref());
        let mut items = Vec::new();
        for (_, entry) in tree.iter() {
            if entry.hole {
                layer.hole(entry.id);
            } else if let Some(over) = layer.lay(entry.id, &Json::from_canonical(entry.text())) {
                items.extend(over.review.map(|(kind, _)| (over.edit.key.clone(), kind)));
            }
        }
        items.extend(layer.orphans().map(|(edit, _)| (edit.key.clone(), ReviewKind::Orphan)));
        items.sort();
        items
    }

    fn inputs(&mut self, target: &str) -> Option<refrain_core::edits::Inputs> {
        let (model, history) = (self.model(), self.history());
        let phase = self.target(target).phase;
        let lineage = self.revision(target)?.lineage;
        let origin = Origin::of(&model, &history, &phase, &lineage, &phase)?;
        Some(must(now(origin.inputs(&model, &self.store.reopen()))))
    }

    fn machine_tree(&self, target: &str) -> Sequence {
        let record = must(self.revision(target).ok_or_else(|| format!("{target} has no revision")));
        let machine = record.edits.map_or(record.artifact, |laid| laid.machine);
        must(now(Sequence::open_whole(&self.store.reopen(), machine.digest)))
    }

    fn target(&mut self, name: &str) -> Target {
        let mut targets = self.model().targets().into_iter();
        must(targets.find(|target| target.to_string() == name).ok_or_else(|| format!("no target {name}")))
    }
}
