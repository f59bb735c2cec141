//! Copies of written files that somebody changed, beside them: `ja.csv.edited-1`.
//!
//! The name ends otherwise than the file, so that no pattern such as `out/*.csv`, and no program that reads a folder, takes
//! the copy for another file of its kind.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use refrain_core::ports::files::FileError;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;

use crate::fresh::settle;
use crate::root::{Root, failed};
use crate::stamp::stamp;

/// Keeps a file under a name beside it, unless its contents are known or such a copy is there; where `sync` is set, the
/// copy is safe from a loss of power before the file is replaced.
pub(crate) fn keep(
    root: &Root,
    path: &str,
    known: &BTreeSet<Digest>,
    sync: bool,
) -> Result<Option<FileStamp>, FileError> {
    let Some(found) = present(root, path)?.filter(|found| !known.contains(&found.digest)) else {
        return Ok(None);
    };
    let full = root.resolve(path)?;
    for n in 1_u32.. {
        let name = format!("{path}.edited-{n}");
        let copy = root.resolve(&name)?;
        match link(&full, &copy).and_then(|()| if sync { settle(&copy, &[]) } else { Ok(()) }) {
            Ok(()) => return stamp(root, &name, None).map(Some),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = present(root, &name)?.filter(|there| there.digest == found.digest);
                if there.is_some() {
                    return Ok(there);
                }
            }
            Err(error) => return Err(failed("keep what was changed in", path, error)),
        }
    }
    Ok(None)
}

/// Removes a copy.
pub(crate) fn drop_kept(root: &Root, copy: &FileStamp) -> Result<(), FileError> {
    match fs::remove_file(root.resolve(&copy.path)?) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &copy.path, error)),
        _ => Ok(()),
    }
}

/// Returns the stamp of a file; none where there is none, or something that is no file.
fn present(root: &Root, path: &str) -> Result<Option<FileStamp>, FileError> {
    match stamp(root, path, None) {
        Ok(stamp) => Ok(Some(stamp)),
        Err(FileError::Missing { .. }) => Ok(None),
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a file a second name, which is never one that is taken. What replaces the file later leaves this name alone.
fn link(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has second names.
        Err(_) => copy(file, name),
        Ok(()) => Ok(()),
    }
}

fn copy(file: &Path, name: &Path) -> io::Result<()> {
    let mut from = fs::File::open(file)?;
    let mut to = fs::OpenOptions::new().write(true).create_new(true).open(name)?;
    let copied = io::copy(&mut from, &mut to).map(|_| ());
    if copied.is_err() {
        let _half_a_copy = fs::remove_file(name);
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_kept_once_under_a_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let (file, write) =
            (folder.path().join("a.csv"), |text: &str| fs::write(folder.path().join("a.csv"), text).unwrap());
        let kept = |known: &[Digest]| {
            let copy = keep(&root, "a.csv", &known.iter().copied().collect(), true).unwrap();
            copy.map(|copy| (copy.path, copy.digest))
        };
        assert_eq!(kept(&[]), None, "there is no such file");
        write("one");
        let one = Digest::of_content(b"one");
        assert_eq!(kept(&[one]), None, "nothing would be lost");
        assert_eq!(kept(&[]), Some(("a.csv.edited-1".to_owned(), one)));
        assert_eq!(kept(&[]), Some(("a.csv.edited-1".to_owned(), one)), "it is kept already");
        // As a run does: another file in its place.
        fs::remove_file(&file).unwrap();
        write("two");
        let two = Digest::of_content(b"two");
        assert_eq!(kept(&[]), Some(("a.csv.edited-2".to_owned(), two)));
        assert_eq!(fs::read_to_string(folder.path().join("a.csv.edited-1")).unwrap(), "one");
        drop_kept(&root, &stamp(&root, "a.csv.edited-2", None).unwrap()).unwrap();
        assert!(!folder.path().join("a.csv.edited-2").exists() && file.exists());
    }

    #[test]
    fn a_copy_never_takes_the_place_of_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "new").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
        assert_eq!(copy(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
