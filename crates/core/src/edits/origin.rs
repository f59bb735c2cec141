//! What the units of a target were made from, as far as edits are concerned.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::artifact::ArtifactRef;
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::history::{Lineage, RevisionRecord};
use refrain_schemas::json::Json;
use refrain_schemas::name::{PhaseName, Revision};
use refrain_schemas::scope::Target;

use super::{EditTable, repeated};
use crate::history::History;
use crate::judge::UpstreamNow;
use crate::model::{AskWork, Model, OutputShape, Phase, Split, Work};
use crate::ports::store::{Store, StoreError};
use crate::reply::Rules;
use crate::tree::sequence::Sequence;
use crate::units::{self, Members, Unit};

/// Where the inputs of a target's units come from, for the sake of edits.
///
/// These are the records that the target splits into units. Where the phase that makes them is `locked_by` the edited one,
/// its records echo what people wrote, so the inputs of that phase stand in their place, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The phase that splits the records into units.
    phase: PhaseName,
    /// Whose records they are.
    of: Target,
    /// The records.
    source: ArtifactRef,
    /// Whether ids may come from what lines say.
    ids: Ids,
}

/// Where the ids of units come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// The source names its lines itself, whatever these names look like.
    Given,
    /// From what lines say, for those that have the form of such an id.
    Content,
}

/// The digests of units' inputs by the units' ids, in order of the ids; none of a unit whose input is a hole, or whose digest
/// nobody wants. Beside them what stands around units that say the same as others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs(pub BTreeMap<String, Option<Digest>>, BTreeMap<String, Digest>);

/// An artifact that is read: of which target, and which revision of it.
type Read<'a> = (&'a Target, Revision, &'a ArtifactRef);

impl Origin {
    /// Finds the origin of a target that was made from `lineage`, for edits made of `edited`: the target itself, or a later
    /// phase that locks it. There is none where records are not keyed by units.
    #[must_use]
    pub fn of(
        model: &Model,
        history: &History,
        phase: &PhaseName,
        lineage: &Lineage,
        edited: &PhaseName,
    ) -> Option<Self> {
        let upstream = lineage.upstream.values().flatten();
        let read = upstream.map(|from| (&from.target, from.revision, &from.artifact)).collect();
        Self::among(model, history, phase, read, edited)
    }

    /// Finds the origin of a target as it would be made now.
    #[must_use]
    pub fn present(
        model: &Model,
        history: &History,
        phase: &PhaseName,
        upstream: &[UpstreamNow],
        edited: &PhaseName,
    ) -> Option<Self> {
        let read = upstream.iter().filter_map(|from| {
            let (revision, artifact) = from.artifact.as_ref()?;
            Some((&from.target, *revision, artifact))
        });
        Self::among(model, history, phase, read.collect(), edited)
    }

    fn among(
        model: &Model,
        history: &History,
        phase: &PhaseName,
        read: Vec<Read<'_>>,
        edited: &PhaseName,
    ) -> Option<Self> {
        let (phase, work) = keyed(model, phase)?;
        let from = |name: &PhaseName| read.iter().find(|(target, ..)| target.phase == *name);
        let (target, revision, artifact) = *work.units.of.iter().find_map(from)?;
        let echoes = keyed(model, &target.phase).is_some_and(|(before, _)| before.locked_by.contains(edited));
        if !echoes {
            let ids = ids_of(model, history, target, revision, artifact);
            let (phase, of, source) = (phase.name.clone(), target.clone(), artifact.clone());
            return Some(Self { phase, of, source, ids });
        }
        // Where it is forgotten, nothing can be told.
        let before = made(history, target, revision, artifact)?;
        Self::of(model, history, &target.phase, &before.lineage, edited)
    }

    /// Returns the target and the digest of the records where they are not read by the edited phase itself.
    #[must_use]
    pub fn echoed(&self, reader: &PhaseName) -> Option<(&Target, Digest)> {
        (self.phase != *reader).then_some((&self.of, self.source.digest))
    }

    /// Returns the digests of the units' inputs.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn inputs(&self, model: &Model, store: &dyn Store) -> Result<Inputs, StoreError> {
        self.inputs_for(model, store, &[], true).await
    }

    /// Returns the digests of the inputs that some tables of edits hang on; of all inputs where `all` are wanted.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn inputs_for(
        &self,
        model: &Model,
        store: &dyn Store,
        tables: &[&EditTable],
        all: bool,
    ) -> Result<Inputs, StoreError> {
        let Some((_, work)) = keyed(model, &self.phase) else { return Ok(Inputs::default()) };
        let source = Sequence::open_whole(store, self.source.digest).await?;
        Ok(Inputs::of(work, &source, self.ids, tables, all))
    }
}

impl Origin {
    /// Returns what some units are made from: their records, with the digest of them.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn made_from(
        &self,
        model: &Model,
        store: &dyn Store,
        wanted: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, (Digest, Vec<Json>)>, StoreError> {
        let Some((_, work)) = keyed(model, &self.phase) else { return Ok(BTreeMap::new()) };
        let source = Sequence::open_whole(store, self.source.digest).await?;
        let units = units::split(&source, &work.units.split).unwrap_or_default();
        let key = work.units.id_field.as_deref();
        let of = |unit: &Unit| {
            let digest = digest_of(&source, unit, key)?;
            let places: &[u64] = match &unit.members {
                Members::One(at) => std::slice::from_ref(at),
                Members::Many(places) => places,
            };
            let records = places.iter().filter_map(|at| source.entry(*at)).filter(|entry| !entry.hole);
            let records = records.map(|entry| Json::from_canonical(entry.text())).collect();
            Some((unit.id.as_str().to_owned(), (digest, records)))
        };
        Ok(units.iter().filter(|unit| wanted.contains(unit.id.as_str())).filter_map(of).collect())
    }
}

