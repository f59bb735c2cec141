//! What people's changes are made to: the records of a target as machines made them, and the edits that stand.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use refrain_schemas::digest::Digest;
use refrain_schemas::edit::{Edit, ReviewItem, ReviewKind};
use refrain_schemas::json::Json;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use crate::edits::{EditTable, Inputs, Layer, Origin, Over, Placed, keys_are_units};
use crate::engine::{Engine, EngineError};
use crate::history::{History, TargetHistory};
use crate::model::{OutputSchema, OutputShape, Work};
use crate::queries::named;
use crate::tree::sequence::Sequence;

/// A target whose records people edit.
#[derive(Debug)]
pub(in crate::queries) struct Subject {
    /// Which.
    pub(in crate::queries) target: Target,
    /// The field that tells its records apart.
    pub(in crate::queries) key: String,
    /// Whether a unit can be kept from being asked again by its record.
    pub(in crate::queries) lockable: bool,
    /// What every record must fulfil.
    pub(in crate::queries) schema: Option<OutputSchema>,
    /// The machine's records of the latest revision, in order; `None` where a unit is missing.
    pub(in crate::queries) records: IndexMap<String, Option<Json>>,
    /// The edits that stand.
    pub(in crate::queries) table: EditTable,
    /// What its units were made from, where they are told apart by the keys of the records.
    pub(in crate::queries) inputs: Option<Inputs>,
    /// The contents of files that were taken over before.
    pub(in crate::queries) imported: BTreeSet<Digest>,
    /// The contents of files of which something was left out.
    pub(in crate::queries) imported_in_part: BTreeSet<Digest>,
}

impl Subject {
    /// Reads a target.
    ///
    /// # Errors
    /// Fails where it makes no records or has made none yet, and where the store does.
    pub(in crate::queries) async fn load(
        engine: &Engine,
        history: &History,
        target: &Target,
    ) -> Result<Self, EngineError> {
        let (model, store) = (engine.model(), &*engine.ports().store);
        let refused =
            |reason: &str| EngineError::NotEditable { target: target.to_string(), reason: reason.to_owned() };
        let phase = model.phase(target.phase.as_str()).ok_or_else(|| refused("there is no such phase"))?;
        let work = match &phase.work {
            Work::Ask(work) => work,
            Work::Loop(_) => return Err(refused("it goes round: edit a phase of its turns")),
            Work::Read(_) => return Err(refused("it reads files: change these instead")),
            Work::Write(_) => return Err(refused("it writes files: edit the phase whose records it writes")),
        };
        let OutputShape::Records { key } = &work.output.shape else {
            return Err(refused("it makes a document, and edits are made of records"));
        };
        let latest = named(history, target, None)?;
        let machine = latest.edits.as_ref().map_or(&latest.artifact, |laid| &laid.machine);
        let records = Sequence::open_whole(store, machine.digest).await?;
        let record = |(_, entry): (u64, crate::tree::page::Entry<'_>)| {
            (entry.id.to_owned(), (!entry.hole).then(|| Json::from_canonical(entry.text())))
        };
        let mut subject = Self {
            target: target.clone(),
            key: key.clone(),
            lockable: keys_are_units(phase, work),
            schema: work.output.schema.clone(),
            records: records.iter().map(record).collect(),
            table: EditTable::load(store, history.edits(target)).await?,
            inputs: None,
            imported: history.target(target).map(TargetHistory::imported).unwrap_or_default(),
            imported_in_part: history.target(target).map(TargetHistory::imported_in_part).unwrap_or_default(),
        };
        subject.inputs = subject.inputs_of(engine, history, None).await?;
        Ok(subject)
    }

    /// Returns what the units of a revision were made from; of the latest one where none is named or it is forgotten.
    pub(in crate::queries) async fn inputs_of(
        &self,
        engine: &Engine,
        history: &History,
        revision: Option<Revision>,
    ) -> Result<Option<Inputs>, EngineError> {
        let latest = history.latest(&self.target).map(|record| record.revision);
        let older = revision.filter(|revision| Some(*revision) != latest);
        let older = older.and_then(|revision| history.revision(&self.target, revision));
        if older.is_none() && self.inputs.is_some() {
            return Ok(self.inputs.clone());
        }
        let lineage = older.map(|record| &record.lineage).or_else(|| history.lineage(&self.target));
        let origin = lineage.and_then(|lineage| {
            Origin::of(engine.model(), history, &self.target.phase, lineage, &self.target.phase)
        });
        let Some(origin) = origin else { return Ok(None) };
        Ok(Some(origin.inputs(engine.model(), &*engine.ports().store).await?))
    }

    /// Returns the machine's record under a key.
    pub(in crate::queries) fn record(&self, key: &str) -> Option<&Json> {
        self.records.get(key)?.as_ref()
    }

    /// Returns edits by the keys of the records that they belong to now; an edit without a record has its own.
    pub(in crate::queries) fn at_home(&self, table: &EditTable) -> BTreeMap<String, Edit> {
        let placed = Placed::of(table, self.inputs.as_ref());
        placed.iter().map(|(home, edit)| (home.to_owned(), edit.clone())).collect()
    }

    /// Returns the keys that edited records have now by those that they had, where they are others: files that were
    /// exported before know them by these.
    pub(in crate::queries) fn renamed(&self) -> BTreeMap<String, String> {
        let homes = self.at_home(&self.table).into_iter().map(|(home, edit)| (edit.key, home));
        homes.filter(|(key, home)| key != home).collect()
    }

    /// Returns what is to be looked at: in the order of the records, then edits whose record is gone.
    pub(in crate::queries) fn reviewed(&self) -> Vec<ReviewItem> {
        let placed = Placed::of(&self.table, self.inputs.as_ref());
        let mut layer = Layer::new(placed, &self.key, self.inputs.as_ref());
        let mut items = Vec::new();
        for (key, record) in &self.records {
            match record {
                None => layer.hole(key),
                Some(record) => {
                    items.extend(layer.lay(key, record).and_then(|over| self.item(key, over)));
                }
            }
        }
        let orphans = layer.orphans().map(|(edit, fields)| {
            let over = Over { edit, record: Json::null(), review: Some((ReviewKind::Orphan, fields)) };
            self.item(&edit.key, over)
        });
        items.extend(orphans.flatten());
        items
    }

    fn item(&self, key: &str, over: Over<'_>) -> Option<ReviewItem> {
        let (kind, fields) = over.review?;
        let edit = over.edit;
        Some(ReviewItem {
            target: self.target.clone(),
            key: key.to_owned(),
            kind,
            fields,
            locked: edit.locked,
            by: edit.by.clone(),
            at: edit.at,
            note: edit.note.clone(),
            source: None,
        })
    }
}
