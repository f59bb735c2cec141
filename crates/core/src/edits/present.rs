//! People's edits as far as they concern one target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::artifact::ArtifactRef;
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::Target;

use super::{EditTable, Inputs, Layer, Origin, Placed, editable_key, keys_are_units};
use crate::history::History;
use crate::judge::UpstreamNow;
use crate::model::{Model, Phase, Work};
use crate::ports::store::{Store, StoreError};

/// The edits that a target hangs on, as they are now: those of its own records, and those of later targets that lock its
/// units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditsNow {
    phase: Option<PhaseName>,
    own: Option<TableRef>,
    later: Vec<TableRef>,
}

/// A table of edits, and where the inputs are by which lines that have another name are found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableRef {
    target: Target,
    edits: ArtifactRef,
    origin: Option<Origin>,
}

impl EditsNow {
    /// Returns the edits that a target hangs on, with `upstream` before it.
    #[must_use]
    pub fn of(
        model: &Model,
        phase: &Phase,
        target: &Target,
        history: &History,
        upstream: &[UpstreamNow],
    ) -> Self {
        let table = |phase: &PhaseName| {
            let edited = Target { phase: phase.clone(), scope: target.scope.clone() };
            let edits = history.edits(&edited)?.clone();
            let origin = Origin::present(model, history, &target.phase, upstream, phase);
            Some(TableRef { target: edited, edits, origin })
        };
        let own = editable_key(phase).and_then(|_| table(&phase.name));
        Self {
            phase: Some(phase.name.clone()),
            own,
            later: phase.locked_by.iter().filter_map(table).collect(),
        }
    }

    /// Returns the digest of all of them; none where there are none.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        if self.later.is_empty() {
            return self.own.as_ref().map(|own| own.edits.digest);
        }
        let mut digester = Digester::new("refrain edits v1");
        for table in self.own.iter().chain(&self.later) {
            digester.part(table.target.to_string().as_bytes()).digest(&table.edits.digest);
        }
        Some(digester.finish())
    }

    /// Returns the targets that tell edits whether inputs are still what people saw, as far as these are not read anyway.
    pub fn echoed(&self) -> impl Iterator<Item = (&Target, Digest)> {
        let origins = self.own.iter().chain(&self.later).filter_map(|table| table.origin.as_ref());
        origins.filter_map(|origin| origin.echoed(self.phase.as_ref()?))
    }

    /// Returns the digest of what these targets made; none where there are none.
    #[must_use]
    pub fn edited_from(&self) -> Option<Digest> {
        self.echoed().next()?;
        let mut digester = Digester::new("refrain edited from v1");
        self.echoed().for_each(|(_, digest)| {
            digester.digest(&digest);
        });
        Some(digester.finish())
    }

    /// Returns the targets whose records were edited.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.own.iter().chain(&self.later).map(|table| &table.target)
    }

    /// Reads the edits and finds their records. Where all inputs are told apart, it is known as well which units would be
    /// locked if others went.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn load(
        &self,
        model: &Model,
        phase: &Phase,
        store: &dyn Store,
        all: bool,
    ) -> Result<Editing, StoreError> {
        let mut editing = Editing::default();
        let Some(key) = editable_key(phase) else { return Ok(editing) };
        let is_lockable = matches!(&phase.work, Work::Ask(work) if keys_are_units(phase, work));
        let mut tables = Vec::new();
        for table in self.own.iter().chain(&self.later) {
            tables.push((table, EditTable::load(store, Some(&table.edits)).await?));
        }
        let mut known = Known { model, store, all, inputs: Vec::new() };
        let mut found = Vec::new();
        for (table, _) in &tables {
            found.push(known.inputs(table.origin.as_ref(), &tables).await?);
        }
        for ((table, edits), inputs) in tables.into_iter().zip(found) {
            let is_own = table.target.phase == phase.name;
            if is_lockable {
                editing.lock(&edits, inputs.as_deref(), key, is_own);
            }
            if is_own {
                (editing.own, editing.inputs) = (edits, inputs);
            }
        }
        Ok(editing)
    }
}

