//! A disk in memory that writes down what it is asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use refrain_store::storage::{Access, Storage, StorageFile};

/// What a disk was asked to do; files have numbers, since their names change.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    MakeFolder,
    SyncParent,
    Create {
        name: String,
        file: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    SyncNames,
    Write {
        file: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        size: usize,
    },
    Sync {
        file: usize,
    },
    /// The system said that this failed; what was to be synced may or may not be on the disk, for good.
    SyncFailed {
        file: usize,
    },
}

/// The state folder and what is in its files; none where there is no such folder.
pub(crate) type Contents = Option<BTreeMap<String, Vec<u8>>>;

/// One folder on a disk, as programs see it, and all that was done to it.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    exists: bool,
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    ops: Vec<Op>,
    /// How many more operations go well before one fails.
    fails_after: Option<usize>,
}

impl Disk {
    /// Returns a disk with these files; numbers follow the order of the names.
    pub(crate) fn new(contents: &Contents) -> Self {
        let present = contents.iter().flatten();
        let names = present.clone().enumerate().map(|(file, (name, _))| (name.clone(), file)).collect();
        let files = present.map(|(_, bytes)| bytes.clone()).collect();
        let (exists, ops) = (contents.is_some(), Vec::new());
        Self(Arc::new(Mutex::new(State { exists, names, files, ops, fails_after: None })))
    }

    /// Returns what was done so far.
    pub(crate) fn ops(&self) -> Vec<Op> {
        self.state().ops.clone()
    }

    /// Returns how much was done so far.
    pub(crate) fn n_ops(&self) -> usize {
        self.state().ops.len()
    }

    /// Makes the operation after so many more fail: a write in its middle, a sync with its outcome unknown.
    pub(crate) fn fail_after(&self, n: usize) {
        self.state().fails_after = Some(n);
    }

    /// Lets everything go well again.
    pub(crate) fn work(&self) {
        self.state().fails_after = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn done(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// Whether the next operation fails.
    fn fails(&mut self) -> bool {
        match &mut self.fails_after {
            Some(0) => true,
            Some(n) => {
                *n -= 1;
                false
            }
            None => false,
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn broken() -> io::Error {
    io::Error::other("the disk is broken")
}

impl Storage for Disk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let (mut state, name) = (self.state(), name_of(path));
        let file = match state.names.get(&name) {
            Some(file) => *file,
            None if access == Access::Read || !state.exists => return Err(io::ErrorKind::NotFound.into()),
            None => {
                let file = state.files.len();
                state.files.push(Vec::new());
                state.names.insert(name.clone(), file);
                state.done(Op::Create { name, file });
                file
            }
        };
        drop(state);
        Ok(Arc::new(DiskFile { disk: self.clone(), file }))
    }

    fn names(&self, _folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if state.exists {
            Ok(state.names.keys().cloned().collect())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn make_folder(&self, _folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.exists {
            state.exists = true;
            state.done(Op::MakeFolder);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, from, to) = (self.state(), name_of(from), name_of(to));
        if state.fails() {
            return Err(broken());
        }
        let file = state.names.remove(&from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.clone(), file);
        state.done(Op::Rename { from, to });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, name) = (self.state(), name_of(path));
        state.names.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        state.done(Op::Remove { name });
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.fails() {
            return Err(broken());
        }
        let own = folder.ends_with(".refrain");
        state.done(if own { Op::SyncNames } else { Op::SyncParent });
        Ok(())
    }
}

#[derive(Debug)]
struct DiskFile {
    disk: Disk,
    file: usize,
}

impl StorageFile for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let rest = state.files[self.file].get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut state, file, offset) = (self.disk.state(), self.file, offset as usize);
        let fails = state.fails();
        let bytes = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        write(&mut state.files[file], bytes, offset);
        state.done(Op::Write { file, offset, bytes: bytes.to_vec() });
        if fails { Err(broken()) } else { Ok(()) }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let (mut state, file, size) = (self.disk.state(), self.file, size as usize);
        if state.fails() {
            return Err(broken());
        }
        state.files[file].resize(size, 0);
        state.done(Op::Truncate { file, size });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, file) = (self.disk.state(), self.file);
        let fails = state.fails();
        state.done(if fails { Op::SyncFailed { file } } else { Op::Sync { file } });
        if fails { Err(broken()) } else { Ok(()) }
    }
}

/// Writes into the bytes of a file; what lies between its end and the place becomes zeros.
pub(crate) fn write(file: &mut Vec<u8>, bytes: &[u8], offset: usize) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}
