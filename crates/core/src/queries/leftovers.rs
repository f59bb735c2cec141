//! Files that an earlier revision of an export wrote and that no present one writes, such as those of a source that was renamed.
//!
//! What is left over may be removed, so whatever is in doubt is not. Several pipeline files of one folder share its history:
//! what others of them wrote is theirs, whatever their phases are called, and so is what no pipeline file is known of.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::name::Revision;
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
    let known = told.known();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let now = engine.ports().writer.stamps(&known).await?;
    let unchanged = now.into_iter().filter_map(|file| {
        let (target, _) = told.writer(&file)?;
        Some(Leftover { target: target.clone(), file })
    });
    let mut unchanged: Vec<Leftover> = unchanged.collect();
    if !unchanged.is_empty() {
        needed::retain_free(engine, &history, told.needed, &mut unchanged).await?;
    }
    Ok(unchanged)
}

/// Returns the revisions without which nobody would know any more that files are left over, now or once the project does not
/// need them; `gone` are files that are removed, or would be. What cannot be looked at now counts as there.
pub(crate) async fn witnesses(
    engine: &Engine,
    history: &History,
    gone: &[String],
) -> BTreeSet<(Target, Revision)> {
    let mut told = Told::by(engine, history);
    told.wrote.retain(|path, _| !told.needed.contains(path) && !gone.contains(path));
    let known = told.known();
    let now = if known.is_empty() { Ok(Vec::new()) } else { engine.ports().writer.stamps(&known).await };
    let there = now.unwrap_or(known);
    let writers = there.iter().filter_map(|file| told.writer(file));
    writers.map(|(target, revision)| (target.clone(), revision)).collect()
}

/// A file as a revision wrote it.
type Wrote<'a> = (&'a Target, Revision, &'a FileStamp);

/// What the history tells of files.
#[derive(Default)]
struct Told<'a> {
    /// Files that were written and that no latest revision has, each as it was written, last comes last.
    wrote: BTreeMap<String, Vec<Wrote<'a>>>,
    /// Files that were read, that present revisions wrote, or that are not this pipeline's.
    needed: BTreeSet<String>,
}

impl<'a> Told<'a> {
    fn by(engine: &Engine, history: &'a History) -> Self {
        let mut told = Self::default();
        for (target, past) in history.targets() {
            let is_ours = |record: &RevisionRecord| record.pipeline.as_deref() == engine.pipeline();
            let mut ours =
                past.revisions.iter().rev().map(|(_, record)| record).filter(|record| is_ours(record));
            let latest = ours.next().map(|record| record.revision);
            let (is_export, is_kept) = (is_export(engine, target), is_kept(engine, target));
            for (_, record) in &past.revisions {
                let is_present = is_kept && Some(record.revision) == latest;
                told.needed.extend(record.patched.iter().map(|file| file.path.clone()));
                told.needed.extend(record.lineage.context_files.keys().cloned());
                if is_present || !is_export || !is_ours(record) || !is_write(record) {
                    told.needed.extend(record.files.iter().map(|file| file.path.clone()));
                    continue;
                }
                for file in &record.files {
                    told.wrote.entry(file.path.clone()).or_default().push((target, record.revision, file));
                }
            }
        }
        told
    }

    /// Returns the files as they were written last.
    fn known(&self) -> Vec<FileStamp> {
        let last = self.wrote.values().filter_map(|wrote| wrote.last());
        last.map(|(_, _, file)| (*file).clone()).collect()
    }

    /// Returns who wrote a file last as it is now.
    fn writer(&self, now: &FileStamp) -> Option<(&'a Target, Revision)> {
        let wrote = self.wrote.get(&now.path)?.iter().rev();
        let same = wrote.clone().find(|(_, _, file)| file.digest == now.digest);
        same.map(|(target, revision, _)| (*target, *revision))
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
