//! Which contents of exports a run may replace unread; of anything else it keeps a copy.

use refrain_schemas::artifact::ArtifactKind;

use crate::history::History;
use crate::ports::files::Replaceable;

/// Returns what is not lost when it is replaced: files whose changes were taken over as edits, and what any revision of any
/// target wrote in the same place. That an export reads a file makes it nobody's but the person's.
#[must_use]
pub(super) fn replaceable(history: &History) -> Replaceable {
    let mut replaceable = Replaceable::default();
    for (_, past) in history.targets() {
        past.imported().into_iter().for_each(|digest| replaceable.add(digest));
        let records = past.revisions.iter().map(|(_, record)| record);
        let exports = records.filter(|record| record.artifact.kind == ArtifactKind::Files);
        exports.flat_map(|record| &record.files).for_each(|file| replaceable.add_written(file));
    }
    replaceable
}
