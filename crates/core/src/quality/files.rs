//! The files that a step wrote: whether they are there, as they were written, and how large they are.

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::quality::{Category, Severity};

use super::Step;
use super::contents::Contents;
use super::tally::{Rule, Tally};
use crate::engine::Engine;
use crate::history::History;
use crate::left::left_by_later;
use crate::prepare::absence;

/// A file above this is worth a look.
const LARGE: u64 = 10 << 20;
/// Files up to this are read.
const READ: u64 = 256 << 10;

const MISSING: Rule = Rule { name: "file_missing", severity: Severity::Error, category: Category::Structure };
const ALTERED: Rule = Rule { name: "file_altered", severity: Severity::Info, category: Category::Compliance };
const EMPTY: Rule = Rule { name: "file_empty", severity: Severity::Warning, category: Category::Size };
const TOO_LARGE: Rule = Rule { name: "file_large", severity: Severity::Warning, category: Category::Size };

/// Looks at the files of a step; those of a revision that is not the latest may have been written anew since.
pub(super) async fn look(
    engine: &Engine,
    history: &History,
    step: &Step<'_>,
    contents: &mut Contents<'_>,
    tally: &mut Tally,
) {
    let latest = history.latest(step.target);
    let Some(record) = latest.filter(|record| Some(record.revision) == step.report.revision) else { return };
    let reads = step.phase.is_some_and(|phase| matches!(phase.work, crate::model::Work::Read(_)));
    let left = left_by_later(engine.model(), history, step.target, record.files.iter().cloned());
    for file in record.files.iter().filter(|_| !reads) {
        one(engine, step, file, &left, contents, tally).await;
    }
}

async fn one(
    engine: &Engine,
    step: &Step<'_>,
    file: &FileStamp,
    left: &[FileStamp],
    contents: &mut Contents<'_>,
    tally: &mut Tally,
) {
    let files = &engine.ports().files;
    let name = step.target.to_string();
    let mut add =
        |rule: Rule, message: &str| tally.add(rule, &name, None, message.to_owned(), Some(&file.path));
    let found = files.stamp(&file.path, Some(file)).await;
    let digest = found.as_ref().map_or_else(|_| absence(), |found| found.digest);
    // What a later step made of it is told of there.
    if left.iter().any(|left| left.path == file.path && left.digest == digest) {
        return;
    }
    // It was removed, and is not there.
    if file.digest == digest && found.is_err() {
        return;
    }
    let Ok(found) = found else {
        return add(MISSING, "a file that it wrote is not there");
    };
    if found.digest != file.digest {
        add(ALTERED, "a file is not as it wrote it");
    }
    match found.size {
        0 => add(EMPTY, "a file that it wrote is empty"),
        LARGE.. => add(TOO_LARGE, "a file that it wrote is larger than 10 MiB"),
        _ => {}
    }
    if found.size > 0 && found.size <= READ && found.digest == file.digest {
        let bytes = files.read(&file.path).await.unwrap_or_default();
        if let Ok(text) = String::from_utf8(bytes) {
            contents.text(step, &file.path, &text, tally);
        }
    }
}
