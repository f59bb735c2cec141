//! Copies of files that nobody knows and that are about to be replaced, beside them: `ja.csv.edited-1`.
//!
//! The name ends otherwise than the file, so that no pattern such as `out/*.csv`, and no program that reads a folder, takes
//! the copy for another file of its kind.

use std::fs;
use std::io;
use std::path::Path;

use refrain_core::ports::files::{FileError, Replaceable};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::report::KeptFile;

use crate::fresh::settle;
use crate::root::{Root, failed};
use crate::stamp::stamp;

/// Keeps a file under a name beside it, unless its contents may be replaced or such a copy is there; where `sync` is set,
/// the copy is safe from a loss of power before the file is replaced.
pub(crate) fn keep(
    root: &Root,
    path: &str,
    replaceable: &Replaceable,
    sync: bool,
) -> Result<Option<KeptFile>, FileError> {
    let Some(found) = unknown(root, path, replaceable)? else { return Ok(None) };
    let full = root.resolve(path)?;
    let imported = replaceable.is_in_part(&found.digest);
    let kept = |copy: String| Some(KeptFile { path: path.to_owned(), copy, imported });
    for n in 1_u32.. {
        let name = format!("{path}.edited-{n}");
        let copy = root.resolve(&name)?;
        match link(&full, &copy).and_then(|()| if sync { settle(&copy, &[]) } else { Ok(()) }) {
            Ok(()) => return Ok(kept(name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if present(root, &name, None)?.is_some_and(|there| there.digest == found.digest) {
                    return Ok(kept(name));
                }
            }
            Err(error) => return Err(failed("keep what was changed in", path, error)),
        }
    }
    Ok(None)
}

/// Returns the stamp of a file that may not be replaced unread, reading it only where its marks do not say what it holds.
fn unknown(root: &Root, path: &str, replaceable: &Replaceable) -> Result<Option<FileStamp>, FileError> {
    let mut found = None;
    let is_known = replaceable.allows(path, |last| {
        found = present(root, path, last)?;
        Ok(found.as_ref().map(|stamp| stamp.digest))
    })?;
    Ok(found.filter(|_| !is_known))
}

/// Returns the stamp of a file; none where there is none, or something that is no file.
fn present(root: &Root, path: &str, known: Option<&FileStamp>) -> Result<Option<FileStamp>, FileError> {
    match stamp(root, path, known) {
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
    use refrain_schemas::digest::Digest;

    #[test]
    fn a_file_that_nobody_knows_is_kept_once_under_a_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let (file, write) =
            (folder.path().join("a.csv"), |text: &str| fs::write(folder.path().join("a.csv"), text).unwrap());
        let kept = |replaceable: &Replaceable| {
            keep(&root, "a.csv", replaceable, true).unwrap().map(|kept| kept.copy)
        };
        let nothing = Replaceable::default();
        assert_eq!(kept(&nothing), None, "there is no such file");
        write("one");
        let one = stamp(&root, "a.csv", None).unwrap();
        let (mut taken, mut written, mut elsewhere) = (nothing.clone(), nothing.clone(), nothing.clone());
        taken.add(one.digest);
        written.add_written(&one);
        written.add_written(&FileStamp { digest: Digest::of_content(b"later"), ..one.clone() });
        elsewhere.add_written(&FileStamp { path: "b.csv".to_owned(), ..one });
        for known in [&taken, &written, &Replaceable::anything()] {
            assert_eq!(kept(known), None, "nothing would be lost: {known:?}");
        }
        assert_eq!(kept(&elsewhere).as_deref(), Some("a.csv.edited-1"));
        assert_eq!(kept(&nothing).as_deref(), Some("a.csv.edited-1"), "it is kept already");
        // As a run does: another file in its place.
        fs::remove_file(&file).unwrap();
        write("two");
        assert_eq!(kept(&taken).as_deref(), Some("a.csv.edited-2"));
        assert_eq!(fs::read_to_string(folder.path().join("a.csv.edited-1")).unwrap(), "one");
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
