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
    history.targets().flat_map(|(_, past)| past.imported()).collect()
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use futures::FutureExt as _;
    use refrain_schemas::json::Json;
    use serde_json::{Map, Value};

    use super::*;

    /// Files by their names, as a list in order; writing replaces them one by one and fails at the one named `bad`.
    #[derive(Debug, Clone, Default)]
    struct Files(Arc<Mutex<Vec<(String, String)>>>);

    fn stamp(path: &str, text: &str) -> FileStamp {
        let digest = Digest::of_content(text.as_bytes());
        FileStamp { path: path.to_owned(), digest, size: 0, modified: 0, inode: 0, young: false }
    }

    #[async_trait]
    impl TargetWriter for Files {
        async fn stamps(&self, _: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
            Ok(Vec::new())
        }

        async fn inputs(&self, _: &Map<String, Value>, _: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
            Ok(Vec::new())
        }

        async fn open(&self, _: &Map<String, Value>, _: &str) -> Result<Box<dyn RecordTarget>, FileError> {
            Ok(Box::new(self.clone()))
        }

        async fn keep(&self, path: &str, _: &BTreeSet<Digest>) -> Result<Option<FileStamp>, FileError> {
            let mut files = self.0.lock().unwrap();
            let text = files.iter().find(|(name, _)| name == path).unwrap().1.clone();
            let name = format!("{path}.edited-1");
            files.push((name.clone(), text.clone()));
            Ok(Some(stamp(&name, &text)))
        }

        async fn drop_kept(&self, copy: &FileStamp) -> Result<(), FileError> {
            self.0.lock().unwrap().retain(|(name, _)| *name != copy.path);
            Ok(())
        }
    }

    impl RecordTarget for Files {
        fn write(&mut self, _: &[Json]) -> Result<(), FileError> {
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<Written, FileError> {
            let mut written = Written { files: Vec::new(), patched: Vec::new() };
            for (name, text) in
                self.0.lock().unwrap().iter_mut().filter(|(name, _)| !name.contains(".edited"))
            {
                if name == "bad" {
                    return Err(FileError::Missing { path: name.clone() });
                }
                "new".clone_into(text);
                written.files.push(stamp(name, text));
            }
            Ok(written)
        }
    }

    /// Writes files that a person altered, and returns whether that was done and what there is then.
    fn written(files: &[(&str, &str)]) -> (bool, Vec<String>) {
        let all = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let writer = Files(Arc::new(Mutex::new(all)));
        let altered: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let done =
            finish(&writer, Box::new(writer.clone()), &altered, &BTreeSet::new()).now_or_never().unwrap();
        let there = writer.0.lock().unwrap().iter().map(|(name, text)| format!("{name}: {text}")).collect();
        (done.is_ok(), there)
    }

    #[test]
    fn what_was_replaced_before_writing_failed_is_kept() {
        let (is_done, there) = written(&[("a", "mine"), ("bad", "mine too")]);
        let expect = ["a: new", "bad: mine too", "a.edited-1: mine", "bad.edited-1: mine too"];
        assert!(!is_done);
        assert_eq!(there, expect);
        assert_eq!(written(&[("a", "new"), ("b", "mine")]).1, ["a: new", "b: new", "b.edited-1: mine"]);
    }
}
