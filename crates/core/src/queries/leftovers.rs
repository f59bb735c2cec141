//! Files that an earlier revision of an export wrote and that no present one writes, such as those of a source that was renamed.
//!
//! What is left over may be removed, so whatever is in doubt is not. Several pipeline files of one folder share its history,
//! which does not say whose a revision is: what phases wrote that this pipeline does not have may be another's.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::scope::Target;

use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::Work;

mod needed;

/// A file that is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The file, as it is now.
    pub file: FileStamp,
    /// The target that wrote it last.
    pub target: Target,
}

/// Returns the files that are left over, by their paths. A file that is not as it was written is none, nor is one that the
/// project reads or names, under whatever spelling.
pub(crate) async fn leftovers(engine: &Engine) -> Result<Vec<Leftover>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let mut told = Told::by(engine, &history);
    told.wrote.retain(|path, _| !told.needed.contains(path));
    let known = told.wrote.values().filter_map(|(_, files)| files.last().map(|file| (*file).clone()));
    let known: Vec<FileStamp> = known.collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let now = engine.ports().writer.stamps(&known).await?;
    let unchanged = now.into_iter().filter_map(|file| {
        let (target, written) = told.wrote.get(&file.path)?;
        let is_ours = written.iter().any(|wrote| wrote.digest == file.digest);
        is_ours.then(|| Leftover { file, target: (*target).clone() })
    });
    let mut unchanged: Vec<Leftover> = unchanged.collect();
    if !unchanged.is_empty() {
        needed::retain_free(engine, &history, told.needed, &mut unchanged).await?;
    }
    Ok(unchanged)
}

/// What the history tells of files.
#[derive(Default)]
struct Told<'a> {
    /// Files that were written and that no latest revision has, each with who wrote it last.
    wrote: BTreeMap<String, (&'a Target, Vec<&'a FileStamp>)>,
    /// Files that were read, that present revisions wrote, or that are not this pipeline's.
    needed: BTreeSet<String>,
}

impl<'a> Told<'a> {
    fn by(engine: &Engine, history: &'a History) -> Self {
        let mut told = Self::default();
        for (target, past) in history.targets() {
            let latest = history.latest(target).map(|record| record.revision);
            let (is_ours, is_kept) = (is_export(engine, target), is_kept(engine, target));
            for (_, record) in &past.revisions {
                let is_present = is_kept && Some(record.revision) == latest;
                told.needed.extend(record.patched.iter().map(|file| file.path.clone()));
                told.needed.extend(record.lineage.context_files.keys().cloned());
                if is_present || !is_ours || !is_write(record) {
                    told.needed.extend(record.files.iter().map(|file| file.path.clone()));
                    continue;
                }
                for file in &record.files {
                    let known = told.wrote.entry(file.path.clone()).or_insert((target, Vec::new()));
                    known.0 = target;
                    known.1.push(file);
                }
            }
        }
        told
    }
}

/// Whether a target is of a phase of this pipeline that exports.
fn is_export(engine: &Engine, target: &Target) -> bool {
    let phase = engine.model().phase(target.phase.as_str());
    phase.is_some_and(|phase| matches!(phase.work, Work::Write(_)))
}

/// Whether the project still has a target; one of a phase that is switched off has its files kept.
fn is_kept(engine: &Engine, target: &Target) -> bool {
    let phase = engine.model().phase(target.phase.as_str());
    phase.is_some_and(|phase| !phase.enabled) || engine.model().targets().contains(target)
}

/// Whether a revision wrote its files rather than read them. One that patches has sources as well, which are not its files.
fn is_write(record: &RevisionRecord) -> bool {
    !record.patched.is_empty() || record.lineage.sources.is_empty()
}