impl Inputs {
    /// Digests the inputs that a phase splits a source into: those of edited units, and all of them where an edit has lost
    /// its unit and may belong to any other one.
    fn of(work: &AskWork, source: &Sequence, from: Ids, tables: &[&EditTable], all: bool) -> Self {
        // Where records cannot be split, the phase fails for that and there is nothing to place.
        let units = units::split(source, &work.units.split).unwrap_or_default();
        let ids: BTreeSet<&str> = units.iter().map(|unit| unit.id.as_str()).collect();
        let mut edits = tables.iter().flat_map(|table| table.0.values());
        let all = all || edits.any(|edit| edit.source.is_some() && !ids.contains(edit.key.as_str()));
        let key = work.units.id_field.as_deref();
        let digest = |unit: &Unit| {
            let wanted = all || tables.iter().any(|table| table.0.contains_key(unit.id.as_str()));
            let digest = if wanted { digest_of(source, unit, key) } else { None };
            (unit.id.as_str().to_owned(), digest)
        };
        let may_repeat = units.iter().filter(|_| from == Ids::Content);
        let around = repeated::around(may_repeat.map(|unit| unit.id.as_str()));
        Self(units.iter().map(digest).collect(), around)
    }

    /// Whether there is such a unit.
    #[must_use]
    pub fn has(&self, unit: &str) -> bool {
        self.0.contains_key(unit)
    }

    /// Returns what stands around a unit that is one of several that say the same and have their ids from that.
    #[must_use]
    pub fn around(&self, unit: &str) -> Option<Digest> {
        self.1.get(unit).copied()
    }

    /// Returns the digest of a unit's input.
    #[must_use]
    pub fn digest(&self, unit: &str) -> Option<Digest> {
        self.0.get(unit).copied().flatten()
    }
}

/// Returns the revision that made some records. One that is forgotten was made from what a later one with the same contents
/// was made from.
fn made<'h>(
    history: &'h History,
    target: &Target,
    revision: Revision,
    artifact: &ArtifactRef,
) -> Option<&'h RevisionRecord> {
    let latest = || history.latest(target).filter(|latest| latest.artifact.digest == artifact.digest);
    history.revision(target, revision).or_else(latest)
}

/// Returns where the ids of some records come from: the files that the phase at the beginning read, as far up as each phase
/// takes over the ids of the one before. Where that is not known any more, their form tells.
fn ids_of(
    model: &Model,
    history: &History,
    target: &Target,
    revision: Revision,
    artifact: &ArtifactRef,
) -> Ids {
    let Some(record) = made(history, target, revision, artifact) else { return Ids::Content };
    if let Some(content) = record.content_ids {
        return if content { Ids::Content } else { Ids::Given };
    }
    let Some((_, work)) = keyed(model, &target.phase) else { return Ids::Content };
    let read = || record.lineage.upstream.values().flatten();
    let before = work.units.of.iter().find_map(|name| read().find(|from| from.target.phase == *name));
    let takes_over = matches!(work.units.split, Split::Record);
    before
        .filter(|_| takes_over)
        .map_or(Ids::Content, |from| ids_of(model, history, &from.target, from.revision, &from.artifact))
}

/// Returns the digest of an input without its key: `records` are those of the unit, one unless it is a group.
#[must_use]
pub fn input_digest<'a>(records: impl IntoIterator<Item = &'a str>, key: Option<&str>) -> Digest {
    let mut digester = Digester::new("refrain edited input v1");
    for record in records {
        let nameless = key
            .filter(|key| refrain_schemas::json::field(record, key).is_some())
            .and_then(|key| Json::from_canonical(record).with_field(key, &Json::null()));
        digester.part(nameless.as_ref().map_or(record, Json::as_str).as_bytes());
    }
    digester.finish()
}

fn digest_of(source: &Sequence, unit: &Unit, key: Option<&str>) -> Option<Digest> {
    let text = |at: &u64| source.entry(*at).filter(|entry| !entry.hole).map(|entry| entry.text());
    match &unit.members {
        Members::One(at) => Some(input_digest([text(at)?], key)),
        Members::Many(places) => Some(input_digest(places.iter().filter_map(text), key)),
    }
}

/// Whether every record of a phase has the id of its unit as its key, so that a unit can be locked by its record.
#[must_use]
pub fn keys_are_units(phase: &Phase, work: &AskWork) -> bool {
    let splits = matches!(work.units.split, Split::Record | Split::By(_));
    splits && Rules::of(work, None).gathered(!phase.gather.is_empty()).keys_are_units()
}

/// Returns the field that tells the records of a phase apart, where people can edit them: where agents make records.
#[must_use]
pub fn editable_key(phase: &Phase) -> Option<&str> {
    match &phase.work {
        Work::Ask(work) => match &work.output.shape {
            OutputShape::Records { key } => Some(key),
            OutputShape::Document => None,
        },
        Work::Read(_) | Work::Write(_) | Work::Loop(_) => None,
    }
}

fn keyed<'a>(model: &'a Model, name: &PhaseName) -> Option<(&'a Phase, &'a AskWork)> {
    let phase = model.phase(name.as_str())?;
    match &phase.work {
        Work::Ask(work) if keys_are_units(phase, work) => Some((phase, work)),
        _ => None,
    }
}
