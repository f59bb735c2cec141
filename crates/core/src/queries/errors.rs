//! Errors that phases found in texts and that nothing has mended since: a person decides, and should know of them.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::json::{field, scalar_text};
use refrain_schemas::report::OpenErrors;
use refrain_schemas::scope::Target;

use super::compare::issues::key_field;
use super::report::records::tells_rules_apart;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{Model, Work};
use crate::ports::store::{Store, StoreError};
use crate::tree::walk::walk;

/// Returns how many issues of severity `error` are open, by the target that found them; those without any are left out.
pub(crate) async fn open_errors(engine: &Engine) -> Result<Vec<OpenErrors>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let mut open = Vec::new();
    for target in engine.model().targets() {
        let finds = engine.model().phase(target.phase.as_str()).is_some_and(tells_rules_apart);
        if let Some(latest) = history.latest(&target).filter(|_| finds) {
            let count = open_in(engine, &history, latest).await?;
            open.extend((count > 0).then_some(OpenErrors { target, count }));
        }
    }
    Ok(open)
}

/// Returns how many errors of a revision are about texts that no later phase has changed.
async fn open_in(engine: &Engine, history: &History, found: &RevisionRecord) -> Result<u64, EngineError> {
    let (store, model) = (&*engine.ports().store, engine.model());
    let judged = judged(model, found);
    let key = judged.map(|(target, _)| key_field(model, target));
    let mut errors: BTreeMap<Option<String>, u64> = BTreeMap::new();
    walk(store, found.artifact.digest, |entry| {
        if !entry.hole && field(entry.text(), "severity") == Some("\"error\"") {
            let about = key.as_deref().and_then(|key| field(entry.text(), key)).and_then(scalar_text);
            *errors.entry(about.map(std::borrow::Cow::into_owned)).or_default() += 1;
        }
    })
    .await?;
    if let Some((target, contents)) = judged.filter(|_| !errors.is_empty()) {
        let keys: BTreeSet<String> = errors.keys().flatten().cloned().collect();
        let before = texts(store, contents, &keys).await?;
        for later in model.targets().iter().filter(|later| mends(model, later, target)) {
            if let Some(latest) = history.latest(later) {
                let now = texts(store, latest.artifact.digest, &keys).await?;
                let is_same = |key: &String| now.get(key).is_none_or(|text| before.get(key) == Some(text));
                errors.retain(|about, _| about.as_ref().is_none_or(is_same));
            }
        }
    }
    Ok(errors.values().sum())
}

/// Returns what a revision looked at: the target whose records were its units, and their contents at that time.
fn judged<'a>(model: &Model, found: &'a RevisionRecord) -> Option<(&'a Target, Digest)> {
    let Work::Ask(work) = &model.phase(found.target.phase.as_str())?.work else { return None };
    let mut upstream = found.lineage.upstream.values().flatten();
    let of = upstream.find(|upstream| upstream.read && work.units.of.contains(&upstream.target.phase))?;
    Some((&of.target, of.artifact.digest))
}

/// Whether a target makes the same records again, each as it should be.
fn mends(model: &Model, later: &Target, judged: &Target) -> bool {
    let Some(phase) = model.phase(later.phase.as_str()) else { return false };
    let Work::Ask(work) = &phase.work else { return false };
    let is_of = work.units.of.contains(&judged.phase) && later.scope == judged.scope;
    is_of && !tells_rules_apart(phase) && key_field(model, later) == key_field(model, judged)
}

/// Returns the texts of some records, as canonical JSON.
async fn texts(
    store: &dyn Store,
    contents: Digest,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut texts = BTreeMap::new();
    walk(store, contents, |entry| {
        if !entry.hole && keys.contains(entry.id) {
            let text = field(entry.text(), "text").unwrap_or_default();
            texts.insert(entry.id.to_owned(), text.to_owned());
        }
    })
    .await?;
    Ok(texts)
}
