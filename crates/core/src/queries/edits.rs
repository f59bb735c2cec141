//! People's edits of the records of a target: those that stand, and new ones.
//!
//! What changes them takes the writer's place, so that no run is under way meanwhile, and is looked at whole before
//! anything is written. What machines made stays as it is: the next run lays the edits over it.

pub(super) mod editor;
pub(crate) mod idle;
pub(crate) mod import;
pub(super) mod subject;
pub(crate) mod written;

mod rows;

use refrain_schemas::artifact::ArtifactRef;
use refrain_schemas::digest::Digest;
use refrain_schemas::edit::{EditList, EditReport, EditsRecord, TargetEdits};
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;

use self::editor::{Editor, Stamp};
use self::subject::Subject;
use crate::artifact::Pages;
use crate::edits::{EditTable, editable_key};
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::{Batch, Store};

/// One field of a record as a person wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditChange {
    /// The key of the record.
    pub key: String,
    /// The field.
    pub field: String,
    /// What the person saw there; `None` where there was nothing.
    pub base: Option<Json>,
    /// What the person wrote.
    pub value: Json,
}

/// Who edits, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub by: String,
    /// What the person says of it.
    pub note: Option<String>,
    /// Whether the units of new edits are not asked again while these stand, where records are told apart by their units.
    pub locked: bool,
    /// Whether what somebody else has edited since is replaced; it is left and told otherwise.
    pub replace: bool,
    /// Whether nothing is recorded and it is only said what would be.
    pub dry_run: bool,
}

/// Changes that a person made to the records of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRequest {
    /// The phase and scope.
    pub target: Target,
    /// The changes.
    pub changes: Vec<EditChange>,
    /// The revision that the person saw; the latest where it is not known.
    pub seen: Option<Revision>,
    /// Who, and how.
    pub signature: Signature,
    /// What is done, for the history: `import out/ja.csv`.
    pub what: String,
    /// The file that the changes were found in.
    pub imported: Option<Imported>,
}

/// A file that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Its contents.
    pub digest: Digest,
    /// Whether everything that is different in it was taken over.
    pub is_whole: bool,
}

/// Returns the edits of some targets, in pipeline order; those that have none are left out.
pub(crate) async fn edits(engine: &Engine, targets: &[Target]) -> Result<EditList, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let idle = idle::Idle::of(engine, &history).await;
    let mut list = EditList { schema_version: 1, targets: Vec::new() };
    for target in targets {
        let table = EditTable::load(store, history.edits(target)).await?;
        if !table.0.is_empty() {
            let edits = table.0.into_values().collect();
            let idle = idle.why(target);
            list.targets.push(TargetEdits { target: target.clone(), edits, idle });
        }
    }
    Ok(list)
}

/// Records changes.
pub(crate) async fn record_edits(
    engine: &Engine,
    request: &EditRequest,
    holder: &Holder,
) -> Result<EditReport, EngineError> {
    let dry_run = request.signature.dry_run;
    let outcome = alone(engine, holder, dry_run, async {
        let store = &*engine.ports().store;
        let history = History::fold(store.history().await?);
        let subject = Subject::load(engine, &history, &request.target).await?;
        let outcome = changed(engine, &history, &subject, request).await?;
        commit(store, vec![outcome], dry_run).await
    });
    Ok(outcome.await?.pop().unwrap_or_default())
}

/// Whether people can edit the records of a target, and somebody has. A phase may have become one that makes none.
pub(super) fn is_edited(engine: &Engine, history: &History, target: &Target) -> bool {
    let phase = engine.model().phase(target.phase.as_str());
    let is_editable = phase.is_some_and(|phase| editable_key(phase).is_some());
    is_editable && history.edits(target).is_some() && history.latest(target).is_some()
}

/// Makes the changes of a request to the edits of a target; nothing is written yet.
pub(super) async fn changed(
    engine: &Engine,
    history: &History,
    subject: &Subject,
    request: &EditRequest,
) -> Result<Outcome, EngineError> {
    let stamp = Stamp::new(engine, &request.signature);
    let inputs = subject.inputs_of(engine, history, request.seen).await?;
    let mut editor = Editor::new(subject, stamp);
    for change in &request.changes {
        editor.take(change, &inputs, &request.signature)?;
    }
    editor.finish(&request.what, request.imported)
}

/// What became of the edits of a target, not yet written.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What is told.
    pub(super) report: EditReport,
    /// What is written; nothing where nothing changes.
    pub(super) entry: Option<(EditsRecord, Option<(ArtifactRef, Pages)>)>,
}

/// Writes what became of edits, of all targets at once.
pub(super) async fn commit(
    store: &dyn Store,
    outcomes: Vec<Outcome>,
    dry_run: bool,
) -> Result<Vec<EditReport>, EngineError> {
    let mut batch = Batch::default();
    let mut reports = Vec::new();
    for Outcome { mut report, entry } in outcomes {
        report.dry_run = dry_run;
        reports.push(report);
        if let Some((mut record, table)) = entry {
            let (edits, pages) = table.unzip();
            record.edits = edits;
            batch.pages.extend(pages.into_iter().flatten());
            batch.history.push(HistoryEntry::Edits(record));
        }
    }
    if !dry_run && !batch.is_empty() {
        store.commit(batch).await?;
    }
    Ok(reports)
}

/// Does something in the writer's place; where nothing will be written it need not be free.
pub(super) async fn alone<T>(
    engine: &Engine,
    holder: &Holder,
    dry_run: bool,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    if dry_run {
        return work.await;
    }
    let store = &*engine.ports().store;
    store.begin_writing(holder).await?;
    let result = work.await;
    let ended = store.end_writing().await;
    let result = result?;
    ended?;
    Ok(result)
}
