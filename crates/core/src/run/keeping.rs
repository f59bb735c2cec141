//! Which contents of exports a run may replace unread; of anything else it keeps a copy.

use std::collections::BTreeSet;

use refrain_schemas::artifact::{ArtifactKind, FileStamp};

use crate::history::{History, TargetHistory};
use crate::ports::files::Replaceable;

/// Returns what is not lost when it is replaced: files whose changes were taken over as edits, and what each target wrote last
/// in the same place. What it wrote there before is there again because somebody put it there, and may be a decision. That an
/// export reads a file makes it nobody's but the person's.
#[must_use]
pub(super) fn replaceable(history: &History) -> Replaceable {
    let mut replaceable = Replaceable::default();
    let mut written = Vec::new();
    for (_, past) in history.targets() {
        past.imported().into_iter().for_each(|digest| replaceable.add(digest));
        past.imported_in_part().into_iter().for_each(|digest| replaceable.add_in_part(digest));
        written.extend(last_written(past));
    }
    // Several targets may have written in one place.
    written.sort_by_key(|(position, _)| *position);
    written.into_iter().for_each(|(_, file)| replaceable.add_written(file));
    replaceable
}

/// Returns what a target wrote last in each place, with the position of that in the history.
fn last_written(past: &TargetHistory) -> Vec<(usize, &FileStamp)> {
    let revisions = past.revisions.iter().rev();
    let exports = revisions.filter(|(_, record)| record.artifact.kind == ArtifactKind::Files);
    let files = exports.flat_map(|(position, record)| record.files.iter().map(|file| (*position, file)));
    let mut seen = BTreeSet::new();
    files.filter(|(_, file)| seen.insert(&file.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_schemas::artifact::ArtifactRef;
    use refrain_schemas::digest::Digest;
    use refrain_schemas::history::{HistoryEntry, Lineage};
    use refrain_schemas::name::RunId;
    use refrain_schemas::scope::Target;
    use refrain_schemas::time::Timestamp;

    fn wrote(history: &mut History, target: &str, text: &str) {
        let target: Target =
            serde_json::from_value(serde_json::json!({"phase": target, "scope": {}})).unwrap();
        let digest = Digest::of_content(text.as_bytes());
        let artifact: ArtifactRef = serde_json::from_value(
            serde_json::json!({"kind": "files", "digest": digest, "records": 1, "holes": 0}),
        )
        .unwrap();
        let (nobody, at) = (RunId::new(uuid::Uuid::nil()), Timestamp::from_micros(0));
        let mut record = history.next_record(&target, nobody, at, artifact, Lineage::default());
        let (size, modified, inode, young) = (text.len() as u64, 0, 0, false);
        record.files = vec![FileStamp { path: "out.csv".to_owned(), digest, size, modified, inode, young }];
        history.apply(HistoryEntry::Revision(Box::new(record)));
    }

    #[test]
    fn of_two_targets_that_wrote_one_file_the_last_is_the_one_it_is_held_against() {
        for order in [["one", "two"], ["two", "one"]] {
            let mut history = History::default();
            order.iter().for_each(|target| wrote(&mut history, target, target));
            let mut last = None;
            let look = |stamp: Option<&FileStamp>| {
                last = stamp.cloned();
                Ok::<_, ()>(last.as_ref().map(|stamp| stamp.digest))
            };
            assert_eq!(replaceable(&history).allows("out.csv", look), Ok(true));
            assert_eq!(last.map(|stamp| stamp.digest), Some(Digest::of_content(order[1].as_bytes())));
        }
    }
}
