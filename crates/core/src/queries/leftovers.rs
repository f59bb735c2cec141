//! Files that an earlier revision of an export wrote and that no present one writes, such as those of a source that was renamed.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::scope::Target;

use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::Work;

/// A file that is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The file, relative to the project.
    pub path: String,
    /// The target that wrote it last.
    pub target: Target,
}

/// Returns the files that are left over, by their paths. A file that is not as it was written is none, nor is one that the
/// project reads.
pub(crate) async fn leftovers(engine: &Engine) -> Result<Vec<Leftover>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let mut wrote: BTreeMap<&str, (&Target, Vec<&FileStamp>)> = BTreeMap::new();
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for (target, past) in history.targets() {
        let latest = history.latest(target).map(|record| record.revision);
        for (_, record) in &past.revisions {
            let is_present = is_kept(engine, target) && Some(record.revision) == latest;
            if is_present || !is_write(record) {
                needed.extend(record.files.iter().map(|file| file.path.as_str()));
            } else {
                for file in &record.files {
                    let known = wrote.entry(&file.path).or_insert((target, Vec::new()));
                    known.0 = target;
                    known.1.push(file);
                }
            }
            needed.extend(record.patched.iter().map(|file| file.path.as_str()));
        }
    }
    wrote.retain(|path, _| !needed.contains(path));
    let known: Vec<FileStamp> =
        wrote.values().filter_map(|(_, files)| files.last().map(|file| (*file).clone())).collect();
    let now = engine.ports().writer.stamps(&known).await?;
    let unchanged = now.into_iter().filter_map(|file| {
        let (target, written) = wrote.get(file.path.as_str())?;
        let is_ours = written.iter().any(|wrote| wrote.digest == file.digest);
        is_ours.then(|| Leftover { path: file.path, target: (*target).clone() })
    });
    Ok(unchanged.collect())
}

/// Whether the project still has a target; one of a phase that is switched off has its files kept.
fn is_kept(engine: &Engine, target: &Target) -> bool {
    let phase = engine.model().phase(target.phase.as_str());
    let is_export = phase.is_some_and(|phase| matches!(phase.work, Work::Write(_)));
    is_export && (phase.is_some_and(|phase| !phase.enabled) || engine.model().targets().contains(target))
}

/// Whether a revision wrote its files rather than read them. One that patches has sources as well, which are not its files.
fn is_write(record: &RevisionRecord) -> bool {
    !record.patched.is_empty() || record.lineage.sources.is_empty()
}