/// Inputs that have been read, each once for all tables that share their origin.
struct Known<'a> {
    model: &'a Model,
    store: &'a dyn Store,
    all: bool,
    inputs: Vec<(&'a Origin, Arc<Inputs>)>,
}

impl<'a> Known<'a> {
    async fn inputs(
        &mut self,
        origin: Option<&'a Origin>,
        tables: &[(&'a TableRef, EditTable)],
    ) -> Result<Option<Arc<Inputs>>, StoreError> {
        let Some(origin) = origin else { return Ok(None) };
        if let Some((_, inputs)) = self.inputs.iter().find(|(other, _)| *other == origin) {
            return Ok(Some(inputs.clone()));
        }
        let sharing = tables.iter().filter(|(table, _)| table.origin.as_ref() == Some(origin));
        let sharing: Vec<&EditTable> = sharing.map(|(_, edits)| edits).collect();
        let inputs = Arc::new(origin.inputs_for(self.model, self.store, &sharing, self.all).await?);
        self.inputs.push((origin, inputs.clone()));
        Ok(Some(inputs))
    }
}

/// The edits of a target, read.
#[derive(Debug, Clone, Default)]
pub struct Editing {
    own: EditTable,
    inputs: Option<Arc<Inputs>>,
    locks: BTreeMap<String, Lock>,
    /// Units that a locked edit would follow to if its own unit were gone.
    heirs: BTreeSet<String>,
}

/// A unit that nobody is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// What stands in the place of the machine's record.
    pub record: Json,
    /// Who locked it.
    pub by: String,
    /// Whether the edit was made of a unit with another id, which is gone.
    pub follows: bool,
}

impl Editing {
    /// Adds the locks of a table, unless one that was read before has the unit.
    fn lock(&mut self, table: &EditTable, inputs: Option<&Inputs>, key: &str, is_own: bool) {
        let placed = Placed::of(table, inputs);
        for (unit, edit) in placed.iter() {
            let record = if is_own { placed.locked(unit, key) } else { placed.wanted(unit, key) };
            let Some(record) = record else { continue };
            let lock = Lock { record, by: edit.by.clone(), follows: edit.key != unit };
            self.locks.entry(unit.to_owned()).or_insert(lock);
        }
        let sources: BTreeSet<Digest> =
            table.0.values().filter(|edit| edit.locked).filter_map(|edit| edit.source).collect();
        for (unit, digest) in inputs.into_iter().flat_map(|inputs| &inputs.0) {
            if digest.is_some_and(|digest| sources.contains(&digest)) && !table.0.contains_key(unit) {
                self.heirs.insert(unit.clone());
            }
        }
    }

    /// Whether a unit that nobody locked would be locked if another one went.
    #[must_use]
    pub fn may_be_locked(&self, unit: &str) -> bool {
        self.heirs.contains(unit)
    }

    /// Returns the units that people locked and the keys of the records that they edited.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<String> {
        let placed = self.placed();
        let edited = placed.iter().map(|(key, _)| key.to_owned());
        edited.chain(self.locks.keys().cloned()).collect()
    }

    /// Returns the edits of the target's own records, by these.
    #[must_use]
    pub fn placed(&self) -> Placed<'_> {
        Placed::of(&self.own, self.inputs.as_deref())
    }

    /// Returns what stands for a unit that people locked.
    #[must_use]
    pub fn locked(&self, unit: &str) -> Option<&Lock> {
        self.locks.get(unit)
    }

    /// Whether any unit is locked.
    #[must_use]
    pub fn locks_any(&self) -> bool {
        !self.locks.is_empty()
    }

    /// Returns what is to be laid over the records; none where nobody edited them.
    #[must_use]
    pub fn layer<'a>(&'a self, key: &'a str) -> Option<Layer<'a>> {
        (!self.own.0.is_empty()).then(|| Layer::new(self.placed(), key, self.inputs.as_deref()))
    }
}
