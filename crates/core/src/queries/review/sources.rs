//! What edited records are made from: now, and when people edited them.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::edit::{ReviewItem, ReviewKind, ReviewSource, SourceField};
use refrain_schemas::history::Lineage;
use refrain_schemas::json::Json;

use crate::edits::{Origin, value};
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::StoreError;
use crate::queries::edits::subject::Subject;

/// The records of units, with their digests.
type Made = BTreeMap<String, (Digest, Vec<Json>)>;

/// Adds to edits whose source changed what it is, and what it was as far as a revision that is kept still knows it.
pub(super) async fn fill(
    engine: &Engine,
    history: &History,
    subject: &Subject,
    items: &mut [ReviewItem],
) -> Result<(), EngineError> {
    let edits = subject.at_home(&subject.table);
    let changed = items.iter_mut().filter(|item| item.kind == ReviewKind::SourceChanged);
    let mut changed: Vec<(&mut ReviewItem, String, Option<Digest>)> = changed
        .map(|item| {
            // A line that only has another id keeps its edit: it was edited under its old one.
            let edit = edits.get(&item.key);
            let key = edit.map_or_else(|| item.key.clone(), |edit| edit.key.clone());
            let digest = edit.and_then(|edit| edit.source);
            (item, key, digest)
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let wanted: BTreeSet<String> =
        changed.iter().flat_map(|(item, key, _)| [item.key.clone(), key.clone()]).collect();
    let mut revisions =
        history.target(&subject.target).into_iter().flat_map(|past| past.revisions.iter().rev());
    let mut now = Made::new();
    if let Some(lineage) = history.lineage(&subject.target) {
        now = made(engine, history, subject, lineage, &wanted).await?;
    }
    for (item, ..) in &mut changed {
        item.source = Some(source(&subject.key, None, now.get(&item.key).map(|(_, records)| &**records)));
    }
    while changed.iter().any(|(item, ..)| item.source.as_ref().is_some_and(|source| !source.known)) {
        let Some((_, record)) = revisions.next() else { break };
        let then = made(engine, history, subject, &record.lineage, &wanted).await?;
        for (item, key, digest) in &mut changed {
            let Some((was, records)) = then.get(key) else { continue };
            if item.source.as_ref().is_some_and(|source| !source.known) && Some(*was) == *digest {
                let now = now.get(&item.key).map(|(_, records)| &**records);
                item.source = Some(source(&subject.key, Some(records), now));
            }
        }
    }
    Ok(())
}

/// Returns what units were made from in a revision; nothing where that is forgotten.
async fn made(
    engine: &Engine,
    history: &History,
    subject: &Subject,
    lineage: &Lineage,
    wanted: &BTreeSet<String>,
) -> Result<Made, EngineError> {
    let phase = &subject.target.phase;
    let Some(origin) = Origin::of(engine.model(), history, phase, lineage, phase) else {
        return Ok(Made::new());
    };
    match origin.made_from(engine.model(), &*engine.ports().store, wanted).await {
        Err(StoreError::Missing { .. }) => Ok(Made::new()),
        made => Ok(made?),
    }
}

/// Compares what a unit was made from with what it is made from. Groups of records are only said to differ.
fn source(key: &str, then: Option<&[Json]>, now: Option<&[Json]>) -> ReviewSource {
    let known = then.is_some();
    let one = |records: Option<&[Json]>| match records {
        Some([record]) => Some(record.clone()),
        _ => None,
    };
    let (then, now) = (one(then), one(now));
    let names: BTreeSet<String> = then
        .iter()
        .chain(&now)
        .filter_map(|record| Some(record.value().as_object()?.keys().cloned().collect::<Vec<_>>()))
        .flatten()
        .collect();
    let fields = names.into_iter().filter(|name| name != key).filter_map(|field| {
        let side = |record: &Option<Json>| record.as_ref().and_then(|record| value(record, &field));
        let (before, now) = (side(&then), side(&now));
        (before != now).then_some(SourceField { field, before, now })
    });
    ReviewSource { known, fields: fields.collect() }
}
