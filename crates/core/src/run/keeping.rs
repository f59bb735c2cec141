//! Exports that people changed: what they made of them is kept beside before it is replaced.
//!
//! A file that was imported since, or that is what the run would write anyway, needs no copy.

use std::collections::BTreeSet;

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::report::KeptFile;

use crate::history::History;
use crate::ports::files::{FileError, RecordTarget, TargetWriter, Written};

/// Returns the contents of files whose changes were taken over as edits.
#[must_use]
pub(super) fn imported(history: &History) -> BTreeSet<Digest> {
    let edits = history.targets().flat_map(|(_, past)| &past.edits);
    edits.filter_map(|record| record.imported).collect()
}

/// Puts files in their place, having kept those among them that somebody `altered` and nobody took over.
pub(super) async fn finish(
    writer: &dyn TargetWriter,
    target: Box<dyn RecordTarget>,
    altered: &[String],
    imported: &BTreeSet<Digest>,
) -> Result<(Written, Vec<KeptFile>), FileError> {
    let mut copies: Vec<(String, FileStamp)> = Vec::new();
    for path in altered {
        let copy = writer.keep(path, imported).await?;
        copies.extend(copy.map(|copy| (path.clone(), copy)));
    }
    let finished = target.finish();
    let mut kept = Vec::new();
    for (path, copy) in copies {
        let is_there = |file: &FileStamp| file.path == path && file.digest == copy.digest;
        // Where the same was written, the person's file is still in its place. Where writing failed nobody knows: of several
        // files some may have been replaced already, and a copy too many costs nothing.
        if finished.as_ref().is_ok_and(|written| written.files.iter().any(is_there)) {
            writer.drop_kept(&copy).await?;
        } else {
            kept.push(KeptFile { path, copy: copy.path });
        }
    }
    Ok((finished?, kept))
}
