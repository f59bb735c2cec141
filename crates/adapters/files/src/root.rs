//! The folder of a project, and the paths that stay inside of it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use refrain_core::ports::files::FileError;

/// The folder below which everything happens.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    folder: PathBuf,
    /// Folders elsewhere into which links may lead.
    outside: Vec<PathBuf>,
}

impl Root {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: real(folder), outside: Vec::new() }
    }

    /// Lets links lead into these folders, too.
    pub(crate) fn allowing(self, folders: &[PathBuf]) -> Self {
        Self { outside: folders.iter().map(|folder| real(folder)).collect(), ..self }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns where a project path lies on the disk, for reading.
    pub(crate) fn resolve(&self, path: &str) -> Result<PathBuf, FileError> {
        let (full, real) = self.place(path)?;
        if self.is_secret(&real) { Err(reserved(path, "where secrets are kept")) } else { Ok(full) }
    }

    /// Returns where a project path lies on the disk, for writing: what steers this program or others that work in the
    /// folder is nothing to write to.
    pub(crate) fn resolve_new(&self, path: &str) -> Result<PathBuf, FileError> {
        const PIPELINES: [&str; 3] = ["refrain.yaml", "refrain.yml", "refrain.json"];
        let (full, real) = self.place(path)?;
        let names = self.names(&real);
        let first = names.first().map(String::as_str);
        let what = match first {
            _ if self.is_secret(&real) => "where secrets are kept",
            Some(".refrain") => "the folder that keeps the project's state",
            Some(name) if names.len() == 1 && PIPELINES.contains(&name) => "a pipeline file",
            _ if names.iter().any(|name| name == ".git") => "part of a repository's own folder",
            _ => return Ok(full),
        };
        Err(reserved(path, what))
    }

    /// Returns where a path lies as it is written, and where it lies when all links are followed.
    fn place(&self, path: &str) -> Result<(PathBuf, PathBuf), FileError> {
        let full = self.folder.join(normal(path)?);
        let real = followed(&full).filter(|real| self.holds(real)).ok_or_else(|| outside(path))?;
        Ok((full, real))
    }

    /// Returns where a project path lies when all links are followed; none where that is no place of the project.
    pub(crate) fn real(&self, path: &str) -> Option<PathBuf> {
        self.place(path).ok().map(|(_, real)| real)
    }

    fn holds(&self, real: &Path) -> bool {
        real.starts_with(&self.folder) || self.outside.iter().any(|folder| real.starts_with(folder))
    }

    fn is_secret(&self, real: &Path) -> bool {
        self.names(real) == [".env"]
    }

    /// Returns the names of a path below the project, as a file system that knows no case sees them.
    fn names(&self, real: &Path) -> Vec<String> {
        let below = real.strip_prefix(&self.folder).unwrap_or(real);
        below.iter().map(|name| name.to_string_lossy().to_lowercase()).collect()
    }
}

/// Returns where a project path lies on the disk, for reading: below the project's folder, or where links lead into others that
/// are allowed.
///
/// # Errors
/// Fails where the path leads elsewhere.
pub fn place(folder: &Path, outside: &[PathBuf], path: &str) -> Result<PathBuf, FileError> {
    Root::new(folder).allowing(outside).resolve(path)
}

/// Returns where a folder lies, which need not be there yet.
fn real(folder: &Path) -> PathBuf {
    followed(folder).unwrap_or_else(|| folder.to_owned())
}

/// Returns where a path leads when its links are followed; what does not exist yet is in the folder in which it would be
/// made. A link to nothing leads nowhere.
fn followed(full: &Path) -> Option<PathBuf> {
    for ancestor in full.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            return Some(full.strip_prefix(ancestor).map_or_else(|_| real.clone(), |rest| real.join(rest)));
        }
        if ancestor.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
            return None;
        }
    }
    None
}

