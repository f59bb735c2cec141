//! Problems in files, collected so that all are reported at once.
//!
//! | code | what is wrong |
//! |---|---|
//! | `E0700` | there are more problems than are shown |
//! | `E0701` | bytes that do not decode |
//! | `E0702` | a CSV row with more or fewer cells than the header |
//! | `E0703` | a record without key: no such column or field, empty, or no scalar |
//! | `E0704` | two records with one key |
//! | `E0705` | a text that is not JSON, or nested too deeply |
//! | `E0706` | an integer beyond 2^53 |
//! | `E0707` | two columns with one name |
//! | `E0708` | a record that is no object, or a file that is no list |
//! | `E0709` | UTF-16 that is not declared, or contrary to what is declared |
//! | `E0710` | a line that is too long |
//! | `E0711` | a CSV quote that is never closed |
//! | `E0712` | text behind a closing CSV quote |
//! | `E0713` | a CSV file without header: nothing in it, or only blank lines |
//! | `E0714` | an encoding that cannot be told, or is contrary to what is declared |
//! | `E0715` | a value that is nested too deeply to be understood |
//! | `E0716` | a file that is too large for its format |
//! | `E0717` | a column or field that the params name and the file lacks |
//! | `E0718` | a table that has no texts where they are expected |
//! | `E0720` | a record that cannot be written in the format |
//! | `E0721` | records in a format of which files can only be patched |
//! | `E0722` | a line of a patched file that has no record |
//! | `E0723` | a record that has no line in the patched files |
//! | `E0724` | more or fewer lines than expected |
//! | `E0725` | a text that cannot stand in its place in the file |

use refrain_core::ports::files::FileError;
use refrain_schemas::problem::{Place, Problem, Severity};

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
    Box::new(Problem {
        code: code.to_owned(),
        severity: Severity::Error,
        message: message.into(),
        hint: None,
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
