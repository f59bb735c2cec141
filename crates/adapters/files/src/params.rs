//! What `read` and `write` are told, as checked.

use refrain_core::ports::files::FileError;
use serde_json::{Map, Value};

use crate::encoding::Declared;
use crate::format::Format;

/// How files are to be understood: `read` and a `write` that patches MUST say the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FileParams {
    /// The format of all files; by the name of each where absent.
    pub(crate) format: Option<Format>,
    /// What stands between the cells of a CSV file; by the name of each file where absent.
    pub(crate) delimiter: Option<u8>,
    pub(crate) encoding: Declared,
    /// Where ids come from; from the file where it has them, else from content, where absent.
    pub(crate) ids: Option<IdsFrom>,
    pub(crate) names: Names,
    /// Where in a table the lines are.
    pub(crate) at: Option<Vec<String>>,
}

/// Where ids come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdsFrom {
    File,
    Content,
}

/// The columns or fields of a file that become fields of a line, where their names differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Names {
    /// What becomes the field that tells records apart.
    pub(crate) id: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) speaker: Option<String>,
    /// `file`, `none`, or the field that a line's `scene_id` is taken from.
    pub(crate) scene: Option<String>,
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadParams {
    /// Patterns or paths.
    pub(crate) files: Vec<String>,
    pub(crate) file: FileParams,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteParams {
    /// The path, not yet known to be inside the project; where several files are patched, with `{file}` in it.
    pub(crate) path: String,
    pub(crate) file: FileParams,
    /// The fields to write; all of them where absent.
    pub(crate) columns: Option<Vec<String>>,
    /// The field that holds the text.
    pub(crate) field: String,
    pub(crate) language: Option<String>,
    pub(crate) source_language: Option<String>,
    pub(crate) expected: Option<Expected>,
    /// What to patch; a new file is made where absent.
    pub(crate) patch: Option<PatchParams>,
}

/// Which files to patch, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatchParams {
    /// Patterns or paths.
    pub(crate) files: Vec<String>,
    /// The column or field that is set; the one that is read where absent.
    pub(crate) column: Option<String>,
    /// Whether lines without a record keep what they say, rather than being a problem.
    pub(crate) keep_missing: bool,
}

/// How many lines must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Just(u64),
    /// As many as the source files have.
    Source,
}

const FILE: [&str; 9] = ["at", "delimiter", "encoding", "format", "id", "ids", "scene", "speaker", "text"];
const COMPOSE: [&str; 10] = [
    "columns",
    "delimiter",
    "encoding",
    "expected",
    "field",
    "format",
    "language",
    "path",
    "source_language",
    "speaker",
];
const PATCH: [&str; 8] =
    ["column", "expected", "field", "language", "missing", "patch", "path", "source_language"];

impl Names {
    /// Returns what a column or field is called in a record; `key` is the field that tells records apart, if they are to be.
    pub(crate) fn of<'a>(&self, name: &'a str, key: Option<&'a str>) -> &'a str {
        let is = |called: &Option<String>| called.as_deref() == Some(name);
        if let Some(key) = key.filter(|_| is(&self.id)) {
            key
        } else if is(&self.text) {
            "text"
        } else if is(&self.speaker) {
            "speaker"
        } else {
            name
        }
    }
}

impl FileParams {
    fn of(params: &Map<String, Value>) -> Result<Self, FileError> {
        let names = Names {
            id: text(params, "id")?,
            text: text(params, "text")?,
            speaker: text(params, "speaker")?,
            scene: text(params, "scene")?,
        };
        if names.id.is_some() && self::ids(params)? == Some(IdsFrom::Content) {
            return Err(bad("id", "names where ids are, and `ids` says that they come from content"));
        }
        let at = text(params, "at")?.map(|at| at.split('.').map(str::to_owned).collect());
        Ok(Self {
            format: format(params)?,
            delimiter: delimiter(params)?,
            encoding: encoding(params)?,
            ids: ids(params)?,
            names,
            at,
        })
    }

    /// Returns the format of one file, which `field` names.
    pub(crate) fn format_of(&self, field: &str, path: &str) -> Result<Format, FileError> {
        self.format.or_else(|| Format::by_name(path)).ok_or_else(|| untold(field, path))
    }

