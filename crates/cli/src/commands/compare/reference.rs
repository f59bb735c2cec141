//! Reading good texts: a file of records with the key and the text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use refrain_core::model::{OutputShape, Work};
use refrain_core::ports::files::Loaded;
use refrain_schemas::json::{Json, scalar_text};
use refrain_schemas::scope::Target;
use serde_json::Value;

use crate::args::Globals;
use crate::project;
use crate::report::CliError;
use crate::suggest::did_you_mean;
use crate::wiring::{self, Opened};

/// The field that has the text where none is named.
const TEXT: &str = "text";

/// Reads the texts by the keys of a target's records.
pub(super) fn read(
    text: &str,
    opened: &Opened,
    target: &Target,
    globals: &Globals,
) -> Result<BTreeMap<String, String>, CliError> {
    let (path, field) =
        split(text, |path| project::start(globals).is_ok_and(|start| start.join(path).exists()));
    let key = key(opened, target)?;
    let path = project::start(globals)?.join(path);
    let shown = path.display().to_string();
    if !path.is_file() {
        return Err(CliError::usage(format!("there is no file {shown}")));
    }
    match wiring::load(&path)? {
        Loaded::Records(records) => texts(&records, &key, field).map_err(|error| error.of(&shown, target)),
        Loaded::Document(_) => Err(CliError::usage(format!("{shown} holds no records"))
            .hint("references are CSV, JSONL or a JSON list of objects")),
    }
}

/// Splits `FILE:FIELD`; a file whose name has a colon is a file.
fn split(text: &str, is_file: impl Fn(&str) -> bool) -> (PathBuf, &str) {
    match text.rsplit_once(':') {
        Some((path, field)) if !field.is_empty() && !field.contains(['/', '\\']) && !is_file(text) => {
            (PathBuf::from(path), field)
        }
        _ => (PathBuf::from(text), TEXT),
    }
}

/// Returns the field that tells the records of a target apart.
fn key(opened: &Opened, target: &Target) -> Result<String, CliError> {
    let key = opened.engine.model().phase(target.phase.as_str()).and_then(|phase| match &phase.work {
        Work::Read(work) => Some(work.key.clone()),
        Work::Ask(work) => match &work.output.shape {
            OutputShape::Records { key } => Some(key.clone()),
            OutputShape::Document => None,
        },
        Work::Write(_) | Work::Loop(_) => None,
    });
    key.ok_or_else(|| CliError::usage(format!("{target} makes no records that references could be for")))
}

/// Why a file has no references.
#[derive(Debug, PartialEq, Eq)]
enum Unfit {
    /// No record has the field.
    NoField { field: String, known: Vec<String> },
    /// Two records have one key.
    Twice { key: String },
}

impl Unfit {
    fn of(self, file: &str, target: &Target) -> CliError {
        match self {
            Self::NoField { field, known } => {
                let hint = did_you_mean(&field, known.iter().map(String::as_str));
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                CliError::usage(format!("{file} has no field `{field}`; it has {known}")).hint_if(hint).hint(
                    format!(
                        "the key is that of {target}; another text field is named by `--reference FILE:FIELD`"
                    ),
                )
            }
            Self::Twice { key } => CliError::usage(format!("{file} has two records with the key `{key}`")),
        }
    }
}

fn texts(records: &[Json], key: &str, field: &str) -> Result<BTreeMap<String, String>, Unfit> {
    for wanted in [key, field] {
        if !records.iter().any(|record| record.field(wanted).is_some()) {
            return Err(Unfit::NoField { field: wanted.to_owned(), known: fields(records) });
        }
    }
    let mut texts = BTreeMap::new();
    for record in records {
        let value = |name| record.field(name).and_then(scalar_text);
        let (Some(key), Some(text)) = (value(key), value(field)) else { continue };
        if text.trim().is_empty() {
            continue;
        }
        if texts.insert(key.to_string(), text.into_owned()).is_some() {
            return Err(Unfit::Twice { key: key.into_owned() });
        }
    }
    Ok(texts)
}

/// Returns the fields of the first record.
fn fields(records: &[Json]) -> Vec<String> {
    match records.first().map(Json::value) {
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn records(records: &[Value]) -> Vec<Json> {
        records.iter().map(|record| Json::of(record).unwrap()).collect()
    }

    #[test]
    fn the_field_stands_behind_the_last_colon() {
        let check = |text: &str, path: &str, field: &str| {
            assert_eq!(split(text, |path| path == "odd:name.csv"), (PathBuf::from(path), field));
        };
        check("good.csv", "good.csv", "text");
        check("good.csv:ja", "good.csv", "ja");
        check("odd:name.csv", "odd:name.csv", "text");
        check("c:/good.csv", "c:/good.csv", "text");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let good = records(&[json!({"id": 1, "ja": "a"}), json!({"id": "2", "ja": " "}), json!({"id": "3"})]);
        assert_eq!(texts(&good, "id", "ja"), Ok([("1".to_owned(), "a".to_owned())].into()));
        let known = vec!["id".to_owned(), "ja".to_owned()];
        let missing = |field: &str| Err(Unfit::NoField { field: field.to_owned(), known: known.clone() });
        assert_eq!(texts(&good, "line_id", "ja"), missing("line_id"));
        assert_eq!(texts(&good, "id", "fr"), missing("fr"));
        let twice = records(&[json!({"id": "1", "ja": "a"}), json!({"id": 1, "ja": "b"})]);
        assert_eq!(texts(&twice, "id", "ja"), Err(Unfit::Twice { key: "1".to_owned() }));
    }
}
