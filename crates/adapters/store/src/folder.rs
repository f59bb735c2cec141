//! The state folder: the names in it and the small files that are replaced whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use refrain_core::ports::store::StoreError;

use crate::error::failed_to;
use crate::key_index::SegmentSizes;
use crate::storage::{Access, Storage, StorageFile};

/// Returns the state folder of a project.
#[must_use]
pub fn state_folder(project_dir: &Path) -> PathBuf {
    project_dir.join(".refrain")
}

/// The state folder on some storage.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    sync: bool,
    sizes: SegmentSizes,
}

impl Folder {
    /// Looks at a folder; where `sync` is set, what is written into it survives a loss of power.
    pub(crate) const fn new(
        storage: Arc<dyn Storage>,
        path: PathBuf,
        sync: bool,
        sizes: SegmentSizes,
    ) -> Self {
        Self { storage, path, sync, sizes }
    }

    /// Returns the same folder for files that are synced by hand.
    pub(crate) fn without_sync(&self) -> Self {
        Self { sync: false, ..self.clone() }
    }

    /// Returns where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many keys make a segment of an index in it.
    pub(crate) const fn sizes(&self) -> SegmentSizes {
        self.sizes
    }

    /// Whether what is written must be synced.
    pub(crate) const fn syncs(&self) -> bool {
        self.sync
    }

    /// Makes the folder where it is missing.
    pub(crate) fn make(&self) -> Result<(), StoreError> {
        self.storage.make_folder(&self.path).map_err(failed_to("create", ""))?;
        match self.path.parent().filter(|_| self.sync) {
            // Whoever made it may not have synced its name.
            Some(parent) => self.storage.sync_folder(parent).map_err(failed_to("sync the folder of", "")),
            None => Ok(()),
        }
    }

    /// Makes a file that an earlier writer may have left in the kernel survive a loss of power, where that is wanted.
    pub(crate) fn settle(&self, name: &str) -> Result<(), StoreError> {
        match self.open(name)? {
            Some(file) if self.sync => file.sync().map_err(failed_to("sync", name)),
            _ => Ok(()),
        }
    }

    /// Returns the names in the folder; none where it does not exist.
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        match self.storage.names(&self.path) {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            other => other.map_err(failed_to("list", "")),
        }
    }

    /// Opens a file for reading; `None` where it does not exist.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Arc<dyn StorageFile>>, StoreError> {
        match self.storage.open(&self.path.join(name), Access::Read) {
            Ok(file) => Ok(Some(file)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed_to("open", name)(error)),
        }
    }

    /// Opens a file for writing, creating it where it is missing.
    pub(crate) fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>, StoreError> {
        let file =
            self.storage.open(&self.path.join(name), Access::Write).map_err(failed_to("create", name))?;
        self.settle_names()?;
        Ok(file)
    }

    /// Reads a small file; `None` where it does not exist.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let size = file.size().map_err(failed_to("read", name))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let n = file.read_at(&mut bytes, 0).map_err(failed_to("read", name))?;
        bytes.truncate(n);
        Ok(Some(bytes))
    }

    /// Replaces a small file so that readers see the old or the new one.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let new = format!("{name}.tmp");
        let file =
            self.storage.open(&self.path.join(&new), Access::Write).map_err(failed_to("create", &new))?;
        file.truncate(0).map_err(failed_to("write", &new))?;
        file.write_at(bytes, 0).map_err(failed_to("write", &new))?;
        if self.sync {
            file.sync().map_err(failed_to("sync", &new))?;
        }
        self.rename(&new, name)
    }

    /// Gives a file its final name.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.storage.rename(&self.path.join(from), &self.path.join(to)).map_err(failed_to("rename", from))?;
        self.settle_names()
    }

    /// Removes a file; one that is gone already is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self.storage.remove(&self.path.join(name)) {
            Err(error) if !is_absent(&error) => Err(failed_to("remove", name)(error)),
            _ => Ok(()),
        }
    }

    /// Makes the names survive a loss of power, where that is wanted.
    pub(crate) fn settle_names(&self) -> Result<(), StoreError> {
        if self.sync { self.sync_names() } else { Ok(()) }
    }

    /// Makes the names survive a loss of power.
    pub(crate) fn sync_names(&self) -> Result<(), StoreError> {
        self.storage.sync_folder(&self.path).map_err(failed_to("sync", ""))
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
