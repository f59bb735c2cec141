//! Files that a command may write over: its own of an earlier time, and nothing else.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::report::CliError;

/// Refuses a file that is there and is not what would take its place. Something that cannot be read is somebody's, too.
pub(crate) fn refuse(path: &Path, what: &str, is_own: impl FnOnce(File) -> bool) -> Result<(), CliError> {
    let shown = path.display();
    let failed = |error: &io::Error| CliError::io(&format!("write {shown}"), error);
    let found = match path.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = |folder: &Path| format!("there is no folder {}", folder.display());
            return missing_folder(path).map_or(Ok(()), |folder| Err(failed(&error).hint(hint(folder))));
        }
        Err(error) => return Err(failed(&error)),
    };
    if !found.is_dir() && !found.is_file() {
        // A pipe or a device has nothing that could be lost, and must not be read from.
        return Ok(());
    }
    // An empty file, such as one that was just made for this, holds nothing.
    let is_free = found.is_file() && (found.len() == 0 || File::open(path).is_ok_and(is_own));
    if is_free {
        return Ok(());
    }
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Err(CliError::usage(format!("{shown} is there already and is not {article} {what} of refrain"))
        .hint("name another file, or move this one away"))
}

/// Returns the folder that a file would be in, if there is none: nobody is to find that out when everything is done.
fn missing_folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}
