//! Encoders: records as the text of a format.
//!
//! The same records make the same bytes: lines end with `\n`, quotes stand only where they must, and columns that are
//! not named come in a fixed order.

pub(crate) mod csv;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use refrain_schemas::json::{Json, scalar_text};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::encode::csv::CsvEncoder;
use crate::format::Format;
use crate::layout::{self, Composing, Layout};
use crate::params::{FileParams, WriteParams};
use crate::problems::Problems;

/// Writes records in one format.
#[derive(Debug)]
pub(crate) enum Encoder {
    Csv(CsvEncoder),
    Jsonl {
        columns: Option<Vec<String>>,
    },
    Json {
        columns: Option<Vec<String>>,
        empty: bool,
    },
    Text {
        column: String,
    },
    /// A format that is made of all records at once.
    Whole {
        layout: Arc<dyn Layout>,
        with: Composing,
        records: Vec<Json>,
    },
}

/// Why a record could not be written.
#[derive(Debug)]
pub(crate) enum EncodeError {
    /// The format cannot hold it.
    Record(String),
    /// The system failed.
    Io(io::Error),
}

impl From<io::Error> for EncodeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Encoder {
    /// Starts to encode. `folder` is where a temporary file may be made.
    pub(crate) fn new(params: &WriteParams, key: &str, folder: &Path) -> Result<Self, EncodeError> {
        let columns = params.columns.clone();
        let FileParams { format, .. } = &params.file;
        let format = format.or_else(|| Format::by_name(&params.path)).unwrap_or(Format::Jsonl);
        if let Some(layout) = layout::of(format, &params.file, key) {
            let with = Composing {
                key: key.to_owned(),
                field: params.field.clone(),
                language: params.language.clone(),
                source_language: params.source_language.clone(),
                columns,
                charset: params.file.encoding.for_new().0.charset(),
            };
            return Ok(Self::Whole { layout, with, records: Vec::new() });
        }
        Ok(match format {
            Format::Csv => {
                Self::Csv(CsvEncoder::new(params.file.delimiter_of(&params.path), columns, folder)?)
            }
            Format::Json => Self::Json { columns, empty: true },
            Format::Text => Self::Text { column: one_column(columns, &params.field)? },
            _ => Self::Jsonl { columns },
        })
    }

    pub(crate) fn write(&mut self, record: &Json, out: &mut impl Write) -> Result<(), EncodeError> {
        match self {
            Self::Csv(encoder) => encoder.write(record, out),
            Self::Jsonl { columns } => {
                let record = select(record, columns.as_deref())?;
                Ok(writeln!(out, "{record}")?)
            }
            Self::Json { columns, empty } => {
                let text = pretty(&select(record, columns.as_deref())?)?;
                let before = if std::mem::replace(empty, false) { "[" } else { "," };
                Ok(write!(out, "{before}\n  {text}")?)
            }
            Self::Text { column } => Ok(writeln!(out, "{}", line(record, column)?)?),
            Self::Whole { records, .. } => {
                records.push(record.clone());
                Ok(())
            }
        }
    }

    /// Returns the records that are held back until the end, with what they are composed with.
    pub(crate) fn held(&self) -> Option<(&[Json], &Composing)> {
        match self {
            Self::Whole { records, with, .. } => Some((records, with)),
            _ => None,
        }
    }

    /// Writes what stands behind the last record. Formats that are made of all records at once tell now which of them
    /// do not fit.
    pub(crate) fn finish(
        &mut self,
        out: &mut impl Write,
        problems: &mut Problems,
    ) -> Result<(), EncodeError> {
        match self {
            Self::Whole { layout, with, records } => {
                Ok(out.write_all(layout.compose(records, with, problems).as_bytes())?)
            }
            Self::Csv(encoder) => encoder.finish(out),
            Self::Json { empty: true, .. } => Ok(out.write_all(b"[]\n")?),
            Self::Json { .. } => Ok(out.write_all(b"\n]\n")?),
            Self::Jsonl { .. } | Self::Text { .. } => Ok(()),
        }
    }
}

fn one_column(columns: Option<Vec<String>>, field: &str) -> Result<String, EncodeError> {
    let columns = columns.unwrap_or_else(|| vec![field.to_owned()]);
    match <[String; 1]>::try_from(columns) {
        Ok([column]) => Ok(column),
        Err(_) => Err(EncodeError::Record("a text file has one column; name just that one".to_owned())),
    }
}

/// A field name, borrowed where it has no escapes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::borrow::Borrow<str> for Name<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

type Fields<'a> = BTreeMap<Name<'a>, &'a RawValue>;

fn fields(record: &Json) -> Result<Fields<'_>, EncodeError> {
    serde_json::from_str(record.as_str()).map_err(|_| EncodeError::Record("is not an object".to_owned()))
}

/// Returns the plain text of a value: strings as they are, nothing for null, JSON for the rest.
pub(crate) fn plain(value: &str) -> Cow<'_, str> {
    if value == "null" { Cow::Borrowed("") } else { scalar_text(value).unwrap_or(Cow::Borrowed(value)) }
}

fn select(record: &Json, columns: Option<&[String]>) -> Result<Json, EncodeError> {
    let Some(columns) = columns else { return Ok(record.clone()) };
    let fields = fields(record)?;
    let kept = fields.iter().filter(|(name, _)| columns.iter().any(|column| *column == name.0));
    Ok(Json::object(kept.map(|(name, value)| (name.0.as_ref(), value.get()))))
}

/// Returns a record over several lines, indented as an item of a list.
fn pretty(record: &Json) -> Result<String, EncodeError> {
    let value: serde_json::Value =
        serde_json::from_str(record.as_str()).map_err(|e| EncodeError::Record(e.to_string()))?;
    let text = serde_json::to_string_pretty(&value).map_err(|e| EncodeError::Record(e.to_string()))?;
    // Line breaks in strings are escaped, so every real one is the printer's.
    Ok(text.replace('\n', "\n  "))
}

fn line(record: &Json, column: &str) -> Result<String, EncodeError> {
    let fields = fields(record)?;
    let Some(value) = fields.get(column) else {
        return Err(EncodeError::Record(format!("has no `{column}`")));
    };
    let text = plain(value.get());
    if text.contains('\n') || text.ends_with('\r') {
        let message =
            format!("has a line break in `{column}`, which a text file cannot hold; use csv or jsonl");
        return Err(EncodeError::Record(message));
    }
    Ok(text.into_owned())
}
