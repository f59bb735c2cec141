//! A file as it is written: beside its place first, in its place when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use refrain_core::ports::files::{FileError, RecordTarget};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use tempfile::NamedTempFile;

use crate::encode::{EncodeError, Encoder};
use crate::params::WriteParams;
use crate::problems::{Problems, problem};
use crate::root::{Root, failed, normal};
use crate::stamp::{Marks, stamp};

/// Writes one file.
#[derive(Debug)]
pub(crate) struct Target {
    root: Root,
    path: String,
    full: PathBuf,
    encoder: Encoder,
    out: BufWriter<Temporary>,
    records: u64,
    // Dropped last: folders go only when the temporary file in them is gone.
    folders: MadeFolders,
}

impl Target {
    pub(crate) fn open(root: &Root, params: &WriteParams) -> Result<Self, FileError> {
        let path = normal(&params.path)?;
        let full = root.resolve(&path)?;
        if full.is_dir() {
            return Err(refused(format!("`{path}` is a folder")));
        }
        if path.split('/').next() == Some(".refrain") {
            return Err(refused(format!("`{path}` lies in the folder that keeps the project's state")));
        }
        let folder = full.parent().unwrap_or(root.folder());
        let folders = MadeFolders::make(folder).map_err(|e| failed("make the folder of", &path, e))?;
        let encoder = Encoder::new(params, folder).map_err(|e| match e {
            EncodeError::Record(message) => FileError::Params { field: "columns".to_owned(), message },
            EncodeError::Io(source) => failed("write", &path, source),
        })?;
        let out = Temporary::new(folder, &full).map_err(|e| failed("write", &path, e))?;
        let out = BufWriter::with_capacity(1 << 17, out);
        Ok(Self { root: root.clone(), path, full, encoder, out, records: 0, folders })
    }

    fn same_as_before(&self, digest: Digest, size: u64) -> bool {
        let is_file = fs::symlink_metadata(&self.full).is_ok_and(|m| m.is_file() && m.len() == size);
        is_file && stamp(&self.root, &self.path, None).is_ok_and(|stamp| stamp.digest == digest)
    }
}

impl RecordTarget for Target {
    fn write(&mut self, records: &[Json]) -> Result<(), FileError> {
        let mut problems = Problems::default();
        for record in records {
            self.records += 1;
            match self.encoder.write(record, &mut self.out) {
                Ok(()) => {}
                Err(EncodeError::Io(source)) => return Err(failed("write", &self.path, source)),
                Err(EncodeError::Record(message)) => {
                    let message =
                        format!("{}: record {} {message}: {}", self.path, self.records, excerpt(record));
                    problems.add(problem("E0720", message, None));
                }
            }
        }
        problems.into_result()
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<FileStamp>, FileError> {
        let failed = |path: &str| {
            let path = path.to_owned();
            move |e| failed("write", &path, e)
        };
        self.encoder.finish(&mut self.out).map_err(|e| match e {
            EncodeError::Io(source) => failed(&self.path)(source),
            EncodeError::Record(message) => failed(&self.path)(io::Error::other(message)),
        })?;
        self.out.flush().map_err(failed(&self.path))?;
        let (digest, size) = self.out.get_ref().written();
        // An export that did not change keeps its time, so that nothing behind it is made again.
        let same = self.same_as_before(digest, size);
        let Self { path, full, out, mut folders, .. } = *self;
        if !same {
            let temporary = out.into_inner().map_err(|e| failed(&path)(e.into_error()))?;
            temporary.persist(&full).map_err(failed(&path))?;
        }
        folders.keep();
        let metadata = fs::metadata(&full).map_err(failed(&path))?;
        Ok(vec![Marks::of(&metadata).stamp(path, digest)])
    }
}

fn refused(message: String) -> FileError {
    FileError::Params { field: "path".to_owned(), message }
}

fn excerpt(record: &Json) -> String {
    let text = record.as_str();
    let cut = text.char_indices().nth(80).map(|(at, _)| at);
    cut.map_or_else(|| text.to_owned(), |cut| format!("{}…", &text[..cut]))
}

/// A file without a name of its own yet; gone when it is dropped.
#[derive(Debug)]
struct Temporary {
    file: NamedTempFile,
    hasher: blake3::Hasher,
    size: u64,
}

impl Temporary {
    /// Makes a file beside its later place, with the permissions of the file that is there.
    fn new(folder: &Path, place: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".refrain-").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        if let Ok(present) = File::open(place).and_then(|file| file.metadata()) {
            file.as_file().set_permissions(present.permissions())?;
        }
        Ok(Self { file, hasher: blake3::Hasher::new(), size: 0 })
    }

    fn written(&self) -> (Digest, u64) {
        (Digest::from_bytes(*self.hasher.finalize().as_bytes()), self.size)
    }

    fn persist(self, place: &Path) -> io::Result<()> {
        self.file.persist(place).map(|_| ()).map_err(|e| e.error)
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

    fn keep(&mut self) {
        self.0.clear();
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
