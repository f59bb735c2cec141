//! What `read` and `write` are told, as checked.

use refrain_core::ports::files::FileError;
use serde_json::{Map, Value};

use crate::format::Format;

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadParams {
    /// Patterns or paths.
    pub(crate) files: Vec<String>,
    /// The format of all files; by the name of each where absent.
    pub(crate) format: Option<Format>,
    /// What stands between the cells of a CSV file; by the name of each file where absent.
    pub(crate) delimiter: Option<u8>,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteParams {
    /// The path, not yet known to be inside the project.
    pub(crate) path: String,
    pub(crate) format: Format,
    pub(crate) delimiter: u8,
    /// The fields to write; all of them where absent.
    pub(crate) columns: Option<Vec<String>>,
}

impl ReadParams {
    pub(crate) fn of(params: &Map<String, Value>) -> Result<Self, FileError> {
        refuse_unknown(params, &["delimiter", "files", "format"])?;
        let files = match params.get("files") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(value) => strings("files", value)?,
            None => return Err(bad("files", "is missing; name a file or a pattern such as `script/*.csv`")),
        };
        if files.is_empty() {
            return Err(bad("files", "names no file"));
        }
        Ok(Self { files, format: format(params)?, delimiter: delimiter(params)? })
    }

    /// Returns the format of one file.
    pub(crate) fn format_of(&self, path: &str) -> Result<Format, FileError> {
        self.format.or_else(|| Format::by_name(path)).ok_or_else(|| untold("files", path))
    }

    /// Returns what stands between the cells of one file.
    pub(crate) fn delimiter_of(&self, path: &str) -> u8 {
        self.delimiter.unwrap_or_else(|| default_delimiter(path))
    }
}

impl WriteParams {
    pub(crate) fn of(params: &Map<String, Value>) -> Result<Self, FileError> {
        refuse_unknown(params, &["columns", "delimiter", "format", "path"])?;
        let Some(path) = params.get("path").and_then(Value::as_str).filter(|path| !path.is_empty()) else {
            return Err(bad("path", "names no file"));
        };
        let by_name = || Format::by_name(path).ok_or_else(|| untold("path", path));
        let columns = params.get("columns").map(columns).transpose()?;
        Ok(Self {
            path: path.to_owned(),
            format: format(params)?.map_or_else(by_name, Ok)?,
            delimiter: delimiter(params)?.unwrap_or_else(|| default_delimiter(path)),
            columns,
        })
    }
}

/// Returns what stands between the cells of a file of this name.
pub(crate) fn default_delimiter(path: &str) -> u8 {
    if path.to_ascii_lowercase().ends_with(".tsv") { b'\t' } else { b',' }
}

fn columns(value: &Value) -> Result<Vec<String>, FileError> {
    let columns = strings("columns", value)?;
    for (n, column) in columns.iter().enumerate() {
        if columns[..n].contains(column) {
            return Err(bad("columns", format!("names `{column}` twice")));
        }
    }
    if columns.is_empty() { Err(bad("columns", "names no field")) } else { Ok(columns) }
}

fn format(params: &Map<String, Value>) -> Result<Option<Format>, FileError> {
    let Some(value) = params.get("format") else { return Ok(None) };
    let named = value.as_str().and_then(Format::named);
    named.map(Some).ok_or_else(|| bad("format", "is none of csv, json, jsonl, txt"))
}

fn delimiter(params: &Map<String, Value>) -> Result<Option<u8>, FileError> {
    let Some(value) = params.get("delimiter") else { return Ok(None) };
    match value.as_str().map(str::as_bytes) {
        Some(b"tab") => Ok(Some(b'\t')),
        Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(Some(byte)),
        _ => Err(bad("delimiter", "is not one character such as `;`, or `tab`")),
    }
}

fn strings(field: &str, value: &Value) -> Result<Vec<String>, FileError> {
    let list = value.as_array().and_then(|list| {
        list.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    list.ok_or_else(|| bad(field, "is not a list of strings"))
}

fn refuse_unknown(params: &Map<String, Value>, known: &[&str]) -> Result<(), FileError> {
    // The first in alphabetical order, whatever order the map keeps.
    match params.keys().filter(|key| !known.contains(&key.as_str())).min() {
        Some(key) => Err(bad(key, format!("is not known; there are {}", known.join(", ")))),
        None => Ok(()),
    }
}

fn untold(field: &str, path: &str) -> FileError {
    bad(
        field,
        format!("the name `{path}` does not tell the format; add `format: csv`, `json`, `jsonl` or `txt`"),
    )
}

fn bad(field: &str, message: impl Into<String>) -> FileError {
    FileError::Params { field: field.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn check_read(params: Value, expect: &str) {
        assert_eq!(ReadParams::of(&map(params)).unwrap_err().to_string(), expect);
    }

    fn check_write(params: Value, expect: &str) {
        assert_eq!(WriteParams::of(&map(params)).unwrap_err().to_string(), expect);
    }

    #[test]
    fn wrong_params_are_named() {
        check_read(json!({}), "params.files: is missing; name a file or a pattern such as `script/*.csv`");
        check_read(json!({"files": []}), "params.files: names no file");
        check_read(json!({"files": [1]}), "params.files: is not a list of strings");
        check_read(
            json!({"files": "a", "z": 1, "file": 1}),
            "params.file: is not known; there are delimiter, files, format",
        );
        check_read(json!({"files": "a", "format": "xml"}), "params.format: is none of csv, json, jsonl, txt");
        check_read(
            json!({"files": "a", "delimiter": "::"}),
            "params.delimiter: is not one character such as `;`, or `tab`",
        );
        check_write(json!({}), "params.path: names no file");
        check_write(json!({"path": "a.csv", "columns": ["a", "a"]}), "params.columns: names `a` twice");
        check_write(json!({"path": "a.csv", "columns": []}), "params.columns: names no field");
        let told = "params.path: the name `a.xml` does not tell the format; add `format: csv`, `json`, `jsonl` or `txt`";
        check_write(json!({"path": "a.xml"}), told);
    }

    #[test]
    fn names_tell_format_and_delimiter() {
        let check = |path: &str, format: Format, delimiter: u8| {
            let params = WriteParams::of(&map(json!({"path": path}))).unwrap();
            assert_eq!((params.format, params.delimiter), (format, delimiter));
        };
        check("a.CSV", Format::Csv, b',');
        check("a.tsv", Format::Csv, b'\t');
        check("a.ndjson", Format::Jsonl, b',');
        check("a.b.json", Format::Json, b',');
        check("a.txt", Format::Text, b',');
    }
}
