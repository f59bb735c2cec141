//! Lines of a file as they are read, decoded and hashed.

use std::io::{BufRead as _, BufReader, Read as _};

use refrain_core::ports::files::FileError;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::problem::Problem;

use crate::problems::{Problems, place, problem};
use crate::root::{Root, failed, open};
use crate::stamp::{Hashing, Marks, drain};

/// The longest line, and the longest row of several lines, in bytes. Longer ones are mistakes, and would fill the
/// memory.
pub(crate) const LONGEST: usize = 64 << 20;

/// Reads a file line by line.
#[derive(Debug)]
pub(crate) struct Lines {
    path: String,
    input: BufReader<Hashing>,
    marks: Marks,
    raw: Vec<u8>,
    number: u64,
    stopped: bool,
}

impl Lines {
    pub(crate) fn open(root: &Root, path: &str) -> Result<Self, FileError> {
        let (file, metadata) = open(root, path)?;
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(1 << 17, Hashing::new(file)),
            marks: Marks::of(&metadata),
            raw: Vec::new(),
            number: 0,
            stopped: false,
        })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the number of the line that was read last, from 1.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Appends the next line with its line break; says whether there was one. Bytes that are no text become a problem
    /// and a replacement character, so that the structure of what follows is still understood.
    pub(crate) fn next(&mut self, text: &mut String, problems: &mut Problems) -> Result<bool, FileError> {
        if self.stopped {
            return Ok(false);
        }
        self.raw.clear();
        let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
        let mut input = self.input.by_ref().take(limit);
        input.read_until(b'\n', &mut self.raw).map_err(|e| failed("read", &self.path, e))?;
        if self.raw.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        if self.raw.len() > LONGEST {
            problems.add(self.too_long(self.number));
            self.stopped = true;
            return Ok(false);
        }
        Ok(self.decode(text, problems))
    }

    /// Appends all that is left.
    pub(crate) fn rest(&mut self, text: &mut String, problems: &mut Problems) -> Result<(), FileError> {
        self.raw.clear();
        self.number += 1;
        self.input.read_to_end(&mut self.raw).map_err(|e| failed("read", &self.path, e))?;
        self.decode(text, problems);
        self.stopped = true;
        Ok(())
    }

    /// Whether reading was given up before the end.
    pub(crate) const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Reads no more lines.
    pub(crate) const fn stop(&mut self) {
        self.stopped = true;
    }

    pub(crate) fn too_long(&self, line: u64) -> Box<Problem> {
        let message = format!("longer than {} MiB; the rest of the file is not read", LONGEST >> 20);
        problem("E0710", message, Some(place(&self.path, line, 1)))
    }

    /// Returns the stamp of the whole file, from the very bytes that were read.
    pub(crate) fn finish(mut self) -> Result<FileStamp, FileError> {
        drain(&mut self.input).map_err(|e| failed("read", &self.path, e))?;
        let stamp = self.input.get_ref().stamp(self.marks, self.path.clone());
        stamp.map_err(|e| failed("look at", &self.path, e))
    }

    /// Appends what was read as text; says whether it is text at all.
    fn decode(&mut self, text: &mut String, problems: &mut Problems) -> bool {
        let raw = match self.number {
            1 if self.raw.starts_with(b"\xff\xfe") || self.raw.starts_with(b"\xfe\xff") => {
                problems.add(utf16(&self.path));
                self.stopped = true;
                return false;
            }
            1 => self.raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.raw),
            _ => &self.raw,
        };
        match std::str::from_utf8(raw) {
            Ok(line) => text.push_str(line),
            Err(e) => {
                problems.add(bad_utf8(&self.path, self.number, raw, e.valid_up_to()));
                text.push_str(&String::from_utf8_lossy(raw));
            }
        }
        true
    }
}

fn utf16(path: &str) -> Box<Problem> {
    let mut problem = problem("E0709", "the file is UTF-16", Some(place(path, 1, 1)));
    problem.hint = Some(format!("convert it, for instance with `iconv -f UTF-16 -t UTF-8 {path}`"));
    problem
}

fn bad_utf8(path: &str, number: u64, raw: &[u8], valid: usize) -> Box<Problem> {
    let (line, column) = position(&String::from_utf8_lossy(&raw[..valid]));
    let message = format!("byte 0x{:02x} is not UTF-8", raw[valid]);
    let mut problem = problem("E0701", message, Some(place(path, number + line, column)));
    problem.hint = Some("save the file as UTF-8".to_owned());
    problem
}

/// Returns how many lines begin in a text after its first, and the column behind its end, from 1.
pub(crate) fn position(text: &str) -> (u64, usize) {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    let last = text.rsplit('\n').next().unwrap_or(text);
    (u64::try_from(lines).unwrap_or(u64::MAX), last.chars().count() + 1)
}

/// Returns a line without its line break.
pub(crate) fn without_break(line: &str) -> &str {
    line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line))
}
