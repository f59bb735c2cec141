//! How failures of the system become errors of the port.

use std::io;
use std::path::{Component, Path, PathBuf};

use refrain_core::ports::store::{Opening, StoreError};

/// What the store calls its own folder. What leaves it says where that is: a project may have several.
const OWN: &str = ".refrain/";

/// Wraps what the system said with what was tried.
pub(crate) fn failed_to(action: &str, name: &str) -> impl FnOnce(io::Error) -> StoreError {
    let action = format!("{action} {OWN}{name}");
    move |source| StoreError::Io { action, source }
}

/// Says that the contents of a file are not what was written.
pub(crate) fn damaged(name: &str, offset: u64, message: &str) -> StoreError {
    StoreError::Damaged { what: format!("{OWN}{name}"), message: format!("{message} at byte {offset}") }
}

/// Says that something unfinished was cut off a file.
pub(crate) fn cut_off(name: &str, torn: u64, end: u64) -> String {
    format!("an unfinished commit of {torn} bytes was cut off {OWN}{name} at byte {end}")
}

/// Returns an error with the files in it called by where they are, seen from the project.
pub(crate) fn placed(error: StoreError, folder: &Path) -> StoreError {
    match error {
        StoreError::Io { action, source } => StoreError::Io { action: in_folder(&action, folder), source },
        StoreError::Damaged { what, message } => {
            StoreError::Damaged { what: in_folder(&what, folder), message }
        }
        other => other,
    }
}

/// Returns what was found at the opening with the files in it called by where they are.
pub(crate) fn placed_opening(opening: Opening, folder: &Path) -> Opening {
    let recovered = opening.recovered.iter().map(|message| in_folder(message, folder));
    Opening { recovered: recovered.collect(), ..opening }
}

fn in_folder(text: &str, folder: &Path) -> String {
    text.replacen(OWN, &format!("{}/", shown(folder).display()), 1)
}

/// Returns a state folder as it is seen from the project that it is in.
fn shown(folder: &Path) -> PathBuf {
    let parts: Vec<Component<'_>> = folder.components().collect();
    let own = Component::Normal(OWN.trim_end_matches('/').as_ref());
    let start = parts.iter().rposition(|part| *part == own).unwrap_or(0);
    parts[start..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_where_they_are() {
        let check = |folder: &str, expect: &str| {
            assert_eq!(placed(damaged("format", 0, "x"), Path::new(folder)).to_string(), expect);
        };
        check("/a/.refrain", ".refrain/format is damaged: x at byte 0");
        check("/a/.refrain/steps/b", ".refrain/steps/b/format is damaged: x at byte 0");
        check("/.refrain/a/.refrain", ".refrain/format is damaged: x at byte 0");
        check("/a/state", "/a/state/format is damaged: x at byte 0");
    }
}
