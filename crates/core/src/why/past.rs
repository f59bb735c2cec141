//! What a revision was made from, rebuilt from its lineage.

use std::sync::Arc;

use async_trait::async_trait;
use refrain_schemas::artifact::{ArtifactKind, FileStamp};
use refrain_schemas::digest::Digest;
use refrain_schemas::history::Lineage;
use refrain_schemas::json::Json;

use crate::artifact;
use crate::edits::EditsNow;
use crate::judge::{Now, UpstreamNow};
use crate::ports::files::{FileError, Loaded, ProjectFiles};
use crate::ports::store::Store;
use crate::tree::sequence::Sequence;

/// Returns what was, in the form of what is.
pub(super) fn past(now: &Now, lineage: &Lineage) -> Now {
    let upstream = now.upstream.iter().map(|upstream| {
        let was = lineage.upstream.get(&upstream.target.to_string()).and_then(Option::as_ref);
        UpstreamNow { artifact: was.map(|was| (was.revision, was.artifact.clone())), ..upstream.clone() }
    });
    Now {
        definition: lineage.definition.clone(),
        upstream: upstream.collect(),
        generation: lineage.generation,
        edits: EditsNow::default(),
        ..now.clone()
    }
}

/// The context files of a revision, as the store keeps them.
#[derive(Debug)]
pub(super) struct PastFiles {
    store: Arc<dyn Store>,
    lineage: Lineage,
}

impl PastFiles {
    pub(super) fn new(store: Arc<dyn Store>, lineage: Lineage) -> Self {
        Self { store, lineage }
    }
}

#[async_trait]
impl ProjectFiles for PastFiles {
    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing { path: path.to_owned() })
    }

    async fn stamp(&self, path: &str, _: Option<&FileStamp>) -> Result<FileStamp, FileError> {
        let file = self.lineage.context_files.get(path);
        let digest = file.map_or_else(|| Digest::of_content(&[]), |file| file.file);
        Ok(FileStamp { path: path.to_owned(), digest, size: 0, modified: 0, inode: 0, young: false })
    }

    async fn exists(&self, path: &str) -> bool {
        self.lineage.context_files.contains_key(path)
    }

    async fn load(&self, path: &str, _: Option<char>) -> Result<Loaded, FileError> {
        let missing = || FileError::Missing { path: path.to_owned() };
        // A file that was no context then is an empty one now: none of its entries was seen.
        let Some(file) = self.lineage.context_files.get(path) else { return Ok(Loaded::Records(Vec::new())) };
        let sequence =
            Sequence::open_whole(&*self.store, file.artifact.digest).await.map_err(|_| missing())?;
        Ok(match file.artifact.kind {
            ArtifactKind::Records => Loaded::Records(
                sequence.iter().map(|(_, entry)| Json::from_canonical(entry.text())).collect(),
            ),
            _ => Loaded::Document(artifact::whole(&sequence, false)),
        })
    }
}
