//! A steps file with what a model said in the places that were left to it.

use std::collections::BTreeMap;

use refrain_schemas::problem::Problem;
use serde_json::Value;

use super::{Checked, check_set};
use crate::project::Project;
use crate::report::CliError;

/// Something that a model said and that cannot stand where it would.
pub(crate) struct Unusable {
    pub(crate) path: String,
    pub(crate) value: Value,
    /// What is wrong with the file then.
    pub(crate) why: String,
}

/// Checks a file with what a model said. What cannot stand there is left open, and returned; `open` is the file with none of it.
pub(crate) fn check_with_values(
    project: &Project,
    set: &BTreeMap<String, Value>,
    open: Checked,
    mut known: BTreeMap<String, Value>,
) -> Result<(Checked, Vec<Unusable>), CliError> {
    if known.is_empty() {
        return Ok((open, Vec::new()));
    }
    let checked = check_set(project, set, &known)?;
    let unusable = unusable(&open, &checked, &known);
    if unusable.is_empty() {
        return Ok((checked, unusable));
    }
    known.retain(|path, _| unusable.iter().all(|said| said.path != *path));
    Ok((check_set(project, set, &known)?, unusable))
}

/// Returns what was said in places of which the file is wrong with it, and was not without.
fn unusable(open: &Checked, checked: &Checked, known: &BTreeMap<String, Value>) -> Vec<Unusable> {
    let was_there =
        |error: &Problem| open.errors().any(|old| old.path == error.path && old.message == error.message);
    let errors: Vec<(String, &Problem)> = checked
        .errors()
        .filter(|error| !was_there(error))
        .map(|error| (checked.path_in_file(&error.path), error))
        .collect();
    let one = |(path, value): (&String, &Value)| {
        let place = path.split('#').next().unwrap_or(path);
        let (_, error) = errors.iter().find(|(path, _)| path.starts_with(place))?;
        Some(Unusable { path: path.clone(), value: value.clone(), why: error.message.clone() })
    };
    known.iter().filter_map(one).collect()
}
