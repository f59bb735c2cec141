//! Stamps that came to vouch: files that had to be read to be known, because they were too young when their stamps were
//! taken, and were found to be as they were.

use std::time::Duration;

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::history::{HistoryEntry, RevisionRecord, StampsRecord};

use crate::facts;
use crate::judge::Now;
use crate::model::Work;

use super::input::TargetNo;
use super::perform::Performer;
use super::state::RunState;

/// A file that was read so long ago is no longer young, whenever it was changed before.
const GROWN_UP: Duration = Duration::from_secs(2);

impl RunState {
    /// Takes note of the stamps of a target that is kept, where they vouch for more than those on record.
    pub(super) fn renew_stamps(&mut self, no: TargetNo, now: &Now) {
        let target = self.targets[no].target.clone();
        let record = self.history.latest(&target);
        let seen = now.sources.iter().chain(&now.exports);
        if let Some(entry) = record.and_then(|record| renewal(record, seen)) {
            self.write(entry);
        }
    }

    /// Returns the latest revisions of this run whose sources were too young for their stamps when they were read, and are
    /// no longer.
    fn grown_up(&self) -> impl Iterator<Item = (TargetNo, &RevisionRecord)> {
        let records = (0..self.targets.n_planned())
            .filter_map(|no| Some((no, self.history.latest(&self.targets[no].target)?)));
        records.filter(|(_, record)| {
            let is_young = record.files.iter().any(|file| file.young);
            is_young && record.run_id == self.run_id && self.now.since(record.at) >= GROWN_UP
        })
    }
}

impl Performer {
    /// Looks again at sources that were too young when this run read them, so that nobody has to read them later.
    pub(super) async fn look_again(&self, state: &RunState) -> Vec<HistoryEntry> {
        let mut renewed = Vec::new();
        for (no, record) in state.grown_up() {
            let Work::Read(work) = &self.phase(no).work else { continue };
            let Ok(params) = facts::params(&self.model, &work.agent, &record.target) else { continue };
            // What cannot be read now will be told by whoever needs it.
            let seen = self.ports.reader.stamps(&params, &record.files).await.unwrap_or_default();
            renewed.extend(renewal(record, seen.iter()));
        }
        renewed
    }
}

/// Returns the entry that renews the stamps of a revision's files, of which some were found to be what they were.
fn renewal<'a>(record: &RevisionRecord, seen: impl Iterator<Item = &'a FileStamp>) -> Option<HistoryEntry> {
    let is_renewed = |seen: &&FileStamp| {
        let mut known = record.files.iter().chain(&record.patched).chain(&record.read);
        !seen.young && known.any(|known| known.is_same_file(seen) && known != *seen)
    };
    let files: Vec<FileStamp> = seen.filter(is_renewed).cloned().collect();
    let (target, revision) = (record.target.clone(), record.revision);
    (!files.is_empty()).then_some(HistoryEntry::Stamps(StampsRecord { target, revision, files }))
}

#[cfg(test)]
mod tests {
    use refrain_schemas::artifact::{ArtifactKind, ArtifactRef};
    use refrain_schemas::digest::Digest;
    use refrain_schemas::history::Lineage;
    use refrain_schemas::name::RunId;
    use refrain_schemas::scope::{Scope, Target};
    use refrain_schemas::time::Timestamp;

    use super::*;
    use crate::history::History;

    fn stamp(path: &str, contents: &str, modified: i64, young: bool) -> FileStamp {
        let digest = Digest::of_content(contents.as_bytes());
        FileStamp { path: path.to_owned(), digest, size: 1, modified, inode: 0, young }
    }

    fn revision(history: &History, files: Vec<FileStamp>) -> RevisionRecord {
        let digest = Digest::of_content(b"");
        let artifact = ArtifactRef { kind: ArtifactKind::Records, digest, records: 0, holes: 0 };
        let target = Target { phase: "ingest".parse().unwrap(), scope: Scope::none() };
        let (nobody, at) = (RunId::new(uuid::Uuid::nil()), Timestamp::from_micros(0));
        let record = history.next_record(&target, nobody, at, artifact, Lineage::default());
        RevisionRecord { files, ..record }
    }

    #[test]
    fn stamps_are_renewed_of_files_that_are_what_they_were_and_of_no_others() {
        let mut history = History::default();
        let files = vec![stamp("a", "1", 1, true), stamp("b", "1", 1, true), stamp("c", "1", 1, false)];
        let record = revision(&history, files);
        history.apply(HistoryEntry::Revision(Box::new(record.clone())));
        let young = [stamp("a", "1", 1, true), stamp("b", "2", 1, false), stamp("c", "1", 1, false)];
        assert_eq!(renewal(&record, young.iter()), None, "too young, changed, known");
        let grown = [stamp("a", "1", 1, false), stamp("b", "2", 1, false), stamp("c", "1", 9, false)];
        let entry = renewal(&record, grown.iter()).unwrap();
        history.apply(entry.clone());
        let latest = history.latest(&record.target).unwrap();
        assert_eq!(latest.files, [grown[0].clone(), record.files[1].clone(), grown[2].clone()]);
        // What was renewed for one revision says nothing of the next.
        let next = revision(&history, vec![stamp("a", "1", 5, true)]);
        history.apply(HistoryEntry::Revision(Box::new(next.clone())));
        history.apply(entry);
        assert_eq!(history.latest(&record.target), Some(&next));
    }
}