    /// Returns what stands between the cells of one file.
    pub(crate) fn delimiter_of(&self, path: &str) -> u8 {
        self.delimiter.unwrap_or_else(|| default_delimiter(path))
    }
}

impl ReadParams {
    /// Returns the format that the name of a file tells, where nothing else does.
    pub(crate) fn untold(path: &str) -> Result<Format, FileError> {
        FileParams::default().format_of("files", path)
    }

    pub(crate) fn of(params: &Map<String, Value>) -> Result<Self, FileError> {
        refuse_unknown(params, &[&FILE, &["files"]])?;
        let files = files(params, "files")?
            .ok_or_else(|| bad("files", "is missing; name a file or a pattern such as `script/*.csv`"))?;
        Ok(Self { files, file: FileParams::of(params)? })
    }
}

impl WriteParams {
    pub(crate) fn of(params: &Map<String, Value>) -> Result<Self, FileError> {
        let patch = PatchParams::of(params)?;
        match patch {
            Some(_) => refuse_unknown(params, &[&FILE, &PATCH])?,
            None => refuse_unknown(params, &[&COMPOSE, &["text"]])?,
        }
        let Some(path) = params.get("path").and_then(Value::as_str).filter(|path| !path.is_empty()) else {
            return Err(bad("path", "names no file"));
        };
        let expected = expected(params)?;
        if expected == Some(Expected::Source) && patch.is_none() {
            return Err(bad("expected", "is `source`, but no source is patched; give a number"));
        }
        let file = FileParams::of(params)?;
        if patch.is_none() {
            file.format_of("path", path)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            columns: params.get("columns").map(columns).transpose()?,
            field: text(params, "field")?.unwrap_or_else(|| "text".to_owned()),
            language: text(params, "language")?,
            source_language: text(params, "source_language")?,
            expected,
            patch,
        })
    }
}

impl PatchParams {
    fn of(params: &Map<String, Value>) -> Result<Option<Self>, FileError> {
        let Some(files) = files(params, "patch")? else { return Ok(None) };
        let keep_missing = match text(params, "missing")?.as_deref() {
            None | Some("fail") => false,
            Some("keep") => true,
            Some(_) => return Err(bad("missing", "is none of fail, keep")),
        };
        Ok(Some(Self { files, column: text(params, "column")?, keep_missing }))
    }
}

/// Returns what stands between the cells of a file of this name.
pub(crate) fn default_delimiter(path: &str) -> u8 {
    if path.to_ascii_lowercase().ends_with(".tsv") { b'\t' } else { b',' }
}

fn files(params: &Map<String, Value>, field: &str) -> Result<Option<Vec<String>>, FileError> {
    let files = match params.get(field) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(value) => strings(field, value)?,
        None => return Ok(None),
    };
    if files.is_empty() { Err(bad(field, "names no file")) } else { Ok(Some(files)) }
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
    named.map(Some).ok_or_else(|| bad("format", format!("is none of {}", Format::NAMES.join(", "))))
}

fn encoding(params: &Map<String, Value>) -> Result<Declared, FileError> {
    let Some(name) = text(params, "encoding")? else { return Ok(Declared::Nothing) };
    Declared::named(&name)
        .ok_or_else(|| bad("encoding", format!("is none of {}", Declared::NAMES.join(", "))))
}

fn ids(params: &Map<String, Value>) -> Result<Option<IdsFrom>, FileError> {
    match text(params, "ids")?.as_deref() {
        None => Ok(None),
        Some("file") => Ok(Some(IdsFrom::File)),
        Some("content") => Ok(Some(IdsFrom::Content)),
        Some(_) => Err(bad("ids", "is none of file, content")),
    }
}

fn expected(params: &Map<String, Value>) -> Result<Option<Expected>, FileError> {
    match params.get("expected") {
        None => Ok(None),
        Some(Value::String(word)) if word == "source" => Ok(Some(Expected::Source)),
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let number = number.ok_or_else(|| bad("expected", "is neither a number nor `source`"))?;
            Ok(Some(Expected::Just(number)))
        }
    }
}

