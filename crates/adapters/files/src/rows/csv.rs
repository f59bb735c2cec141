//! Rows of CSV.
//!
//! A parser of its own because every problem needs its true line and column, across blank lines and line breaks in
//! quotes, and because an unclosed quote must be found out rather than swallow the rest of the file.

use std::sync::Arc;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::{Json, write_string};
use refrain_schemas::problem::Place as At;

use crate::encode::csv::{is_special, quoted};
use crate::ids::seed;
use crate::layout::{Place, Quoting, TEXT};
use crate::lines::{LONGEST, Lines, old_line_ends, position, without_break};
use crate::params::Names;
use crate::problems::{Problems, place, problem};
use crate::rows::{KeyHash, Row, RowSpec, hash};

/// The rows of a CSV file.
#[derive(Debug)]
pub(crate) struct CsvRows {
    delimiter: u8,
    key: Option<String>,
    content: bool,
    names: Names,
    /// The file as a JSON string.
    file: Json,
    /// The column where texts go.
    column: Option<String>,
    quotings: [Arc<dyn Quoting>; 2],
    header: Option<Header>,
    row: RawRow,
    out: String,
}

/// The columns in the order in which canonical JSON wants them.
#[derive(Debug)]
struct Header {
    columns: usize,
    /// `"name":` as it stands in the record, and the cell that belongs there; the file where there is none.
    sorted: Vec<(String, Option<usize>)>,
    key: Option<usize>,
    text: Option<usize>,
    speaker: Option<usize>,
    target: Option<usize>,
}

/// The lines of one row and the cells in them.
#[derive(Debug, Default)]
struct RawRow {
    text: String,
    first_line: u64,
    cells: String,
    ends: Vec<usize>,
    /// Where the cells stand in the text, with their quotes.
    spans: Vec<(usize, usize)>,
}

/// What became of an attempt to read a row.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Good,
    Bad,
    End,
}

impl CsvRows {
    pub(crate) fn new(spec: &RowSpec, path: &str) -> Self {
        let delimiter = spec.delimiter;
        Self {
            delimiter,
            key: spec.own_key(),
            content: spec.needs_ids(),
            names: spec.names.clone(),
            file: Json::string(path),
            column: spec.column.clone(),
            quotings: [false, true].map(|quoted| Arc::new(Cell { delimiter, quoted }) as Arc<dyn Quoting>),
            header: None,
            row: RawRow::default(),
            out: String::new(),
        }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        loop {
            let read = self.row.read(self.delimiter, lines, problems)?;
            let Some(header) = &self.header else {
                match read {
                    Read::Good => match old_line_ends(lines.path(), &self.row.text) {
                        None => self.header = Some(self.read_header(lines.path(), problems)),
                        Some(problem) => {
                            problems.add(problem);
                            lines.stop();
                            return Ok(None);
                        }
                    },
                    // Without a header no row means anything.
                    Read::Bad => lines.stop(),
                    Read::End if lines.is_stopped() => return Ok(None),
                    Read::End => {
                        let place = place(lines.path(), 1, 1);
                        problems.add(problem("E0713", "the file has no header", Some(place)));
                        lines.stop();
                    }
                }
                continue;
            };
            match read {
                Read::End => return Ok(None),
                Read::Bad => {}
                // Spreadsheets leave such rows below the last one; where no key is wanted they may be empty texts.
                Read::Good if header.key.is_some() && self.row.cells.is_empty() => {}
                Read::Good => match self.row.key(header, self.key.as_deref()) {
                    Ok(key) => return Ok(Some(self.take(key, lines))),
                    Err((code, message)) => {
                        let place = place(lines.path(), self.row.first_line, 1);
                        problems.add(problem(code, message, Some(place)));
                    }
                },
            }
        }
    }

    fn take(&mut self, key: Option<KeyHash>, lines: &Lines) -> Row {
        let record = self.record();
        let cell = |n: Option<usize>| n.map_or("", |n| self.row.cell(n));
        let header = self.header.as_ref();
        let seed = match header.filter(|_| self.content) {
            Some(header) => seed(cell(header.speaker), cell(header.text)),
            None => 0,
        };
        let places = header.and_then(|header| self.place(header.target?, lines)).into_iter().collect();
        Row { record, key, seed, line: self.row.first_line, places }
    }

