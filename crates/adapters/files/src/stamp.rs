//! Stamps: the marks by which a change of a file is noticed without reading it.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use refrain_core::ports::files::FileError;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;

use crate::root::{Root, failed, normal, open};

/// How long after its last change a file is too young to trust its marks: a second change within the resolution of
/// the file system's clock would leave them as they are.
const YOUTH: Duration = Duration::from_secs(2);

/// What the file system says of a file at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    size: u64,
    modified: i64,
    inode: u64,
    young: bool,
}

impl Marks {
    /// Takes the marks of a file that is about to be hashed.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            size: metadata.len(),
            modified: nanos(modified),
            inode: inode(metadata),
            // A time in the future is as little worth as one that is too young.
            young: SystemTime::now().duration_since(modified).map_or(true, |age| age < YOUTH),
        }
    }

    pub(crate) const fn stamp(self, path: String, digest: Digest) -> FileStamp {
        let Self { size, modified, inode, young } = self;
        FileStamp { path, digest, size, modified, inode, young }
    }

    /// Marks a file that changed while it was read: its digest is true of what was read, and of nothing later.
    pub(crate) fn if_unchanged(self, later: Self) -> Self {
        let same = self.same(later.size, later.modified, later.inode);
        Self { young: self.young || !same, ..self }
    }

    pub(crate) const fn size(self) -> u64 {
        self.size
    }

    const fn same(self, size: u64, modified: i64, inode: u64) -> bool {
        self.size == size && self.modified == modified && self.inode == inode
    }

    fn proves(self, known: &FileStamp) -> bool {
        !known.young && self.same(known.size, known.modified, known.inode)
    }
}

/// Takes the stamp of a file, reading it only where the known stamp does not vouch for it.
pub(crate) fn stamp(root: &Root, path: &str, known: Option<&FileStamp>) -> Result<FileStamp, FileError> {
    let path = normal(path)?;
    let (file, metadata) = open(root, &path)?;
    let marks = Marks::of(&metadata);
    if let Some(known) = known.filter(|known| marks.proves(known)) {
        return Ok(FileStamp { path, ..known.clone() });
    }
    let mut input = Hashing::new(file);
    drain(&mut input).map_err(|e| failed("read", &path, e))?;
    input.stamp(marks, path.clone()).map_err(|e| failed("look at", &path, e))
}

/// A reader that hashes what passes through it.
#[derive(Debug)]
pub(crate) struct Hashing {
    file: File,
    hasher: blake3::Hasher,
}

impl Hashing {
    pub(crate) fn new(file: File) -> Self {
        Self { file, hasher: blake3::Hasher::new() }
    }

    /// Returns the stamp of what was read, given the marks from before.
    pub(crate) fn stamp(&self, before: Marks, path: String) -> io::Result<FileStamp> {
        let after = Marks::of(&self.file.metadata()?);
        let digest = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        Ok(before.if_unchanged(after).stamp(path, digest))
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// Reads to the end in blocks that are large enough for the hash to be fast.
pub(crate) fn drain(input: &mut impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn nanos(time: SystemTime) -> i64 {
    let since = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    time.duration_since(SystemTime::UNIX_EPOCH).map_or_else(|e| -since(e.duration()), since)
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
const fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn age(path: &std::path::Path, seconds: u64) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn an_old_file_with_known_marks_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (root, path) = (Root::new(folder.path()), folder.path().join("a"));
        fs::write(&path, "one").unwrap();
        let young = stamp(&root, "a", None).unwrap();
        assert!(young.young && young.digest == Digest::of_content(b"one"));
        age(&path, 60);
        let old = stamp(&root, "a", Some(&young)).unwrap();
        assert!(!old.young, "a young stamp is taken again");
        // A forged digest comes back only if the file was not read.
        let forged = FileStamp { digest: Digest::of_content(b"forged"), ..old.clone() };
        assert_eq!(stamp(&root, "./a", Some(&forged)).unwrap(), forged);
        for changed in [
            FileStamp { young: true, ..forged.clone() },
            FileStamp { size: 4, ..forged.clone() },
            FileStamp { modified: forged.modified - 1, ..forged.clone() },
            FileStamp { inode: forged.inode + 1, ..forged },
        ] {
            assert_eq!(stamp(&root, "a", Some(&changed)).unwrap(), old);
        }
    }

    #[test]
    fn a_file_from_the_future_is_never_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "x").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(900)).unwrap();
        assert!(stamp(&Root::new(folder.path()), "a", None).unwrap().young);
    }
}
