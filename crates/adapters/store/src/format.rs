//! The version of the store, so that a newer one is refused politely.

use refrain_core::ports::store::StoreError;

use crate::error::damaged;
use crate::folder::Folder;

const NAME: &str = "format";
const TEXT: &str = "refrain store 2\n";
const PREFIX: &str = "refrain store ";

/// The format that this version writes; every one before it is read.
///
/// 1: the first. 2: lanes name their model, intents their reason and ceiling, outcomes cached tokens and who served
/// them; there is a log of exchanges. Entries of format 1 stay as they are, beside new ones.
pub const FORMAT: u32 = 2;

/// Refuses a store of a newer format; returns whether the file is there, whole and of this format.
pub(crate) fn check(folder: &Folder) -> Result<bool, StoreError> {
    let Some(bytes) = folder.read(NAME)? else { return Ok(false) };
    let text = String::from_utf8_lossy(&bytes);
    if TEXT.starts_with(&*text) {
        // A loss of power may have cut it; no format's text ends within another's.
        return Ok(text == TEXT);
    }
    let version = text.strip_prefix(PREFIX).and_then(|rest| rest.trim_end().parse().ok());
    match version {
        Some(found) if found > FORMAT => Err(StoreError::Newer { found, supported: FORMAT }),
        Some(1..FORMAT) => Ok(false),
        _ => Err(damaged(NAME, 0, "this is not the format of a store")),
    }
}

/// Writes the format and what keeps the folder out of version control, where they are missing or older.
pub(crate) fn ensure(folder: &Folder) -> Result<(), StoreError> {
    if !check(folder)? {
        folder.replace(".gitignore", b"*\n")?;
        return folder.replace(NAME, TEXT.as_bytes());
    }
    folder.settle(NAME)
}