    /// Returns where a cell stands in what was kept of the file.
    fn place(&self, cell: usize, lines: &Lines) -> Option<Place> {
        let (start, end) = *self.row.spans.get(cell)?;
        let offset = lines.kept_len().checked_sub(self.row.text.len())?;
        let is_quoted = self.row.text.as_bytes().get(start) == Some(&b'"') && start < end;
        Some(Place {
            field: TEXT.to_owned(),
            span: offset + start..offset + end,
            now: self.row.cell(cell).to_owned(),
            quoting: self.quotings[usize::from(is_quoted)].clone(),
        })
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
            match cell {
                Some(cell) => write_string(&mut self.out, self.row.cell(*cell)),
                None => self.out.push_str(self.file.as_str()),
            }
        }
        self.out.push('}');
        Json::from_canonical(&self.out)
    }

    fn read_header(&self, file: &str, problems: &mut Problems) -> Header {
        let written: Vec<&str> = (0..self.row.ends.len()).map(|n| self.row.cell(n)).collect();
        let names: Vec<&str> = written.iter().map(|name| self.names.of(name, self.key.as_deref())).collect();
        let here = || Some(place(file, self.row.first_line, 1));
        for (n, name) in names.iter().enumerate() {
            if names[..n].contains(name) {
                problems.add(problem("E0707", format!("two columns are named `{name}`"), here()));
            }
        }
        let mut find = |code: &str, names: &[&str], name: Option<&str>| {
            let at = name.and_then(|name| names.iter().position(|other| *other == name));
            if let (Some(name), None) = (name, at) {
                let message = format!("there is no column `{name}`; there are {}", names.join(", "));
                let mut problem = problem(code, message, here());
                problem.hint = other_delimiter(names).or(problem.hint);
                problems.add(problem);
            }
            at
        };
        let key = find("E0703", &names, self.key.as_deref());
        let text = self.names.text.as_deref().or(self.content.then_some("text"));
        let text = find("E0717", &written, text);
        let speaker = find("E0717", &written, self.names.speaker.as_deref());
        let speaker = speaker.or_else(|| names.iter().position(|name| *name == "speaker"));
        let scene = self.names.scene.as_deref().filter(|scene| *scene != "none");
        let scene = match scene {
            None => None,
            Some("file") => Some(None),
            Some(field) => find("E0717", &names, Some(field)).map(Some),
        };
        let target = find("E0717", &written, self.column.as_deref());
        let mut sorted: Vec<(&str, Option<usize>)> =
            names.iter().enumerate().map(|(n, name)| (*name, Some(n))).collect();
        if self.names.scene.as_deref() == Some("none") {
            sorted.retain(|(name, _)| *name != "scene_id");
        }
        if let Some(scene) = scene {
            sorted.retain(|(name, _)| *name != "scene_id");
            sorted.push(("scene_id", scene));
        }
        sorted.sort_unstable();
        let sorted = sorted.into_iter().map(|(name, cell)| (format!("{}:", Json::string(name)), cell));
        Header { columns: written.len(), sorted: sorted.collect(), key, text, speaker, target }
    }
}

/// Says how cells may be apart, where all names stand in one.
fn other_delimiter(names: &[&str]) -> Option<String> {
    let [one] = names else { return None };
    let apart = one.chars().find(|c| matches!(c, ',' | ';' | '\t' | '|'))?;
    Some(say_delimiter(apart))
}

fn say_delimiter(apart: char) -> String {
    let name = if apart == '\t' { "tab".to_owned() } else { format!("\"{apart}\"") };
    format!("if that is what stands between the cells, say `delimiter: {name}`")
}

/// Writes a text as a cell: in quotes where it has to be, or where the cell had them.
#[derive(Debug)]
struct Cell {
    delimiter: u8,
    quoted: bool,
}

impl Quoting for Cell {
    fn quote(&self, plain: &str) -> Result<String, String> {
        let needed = self.quoted || is_special(self.delimiter, plain);
        Ok(if needed { quoted(plain) } else { plain.to_owned() })
    }
}

impl RawRow {
    /// Says how cells may be apart, where another delimiter stands right behind a quoted cell and a quote behind that.
    fn other_delimiter(&self, end: usize) -> Option<String> {
        let mut behind = self.text.get(end..)?.chars();
        let apart = behind.next().filter(|c| matches!(c, ',' | ';' | '\t' | '|'))?;
        (behind.next() == Some('"')).then(|| say_delimiter(apart))
    }

    fn cell(&self, n: usize) -> &str {
        let start = if n == 0 { 0 } else { self.ends[n - 1] };
        &self.cells[start..self.ends[n]]
    }

    /// Returns the hash of the key, or what is wrong with the row.
    fn key(&self, header: &Header, name: Option<&str>) -> Result<Option<KeyHash>, (&'static str, String)> {
        if self.ends.len() != header.columns {
            let (cells, columns) = (self.ends.len(), header.columns);
            return Err(("E0702", format!("the row has {cells} cells, the header has {columns}")));
        }
        match header.key.map(|n| self.cell(n)) {
            // That the column is missing was said once, at the header.
            None => Ok(None),
            Some("") => Err(("E0703", format!("the key `{}` is empty", name.unwrap_or_default()))),
            Some(key) => Ok(Some(hash(key))),
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
        self.spans.clear();
        let mut at = Some(0);
        while let Some(start) = at {
            if self.text.as_bytes().get(start) == Some(&b'"') {
                let Some(end) = self.quoted(start, lines, problems)? else { return Ok(Read::Bad) };
                if !self.ends_at(end, delimiter) {
                    let here = Some(self.place(lines.path(), end));
                    let mut problem = problem("E0712", "text behind a closing quote", here);
                    problem.hint = self.other_delimiter(end).or(problem.hint);
                    problems.add(problem);
                    return Ok(Read::Bad);
                }
                at = (self.text.as_bytes().get(end) == Some(&delimiter)).then_some(end + 1);
                self.spans.push((start, end));
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
        let cell = &rest[..end.unwrap_or(rest.len())];
        self.cells.push_str(cell);
        self.spans.push((start, start + cell.len()));
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

    fn place(&self, file: &str, at: usize) -> At {
        let (line, column) = position(&self.text[..at]);
        place(file, self.first_line + line, column)
    }
}
