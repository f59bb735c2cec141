//! What phases make.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What kind of thing an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// Records in order.
    Records,
    /// One JSON value.
    Document,
    /// Files outside the store.
    Files,
}

/// An artifact as the history names it; its contents are a tree of pages in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactRef {
    /// The kind.
    pub kind: ArtifactKind,
    /// The digest of the contents, holes included: the same contents have the same digest.
    pub digest: Digest,
    /// How many records, files or documents, holes not counted.
    pub records: u64,
    /// How many holes: units that failed.
    pub holes: u64,
}

/// The marks by which a change of a file is noticed without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileStamp {
    /// The file, relative to the project, with `/` between folders.
    pub path: String,
    /// The digest of the contents.
    pub digest: Digest,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change, in nanoseconds since 1970.
    pub modified: i64,
    /// The inode number; zero where the system has none.
    pub inode: u64,
    /// Whether the file was so young when it was hashed that a later change might keep its time.
    pub young: bool,
}

impl FileStamp {
    /// Whether two stamps are of the same file with the same contents.
    #[must_use]
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.path == other.path && self.digest == other.digest
    }
}
