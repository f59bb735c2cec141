//! Rows of JSONL, and of a JSON list.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::{Json, JsonError};
use refrain_schemas::problem::{Place as At, Problem};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::encode::plain;
use crate::json_text::{Kind, parse, string};
use crate::layout::table::JsonString;
use crate::layout::{Place, TEXT};
use crate::lines::{Lines, position};
use crate::params::Names;
use crate::problems::{Problems, place, problem};
use crate::rows::whole::{seed_of, set_scene};
use crate::rows::{Row, RowSpec, key_of};

/// How the objects of a file become records.
#[derive(Debug)]
struct Objects {
    key: Option<String>,
    names: Names,
    content: bool,
}

impl Objects {
    fn new(spec: &RowSpec) -> Self {
        Self { key: spec.own_key(), names: spec.names.clone(), content: spec.needs_ids() }
    }

    /// Reads one object.
    fn row(&self, text: &str, start: &Start<'_>) -> Result<Row, Box<Problem>> {
        let value: Value = serde_json::from_str(text).map_err(|e| start.syntax(text, &e))?;
        let Value::Object(fields) = value else {
            return Err(problem("E0708", "the record is not an object", Some(start.place(1, 1))));
        };
        let mut fields: BTreeMap<String, Value> = fields.into_iter().collect();
        self.rename(&mut fields, start);
        let seed = if self.content { seed_of(&fields) } else { 0 };
        let record = Json::of(&Value::Object(fields.into_iter().collect()));
        let record = record.map_err(|e| inexact(text, start, &e))?;
        let key = key_of(&record, self.key.as_deref(), || start.place(1, 1))?;
        Ok(Row { record, key, seed, line: start.line, places: Vec::new() })
    }

    fn rename(&self, fields: &mut BTreeMap<String, Value>, start: &Start<'_>) {
        let key = self.key.as_deref().unwrap_or_default();
        let id = self.names.id.as_ref().filter(|_| self.key.is_some()).cloned();
        for (name, called) in [(key, &id), ("text", &self.names.text), ("speaker", &self.names.speaker)] {
            if let Some(value) = called.as_ref().and_then(|called| fields.remove(called)) {
                fields.insert(name.to_owned(), value);
            }
        }
        match self.names.scene.as_deref() {
            Some("file") => {
                fields.insert("scene_id".to_owned(), Value::from(start.file));
            }
            scene => set_scene(fields, scene),
        }
    }
}

/// The rows of a JSONL file.
#[derive(Debug)]
pub(crate) struct JsonlRows {
    objects: Objects,
    /// The field where texts go.
    column: Option<String>,
    text: String,
}

impl JsonlRows {
    pub(crate) fn new(spec: &RowSpec) -> Self {
        Self { objects: Objects::new(spec), column: spec.column.clone(), text: String::new() }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        loop {
            self.text.clear();
            if !lines.next(&mut self.text, problems)? {
                return Ok(None);
            }
            if self.text.trim_ascii().is_empty() {
                continue;
            }
            let start = Start { file: lines.path(), line: lines.number(), column: 1 };
            match self.objects.row(self.text.trim_ascii_end(), &start) {
                Ok(row) => {
                    let offset = lines.kept_len().checked_sub(self.text.len());
                    let places = self.column.as_ref().and_then(|column| self.place(column, offset?));
                    return Ok(Some(Row { places: places.into_iter().collect(), ..row }));
                }
                Err(problem) => problems.add(problem),
            }
        }
    }

    /// Returns where the text of a line goes: in its field, or where that field would be.
    fn place(&self, column: &str, offset: usize) -> Option<Place> {
        let text = self.text.trim_ascii_end();
        let object = parse(text).ok()?;
        let (span, before, now) = match object.field(column) {
            Some(value) => {
                let now = match value.kind {
                    Kind::Text => string(text, &value.span)?,
                    _ => plain(&text[value.span.clone()]).into_owned(),
                };
                (value.span.clone(), String::new(), now)
            }
            None => {
                let (at, before) = object.insertion(text, column)?;
                (at..at, before, String::new())
            }
        };
        let span = span.start + offset..span.end + offset;
        let quoting = Arc::new(JsonString { before, ascii: false });
        Some(Place { field: TEXT.to_owned(), span, now, quoting })
    }
}

/// The rows of a JSON file, which is read as a whole.
#[derive(Debug)]
pub(crate) struct JsonRows {
    objects: Objects,
    text: String,
    /// Where the items stand; none before the file was read.
    items: Option<std::vec::IntoIter<Range<usize>>>,
    /// The end of the last item and its position, so that lines are counted once.
    counted: (usize, u64, usize),
}

