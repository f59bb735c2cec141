//! The files that exports wrote, and which records are in them.

use std::collections::BTreeSet;

use refrain_schemas::artifact::{ArtifactRef, FileStamp};
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use super::import::Returned;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{Work, WriteWork};

/// A file that an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// The file, relative to the project.
    pub path: String,
    /// The target that wrote it.
    pub target: Target,
    /// The latest of its revisions that did.
    pub revision: Revision,
    /// The files that it was made a changed copy of, or that others of the same revision were.
    pub patched: Vec<String>,
}

/// Returns the files that exports wrote, in pipeline order and then by path.
pub(crate) async fn written(engine: &Engine) -> Result<Vec<WrittenFile>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let mut written = Vec::new();
    for target in engine.model().targets() {
        let is_export = engine
            .model()
            .phase(target.phase.as_str())
            .is_some_and(|phase| matches!(phase.work, Work::Write(_)));
        let past = history.target(&target).filter(|_| is_export);
        let revisions = past.map_or(&[][..], |past| past.revisions.as_slice());
        let mut seen = BTreeSet::new();
        let mut files = Vec::new();
        for (_, record) in revisions.iter().rev() {
            let new = record.files.iter().filter(|file| seen.insert(file.path.clone()));
            files.extend(new.map(|file| WrittenFile {
                path: file.path.clone(),
                target: target.clone(),
                revision: record.revision,
                patched: record.patched.iter().map(|stamp| stamp.path.clone()).collect(),
            }));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        written.extend(files);
    }
    Ok(written)
}

/// A revision of an export, and the records it wrote.
#[derive(Debug, Clone)]
pub(super) struct Exported {
    pub(super) revision: Revision,
    /// The target whose records were written.
    pub(super) of: Target,
    /// Its revision.
    pub(super) of_revision: Revision,
    pub(super) artifact: ArtifactRef,
    /// Whether the file is as this revision wrote it.
    pub(super) as_is: bool,
}

/// Returns the revisions of an export that wrote a file, newest first; of several that wrote the same records, the newest.
/// Where one of them wrote just these contents, it is that one alone: nothing was changed. Of a file in its place that is so
/// only where it is the newest: what somebody puts back there is a change.
pub(super) fn exported(history: &History, work: &WriteWork, returned: &Returned) -> Vec<Exported> {
    let past = history.target(&returned.export).map_or(&[][..], |past| past.revisions.as_slice());
    let records = past.iter().rev().map(|(_, record)| record);
    let records = records.filter(|record| returned.revision.is_none_or(|named| named == record.revision));
    let file = |record| Some((record, file_of(record, &returned.path)?));
    let wrote: Vec<_> = records.filter_map(file).collect();
    let may_be_as_is = if returned.in_place { 1 } else { wrote.len() };
    let is_as_is = |(_, file): &&(_, &FileStamp)| file.digest == returned.digest;
    if let Some((record, _)) = wrote.iter().take(may_be_as_is).find(is_as_is) {
        return exported_by(record, work, true).into_iter().collect();
    }
    let mut seen = BTreeSet::new();
    wrote
        .into_iter()
        .filter_map(|(record, _)| exported_by(record, work, false))
        .filter(|exported| seen.insert((exported.of.clone(), exported.artifact.digest)))
        .collect()
}

fn file_of<'r>(record: &'r RevisionRecord, path: &str) -> Option<&'r FileStamp> {
    record.files.iter().find(|file| file.path == path)
}

/// Returns the records that a revision wrote: those of the first alternative that was there.
fn exported_by(record: &RevisionRecord, work: &WriteWork, as_is: bool) -> Option<Exported> {
    let read = || record.lineage.upstream.values().flatten().filter(|upstream| upstream.read);
    let chosen = work.of.iter().find(|phase| read().any(|upstream| upstream.target.phase == **phase))?;
    let mut of_phase = read().filter(|upstream| upstream.target.phase == *chosen);
    let upstream = of_phase.next()?;
    // Records of several scopes in one file cannot be told apart by their keys.
    of_phase.next().is_none().then(|| Exported {
        revision: record.revision,
        of: upstream.target.clone(),
        of_revision: upstream.revision,
        artifact: upstream.artifact.clone(),
        as_is,
    })
}
