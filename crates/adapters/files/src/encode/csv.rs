//! Records as CSV.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write};
use std::path::Path;

use refrain_schemas::json::Json;

use crate::encode::{EncodeError, fields, plain};

/// Writes records as rows.
///
/// Where no columns are named they are the fields of the first record in alphabetical order, followed by the fields
/// that later records add. They are known at the end only, so the records wait in a temporary file until then.
#[derive(Debug)]
pub(crate) struct CsvEncoder {
    delimiter: u8,
    columns: Columns,
    line: Vec<u8>,
}

#[derive(Debug)]
enum Columns {
    Named { columns: Vec<String>, header: bool },
    Found { columns: Vec<String>, known: BTreeSet<String>, waiting: BufWriter<File> },
}

impl CsvEncoder {
    pub(crate) fn new(delimiter: u8, columns: Option<Vec<String>>, folder: &Path) -> io::Result<Self> {
        let columns = match columns {
            Some(columns) => Columns::Named { columns, header: false },
            None => Columns::Found {
                columns: Vec::new(),
                known: BTreeSet::new(),
                waiting: BufWriter::new(tempfile::tempfile_in(folder)?),
            },
        };
        Ok(Self { delimiter, columns, line: Vec::new() })
    }

    pub(crate) fn write(&mut self, record: &Json, out: &mut impl Write) -> Result<(), EncodeError> {
        match &mut self.columns {
            Columns::Named { columns, header } => {
                if !std::mem::replace(header, true) {
                    row(&mut self.line, self.delimiter, columns.iter().map(String::as_str), out)?;
                }
                values(&mut self.line, self.delimiter, columns, record, out)
            }
            Columns::Found { columns, known, waiting } => {
                for name in fields(record)?.keys() {
                    if !known.contains(name.0.as_ref()) {
                        known.insert(name.0.clone().into_owned());
                        columns.push(name.0.clone().into_owned());
                    }
                }
                Ok(writeln!(waiting, "{record}")?)
            }
        }
    }

    pub(crate) fn finish(&mut self, out: &mut impl Write) -> Result<(), EncodeError> {
        match &mut self.columns {
            Columns::Named { header: true, .. } => Ok(()),
            Columns::Named { columns, header: false } => {
                Ok(row(&mut self.line, self.delimiter, columns.iter().map(String::as_str), out)?)
            }
            Columns::Found { columns, waiting, .. } if columns.is_empty() => Ok(waiting.flush()?),
            Columns::Found { columns, waiting, .. } => {
                row(&mut self.line, self.delimiter, columns.iter().map(String::as_str), out)?;
                waiting.flush()?;
                waiting.get_mut().rewind()?;
                for record in BufReader::new(waiting.get_ref()).lines() {
                    values(&mut self.line, self.delimiter, columns, &Json::from_canonical(&record?), out)?;
                }
                Ok(())
            }
        }
    }
}

fn values(
    line: &mut Vec<u8>,
    delimiter: u8,
    columns: &[String],
    record: &Json,
    out: &mut impl Write,
) -> Result<(), EncodeError> {
    let fields = fields(record)?;
    let cells: Vec<_> = columns
        .iter()
        .map(|name| fields.get(name.as_str()).map(|value| plain(value.get())).unwrap_or_default())
        .collect();
    Ok(row(line, delimiter, cells.iter().map(AsRef::as_ref), out)?)
}

fn row<'a>(
    line: &mut Vec<u8>,
    delimiter: u8,
    cells: impl Iterator<Item = &'a str>,
    out: &mut impl Write,
) -> io::Result<()> {
    line.clear();
    for (n, text) in cells.enumerate() {
        if n > 0 {
            line.push(delimiter);
        }
        cell(line, delimiter, text);
    }
    // A row of one empty cell would be a blank line, which readers pass over.
    if line.is_empty() {
        line.extend_from_slice(b"\"\"");
    }
    line.push(b'\n');
    out.write_all(line)
}

fn cell(line: &mut Vec<u8>, delimiter: u8, text: &str) {
    if is_special(delimiter, text) {
        line.extend_from_slice(quoted(text).as_bytes());
    } else {
        line.extend_from_slice(text.as_bytes());
    }
}

/// Whether a text must stand in quotes to be a cell.
pub(crate) fn is_special(delimiter: u8, text: &str) -> bool {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    // At the start of a file a byte order mark would be passed over.
    text.bytes().any(special) || text.starts_with('\u{feff}')
}

/// Returns a text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
