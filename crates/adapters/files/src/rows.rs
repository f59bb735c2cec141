//! Rows: the records of one file as they are parsed.

mod csv;
mod json;
mod text;
mod whole;

use std::sync::Arc;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::{Json, scalar_text};
use refrain_schemas::problem::{Place as At, Problem};

use crate::encoding::Declared;
use crate::format::Format;
use crate::ids::Seed;
use crate::layout::{self, Layout, Place};
use crate::lines::Lines;
use crate::params::{FileParams, IdsFrom, Names, default_delimiter};
use crate::problems::{Problems, problem};

use self::csv::CsvRows;
pub(crate) use self::json::{Document, Start, document};
use self::json::{JsonRows, JsonlRows};
use self::text::TextRows;
use self::whole::WholeRows;

/// One record and where it stands.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) record: Json,
    /// The hash of the key's text; nothing where the row has no id of its own.
    pub(crate) key: Option<KeyHash>,
    /// What the row says, where its id is to come from that.
    pub(crate) seed: Seed,
    pub(crate) line: u64,
    /// Where texts go in what was kept of the file, if it is to be patched.
    pub(crate) places: Vec<Place>,
}

/// The hash of a key: a million keys are told apart in little memory.
pub(crate) type KeyHash = [u8; 16];

/// How the rows of a file are to be understood.
#[derive(Debug, Clone)]
pub(crate) struct RowSpec {
    pub(crate) format: Format,
    pub(crate) delimiter: u8,
    pub(crate) encoding: Declared,
    /// The field that tells records apart, if they are to be told apart.
    pub(crate) key: Option<String>,
    pub(crate) ids: Option<IdsFrom>,
    pub(crate) names: Names,
    /// The format, where files of it are understood as a whole.
    pub(crate) layout: Option<Arc<dyn Layout>>,
    /// The column or field where texts go, if the file is to be patched.
    pub(crate) column: Option<String>,
}

impl RowSpec {
    /// Returns how a file is to be understood whose path the param `field` named.
    pub(crate) fn new(params: &FileParams, field: &str, path: &str, key: &str) -> Result<Self, FileError> {
        let format = params.format_of(field, path)?;
        if format == Format::Text && params.ids == Some(IdsFrom::File) {
            let message = format!("`{path}` is a text file, which has no ids; leave `ids` out");
            return Err(FileError::Params { field: "ids".to_owned(), message });
        }
        let has_fields = matches!(format, Format::Csv | Format::Jsonl | Format::Json | Format::Table);
        if params.names.id.is_some() && !has_fields {
            let message = format!("`{path}` has no columns or fields to take ids from; leave `id` out");
            return Err(FileError::Params { field: "id".to_owned(), message });
        }
        // A table whose key column is missing is rather a mistake than a table without ids.
        let rows = matches!(format, Format::Csv | Format::Jsonl | Format::Json);
        Ok(Self {
            format,
            delimiter: params.delimiter_of(path),
            encoding: params.encoding,
            key: Some(key.to_owned()),
            ids: params.ids.or(rows.then_some(IdsFrom::File)),
            names: params.names.clone(),
            layout: layout::of(format, params, key),
            column: None,
        })
    }

    /// Returns how a file is to be understood of which nothing is known but its name.
    pub(crate) fn plain(format: Format, path: &str) -> Self {
        Self {
            format,
            delimiter: default_delimiter(path),
            encoding: Declared::Nothing,
            key: None,
            ids: None,
            names: Names::default(),
            layout: None,
            column: None,
        }
    }

    /// Whether some rows may have to get their ids from their content.
    pub(crate) const fn needs_ids(&self) -> bool {
        self.key.is_some() && !matches!(self.ids, Some(IdsFrom::File))
    }

    /// Returns the field whose values are the ids, if ids come from the file.
    fn own_key(&self) -> Option<String> {
        self.key.clone().filter(|_| self.ids != Some(IdsFrom::Content))
    }
}

/// The rows of one file.
#[derive(Debug)]
pub(crate) enum Rows {
    Csv(Box<CsvRows>),
    Jsonl(JsonlRows),
    Json(JsonRows),
    Text(TextRows),
    Whole(WholeRows),
}

impl Rows {
    pub(crate) fn new(spec: &RowSpec, path: &str) -> Self {
        if let Some(layout) = &spec.layout {
            return Self::Whole(WholeRows::new(spec, layout.clone()));
        }
        match spec.format {
            Format::Csv => Self::Csv(Box::new(CsvRows::new(spec, path))),
            Format::Jsonl => Self::Jsonl(JsonlRows::new(spec)),
            Format::Json | Format::Table | Format::Renpy | Format::Po | Format::Xliff => {
                Self::Json(JsonRows::new(spec))
            }
            Format::Text => Self::Text(TextRows::new(spec, path)),
        }
    }

    /// Whether places stand in the whole text of the file, rather than in what was read for one row.
    pub(crate) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Returns the next good row, adding bad ones to the problems.
    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        match self {
            Self::Csv(rows) => rows.next(lines, problems),
            Self::Jsonl(rows) => rows.next(lines, problems),
            Self::Json(rows) => rows.next(lines, problems),
            Self::Text(rows) => rows.next(lines, problems),
            Self::Whole(rows) => rows.next(lines, problems),
        }
    }
}

pub(crate) fn hash(key: &str) -> KeyHash {
    let hash = blake3::hash(key.as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Returns the hash of a record's key, or what is wrong with it.
fn key_of(
    record: &Json,
    key: Option<&str>,
    place: impl FnOnce() -> At,
) -> Result<Option<KeyHash>, Box<Problem>> {
    let Some(key) = key else { return Ok(None) };
    let wrong = match record.field(key) {
        None => format!("the record has no `{key}`"),
        Some(value) => match scalar_text(value) {
            None => format!("the key `{key}` is {}, not a text or a number", kind(value)),
            Some(text) if text.is_empty() => format!("the key `{key}` is empty"),
            Some(text) => return Ok(Some(hash(&text))),
        },
    };
    Err(problem("E0703", wrong, Some(place())))
}

fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        _ => "null",
    }
}
