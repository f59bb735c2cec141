//! The files that tools work with.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use refrain_core::ports::files::FileError;
use refrain_core::ports::workspace::{Kind, Listed, Workspace};
use refrain_schemas::artifact::FileStamp;

use crate::root::{Root, failed, normal, open};
use crate::stamp::stamp;

/// The most entries of a folder that are listed, and of one that is copied.
const ENTRIES: usize = 100_000;

/// Works with the files below a folder.
#[derive(Debug, Clone)]
pub struct FsWorkspace {
    root: Root,
    /// Files that steer the run, from the folder.
    kept: Vec<String>,
}

impl FsWorkspace {
    /// Returns the files of the project in this folder.
    #[must_use]
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { root: Root::new(folder.as_ref()), kept: Vec::new() }
    }

    /// Lets links of the project lead into these folders, which are not in it.
    #[must_use]
    pub fn allowing(self, folders: &[PathBuf]) -> Self {
        Self { root: self.root.allowing(folders), ..self }
    }

    /// Keeps a file of the project from being changed: the pipeline that is carried out.
    #[must_use]
    pub fn keeping(mut self, path: &str) -> Self {
        self.kept.extend(normal(path).ok());
        self
    }

    /// Returns a path from the folder in its one spelling. `..` and absolute paths are followed as far as they stay inside.
    fn spelled(&self, path: &str) -> Result<String, FileError> {
        let outside = || FileError::Outside { path: path.to_owned() };
        let given = Path::new(path);
        let below = if given.is_absolute() {
            given.strip_prefix(self.root.folder()).map_err(|_| outside())?
        } else {
            given
        };
        let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
        for component in below.components() {
            match component {
                Component::Normal(part) => parts.push(part),
                Component::CurDir => {}
                Component::ParentDir => drop(parts.pop().ok_or_else(outside)?),
                Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        normal(parts.iter().collect::<PathBuf>().to_str().ok_or_else(outside)?).map_err(|_| outside())
    }

    /// Returns where a path lies on the disk, for reading.
    fn seen(&self, path: &str) -> Result<(String, PathBuf), FileError> {
        let path = self.spelled(path)?;
        let full = self.root.resolve(&path)?;
        Ok((path, full))
    }

    /// Returns where a path lies on the disk, for changing it.
    fn changed(&self, path: &str) -> Result<(String, PathBuf), FileError> {
        let path = self.spelled(path)?;
        let full = self.root.resolve_new(&path)?;
        let reserved = |what: &str| FileError::Reserved { path: path.clone(), what: what.to_owned() };
        if path.is_empty() {
            return Err(FileError::Reserved { path: ".".to_owned(), what: "the project itself".to_owned() });
        }
        if self.kept.iter().any(|kept| *kept == path || kept.starts_with(&format!("{path}/"))) {
            return Err(reserved("the pipeline that is carried out"));
        }
        Ok((path, full))
    }

    /// Returns where something lies that is about to go from its place.
    fn leaving(&self, path: &str) -> Result<(String, PathBuf), FileError> {
        let (path, full) = self.changed(path)?;
        let metadata = fs::symlink_metadata(&full).map_err(|error| failed("look at", &path, error))?;
        if metadata.is_dir() && holds_repository(&full, 0) {
            let what = "a folder with a repository in it".to_owned();
            return Err(FileError::Reserved { path, what });
        }
        Ok((path, full))
    }
}

/// Whether there is a repository somewhere below a folder.
fn holds_repository(folder: &Path, depth: usize) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    depth < 64
        && entries.into_iter().any(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            is_folder
                && (entry.file_name().eq_ignore_ascii_case(".git")
                    || holds_repository(&entry.path(), depth + 1))
        })
}

fn parent(full: &Path, path: &str) -> Result<(), FileError> {
    let made = full.parent().map_or(Ok(()), fs::create_dir_all);
    made.map_err(|error| failed("make the folder of", path, error))
}