impl JsonRows {
    pub(crate) fn new(spec: &RowSpec) -> Self {
        Self { objects: Objects::new(spec), text: String::new(), items: None, counted: (0, 1, 1) }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        if self.items.is_none() {
            lines.rest(&mut self.text, problems)?;
            let items = items(&self.text, lines.path());
            self.items = Some(items.unwrap_or_else(|problem| {
                problems.add(problem);
                Vec::new().into_iter()
            }));
        }
        while let Some(item) = self.items.as_mut().and_then(Iterator::next) {
            let (line, column) = self.advance(item.start);
            let start = Start { file: lines.path(), line, column };
            match self.objects.row(&self.text[item], &start) {
                Ok(row) => return Ok(Some(row)),
                Err(problem) => problems.add(problem),
            }
        }
        Ok(None)
    }

    fn advance(&mut self, to: usize) -> (u64, usize) {
        let (from, line, column) = self.counted;
        let (lines, last) = position(&self.text[from..to]);
        let column = if lines == 0 { column + last - 1 } else { last };
        self.counted = (to, line + lines, column);
        (line + lines, column)
    }
}

/// Returns where the items of a list stand; a file with nothing in it is an empty list.
fn items(text: &str, file: &str) -> Result<std::vec::IntoIter<Range<usize>>, Box<Problem>> {
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new().into_iter());
    }
    let start = Start { file, line: 1, column: 1 };
    if !text.trim_ascii_start().starts_with('[') {
        // What is no JSON at all is better told where it breaks off.
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| start.syntax(text, &e))?;
        let mut problem = problem("E0708", "the file is not a list of objects", Some(start.place(1, 1)));
        problem.hint = Some("write `[{…}, {…}]`, or one object per line in a `.jsonl` file".to_owned());
        return Err(problem);
    }
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| start.syntax(text, &e))?;
    let ranges: Vec<Range<usize>> = items.iter().filter_map(|item| range_in(text, item.get())).collect();
    Ok(ranges.into_iter())
}

/// Returns where a part of a text stands in it.
fn range_in(text: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + part.len())
}

/// Where a JSON text begins in its file.
pub(crate) struct Start<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: u64,
    pub(crate) column: usize,
}

impl Start<'_> {
    /// Returns the place at a line and column of the text, both from 1.
    fn place(&self, line: usize, column: usize) -> At {
        let column = if line <= 1 { self.column + column - 1 } else { column };
        place(self.file, self.line + u64::try_from(line.saturating_sub(1)).unwrap_or(0), column)
    }

    /// Says why a text that begins here is no JSON.
    pub(crate) fn syntax(&self, text: &str, error: &serde_json::Error) -> Box<Problem> {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        // The parser counts columns in bytes.
        let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
        let before = line.char_indices().take_while(|(at, _)| at + 1 < error.column()).count();
        let mut problem =
            problem("E0705", format!("not JSON: {message}"), Some(self.place(error.line(), before + 1)));
        if message == "recursion limit exceeded" {
            problem.hint = Some("values may be nested 127 deep".to_owned());
        }
        problem
    }
}

fn inexact(text: &str, start: &Start<'_>, error: &JsonError) -> Box<Problem> {
    let at = match error {
        JsonError::InexactInteger { number } => text.find(number.as_str()).unwrap_or(0),
        _ => 0,
    };
    let (line, column) = position(&text[..at]);
    let line = usize::try_from(line).unwrap_or(0) + 1;
    problem("E0706", error.to_string(), Some(start.place(line, column)))
}

/// Reads the whole of a JSON file: its items where it is a list of objects, else its value.
pub(crate) fn document(text: &str, file: &str) -> Result<Document, Box<Problem>> {
    let start = Start { file, line: 1, column: 1 };
    let value: Value = serde_json::from_str(text).map_err(|e| start.syntax(text, &e))?;
    let canonical = |value: &Value| Json::of(value).map_err(|e| inexact(text, &start, &e));
    match &value {
        Value::Array(items) if items.iter().all(Value::is_object) => {
            Ok(Document::Records(items.iter().map(canonical).collect::<Result<_, _>>()?))
        }
        _ => Ok(Document::Value(canonical(&value)?)),
    }
}

/// What a JSON file holds.
#[derive(Debug)]
pub(crate) enum Document {
    Records(Vec<Json>),
    Value(Json),
}
