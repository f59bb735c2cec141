//! Rows: the records of one file as they are parsed.

mod csv;
mod json;
mod text;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::{Json, scalar_text};
use refrain_schemas::problem::{Place, Problem};

use crate::format::Format;
use crate::lines::Lines;
use crate::problems::{Problems, problem};

use self::csv::CsvRows;
pub(crate) use self::json::{Document, document};
use self::json::{JsonRows, JsonlRows};
use self::text::TextRows;

/// One record and where it stands.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) record: Json,
    /// The hash of the key's text; zero where no key is wanted.
    pub(crate) key: KeyHash,
    pub(crate) line: u64,
}

/// The hash of a key: a million keys are told apart in little memory.
pub(crate) type KeyHash = [u8; 16];

/// How the rows of a file are to be understood.
#[derive(Debug, Clone)]
pub(crate) struct RowSpec {
    pub(crate) format: Format,
    pub(crate) delimiter: u8,
    /// The field that tells records apart, if they are to be told apart.
    pub(crate) key: Option<String>,
    /// Whether ids of lines name their file.
    pub(crate) file_in_id: bool,
}

/// The rows of one file.
#[derive(Debug)]
pub(crate) enum Rows {
    Csv(CsvRows),
    Jsonl(JsonlRows),
    Json(JsonRows),
    Text(TextRows),
}

impl Rows {
    pub(crate) fn new(spec: &RowSpec, path: &str) -> Self {
        match spec.format {
            Format::Csv => Self::Csv(CsvRows::new(spec.delimiter, spec.key.clone())),
            Format::Jsonl => Self::Jsonl(JsonlRows::new(spec.key.clone())),
            Format::Json => Self::Json(JsonRows::new(spec.key.clone())),
            Format::Text => Self::Text(TextRows::new(spec, path)),
        }
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
        }
    }
}

pub(crate) fn hash(key: &str) -> KeyHash {
    let hash = blake3::hash(key.as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Returns the hash of a record's key, or what is wrong with it.
fn key_of(record: &Json, key: Option<&str>, place: impl FnOnce() -> Place) -> Result<KeyHash, Box<Problem>> {
    let Some(key) = key else { return Ok(KeyHash::default()) };
    let wrong = match record.field(key) {
        None => format!("the record has no `{key}`"),
        Some(value) => match scalar_text(value) {
            None => format!("the key `{key}` is {}, not a text or a number", kind(value)),
            Some(text) if text.is_empty() => format!("the key `{key}` is empty"),
            Some(text) => return Ok(hash(&text)),
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
