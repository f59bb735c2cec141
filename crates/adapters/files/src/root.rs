//! The folder of a project, and the paths that stay inside of it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use refrain_core::ports::files::FileError;

/// The folder below which everything happens.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    folder: PathBuf,
}

impl Root {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.canonicalize().unwrap_or_else(|_| folder.to_owned()) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns where a project path lies on the disk.
    pub(crate) fn resolve(&self, path: &str) -> Result<PathBuf, FileError> {
        let full = self.folder.join(normal(path)?);
        if self.holds(&full) { Ok(full) } else { Err(outside(path)) }
    }

    /// Whether a path stays inside when its symbolic links are followed. What does not exist yet is judged by the
    /// folder in which it would be made.
    fn holds(&self, full: &Path) -> bool {
        let found = full.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
        found.is_some_and(|real| real.starts_with(&self.folder))
    }
}

/// Returns a project path in its one spelling, with `/` between folders.
pub(crate) fn normal(path: &str) -> Result<String, FileError> {
    let mut parts = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(|| outside(path))?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside(path)),
        }
    }
    Ok(parts.join("/"))
}

fn outside(path: &str) -> FileError {
    FileError::Outside { path: path.to_owned() }
}

/// Names what failed; a file that is not there is missing rather than failed.
pub(crate) fn failed(action: &str, path: &str, source: io::Error) -> FileError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            FileError::Missing { path: path.to_owned() }
        }
        _ => FileError::Io { action: format!("{action} {path}"), source },
    }
}

/// Opens a file for reading; a folder is refused.
pub(crate) fn open(root: &Root, path: &str) -> Result<(fs::File, fs::Metadata), FileError> {
    let full = root.resolve(path)?;
    let file = fs::File::open(full).map_err(|e| failed("open", path, e))?;
    let metadata = file.metadata().map_err(|e| failed("look at", path, e))?;
    if metadata.is_dir() {
        return Err(FileError::Io {
            action: format!("read {path}"),
            source: io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"),
        });
    }
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expect: Option<&str>) {
        assert_eq!(normal(path).ok().as_deref(), expect, "{path:?}");
    }

    #[test]
    fn paths_have_one_spelling_and_stay_inside() {
        check("a/b.csv", Some("a/b.csv"));
        check("./a//b.csv", Some("a/b.csv"));
        check("../a", None);
        check("a/../../b", None);
        check("a/../b", None);
        check("/etc/passwd", None);
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_are_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("x"), "x").unwrap();
        fs::create_dir(inside.path().join("real")).unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        std::os::unix::fs::symlink(inside.path().join("real"), inside.path().join("in")).unwrap();
        let root = Root::new(inside.path());
        for path in ["out/x", "out/new", "out/new/deeper", "out"] {
            assert!(matches!(root.resolve(path), Err(FileError::Outside { .. })), "{path}");
        }
        for path in ["in/new", "real/new/deeper", "new"] {
            assert!(root.resolve(path).is_ok(), "{path}");
        }
    }
}
