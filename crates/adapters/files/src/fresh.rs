//! Files as they are made: beside their places first, in their places when all of them are whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use refrain_core::ports::files::FileError;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use tempfile::{NamedTempFile, TempPath};

use crate::root::{Root, failed, normal};
use crate::stamp::{Marks, stamp};

/// What the names of unfinished files begin and end with.
const BEFORE: &str = ".refrain-";
const BEHIND: &str = ".tmp";

/// Where unfinished files are made: they bear the mark of the writer that makes them, so that those which a killed one
/// left behind can be told from those that are being written.
#[derive(Debug, Clone)]
pub(crate) struct Workshop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mark: String,
    /// Whether what is made survives a loss of power.
    sync: bool,
    /// The folders in which nothing is left behind.
    swept: Mutex<BTreeSet<PathBuf>>,
}

impl Workshop {
    pub(crate) fn new(sync: bool) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mark = format!("{:x}.{:x}", std::process::id(), now.as_nanos());
        Self(Arc::new(Shared { mark, sync, swept: Mutex::default() }))
    }

    /// Whether what is made survives a loss of power.
    pub(crate) fn syncs(&self) -> bool {
        self.0.sync
    }

    /// Removes what killed writers left in a folder. What cannot be removed does no harm.
    fn sweep(&self, folder: &Path) {
        let mut swept = self.0.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if !swept.insert(folder.to_owned()) {
            return;
        }
        let own = format!("{BEFORE}{}-", self.0.mark);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let left = name.to_str().is_some_and(|name| {
                name.starts_with(BEFORE) && name.ends_with(BEHIND) && !name.starts_with(&own)
            });
            if left && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let _stays = fs::remove_file(entry.path());
            }
        }
    }
}

/// A file that is being made.
#[derive(Debug)]
pub(crate) struct Fresh {
    root: Root,
    path: String,
    full: PathBuf,
    pub(crate) out: BufWriter<Temporary>,
    sync: bool,
    // Dropped last: folders go only when the temporary file in them is gone.
    folders: MadeFolders,
}

/// A file that is made, and not yet in its place.
#[derive(Debug)]
pub(crate) struct Made {
    path: String,
    full: PathBuf,
    digest: Digest,
    /// None where the same bytes are in its place already.
    temporary: Option<TempPath>,
    sync: bool,
    folders: MadeFolders,
}

impl Fresh {
    pub(crate) fn open(root: &Root, workshop: &Workshop, path: &str) -> Result<Self, FileError> {
        let path = normal(path)?;
        let full = root.resolve_new(&path)?;
        if full.is_dir() {
            return Err(refused(format!("`{path}` is a folder")));
        }
        let folder = full.parent().unwrap_or(root.folder());
        let folders = MadeFolders::make(folder).map_err(|e| failed("make the folder of", &path, e))?;
        workshop.sweep(folder);
        let out = Temporary::new(folder, &full, &workshop.0.mark).map_err(|e| failed("write", &path, e))?;
        let out = BufWriter::with_capacity(1 << 17, out);
        Ok(Self { root: root.clone(), path, full, out, sync: workshop.syncs(), folders })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the folder in which the file will be.
    pub(crate) fn folder(&self) -> &Path {
        self.full.parent().unwrap_or(self.root.folder())
    }

    /// Finishes the file, so that it only needs its name.
    pub(crate) fn finish(self) -> Result<Made, FileError> {
        let Self { root, path, full, out, sync, folders } = self;
        let temporary = out.into_inner().map_err(|e| failed("write", &path, e.into_error()))?;
        if sync {
            // Before it has its name: else the name might be there, and the marks that it is known by, but no contents.
            temporary.file.as_file().sync_all().map_err(|e| failed("sync", &path, e))?;
        }
        let (digest, size) = temporary.written();
        // An export that did not change keeps its time, so that nothing behind it is made again.
        let is_file = fs::symlink_metadata(&full).is_ok_and(|m| m.is_file() && m.len() == size);
        let same = is_file && stamp(&root, &path, None).is_ok_and(|stamp| stamp.digest == digest);
        let temporary = (!same).then(|| temporary.file.into_temp_path());
        Ok(Made { path, full, digest, temporary, sync, folders })
    }
}

impl Made {
    fn put(&mut self) -> Result<FileStamp, FileError> {
        if let Some(temporary) = self.temporary.take() {
            temporary.persist(&self.full).map_err(|e| failed("write", &self.path, e.error))?;
        }
        let made = self.folders.keep();
        if self.sync {
            settle(&self.full, &made).map_err(|e| failed("sync", &self.path, e))?;
        }
        let metadata = fs::metadata(&self.full).map_err(|e| failed("write", &self.path, e))?;
        Ok(Marks::of(&metadata).stamp(self.path.clone(), self.digest))
    }
}

/// Files that appear together.
#[derive(Debug, Default)]
pub(crate) struct Together(Vec<Made>);

impl Together {
    pub(crate) fn add(&mut self, made: Made) {
        self.0.push(made);
    }

    /// Puts all files in their places.
    pub(crate) fn put(mut self) -> Result<Vec<FileStamp>, FileError> {
        self.0.iter_mut().map(Made::put).collect()
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        // The last first: an earlier one may have made the folder in which a later one lies.
        while self.0.pop().is_some() {}
    }
}

/// Makes a file, its name and those of the folders that were made for it survive a loss of power.
pub(crate) fn settle(file: &Path, made: &[PathBuf]) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    let named = [file].into_iter().chain(made.iter().map(PathBuf::as_path));
    named.filter_map(Path::parent).try_for_each(|folder| File::open(folder)?.sync_all())
}

fn refused(message: String) -> FileError {
    FileError::Params { field: "path".to_owned(), message }
}

/// A file without a name of its own yet; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: NamedTempFile,
    hasher: blake3::Hasher,
    size: u64,
}

impl Temporary {
    /// Makes a file beside its later place, with the permissions of the file that is there.
    fn new(folder: &Path, place: &Path, mark: &str) -> io::Result<Self> {
        let (prefix, mut builder) = (format!("{BEFORE}{mark}-"), tempfile::Builder::new());
        builder.prefix(&prefix).suffix(BEHIND);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        // It is not opened: to open a pipe is to wait for whoever writes to it.
        if let Some(present) = fs::metadata(place).ok().filter(fs::Metadata::is_file) {
            file.as_file().set_permissions(present.permissions())?;
        }
        Ok(Self { file, hasher: blake3::Hasher::new(), size: 0 })
    }

    fn written(&self) -> (Digest, u64) {
        (Digest::from_bytes(*self.hasher.finalize().as_bytes()), self.size)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.size += u64::try_from(n).unwrap_or(0);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Folders that were made for a file; taken away again unless the file is.
#[derive(Debug)]
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    fn make(folder: &Path) -> io::Result<Self> {
        let missing = folder.ancestors().take_while(|ancestor| !ancestor.exists());
        let made = Self(missing.map(Path::to_owned).collect());
        fs::create_dir_all(folder)?;
        Ok(made)
    }

    /// Lets them stay; returns them.
    fn keep(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // It stays where somebody else has put something into it.
            let _not_empty = fs::remove_dir(folder);
        }
    }
}
