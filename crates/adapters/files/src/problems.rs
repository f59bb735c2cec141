//! Problems in files, collected so that all are reported at once.
//!
//! Codes never change their meaning; [`CODES`] lists them.

use refrain_core::ports::files::FileError;
use refrain_schemas::problem::{Place, Problem, Severity};

/// Every code with what it means and what helps where nothing better is known, in order.
pub const CODES: &[(&str, &str, &str)] = &[
    ("E0700", "there are more problems than are shown", "mend those that are shown"),
    ("E0701", "bytes that do not decode", "save the file as UTF-8, or declare what it is with `encoding:`"),
    (
        "E0702",
        "a CSV row with more or fewer cells than the header",
        "give every row as many cells as the header; quote cells with the delimiter or a line break in them",
    ),
    (
        "E0703",
        "a record without key: no such column or field, empty, or no scalar",
        "give every record a key, or say `ids: content`",
    ),
    ("E0704", "two records with one key", "give every record a key of its own"),
    ("E0705", "a text that is not JSON, or nested too deeply", "mend the JSON at the place shown"),
    ("E0706", "an integer beyond 2^53", "write such numbers as strings"),
    ("E0707", "two columns with one name", "rename one of the two"),
    (
        "E0708",
        "a record that is no object, or a file that is no list",
        "write `[{…}, {…}]`, or one object per line in a `.jsonl` file",
    ),
    (
        "E0709",
        "UTF-16 that is not declared, or contrary to what is declared",
        "leave `encoding` out, so that the mark decides, or declare `utf-16le` or `utf-16be`",
    ),
    ("E0710", "a line that is too long", "break the line"),
    (
        "E0711",
        "a CSV quote that is never closed",
        "close the quote; a quote in a quoted cell is written twice",
    ),
    ("E0712", "text behind a closing CSV quote", "a quote in a quoted cell is written twice"),
    (
        "E0713",
        "a CSV file without header: nothing in it, or only blank lines",
        "name the columns in the first row",
    ),
    (
        "E0714",
        "an encoding that cannot be told, or is contrary to what is declared",
        "declare the encoding with `encoding:`",
    ),
    ("E0715", "a value that is nested too deeply to be understood", "values may be nested 127 deep"),
    (
        "E0716",
        "a file that is too large for its format",
        "split the file; CSV, JSONL and text files may be of any size",
    ),
    (
        "E0717",
        "a column or field that the params name and the file lacks",
        "use one of the columns that are listed",
    ),
    (
        "E0718",
        "a table that has no texts where they are expected",
        "say with `text:` which field is the text, and with `at:` where lines are",
    ),
    ("E0720", "a record that cannot be written in the format", "change the record, or write another format"),
    (
        "E0721",
        "records in a format of which files can only be patched",
        "name the files to patch with `patch:`",
    ),
    ("E0722", "a line of a patched file that has no record", "`missing: keep` leaves such lines as they are"),
    (
        "E0723",
        "a record that has no line in the patched files",
        "`patch`, `encoding`, `ids`, `text` and `speaker` must be those of `read`",
    ),
    ("E0724", "more or fewer lines than expected", "see which lines are missing"),
    ("E0725", "a text that cannot stand in its place in the file", "change the text"),
];

/// How many problems are shown; the rest is counted.
pub const SHOWN: usize = 100;

/// Problems found so far, in file order.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    shown: Vec<Problem>,
    total: usize,
}

impl Problems {
    pub(crate) const fn any(&self) -> bool {
        self.total > 0
    }

    /// Returns how many there are, shown or not.
    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    #[expect(clippy::boxed_local, reason = "problems come boxed; see `problem`")]
    pub(crate) fn add(&mut self, problem: Box<Problem>) {
        self.total += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(*problem);
        }
    }

    pub(crate) fn into_result(mut self) -> Result<(), FileError> {
        let hidden = self.total - self.shown.len();
        if hidden > 0 {
            self.shown.push(*problem(
                "E0700",
                format!("and {hidden} more problem{}", if hidden == 1 { "" } else { "s" }),
                None,
            ));
        }
        if self.shown.is_empty() { Ok(()) } else { Err(FileError::Bad { problems: self.shown }) }
    }
}

/// Makes an error; boxed, because it travels in results whose good side is small.
pub(crate) fn problem(code: &str, message: impl Into<String>, place: Option<Place>) -> Box<Problem> {
    let known = CODES.binary_search_by_key(&code, |(known, ..)| known);
    Box::new(Problem {
        code: code.to_owned(),
        severity: Severity::Error,
        message: message.into(),
        hint: known.ok().map(|at| CODES[at].2.to_owned()),
        path: String::new(),
        place,
        related: Vec::new(),
    })
}

/// Names a place of one character.
pub(crate) fn place(file: &str, line: u64, column: usize) -> Place {
    Place {
        file: file.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        length: 1,
    }
}
