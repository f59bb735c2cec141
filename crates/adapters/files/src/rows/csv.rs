//! Rows of CSV.
//!
//! A parser of its own because every problem needs its true line and column, across blank lines and line breaks in
//! quotes, and because an unclosed quote must be found out rather than swallow the rest of the file.

use refrain_core::ports::files::FileError;
use refrain_schemas::json::{Json, write_string};
use refrain_schemas::problem::Place;

use crate::lines::{LONGEST, Lines, position, without_break};
use crate::problems::{Problems, place, problem};
use crate::rows::{KeyHash, Row, hash};

/// The rows of a CSV file.
#[derive(Debug)]
pub(crate) struct CsvRows {
    delimiter: u8,
    key: Option<String>,
    header: Option<Header>,
    row: RawRow,
    out: String,
}

/// The columns in the order in which canonical JSON wants them.
#[derive(Debug)]
struct Header {
    columns: usize,
    /// `"name":` as it stands in the record, and the cell that belongs there.
    sorted: Vec<(String, usize)>,
    key: Option<usize>,
}

/// The lines of one row and the cells in them.
#[derive(Debug, Default)]
struct RawRow {
    text: String,
    first_line: u64,
    cells: String,
    ends: Vec<usize>,
}

/// What became of an attempt to read a row.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Good,
    Bad,
    End,
}

impl CsvRows {
    pub(crate) fn new(delimiter: u8, key: Option<String>) -> Self {
        Self { delimiter, key, header: None, row: RawRow::default(), out: String::new() }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        loop {
            match self.row.read(self.delimiter, lines, problems)? {
                Read::End if self.header.is_none() && !lines.is_stopped() => {
                    problems.add(problem("E0713", "the file has no header", Some(place(lines.path(), 1, 1))));
                    lines.stop();
                    return Ok(None);
                }
                Read::End => return Ok(None),
                // Without a header no row means anything.
                Read::Bad if self.header.is_none() => {
                    lines.stop();
                    return Ok(None);
                }
                Read::Bad => {}
                Read::Good => match &self.header {
                    None => self.header = Some(self.row.header(self.key.as_deref(), lines.path(), problems)),
                    Some(header) => match self.row.key(header, self.key.as_deref()) {
                        Ok(key) => {
                            return Ok(Some(Row { record: self.record(), key, line: self.row.first_line }));
                        }
                        Err((code, message)) => {
                            let place = place(lines.path(), self.row.first_line, 1);
                            problems.add(problem(code, message, Some(place)));
                        }
                    },
                },
            }
        }
    }

    /// Writes the record as canonical text: the columns are sorted once per file, and no tree is built.
    fn record(&mut self) -> Json {
        self.out.clear();
        self.out.push('{');
        let sorted = self.header.iter().flat_map(|header| &header.sorted);
        for (n, (name, cell)) in sorted.enumerate() {
            if n > 0 {
                self.out.push(',');
            }
            self.out.push_str(name);
            write_string(&mut self.out, self.row.cell(*cell));
        }
        self.out.push('}');
        Json::from_canonical(&self.out)
    }
}

impl RawRow {
    fn cell(&self, n: usize) -> &str {
        let start = if n == 0 { 0 } else { self.ends[n - 1] };
        &self.cells[start..self.ends[n]]
    }

    fn header(&self, key: Option<&str>, file: &str, problems: &mut Problems) -> Header {
        let names: Vec<&str> = (0..self.ends.len()).map(|n| self.cell(n)).collect();
        let here = || Some(place(file, self.first_line, 1));
        for (n, name) in names.iter().enumerate() {
            if names[..n].contains(name) {
                problems.add(problem("E0707", format!("two columns are named `{name}`"), here()));
            }
        }
        let at = key.and_then(|key| names.iter().position(|name| *name == key));
        if let (Some(key), None) = (key, at) {
            let message = format!("there is no column `{key}`; there are {}", names.join(", "));
            problems.add(problem("E0703", message, here()));
        }
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by_key(|n| names[*n]);
        let written = |n: usize| format!("{}:", Json::string(names[n]));
        Header { columns: names.len(), sorted: order.into_iter().map(|n| (written(n), n)).collect(), key: at }
    }