fn delimiter(params: &Map<String, Value>) -> Result<Option<u8>, FileError> {
    let Some(value) = params.get("delimiter") else { return Ok(None) };
    match value.as_str().map(str::as_bytes) {
        Some(b"tab") => Ok(Some(b'\t')),
        Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(Some(byte)),
        _ => Err(bad("delimiter", "is not one character such as `;`, or `tab`")),
    }
}

fn text(params: &Map<String, Value>, field: &str) -> Result<Option<String>, FileError> {
    let Some(value) = params.get(field) else { return Ok(None) };
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(|text| Some(text.to_owned())).ok_or_else(|| bad(field, "is not a text"))
}

fn strings(field: &str, value: &Value) -> Result<Vec<String>, FileError> {
    let list = value.as_array().and_then(|list| {
        list.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    list.ok_or_else(|| bad(field, "is not a list of strings"))
}

fn refuse_unknown(params: &Map<String, Value>, known: &[&[&str]]) -> Result<(), FileError> {
    let mut known = known.concat();
    // The first in alphabetical order, whatever order the map keeps.
    let Some(key) = params.keys().filter(|key| !known.contains(&key.as_str())).min() else { return Ok(()) };
    if FILE.contains(&key.as_str()) || PATCH.contains(&key.as_str()) {
        return Err(bad(key, "is of use with `patch` alone"));
    }
    known.sort_unstable();
    Err(bad(key, format!("is not known; there are {}", known.join(", "))))
}

fn untold(field: &str, path: &str) -> FileError {
    let formats = Format::NAMES.join("`, `");
    bad(field, format!("the name `{path}` does not tell the format; add `format:` with one of `{formats}`"))
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
        let error = ReadParams::of(&map(params)).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    }

    fn check_write(params: Value, expect: &str) {
        let error = WriteParams::of(&map(params)).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    }

    #[test]
    fn wrong_params_are_named() {
        check_read(json!({}), "params.files: is missing; name a file or a pattern such as `script/*.csv`");
        check_read(json!({"files": []}), "params.files: names no file");
        check_read(json!({"files": [1]}), "params.files: is not a list of strings");
        let told = "params.file: is not known; there are at, delimiter, encoding, files, format, id, ids, scene, \
                    speaker, text";
        check_read(json!({"files": "a", "z": 1, "file": 1}), told);
        check_read(json!({"files": "a", "format": "xml"}), "params.format: is none of csv, jsonl, json");
        let told = "params.delimiter: is not one character such as `;`, or `tab`";
        check_read(json!({"files": "a", "delimiter": "::"}), told);
        check_read(json!({"files": "a", "encoding": "latin1"}), "params.encoding: is none of utf-8, utf-16");
        check_read(json!({"files": "a", "ids": "line"}), "params.ids: is none of file, content");
        check_write(json!({}), "params.path: names no file");
        check_write(json!({"path": "a.csv", "columns": ["a", "a"]}), "params.columns: names `a` twice");
        check_write(json!({"path": "a.csv", "columns": []}), "params.columns: names no field");
        check_write(json!({"path": "a.x"}), "params.path: the name `a.x` does not tell the format");
        check_write(
            json!({"path": "a.csv", "missing": "keep"}),
            "params.missing: is of use with `patch` alone",
        );
        check_write(
            json!({"path": "a.csv", "patch": "b", "missing": "x"}),
            "params.missing: is none of fail, keep",
        );
        check_write(
            json!({"path": "a.csv", "expected": "source"}),
            "params.expected: is `source`, but no source",
        );
        check_write(
            json!({"path": "a.csv", "expected": -1}),
            "params.expected: is neither a number nor `source`",
        );
        check_write(json!({"path": "a.csv", "patch": "b", "columns": ["a"]}), "params.columns: is not known");
    }

    #[test]
    fn names_tell_format_and_delimiter() {
        let check = |path: &str, format: Format, delimiter: u8| {
            let params = WriteParams::of(&map(json!({"path": path}))).unwrap();
            let found = (params.file.format_of("path", path).unwrap(), params.file.delimiter_of(path));
            assert_eq!(found, (format, delimiter));
        };
        check("a.CSV", Format::Csv, b',');
        check("a.tsv", Format::Csv, b'\t');
        check("a.ndjson", Format::Jsonl, b',');
        check("a.b.json", Format::Json, b',');
        check("a.txt", Format::Text, b',');
    }
}
