//! What a revision holds.

use refrain_schemas::artifact::ArtifactKind;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use super::named;
use crate::artifact::whole;
use crate::engine::{Engine, EngineError, Shown};
use crate::history::History;
use crate::ports::store::{Store, StoreError};
use crate::tree::page::Entry;
use crate::tree::sequence::Sequence;

/// Returns what a revision holds. `offset` and `limit` count records or files, never holes; a document is one thing.
pub(crate) async fn show(
    engine: &Engine,
    target: &Target,
    revision: Option<Revision>,
    offset: u64,
    limit: Option<u64>,
) -> Result<Shown, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let artifact = &named(&history, target, revision)?.artifact;
    let digest = artifact.digest;
    let json = |entry: Entry<'_>| Json::from_canonical(entry.text());
    Ok(match artifact.kind {
        ArtifactKind::Records => Shown::Records(some(store, digest, offset, limit, json).await?),
        ArtifactKind::Files => {
            Shown::Files(some(store, digest, offset, limit, |entry| entry.id.to_owned()).await?)
        }
        ArtifactKind::Document => {
            let document = some(store, digest, 0, Some(1), json).await?;
            Shown::Document(document.into_iter().next().unwrap_or_else(Json::null))
        }
    })
}

/// Returns what each target made as one document, or the document of its failure.
pub(crate) async fn documents(engine: &Engine, targets: &[Target]) -> Result<Vec<Option<Json>>, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let mut documents = Vec::with_capacity(targets.len());
    for target in targets {
        let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
        let failed = attempt.and_then(|attempt| attempt.document.as_ref());
        let made = history.latest(target).map(|record| &record.artifact);
        documents.push(match failed.or(made) {
            None => None,
            Some(artifact) => {
                let sequence = Sequence::open_whole(store, artifact.digest).await?;
                Some(whole(&sequence, artifact.kind != ArtifactKind::Document))
            }
        });
    }
    Ok(documents)
}

/// Reads some entries of a tree, holes left out: the pages they are on and no others.
async fn some<T>(
    store: &dyn Store,
    root: Digest,
    offset: u64,
    limit: Option<u64>,
    take: impl Fn(Entry<'_>) -> T,
) -> Result<Vec<T>, StoreError> {
    let mut sequence = Sequence::open(store, root).await?;
    let end = limit.map_or(sequence.weight(), |limit| offset.saturating_add(limit)).min(sequence.weight());
    if offset >= end {
        return Ok(Vec::new());
    }
    // An entry weighs 1 and a hole nothing, so that weight counts what is shown.
    let (first, before) = sequence.leaf_of_weight(offset);
    let (last, _) = sequence.leaf_of_weight(end - 1);
    sequence.load(store, first..last + 1).await?;
    let skipped = usize::try_from(offset - before).unwrap_or(usize::MAX);
    let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX);
    let leaves = (first..=last).filter_map(|n| sequence.leaf(n));
    let entries = leaves.flat_map(|leaf| leaf.iter()).filter(|entry| !entry.hole);
    Ok(entries.skip(skipped).take(wanted).map(take).collect())
}
