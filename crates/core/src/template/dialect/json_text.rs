//! JSON as steps files write it: a space behind each comma and colon, or one value on a line.

use std::io;

use minijinja::{Error, Value};
use serde::Serialize as _;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::refused;
use crate::template::defined::all_there;

/// What stands in JSON for what is undefined, too.
const NULL: &[u8] = b"null";

/// Returns the JSON of a value, which MUST have been charged; with an indent, on several lines.
pub(super) fn json(value: &Value, indent: Option<usize>) -> Result<String, Error> {
    let mut text = Vec::new();
    let written = match indent {
        Some(width) => {
            let spaces = vec![b' '; width];
            value.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(&spaces)))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut text, Spaced)),
    };
    written.map_err(|error| refused(error.to_string()))?;
    // Most texts say no null, and their values are not looked through a second time.
    if text.windows(NULL.len()).any(|part| part == NULL) {
        all_there(value)?;
    }
    String::from_utf8(text).map_err(|error| refused(error.to_string()))
}

/// One line, with spaces.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Returns JSON in which nothing is left that HTML takes for its own, and nothing but ASCII.
pub(super) fn for_html(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\'' | '\u{7f}'.. => {
                for unit in c.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            plain => text.push(plain),
        }
    }
    text
}
