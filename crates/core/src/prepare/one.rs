//! Getting a single unit ready, at the cost of that unit: for questions about one among a million.

use std::collections::HashMap;
use std::sync::Arc;

use refrain_schemas::artifact::ArtifactKind;
use refrain_schemas::json::{field, scalar_text};

use super::{
    ContextSource, LoadedFiles, Piece, Preparation, PrepareError, Prepared, artifacts_of, chosen_source,
    is_gathered, view,
};
use crate::model::{Context, Select, Split};
use crate::request::{ContextEntry, Requests, View};
use crate::tree::search::find;
use crate::tree::sequence::Sequence;
use crate::units::{Unit, record_unit};

/// Gets one unit ready as [`prepare`](super::prepare) would, without looking at the others; no unit where there is none
/// with this id, and `None` where it cannot be seen alone.
///
/// # Errors
/// Fails where the data do not fit the definition, or the store or a file fails.
pub async fn prepare_one(preparation: Preparation<'_>, unit: &str) -> Result<Option<Prepared>, PrepareError> {
    let Preparation { model, phase, work, store, now, .. } = preparation;
    let found = chosen_source(now, &work.units.of).map(|phase| artifacts_of(now, phase)).unwrap_or_default();
    let [(upstream, artifact)] = found[..] else { return Ok(None) };
    let is_plain = work.units.split == Split::Record && !is_gathered(&preparation, upstream);
    if !is_plain || artifact.kind != ArtifactKind::Records || !work.context.iter().all(is_seen_alone) {
        return Ok(None);
    }
    let mut loaded = LoadedFiles::default();
    for context in &work.context {
        if let ContextSource::File(file) = &context.source {
            loaded.load(preparation.files, file, preparation.scope).await?;
        }
    }
    let mut source = Sequence::open(store, artifact.digest).await?;
    let place = find(store, &mut source, unit).await?;
    let units: Vec<Unit> = place.map(|at| record_unit(at, unit)).into_iter().collect();
    if let Some(at) = place {
        let n = work.context.iter().map(width).max().unwrap_or(0);
        let near = at.saturating_sub(n)..at.saturating_add(n).saturating_add(1).min(source.count());
        source.load_positions(store, &near.collect::<Vec<u64>>()).await?;
    }
    let mut contexts = Vec::new();
    for context in work.context.iter().filter(|_| place.is_some()) {
        let view = seen(&preparation, context, &source, place, &loaded).await?;
        contexts.push(ContextEntry { name: Arc::from(context.name.as_str()), view });
    }
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    let scope = Arc::new(preparation.scope.clone());
    let (generation, phase_name) = (now.generation, preparation.phase.name.clone());
    let requests = Requests {
        source,
        given: None,
        contexts,
        by: None,
        scope,
        generation,
        phase: phase_name,
        reads: Vec::new(),
    };
    Ok(Some(Prepared {
        requests: Arc::new(requests),
        pieces: vec![Piece::Made(units.len())],
        units,
        before: None,
        editing: now.edits.load(model, phase, store, preparation.whole).await?,
        context_files: loaded.digests,
        context_artifacts: loaded.artifacts,
        reads: Vec::new(),
        writes: Vec::new(),
        goto_sees: Vec::new(),
        pages: loaded.pages,
    }))
}

/// Whether what a unit sees of a context entry can be told from the unit alone.
const fn is_seen_alone(context: &Context) -> bool {
    !matches!(context.select, Select::Window { within: Some(_), .. })
}

/// Returns how far a unit looks around for a context entry.
const fn width(context: &Context) -> u64 {
    match context.select {
        Select::Window { n, .. } => n as u64,
        _ => 0,
    }
}

/// Returns a context entry with what the one unit sees of it; of records that are joined by their key, that one.
async fn seen(
    preparation: &Preparation<'_>,
    context: &Context,
    source: &Sequence,
    place: Option<u64>,
    loaded: &LoadedFiles,
) -> Result<View, PrepareError> {
    let (Select::On { field: name, unique: true }, ContextSource::Phase(phase)) =
        (&context.select, &context.source)
    else {
        return view(preparation, context, source, loaded).await;
    };
    let found = artifacts_of(preparation.now, phase);
    let [(upstream, artifact)] = found[..] else { return view(preparation, context, source, loaded).await };
    if is_gathered(preparation, upstream) || artifact.kind != ArtifactKind::Records {
        return view(preparation, context, source, loaded).await;
    }
    let store = preparation.store;
    let value = place.and_then(|at| {
        let entry = source.entry(at)?;
        Some(scalar_text(field(entry.text(), name)?)?.into_owned())
    });
    let mut records = Sequence::open(store, artifact.digest).await?;
    let mut places: HashMap<String, Vec<u64>> = HashMap::new();
    if let Some(value) = value
        && let Some(at) = find(store, &mut records, &value).await?
    {
        records.load_positions(store, &[at]).await?;
        places.insert(value, vec![at]);
    }
    Ok(View::Joined { field: name.clone(), unique: true, hard: upstream.hard, records, places })
}
