//! Which project a command is about: the folder, and the pipeline file in it.

use std::path::{Path, PathBuf};

use crate::args::Globals;
use crate::report::CliError;

/// The names of a pipeline file, the preferred one first.
pub(crate) const FILE_NAMES: [&str; 3] = ["refrain.yaml", "refrain.yml", "refrain.json"];
/// The state folder of a project.
pub(crate) const STATE: &str = ".refrain";
/// The folder in it that has the states of steps files.
const STEPS: &str = "steps";

/// Where a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// The folder; everything that a pipeline names is relative to it.
    pub(crate) dir: PathBuf,
    /// The name of the pipeline file in it.
    pub(crate) file_name: String,
    /// Folders elsewhere into which links of the project may lead.
    pub(crate) outside: Vec<PathBuf>,
    /// The id of a steps file that is not the usual file of its folder: there may be several, each with a state of its own.
    pub(crate) steps: Option<String>,
    /// Whether models are chosen anew for steps that leave them open.
    pub(crate) chooses_anew: bool,
}

impl Project {
    /// Finds the project: the file of `-f`, or the nearest pipeline file in `-C` (else the working folder) or above.
    pub(crate) fn find(globals: &Globals) -> Result<Self, CliError> {
        let start = start(globals)?;
        let found = match &globals.file {
            Some(file) => Self::at(&start.join(file)),
            None => Self::above(&start),
        }?;
        let outside = globals.allow_outside.iter().map(|folder| allowed(&start, folder));
        let found = Self { outside: outside.collect::<Result<_, _>>()?, ..found };
        let steps = if found.is_usual() { None } else { found.steps_id() };
        Ok(Self { steps, ..found })
    }

    /// Returns the pipeline file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join(&self.file_name)
    }

    /// Returns the state folder.
    pub(crate) fn state(&self) -> PathBuf {
        let state = self.dir.join(STATE);
        self.steps.as_ref().map_or_else(|| state.clone(), |id| state.join(STEPS).join(id))
    }

    /// Returns the id of the pipeline where the file is one of steps. What cannot be read is told by who reads it in earnest.
    fn steps_id(&self) -> Option<String> {
        crate::wiring::steps_id(&std::fs::read(self.file()).ok()?, &self.file_name)
    }

    /// Returns what results call the pipeline where its file is one of steps, whatever is wrong with it besides.
    pub(crate) fn steps_name(&self) -> Option<String> {
        crate::wiring::steps_name(&std::fs::read(self.file()).ok()?, &self.file_name)
    }

    /// Whether the pipeline file is the one that is found in its folder without being named.
    pub(crate) fn is_usual(&self) -> bool {
        usual(&self.dir) == Some(self.file_name.as_str())
    }

    /// Refuses a state folder, and folders in it, that a link puts elsewhere than the person allowed: what is there is not
    /// the project's to write over.
    pub(crate) fn check_state(&self) -> Result<(), CliError> {
        let state = self.state();
        let own = self.dir.join(STATE);
        let folders = [own.join(STEPS), own, state.join("logs"), state.join("tools"), state];
        let is_link =
            |folder: &&PathBuf| folder.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        for link in folders.iter().filter(is_link) {
            let real = link.canonicalize().ok();
            if !real.is_some_and(|real| self.outside.iter().any(|folder| real.starts_with(folder))) {
                return Err(CliError::usage(format!("{} is a link; nothing was written", link.display()))
                    .hint("remove it, or allow the folder that it leads to with `--allow-outside DIR`"));
            }
        }
        Ok(())
    }

    /// Reads the pipeline file.
    pub(crate) fn read(&self) -> Result<Vec<u8>, CliError> {
        let file = self.file();
        std::fs::read(&file).map_err(|error| CliError::io(&format!("read {}", file.display()), &error))
    }

    fn at(file: &Path) -> Result<Self, CliError> {
        let name = file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        match (file.is_file(), name, file.parent()) {
            (true, Some(file_name), Some(dir)) => Ok(Self {
                dir: dir.to_owned(),
                file_name,
                outside: Vec::new(),
                steps: None,
                chooses_anew: false,
            }),
            _ => Err(CliError::usage(format!("there is no pipeline file {}", file.display()))
                .hint("`-f` is relative to `-C DIR`, or to the working folder")),
        }
    }

    fn above(start: &Path) -> Result<Self, CliError> {
        let found = start.ancestors().find_map(|dir| {
            let name = usual(dir)?;
            Some(Self {
                dir: dir.to_owned(),
                file_name: name.to_owned(),
                outside: Vec::new(),
                steps: None,
                chooses_anew: false,
            })
        });
        found.ok_or_else(|| {
            CliError::usage(format!(
                "no project here: there is no {} in {} or above",
                FILE_NAMES[0],
                start.display()
            ))
            .hint("`refrain init` starts one; `-C DIR` looks somewhere else")
        })
    }
}

/// Returns the name of the pipeline file that is found in a folder.
fn usual(dir: &Path) -> Option<&'static str> {
    FILE_NAMES.into_iter().find(|name| dir.join(name).is_file())
}

/// Returns a folder of `--allow-outside`, which MUST be there: one that is made later may be anybody's.
pub(crate) fn allowed(start: &Path, folder: &Path) -> Result<PathBuf, CliError> {
    let full = start.join(folder);
    let real = full.canonicalize().ok().filter(|real| real.is_dir());
    real.ok_or_else(|| CliError::usage(format!("--allow-outside: there is no folder {}", full.display())))
}

/// Returns the folder that a command starts in, as an absolute path.
pub(crate) fn start(globals: &Globals) -> Result<PathBuf, CliError> {
    let dir = globals.directory.as_deref().unwrap_or_else(|| Path::new("."));
    let dir = std::path::absolute(dir).map_err(|error| CliError::io("find the working folder", &error))?;
    if dir.is_dir() { Ok(dir) } else { Err(CliError::usage(format!("there is no folder {}", dir.display()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_pipeline_file_wins() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        assert!(Project::above(&deep).unwrap_err().message().starts_with("no project here"));
        std::fs::write(root.path().join("refrain.json"), "{}").unwrap();
        std::fs::write(root.path().join("refrain.yml"), "").unwrap();
        let found = Project::above(&deep).unwrap();
        assert_eq!((found.dir.as_path(), found.file_name.as_str()), (root.path(), "refrain.yml"));
        std::fs::write(deep.join("other.yaml"), "").unwrap();
        let named = Project::at(&deep.join("other.yaml")).unwrap();
        assert_eq!(
            named,
            Project {
                dir: deep,
                file_name: "other.yaml".into(),
                outside: Vec::new(),
                steps: None,
                chooses_anew: false
            }
        );
        assert!(Project::at(&root.path().join("missing.yaml")).is_err());
    }
}
