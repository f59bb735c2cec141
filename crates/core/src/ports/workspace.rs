//! The files that tools work with.

use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use refrain_schemas::artifact::FileStamp;

use super::files::FileError;

/// Reads and changes the files below the project's folder, and no others.
///
/// - Paths have `/` between folders. `..` and absolute paths are followed as far as they stay inside.
/// - A path that leads out of the project, by itself or by a link, MUST be refused, for reading as for writing.
/// - What steers this program or others (its state, pipeline files, repositories, secrets) MUST NOT be changed.
#[async_trait]
pub trait Workspace: Debug + Send + Sync + 'static {
    /// Says whether a path is one that tools may read, or change, without looking at what is there.
    ///
    /// # Errors
    /// Fails where it is not.
    fn judge(&self, path: &str, is_changed: bool) -> Result<(), FileError>;

    /// Returns the contents of a file.
    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// Writes a file, and makes the folders that it is in.
    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError>;

    /// Copies a file, or a folder with all that is in it.
    async fn copy(&self, from: &str, to: &str) -> Result<(), FileError>;

    /// Gives a file or folder another place.
    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError>;

    /// Removes a file, or a folder with all that is in it.
    async fn remove(&self, path: &str) -> Result<(), FileError>;

    /// Returns what is in a folder, by name in order.
    async fn list(&self, path: &str) -> Result<Vec<Listed>, FileError>;

    /// Makes a folder where there is none; returns where it is on the disk.
    async fn folder(&self, path: &str) -> Result<PathBuf, FileError>;

    /// Says what lies at a path, without opening it; none where there is nothing. A link is what it leads to.
    async fn kind(&self, path: &str) -> Result<Option<Kind>, FileError>;

    /// Returns the stamp of a file; none where there is none. A folder is no file, and refused.
    async fn stamp(&self, path: &str) -> Result<Option<FileStamp>, FileError>;
}

/// Says why a path, as it is written, cannot lie in the project, where that is not seen by following it.
#[must_use]
pub fn no_path(path: &str) -> Option<String> {
    let message = "paths start in the project's folder, and `~` is no folder of it";
    (path == "~" || path.starts_with("~/")).then(|| format!("{path}: {message}"))
}

/// Says why a path, as it is written, cannot be that of a file.
#[must_use]
pub fn no_file(path: &str) -> Option<String> {
    let is_folder = !path.is_empty() && matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    no_path(path).or_else(|| is_folder.then(|| format!("{path} is a folder; name a file in it")))
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file, or what is neither: a pipe, a device.
    File,
    /// A folder.
    Folder,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its path from the project's folder.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// How many bytes a file has.
    pub size: u64,
}