/// Whether two paths lead to one file, by themselves or by links of either kind.
fn is_same(one: &Path, other: &Path) -> bool {
    let Ok((a, b)) = fs::metadata(one).and_then(|a| Ok((a, fs::metadata(other)?))) else { return false };
    #[cfg(unix)]
    let is_one = {
        use std::os::unix::fs::MetadataExt;
        (a.dev(), a.ino()) == (b.dev(), b.ino())
    };
    #[cfg(not(unix))]
    let is_one = a.len() == b.len() && fs::canonicalize(one).ok() == fs::canonicalize(other).ok();
    is_one
}

/// Copies a file, or a folder with all that is in it. A link is refused, for it may lead out of the project; repositories and
/// what is no file are left out.
fn copied(from: &Path, to: &Path, left: &mut usize) -> io::Result<()> {
    *left = left.checked_sub(1).ok_or_else(|| io::Error::other("there are too many files"))?;
    if !fs::metadata(from)?.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    let entries: Vec<fs::DirEntry> = fs::read_dir(from)?.collect::<Result<_, _>>()?;
    for entry in entries {
        let kind = entry.file_type()?;
        let is_own = entry.file_name().eq_ignore_ascii_case(".git");
        if kind.is_symlink() {
            let message = format!("{} is a link, and links are not copied", entry.file_name().display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        if !is_own && (kind.is_dir() || kind.is_file()) {
            copied(&entry.path(), &to.join(entry.file_name()), left)?;
        }
    }
    Ok(())
}

#[async_trait]
impl Workspace for FsWorkspace {
    fn judge(&self, path: &str, is_changed: bool) -> Result<(), FileError> {
        if is_changed { self.changed(path).map(drop) } else { self.seen(path).map(drop) }
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let path = self.spelled(path)?;
        let mut bytes = Vec::new();
        open(&self.root, &path)?.0.read_to_end(&mut bytes).map_err(|error| failed("read", &path, error))?;
        Ok(bytes)
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let (path, full) = self.changed(path)?;
        parent(&full, &path)?;
        fs::write(full, bytes).map_err(|error| failed("write", &path, error))
    }

    async fn copy(&self, from: &str, to: &str) -> Result<(), FileError> {
        let ((from, source), (to, mut target)) = (self.seen(from)?, self.changed(to)?);
        let metadata = fs::metadata(&source).map_err(|error| failed("copy", &from, error))?;
        if metadata.is_file() && target.is_dir() {
            target.push(source.file_name().unwrap_or_default());
        }
        let invalid = |why: &str| failed("copy", &from, io::Error::new(io::ErrorKind::InvalidInput, why));
        if metadata.is_dir() && (to == from || from.is_empty() || to.starts_with(&format!("{from}/"))) {
            return Err(invalid("a folder cannot be copied into itself"));
        }
        // Opening it for writing would empty it.
        if metadata.is_file() && is_same(&source, &target) {
            return Err(invalid("the copy would be the file itself"));
        }
        parent(&target, &to)?;
        copied(&source, &target, &mut ENTRIES.clone()).map_err(|error| failed("copy", &from, error))
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let ((from, source), (to, mut target)) = (self.leaving(from)?, self.changed(to)?);
        if source.is_file() && target.is_dir() {
            target.push(source.file_name().unwrap_or_default());
        }
        parent(&target, &to)?;
        fs::rename(source, target).map_err(|error| failed("move", &from, error))
    }

    async fn remove(&self, path: &str) -> Result<(), FileError> {
        let (path, full) = self.leaving(path)?;
        let metadata = fs::symlink_metadata(&full).map_err(|error| failed("remove", &path, error))?;
        let removed = if metadata.is_dir() { fs::remove_dir_all(full) } else { fs::remove_file(full) };
        removed.map_err(|error| failed("remove", &path, error))
    }

    async fn list(&self, path: &str) -> Result<Vec<Listed>, FileError> {
        let (path, full) = self.seen(path)?;
        let entries = fs::read_dir(full).map_err(|error| failed("list", &path, error))?;
        let mut listed = Vec::new();
        for entry in entries.take(ENTRIES) {
            let entry = entry.map_err(|error| failed("list", &path, error))?;
            // A name that is no text cannot be asked for, and what is gone by now is not there.
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else {
                continue;
            };
            let is_own = path.is_empty() && matches!(name.as_str(), ".refrain" | ".env");
            if !is_own {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let size = if metadata.is_dir() { 0 } else { metadata.len() };
                listed.push(Listed { name, path, is_folder: metadata.is_dir(), size });
            }
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    async fn folder(&self, path: &str) -> Result<PathBuf, FileError> {
        let (path, full) = self.seen(path)?;
        if !full.is_dir() {
            self.changed(&path)?;
            fs::create_dir_all(&full).map_err(|error| failed("make", &path, error))?;
        }
        Ok(full)
    }

    async fn kind(&self, path: &str) -> Result<Option<Kind>, FileError> {
        let looked = self
            .seen(path)
            .and_then(|(path, full)| fs::metadata(full).map_err(|error| failed("look at", &path, error)));
        match looked {
            Ok(metadata) => Ok(Some(if metadata.is_dir() { Kind::Folder } else { Kind::File })),
            Err(FileError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stamp(&self, path: &str) -> Result<Option<FileStamp>, FileError> {
        match stamp(&self.root, &self.spelled(path)?, None) {
            Ok(stamp) => Ok(Some(stamp)),
            Err(FileError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn folders_are_no_files() {
        let place = tempfile::tempdir().unwrap();
        let workspace = FsWorkspace::new(place.path());
        ran(refrain_testkit::contract::workspace::folders_are_no_files(&workspace));
    }

    fn world() -> (tempfile::TempDir, tempfile::TempDir, FsWorkspace) {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "s").unwrap();
        fs::create_dir_all(inside.path().join("sub/.git")).unwrap();
        fs::write(inside.path().join("a.txt"), "a").unwrap();
        fs::write(inside.path().join(".env"), "A=1").unwrap();
        fs::write(inside.path().join("pipeline.yaml"), "steps: []").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        let workspace = FsWorkspace::new(inside.path()).keeping("pipeline.yaml");
        (inside, outside, workspace)
    }

    #[test]
    fn files_are_worked_with() {
        let (inside, _outside, files) = world();
        ran(files.write("x/y/b.txt", b"b")).unwrap();
        ran(files.write("x/../c.txt", b"c")).unwrap();
        let absolute = inside.path().canonicalize().unwrap().join("d.txt");
        ran(files.write(absolute.to_str().unwrap(), b"d")).unwrap();
        ran(files.copy("x", "z")).unwrap();
        ran(files.copy("a.txt", "z")).unwrap();
        ran(files.rename("z/y/b.txt", "e/f.txt")).unwrap();
        ran(files.remove("x")).unwrap();
        let names = |path: &str| {
            let listed = ran(files.list(path)).unwrap();
            listed
                .iter()
                .map(|it| {
                    format!(
                        "{}:{}",
                        it.path,
                        if it.is_folder { "folder".to_owned() } else { it.size.to_string() }
                    )
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        // A link has a length of its own.
        let all: Vec<String> =
            names(".").split(' ').filter(|it| !it.starts_with("out:")).map(str::to_owned).collect();
        assert_eq!(
            all,
            ["a.txt:1", "c.txt:1", "d.txt:1", "e:folder", "pipeline.yaml:9", "sub:folder", "z:folder"]
        );
        assert_eq!(names("z"), "z/a.txt:1 z/y:folder");
        assert_eq!(ran(files.read("e/f.txt")).unwrap(), b"b");
        assert!(ran(files.stamp("e/f.txt")).unwrap().is_some() && ran(files.stamp("no")).unwrap().is_none());
        assert!(ran(files.folder("work/dir")).unwrap().is_dir());
    }

    #[test]
    fn nothing_leaves_the_project() {
        let (_inside, outside, files) = world();
        let elsewhere = outside.path().join("secret");
        let elsewhere = elsewhere.to_str().unwrap();
        for path in ["../x", "a/../../x", "out/secret", "out/new", "out", elsewhere, "/etc/passwd", "a\0b"] {
            let is_outside = |error: FileError| matches!(error, FileError::Outside { .. });
            assert!(is_outside(ran(files.read(path)).unwrap_err()), "read {path}");
            assert!(is_outside(ran(files.write(path, b"x")).unwrap_err()), "write {path}");
            assert!(is_outside(ran(files.remove(path)).unwrap_err()), "remove {path}");
            assert!(is_outside(ran(files.list(path)).unwrap_err()), "list {path}");
            assert!(is_outside(ran(files.folder(path)).unwrap_err()), "folder {path}");
            assert!(is_outside(ran(files.copy("a.txt", path)).unwrap_err()), "copy to {path}");
            assert!(is_outside(ran(files.copy(path, "b.txt")).unwrap_err()), "copy from {path}");
            assert!(is_outside(ran(files.rename("a.txt", path)).unwrap_err()), "move to {path}");
            assert!(files.judge(path, false).is_err() && files.judge(path, true).is_err(), "judge {path}");
        }
        assert_eq!(fs::read_to_string(elsewhere).unwrap(), "s");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_steers_programs_is_not_changed() {
        let (inside, _outside, files) = world();
        for path in [
            ".",
            "",
            "pipeline.yaml",
            "./pipeline.yaml",
            ".refrain/x",
            ".env",
            "sub",
            "sub/.git/hooks/x",
            "refrain.yaml",
        ] {
            let refused = ran(files.remove(path)).unwrap_err();
            assert!(
                matches!(refused, FileError::Reserved { .. } | FileError::Missing { .. }),
                "remove {path}: {refused}"
            );
        }
        for path in [
            ".",
            "pipeline.yaml",
            "sub/../pipeline.yaml",
            ".refrain/x",
            ".env",
            "sub/.git/hooks/x",
            "refrain.yaml",
        ] {
            let refused = ran(files.write(path, b"x")).unwrap_err();
            assert!(matches!(refused, FileError::Reserved { .. }), "write {path}: {refused}");
        }
        assert!(matches!(ran(files.read(".env")), Err(FileError::Reserved { .. })));
        assert!(inside.path().join("sub/.git").is_dir() && inside.path().join("pipeline.yaml").is_file());
    }

    /// A folder is what is in it: what is not changed by itself is not changed with its folder either.
    #[test]
    fn folders_are_changed_with_what_is_in_them() {
        let (inside, _outside, files) = world();
        let files = files.keeping("run/it.yaml");
        for folder in ["deep/a/.git", "run", "plain/b", "links"] {
            fs::create_dir_all(inside.path().join(folder)).unwrap();
        }
        for file in ["deep/a/.git/config", "deep/a/kept.txt", "run/it.yaml", "plain/b/c.txt"] {
            fs::write(inside.path().join(file), "x").unwrap();
        }
        let is_reserved = |refused: Result<(), FileError>| matches!(refused, Err(FileError::Reserved { .. }));
        for folder in ["deep", "deep/a", "run"] {
            assert!(is_reserved(ran(files.remove(folder))), "remove {folder}");
            assert!(is_reserved(ran(files.rename(folder, "elsewhere"))), "move {folder}");
            assert!(is_reserved(ran(files.rename("plain", folder))) == (folder == "run"), "move to {folder}");
        }
        assert!(
            inside.path().join("deep/a/.git/config").is_file() && inside.path().join("run/it.yaml").is_file()
        );
        ran(files.write("run/other.yaml", b"x")).unwrap();
        ran(files.copy("deep", "copy")).unwrap();
        assert!(
            inside.path().join("copy/a/kept.txt").is_file() && !inside.path().join("copy/a/.git").exists()
        );
        for (from, to) in [("deep", "deep/a/in"), ("deep", "deep"), ("", "all")] {
            let refused = ran(files.copy(from, to)).unwrap_err().to_string();
            assert!(refused.contains("into itself"), "{from} to {to}: {refused}");
        }
        ran(files.copy("deep", "deeper")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../a.txt", inside.path().join("links/to_a")).unwrap();
            let refused = ran(files.copy("links", "linked")).unwrap_err().to_string();
            assert!(refused.contains("links are not copied"), "{refused}");
        }
    }
}
