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
    (
        "E0719",
        "a file whose lines end with a carriage return alone",
        "save the file with line feeds at the ends of its lines, with or without carriage returns before them",
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
    (
        "E0740",
        "a string of a script that is never closed, or not on its line",
        "a quote within a text is written `\\\"`",
    ),
    ("E0741", "a bracket of a script that is never closed", "close the bracket"),
    (
        "E0742",
        "a line of a script that is not understood as the dialogue, choice or label that it begins as",
        "dialogue is a speaker, attributes, a text in quotes and clauses such as `with dissolve`",
    ),
    ("E0743", "a tab in the indentation of a script", "Ren'Py takes no tabs; indent with blanks"),
    (
        "E0744",
        "a `translate` block that is not understood",
        "`translate LANGUAGE strings:` has pairs of `old` and `new`, other blocks have dialogue",
    ),
    ("E0745", "an escape that stands for no character", "write the character itself"),
    (
        "E0750",
        "a line of a PO file that is not understood",
        "a line is a comment, a string, or `msgctxt`, `msgid`, `msgid_plural` or `msgstr` with a string",
    ),
    ("E0751", "a string of a PO file that is missing or not closed", "put the text in quotes"),
    ("E0752", "an escape of a PO file that is none", "a backslash itself is written `\\\\`"),
    (
        "E0753",
        "an entry of a PO file that lacks something, or has it twice",
        "an entry is `msgid` and `msgstr`, or `msgid`, `msgid_plural` and `msgstr[0]`, `msgstr[1]`, …",
    ),
    ("E0754", "two entries of a PO file with one source", "tell them apart with `msgctxt`"),
    ("E0760", "a file that is not well-formed XML", "a `<` that begins no tag is written `&lt;`"),
    (
        "E0761",
        "an entity that XML does not know by itself",
        "`&` itself is written `&amp;`; other characters are written as they are",
    ),
    ("E0762", "a document type with declarations", "take the `<!DOCTYPE …>` out"),
    ("E0763", "a file that is not XLIFF 1.2", "save the file as XLIFF 1.2"),
    ("E0764", "a unit of XLIFF without a source", "give every `trans-unit` a `source`"),
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