/// Returns a project path in its one spelling, with `/` between folders.
///
/// # Errors
/// Fails where it leads out of the project.
pub fn normal(path: &str) -> Result<String, FileError> {
    let mut parts = Vec::new();
    if path.contains('\0') {
        return Err(outside(path));
    }
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

fn reserved(path: &str, what: &str) -> FileError {
    FileError::Reserved { path: path.to_owned(), what: what.to_owned() }
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

/// Opens a file for reading. A folder is refused, and so is what might never end or never answer: a pipe, a device.
pub(crate) fn open(root: &Root, path: &str) -> Result<(fs::File, fs::Metadata), FileError> {
    let full = root.resolve(path)?;
    let refused = |kind, message: &str| FileError::Io {
        action: format!("read {path}"),
        source: io::Error::new(kind, message),
    };
    let metadata = fs::metadata(&full).map_err(|e| failed("open", path, e))?;
    if metadata.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    if !metadata.is_file() {
        return Err(refused(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    // Something else may lie there by now: a pipe is not waited for, and found out once it is open.
    let file = at_once().open(full).map_err(|e| failed("open", path, e))?;
    let metadata = file.metadata().map_err(|e| failed("look at", path, e))?;
    if !metadata.is_file() {
        return Err(refused(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok((file, metadata))
}

/// Returns what opens a file for reading without waiting for another program.
fn at_once() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    options
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
        check("a\0b", None);
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
        let allowing = root.allowing(&[outside.path().to_owned()]);
        assert!(allowing.resolve("out/x").is_ok() && allowing.resolve("../x").is_err());
    }

    /// As `/tmp` is on some systems.
    #[cfg(unix)]
    #[test]
    fn a_folder_below_a_link_need_not_be_there_yet() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
        let root = Root::new(&folder.path().join("link/new/project"));
        assert!(matches!(open(&root, "script.csv"), Err(FileError::Missing { .. })));
        assert!(matches!(root.resolve("../x"), Err(FileError::Outside { .. })));
    }

    /// It may have come there between looking and opening.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let opened = at_once().open(&pipe).unwrap();
        assert!(!opened.metadata().unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_nowhere_are_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, inside.path().join(name)).unwrap();
        link(&outside.path().join("later"), "later");
        link(&inside.path().join("round"), "round");
        let root = Root::new(inside.path());
        for path in ["later", "later/x", "round", "round/x"] {
            assert!(matches!(root.resolve_new(path), Err(FileError::Outside { .. })), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_steers_programs_is_not_written_to_and_secrets_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, target) in [("state", ".refrain"), ("repository", ".git"), ("plain", ".env")] {
            fs::create_dir_all(folder.path().join(".git/hooks")).unwrap();
            std::os::unix::fs::symlink(folder.path().join(target), folder.path().join(name)).unwrap();
        }
        fs::create_dir(folder.path().join(".refrain")).unwrap();
        fs::write(folder.path().join(".env"), "A=1").unwrap();
        let root = Root::new(folder.path());
        let is_reserved =
            |found: Result<PathBuf, FileError>| matches!(found, Err(FileError::Reserved { .. }));
        for path in [
            ".refrain/x",
            ".Refrain/x",
            "state/x",
            ".git/hooks/post-checkout",
            "sub/.GIT/config",
            "repository/x",
            "refrain.yaml",
            "./Refrain.JSON",
            ".env",
            ".ENV",
            "plain",
        ] {
            assert!(is_reserved(root.resolve_new(path)), "{path}");
        }
        for path in [".env", ".ENV", "plain"] {
            assert!(is_reserved(root.resolve(path)), "{path}");
        }
        for path in ["out/refrain.yaml", ".env.example", "a/.env", ".github/x", "refrain.yaml.bak"] {
            assert!(root.resolve_new(path).is_ok(), "{path}");
        }
    }

    /// A pipe would be waited for, a device read without end.
    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero")).unwrap();
        let root = Root::new(folder.path());
        let error = open(&root, "socket").map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "failed to read socket: it is no regular file");
        assert!(matches!(open(&root, "zero"), Err(FileError::Outside { .. })));
        let allowing = root.allowing(&[PathBuf::from("/dev")]);
        assert!(open(&allowing, "zero").map(|_| ()).unwrap_err().to_string().contains("no regular file"));
    }
}
