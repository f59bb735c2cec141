//! The result of a run as a file.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{overwrite, project, redaction, whole_file};

/// Where the result of a run goes besides the screen, if anywhere.
pub(crate) struct ResultFile {
    path: Option<PathBuf>,
    is_told: bool,
}

impl ResultFile {
    /// Takes the file that is named; refuses one that holds something else than a result.
    pub(crate) fn new(path: Option<&PathBuf>, globals: &Globals) -> Result<Self, CliError> {
        let path = path.map(|path| Ok::<_, CliError>(project::start(globals)?.join(path))).transpose()?;
        path.iter().try_for_each(|path| overwrite::refuse(path, "result", is_result))?;
        Ok(Self { path, is_told: false })
    }

    /// Whether a result is of use to anybody: there is a file, or the output is JSON.
    pub(crate) fn is_wanted(&self, output: &Output) -> bool {
        self.path.is_some() || output.wants_json()
    }

    /// Whether what became of the run was told already, or was to be.
    pub(crate) const fn is_told(&self) -> bool {
        self.is_told
    }

    /// Removes the file: it is of an earlier run, and of this one there is nothing to be said in it.
    pub(crate) fn remove(&self) -> Result<(), CliError> {
        // What is no file of its own, such as a pipe, holds nothing.
        let Some(path) = self.path.as_ref().filter(|path| path.is_file()) else { return Ok(()) };
        std::fs::remove_file(path)
            .map_err(|error| CliError::io(&format!("remove {}", path.display()), &error))
    }

    /// Writes a result: the file is there with all of it, or as it was.
    pub(crate) fn write(&mut self, result: &impl Serialize) -> Result<(), CliError> {
        self.is_told = true;
        let Some(path) = &self.path else { return Ok(()) };
        let text =
            serde_json::to_string_pretty(result).map_err(|error| CliError::internal(error.to_string()))?;
        whole_file::replace(path, &format!("{}\n", redaction::json(&text)))
            .map_err(|error| CliError::io(&format!("write {}", path.display()), &error))
    }

    /// Writes a result, and prints it where JSON is wanted, also where it could not be written.
    pub(crate) fn tell(&mut self, result: &impl Serialize, output: &mut Output) -> Result<(), CliError> {
        let written = self.write(result);
        if output.wants_json() {
            output.json(result)?;
        }
        written
    }
}

/// The documents of steps files and the reports of native ones have these.
fn is_result(file: File) -> bool {
    let result = serde_json::from_reader::<_, Value>(BufReader::new(file)).unwrap_or_default();
    let has = |field: &str| result.get(field).is_some();
    ["schema_version", "status", "exit_code"].into_iter().all(has) && (has("pipeline_id") || has("run_id"))
}
