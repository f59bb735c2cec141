//! The file layer under the store: the few things it asks of a disk, so that tests can make a disk fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it is created where it is missing.
    Write,
}

/// What the store asks of a disk.
pub trait Storage: Debug + Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// Fails as the system does.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>>;

    /// Returns the names in a folder, in any order.
    ///
    /// # Errors
    /// Fails as the system does.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder and those it lies in, where they are missing.
    ///
    /// # Errors
    /// Fails as the system does.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// Fails as the system does.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Fails as the system does.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder survive a loss of power.
    ///
    /// # Errors
    /// Fails as the system does.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// An open file.
pub trait StorageFile: Debug + Send + Sync + 'static {
    /// Returns how many bytes the file has now.
    ///
    /// # Errors
    /// Fails as the system does.
    fn size(&self) -> io::Result<u64>;

    /// Reads from a place; returns fewer bytes than asked for at the end of the file alone.
    ///
    /// # Errors
    /// Fails as the system does.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at a place; after a failure any part of them may be there.
    ///
    /// # Errors
    /// Fails as the system does.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// Fails as the system does.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes the contents survive a loss of power.
    ///
    /// # Errors
    /// Fails as the system does.
    fn sync(&self) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug, Clone, Copy)]
pub struct DiskStorage;

impl Storage for DiskStorage {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(open_own(path, access)?))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Opens a file of the state folder on the real disk. A link is refused: a project that comes from elsewhere may carry one, and
/// what it leads to is not the store's to cut or to write to. So is what is no file: a pipe would be waited for.
pub(crate) fn open_own(path: &Path, access: Access) -> io::Result<File> {
    let write = access == Access::Write;
    let mut options = OpenOptions::new();
    options.read(true).write(write).create(write).truncate(false);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => {
            refused("it is a link, and none is followed in the state folder; remove it")
        }
        _ => error,
    })?;
    // A folder is told of by whoever reads it.
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() { Ok(file) } else { Err(refused("it is no regular file; remove it")) }
}

fn refused(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl StorageFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match std::os::unix::fs::FileExt::read_at(self, &mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
