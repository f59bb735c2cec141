//! Getting a target ready before its turn: everything but what phases that are under way will bring.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::Scope;

use crate::edits::Editing;
use crate::model::{Context, ContextSource, Select, Split};
use crate::request::{ContextEntry, Requests, View};
use crate::tree::sequence::Sequence;
use crate::units::{self, Unit};

use super::{LoadedFiles, Preparation, PrepareError, Prepared, chosen_source, source, view};

/// A target whose turn has not come, ready for what is to flow into it.
#[derive(Debug)]
pub struct Prospect {
    /// What its requests are made from so far; it has no units.
    pub prepared: Prepared,
    /// The units that lack nothing but the records they join; none where units themselves are to come.
    pub units: Vec<Unit>,
    /// The records that its latest revision was made from, by phase and key, where its units may be kept.
    pub before: RecordsBefore,
}

/// What records were when the latest revision was made from them.
#[derive(Debug, Default)]
pub struct RecordsBefore(BTreeMap<PhaseName, HashMap<String, Digest>>);

impl RecordsBefore {
    /// Whether a record of a phase is as it was.
    #[must_use]
    pub fn has(&self, phase: &PhaseName, key: &str, text: &str) -> bool {
        let was = self.0.get(phase).and_then(|records| records.get(key));
        was.is_some_and(|was| *was == Digest::of_content(text.as_bytes()))
    }

    /// Whether anything is known of them, so that something may be kept.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !self.0.is_empty()
    }

    /// Forgets all, so that nothing is as it was.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Gets a target ready for what flows into it from `live` phases.
///
/// # Errors
/// Fails where the data do not fit the definition, or the store or a file fails.
pub async fn ahead(
    preparation: Preparation<'_>,
    live: &BTreeSet<PhaseName>,
) -> Result<Prospect, PrepareError> {
    let work = preparation.work;
    let is_flowing = work.units.of.iter().any(|name| live.contains(name));
    let mut loaded = LoadedFiles::default();
    for context in &work.context {
        if let ContextSource::File(file) = &context.source {
            loaded.load(preparation.files, file, preparation.scope).await?;
        }
    }
    if !is_flowing && chosen_source(preparation.now, &work.units.of).is_none() {
        return Err(PrepareError::Data("there is nothing to make units of".to_owned()));
    }
    let source = if is_flowing { Sequence::empty() } else { source(&preparation, true).await? };
    let units = units::split(&source, &work.units.split);
    let units = if is_flowing { Ok(Vec::new()) } else { units };
    let units = units.map_err(|error| PrepareError::Data(error.to_string()))?;
    let mut contexts = Vec::new();
    for context in &work.context {
        let view = match joined(&preparation, context, live) {
            Some(view) => view,
            None => view(&preparation, context, &source, &loaded).await?,
        };
        contexts.push(ContextEntry { name: Arc::from(context.name.as_str()), view });
    }
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    let by = match &work.units.split {
        Split::By(field) => Some(field.clone()),
        _ => None,
    };
    let scope = Arc::new(preparation.scope.clone());
    let generation = preparation.now.generation;
    let prepared = Prepared {
        requests: Arc::new(Requests {
            source,
            given: None,
            contexts,
            by,
            scope,
            generation,
            phase: preparation.phase.name.clone(),
            turns: Scope::none(),
            reads: Vec::new(),
        }),
        pieces: Vec::new(),
        units: Vec::new(),
        before: None,
        editing: Editing::default(),
        context_files: loaded.digests,
        context_artifacts: loaded.artifacts,
        reads: Vec::new(),
        writes: Vec::new(),
        goto_sees: Vec::new(),
        pages: Vec::new(),
    };
    let before = before(&preparation, live).await?;
    Ok(Prospect { prepared, units, before })
}

/// Returns the empty view of a context entry whose records are still to come.
fn joined(preparation: &Preparation<'_>, context: &Context, live: &BTreeSet<PhaseName>) -> Option<View> {
    let (ContextSource::Phase(name), Select::On { field, unique }) = (&context.source, &context.select)
    else {
        return None;
    };
    let mut upstream = preparation.now.upstream.iter();
    let hard = upstream.any(|upstream| upstream.target.phase == *name && upstream.hard);
    let (records, places) = (Sequence::empty(), HashMap::new());
    live.contains(name).then(|| View::Joined { field: field.clone(), unique: *unique, hard, records, places })
}

/// Reads what the latest revision was made from, as far as its units may be kept for being made from the same.
async fn before(
    preparation: &Preparation<'_>,
    live: &BTreeSet<PhaseName>,
) -> Result<RecordsBefore, PrepareError> {
    let mut before = RecordsBefore::default();
    let Some(prior) = preparation.prior else { return Ok(before) };
    let lineage = &prior.lineage;
    let now = preparation.now;
    if lineage.definition != now.definition || lineage.generation != now.generation {
        return Ok(before);
    }
    let of = &preparation.work.units.of;
    for upstream in lineage.upstream.values().flatten() {
        let phase = &upstream.target.phase;
        if !live.contains(phase) && !of.contains(phase) {
            continue;
        }
        let records = Sequence::open_whole(preparation.store, upstream.artifact.digest).await?;
        let digests = records.iter().filter(|(_, entry)| !entry.hole);
        let digests = digests.map(|(_, entry)| (entry.id.to_owned(), Digest::of_content(entry.body)));
        before.0.entry(phase.clone()).or_default().extend(digests);
    }
    Ok(before)
}
