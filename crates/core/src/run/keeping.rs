//! Which contents of exports a run may replace unread; of anything else it keeps a copy.

use std::collections::BTreeSet;

use refrain_schemas::artifact::ArtifactKind;

use crate::history::History;
use crate::ports::files::Replaceable;

/// Returns what is not lost when it is replaced: files whose changes were taken over as edits, and what each target wrote last
/// in the same place. What it wrote there before is there again because somebody put it there, and may be a decision. That an
/// export reads a file makes it nobody's but the person's.
#[must_use]
pub(super) fn replaceable(history: &History) -> Replaceable {
    let mut replaceable = Replaceable::default();
    for (_, past) in history.targets() {
        past.imported().into_iter().for_each(|digest| replaceable.add(digest));
        let records = past.revisions.iter().rev().map(|(_, record)| record);
        let exports = records.filter(|record| record.artifact.kind == ArtifactKind::Files);
        let mut seen = BTreeSet::new();
        let files = exports.flat_map(|record| &record.files);
        files.filter(|file| seen.insert(&file.path)).for_each(|file| replaceable.add_written(file));
    }
    replaceable
}
