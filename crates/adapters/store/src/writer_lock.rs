//! The writer's place, held by a lock that the system frees when its holder dies.
//!
//! There are two files. The lock on `lock` decides who writes, and only would-be writers touch it; `lock` also says who
//! that is. Whoever wants to know whether there is a writer tries `alive` instead, which the writer locks too: a
//! question asked there can at most make a new writer wait for an instant, never be refused.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use refrain_core::ports::store::StoreError;
use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;

use crate::error::failed_to;
use crate::storage::{Access, open_own};

const LOCK: &str = "lock";
const ALIVE: &str = "alive";
/// How often, a millisecond apart, to look again at what another process is about to do.
const LOOKS: usize = 200;

/// The writer's place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct WriterLock {
    holder: Holder,
    alive: File,
    lock: File,
}

impl WriterLock {
    /// Takes the writer's place or says who has it.
    pub(crate) fn take(folder: &Path, holder: &Holder) -> Result<Self, StoreError> {
        let mut lock = open_to_lock(folder, LOCK)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(folder)),
            Err(TryLockError::Error(error)) => return Err(failed_to("lock", LOCK)(error)),
        }
        write_holder(&mut lock, holder).map_err(failed_to("write", LOCK))?;
        let alive = open_to_lock(folder, ALIVE)?;
        lock_soon(&alive).map_err(failed_to("lock", ALIVE))?;
        Ok(Self { holder: holder.clone(), alive, lock })
    }

    /// Returns who holds this.
    pub(crate) const fn holder(&self) -> &Holder {
        &self.holder
    }
}

impl Drop for WriterLock {
    /// Frees the place at once. To close the files would not do: a process that is just being started has copies of them
    /// until it has become another program.
    fn drop(&mut self) {
        // In this order: who asks must not be told of a writer whose place is free already. What cannot be unlocked is
        // unlocked when it is closed.
        let _unlocked = self.alive.unlock().and_then(|()| self.lock.unlock());
    }
}

/// Returns who has the writer's place, taking it from no one.
pub(crate) fn holder(folder: &Path) -> Result<Option<Holder>, StoreError> {
    match open_own(&folder.join(ALIVE), Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed_to("open", ALIVE)(error)),
        Ok(alive) => match alive.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(folder))),
            Err(TryLockError::Error(error)) => Err(failed_to("lock", ALIVE)(error)),
        },
    }
}

/// Returns the error for who came second, once the first has said who it is.
fn held(folder: &Path) -> StoreError {
    for _ in 0..LOOKS {
        if let Ok(Some(holder)) = holder(folder) {
            return StoreError::Held { holder: Box::new(holder) };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    StoreError::Held { holder: Box::new(read_holder(folder)) }
}

/// Locks a file that others lock for an instant at most. One of them may have been stopped in that instant; then the
/// writer does without, and is merely not seen by who asks.
fn lock_soon(alive: &File) -> io::Result<()> {
    for _ in 0..LOOKS {
        match alive.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

fn open_to_lock(folder: &Path, name: &str) -> Result<File, StoreError> {
    open_own(&folder.join(name), Access::Write).map_err(failed_to("create", name))
}

fn write_holder(lock: &mut File, holder: &Holder) -> io::Result<()> {
    let text = serde_json::to_vec(holder)?;
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(&text)
}

fn read_holder(folder: &Path) -> Holder {
    let mut text = Vec::new();
    let read = open_own(&folder.join(LOCK), Access::Read).and_then(|mut file| file.read_to_end(&mut text));
    let holder = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    holder.unwrap_or_else(|| Holder {
        pid: 0,
        host: "an unknown host".to_owned(),
        command: "unknown".to_owned(),
        since: Timestamp::from_micros(0),
    })
}
