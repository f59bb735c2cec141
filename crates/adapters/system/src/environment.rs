//! Values behind names: the environment of this process, then the `.env` of the project.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use refrain_core::ports::secrets::Secrets;

use crate::dotenv::{self, Dotenv, DotenvProblem};

/// The file beside the pipeline file that holds what nobody checks in.
pub const DOTENV: &str = ".env";

/// Knows the environment of this process and the entries of a project's `.env`; of two with one name the environment counts.
///
/// `.env` never becomes part of this process' environment: what is started gets of it what its spec names.
#[derive(Clone, Default)]
pub struct Environment {
    entries: BTreeMap<String, String>,
    /// What stands in lines that could not be made out: it may be secret all the same.
    unread: Vec<String>,
    problems: Vec<DotenvProblem>,
}

impl Environment {
    /// Reads the `.env` of a project, where there is one. A folder of that name is something else.
    ///
    /// # Errors
    /// Fails where the file is there and cannot be read.
    pub fn open(project: &Path) -> io::Result<Self> {
        match std::fs::read(project.join(DOTENV)) {
            Ok(bytes) => Ok(Self::of(&bytes)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    fn of(bytes: &[u8]) -> Self {
        let Dotenv { entries, unread, problems } = dotenv::parse(bytes);
        Self { entries, unread, problems }
    }

    /// Returns what is wrong with the lines of `.env`; they are as if they were not there.
    #[must_use]
    pub fn problems(&self) -> &[DotenvProblem] {
        &self.problems
    }

    /// Returns the names that `.env` gives values to, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Returns every value of `.env`, to be kept from being seen.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.entries.values().chain(&self.unread).map(String::as_str)
    }
}

impl Secrets for Environment {
    fn get(&self, name: &str) -> Option<String> {
        // Names that no environment can hold make the system's look-up panic on some platforms.
        let valid = !name.is_empty() && !name.contains(['=', '\0']);
        let set = valid.then(|| std::env::var(name).ok()).flatten().filter(|value| !value.is_empty());
        set.or_else(|| self.entries.get(name).filter(|value| !value.is_empty()).cloned())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("names", &self.entries.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_counts_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(DOTENV), "PATH=nowhere\nREFRAIN_TEST_ONLY_HERE=x\nEMPTY=\n").unwrap();
        let environment = Environment::open(dir.path()).unwrap();
        assert_eq!(environment.get("PATH"), std::env::var("PATH").ok());
        assert_eq!(environment.get("REFRAIN_TEST_ONLY_HERE").as_deref(), Some("x"));
        assert_eq!(environment.get("EMPTY"), None);
        assert_eq!(environment.get(""), None);
        assert_eq!(environment.get("A=B"), None);
        assert!(std::env::var_os("REFRAIN_TEST_ONLY_HERE").is_none());
    }

    #[test]
    fn nothing_there_and_a_folder_are_no_entries() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Environment::open(dir.path()).unwrap().names().count(), 0);
        std::fs::create_dir(dir.path().join(DOTENV)).unwrap();
        assert_eq!(Environment::open(dir.path()).unwrap().names().count(), 0);
    }

    #[test]
    fn values_are_never_shown() {
        let environment = Environment::of(b"KEY=hidden-value\nbroken hidden-too\n");
        let shown = format!("{environment:?} {:?}", environment.problems());
        assert!(shown.contains("KEY") && !shown.contains("hidden"), "{shown}");
        assert_eq!(environment.values().collect::<Vec<_>>(), ["hidden-value", "broken hidden-too"]);
    }
}