    /// Returns the hash of the key, or what is wrong with the row.
    fn key(&self, header: &Header, name: Option<&str>) -> Result<KeyHash, (&'static str, String)> {
        if self.ends.len() != header.columns {
            let (cells, columns) = (self.ends.len(), header.columns);
            return Err(("E0702", format!("the row has {cells} cells, the header has {columns}")));
        }
        match header.key.map(|n| self.cell(n)) {
            // That the column is missing was said once, at the header.
            None => Ok(KeyHash::default()),
            Some("") => Err(("E0703", format!("the key `{}` is empty", name.unwrap_or_default()))),
            Some(key) => Ok(hash(key)),
        }
    }

    /// Reads the cells of the next row that is not blank.
    fn read(&mut self, delimiter: u8, lines: &mut Lines, problems: &mut Problems) -> Result<Read, FileError> {
        loop {
            self.text.clear();
            if !lines.next(&mut self.text, problems)? {
                return Ok(Read::End);
            }
            if !without_break(&self.text).is_empty() {
                break;
            }
        }
        self.first_line = lines.number();
        self.cells.clear();
        self.ends.clear();
        let mut at = Some(0);
        while let Some(start) = at {
            if self.text.as_bytes().get(start) == Some(&b'"') {
                let Some(end) = self.quoted(start, lines, problems)? else { return Ok(Read::Bad) };
                if !self.ends_at(end, delimiter) {
                    let message = "text behind a closing quote; a quote in a quoted cell is written twice";
                    problems.add(problem("E0712", message, Some(self.place(lines.path(), end))));
                    return Ok(Read::Bad);
                }
                at = (self.text.as_bytes().get(end) == Some(&delimiter)).then_some(end + 1);
            } else {
                at = self.plain(start, delimiter);
            }
            self.ends.push(self.cells.len());
        }
        Ok(Read::Good)
    }

    /// Takes a cell without quotes; returns where the next one begins.
    fn plain(&mut self, start: usize, delimiter: u8) -> Option<usize> {
        let rest = without_break(&self.text[start..]);
        let end = rest.bytes().position(|byte| byte == delimiter);
        self.cells.push_str(&rest[..end.unwrap_or(rest.len())]);
        end.map(|end| start + end + 1)
    }

    /// Takes a quoted cell, reading more lines where it goes on; returns where it ends.
    fn quoted(
        &mut self,
        start: usize,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<usize>, FileError> {
        let mut at = start + 1;
        loop {
            let rest = &self.text[at..];
            if let Some(quote) = rest.bytes().position(|byte| byte == b'"') {
                self.cells.push_str(&rest[..quote]);
                at += quote + 1;
                if self.text.as_bytes().get(at) != Some(&b'"') {
                    return Ok(Some(at));
                }
                self.cells.push('"');
                at += 1;
                continue;
            }
            self.cells.push_str(rest);
            at = self.text.len();
            if at > LONGEST {
                problems.add(lines.too_long(self.first_line));
                lines.stop();
                return Ok(None);
            }
            if !lines.next(&mut self.text, problems)? {
                let place = self.place(lines.path(), start);
                problems.add(problem("E0711", "this quote is never closed", Some(place)));
                return Ok(None);
            }
        }
    }

    fn ends_at(&self, end: usize, delimiter: u8) -> bool {
        self.text.as_bytes().get(end) == Some(&delimiter) || without_break(&self.text[end..]).is_empty()
    }

    fn place(&self, file: &str, at: usize) -> Place {
        let (line, column) = position(&self.text[..at]);
        place(file, self.first_line + line, column)
    }
}
