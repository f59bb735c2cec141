//! Lines of a file as they are read, decoded and hashed.

use std::io::{BufRead as _, BufReader, Read as _};

use refrain_core::ports::files::FileError;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::problem::Problem;

use crate::encoding::{Coding, Declared, Encoding, Undecodable, Wrong, detect};
use crate::problems::{Problems, place, problem};
use crate::root::{Root, failed, open};
use crate::stamp::{Hashing, Marks, drain};

/// The longest line, and the longest row of several lines, in bytes. Longer ones are mistakes, and would fill the
/// memory.
pub(crate) const LONGEST: usize = 64 << 20;

/// The largest file that is understood as a whole, in bytes.
pub(crate) const LARGEST: u64 = 64 << 20;

/// What stands before the name of an encoding in the header of a PO file.
const CHARSET: &[u8] = b"charset=";

/// Reads a file line by line.
#[derive(Debug)]
pub(crate) struct Lines {
    path: String,
    input: BufReader<Hashing>,
    marks: Marks,
    coding: Coding,
    /// Why the encoding is not settled; told with the first line.
    wrong: Option<Wrong>,
    /// What the header of a PO file says of its encoding.
    charset: Option<String>,
    raw: Vec<u8>,
    number: u64,
    stopped: bool,
    kept: Option<Kept>,
}

/// What was read since it was last taken: the bytes, and the text they were decoded to.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) raw: Vec<u8>,
    pub(crate) text: String,
}

impl Lines {
    pub(crate) fn open(root: &Root, path: &str, declared: Declared) -> Result<Self, FileError> {
        let (file, metadata) = open(root, path)?;
        let mut input = BufReader::with_capacity(1 << 17, Hashing::new(file));
        let head = input.fill_buf().map_err(|e| failed("read", path, e))?;
        let again = || open(root, path).map(|(file, _)| file).map_err(std::io::Error::other);
        let charset = charset(path, head);
        let detected = detect(head, declared, again).map_err(|e| failed("read", path, e))?;
        let (coding, wrong) = match detected {
            Ok(coding) => (coding, None),
            Err(wrong) => (Coding { encoding: Encoding::Utf8, mark: 0 }, Some(wrong)),
        };
        Ok(Self {
            path: path.to_owned(),
            input,
            marks: Marks::of(&metadata),
            coding,
            wrong,
            charset,
            raw: Vec::new(),
            number: 0,
            stopped: false,
            kept: None,
        })
    }

    /// Keeps what is read from now on until it is taken.
    pub(crate) fn keeping(mut self) -> Self {
        self.kept = Some(Kept::default());
        self
    }

    /// Takes what was kept.
    pub(crate) fn take_kept(&mut self) -> Kept {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Returns how long the text is that was kept.
    pub(crate) fn kept_len(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.text.len())
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) const fn coding(&self) -> Coding {
        self.coding
    }

    /// Returns the number of the line that was read last, from 1.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Appends the next line with its line break; says whether there was one. Bytes that are no text become a problem
    /// and a replacement character, so that the structure of what follows is still understood.
    pub(crate) fn next(&mut self, text: &mut String, problems: &mut Problems) -> Result<bool, FileError> {
        if self.is_wrong(problems) || self.stopped {
            return Ok(false);
        }
        self.raw.clear();
        self.fill().map_err(|e| failed("read", &self.path, e))?;
        if self.raw.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        if self.raw.len() > LONGEST {
            problems.add(self.too_long(self.number));
            self.stopped = true;
            return Ok(false);
        }
        self.decode(text, problems);
        Ok(true)
    }

    /// Appends all that is left.
    pub(crate) fn rest(&mut self, text: &mut String, problems: &mut Problems) -> Result<(), FileError> {
        if self.is_wrong(problems) {
            return Ok(());
        }
        self.raw.clear();
        self.number += 1;
        self.input.read_to_end(&mut self.raw).map_err(|e| failed("read", &self.path, e))?;
        self.decode(text, problems);
        self.stopped = true;
        Ok(())
    }

    /// Appends all that is left, unless that is more than can be understood as a whole; says whether it did.
    pub(crate) fn whole(&mut self, text: &mut String, problems: &mut Problems) -> Result<bool, FileError> {
        if self.marks.size() > LARGEST {
            let message = format!("the file is larger than {} MiB, too large for its format", LARGEST >> 20);
            let mut problem = problem("E0716", message, Some(place(&self.path, 1, 1)));
            problem.hint = Some("split it; CSV, JSONL and text files may be of any size".to_owned());
            problems.add(problem);
            self.stopped = true;
            return Ok(false);
        }
        let told = problems.total();
        // Line by line, so that each of them is told which does not decode.
        while self.next(text, problems)? {}
        // Replacement characters would make more problems of what is one.
        Ok(problems.total() == told)
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

    /// Tells once that the encoding is not settled, after which there is nothing to read.
    fn is_wrong(&mut self, problems: &mut Problems) -> bool {
        let Some(wrong) = self.wrong.take() else { return false };
        let mut problem = problem(wrong.code, wrong.message, Some(place(&self.path, 1, 1)));
        problem.hint = Some(wrong.hint.to_owned());
        problems.add(problem);
        self.stopped = true;
        true
    }

    /// Reads the bytes of the next line, but not many more than it may have.
    fn fill(&mut self) -> std::io::Result<()> {
        let limit = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        let mut input = self.input.by_ref().take(limit);
        loop {
            if input.read_until(b'\n', &mut self.raw)? == 0 || self.raw.last() != Some(&b'\n') {
                return Ok(());
            }
            // In UTF-16 the byte may be half of another character, or the first half of a line break.
            let odd = self.raw.len() % 2 == 1;
            match self.coding.encoding {
                Encoding::Utf8 | Encoding::ShiftJis => return Ok(()),
                Encoding::Utf16Be if !odd && self.raw.ends_with(b"\0\n") => return Ok(()),
                Encoding::Utf16Le if odd => {
                    let behind = self.raw.len();
                    input.by_ref().take(1).read_to_end(&mut self.raw)?;
                    if self.raw.get(behind) == Some(&0) {
                        return Ok(());
                    }
                }
                Encoding::Utf16Le | Encoding::Utf16Be => {}
            }
        }
    }

    /// Appends what was read as text.
    fn decode(&mut self, text: &mut String, problems: &mut Problems) {
        let mark = if self.number == 1 { self.coding.mark } else { 0 };
        let raw = self.raw.get(mark..).unwrap_or_default();
        let start = text.len();
        if let Err(bad) = self.coding.encoding.decode(raw, text) {
            let mut problem = undecodable(&self.path, self.number, raw, self.coding.encoding, bad);
            let named = self.charset.as_deref().and_then(|named| of_header(named, self.coding.encoding));
            problem.hint = named.or(problem.hint);
            problems.add(problem);
        }
        if let Some(kept) = &mut self.kept {
            kept.raw.extend_from_slice(&self.raw);
            kept.text.push_str(&text[start..]);
        }
    }
}

fn undecodable(path: &str, number: u64, raw: &[u8], encoding: Encoding, bad: Undecodable) -> Box<Problem> {
    let mut before = String::new();
    let _good = encoding.decode(&raw[..bad.good], &mut before);
    let (line, column) = position(&before);
    let bytes: Vec<String> =
        raw[bad.good..].iter().take(bad.bytes.max(1)).map(|byte| format!("0x{byte:02x}")).collect();
    let what = if bytes.len() == 1 { "byte" } else { "bytes" };
    let is = if bytes.len() == 1 { "is" } else { "are" };
    let message = format!("{what} {} {is} not {}", bytes.join(" "), encoding.name());
    let mut problem = problem("E0701", message, Some(place(path, number + line, column)));
    let seems = seems(raw, encoding).map_or_else(String::new, |seems| format!("; it seems to be {seems}"));
    problem.hint = Some(format!("save the file as UTF-8, or declare what it is with `encoding:`{seems}"));
    problem
}

/// Returns the encoding that the header of a PO file names.
fn charset(path: &str, head: &[u8]) -> Option<String> {
    let is_po = [".po", ".pot"].iter().any(|ending| path.to_ascii_lowercase().ends_with(ending));
    let at = head.windows(CHARSET.len()).position(|window| window.eq_ignore_ascii_case(CHARSET));
    let named = at.filter(|_| is_po).map(|at| &head[at + CHARSET.len()..])?;
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    Some(named.iter().take_while(is_part).map(|byte| char::from(*byte)).collect())
}

/// Says what to do about the encoding that a header names; nothing where the file was read in that one.
fn of_header(named: &str, encoding: Encoding) -> Option<String> {
    let is = |names: &[&str]| names.iter().any(|name| named.eq_ignore_ascii_case(name));
    let is_utf8 = is(&["utf-8", "utf8"]);
    let is_shift_jis = is(&["shift_jis", "shift-jis", "sjis", "cp932", "windows-31j"]);
    let what = match encoding {
        Encoding::Utf8 if is_utf8 => return None,
        Encoding::ShiftJis if is_shift_jis => return None,
        _ if is_utf8 => "declare `encoding: utf-8`",
        _ if is_shift_jis => {
            "declare `encoding: shift_jis`, or save the file as UTF-8 with `charset=UTF-8` in its header"
        }
        _ => "save it as UTF-8 and write `charset=UTF-8` there",
    };
    Some(format!("the header of the file says `charset={named}`: {what}"))
}

/// Returns what a line seems to be that is not in the encoding that it should be in.
fn seems(raw: &[u8], encoding: Encoding) -> Option<&'static str> {
    if encoding != Encoding::Utf8 {
        return std::str::from_utf8(raw).is_ok().then_some("UTF-8 (`utf-8`)");
    }
    let mut text = String::new();
    let decodes = Encoding::ShiftJis.decode(raw, &mut text).is_ok();
    if decodes && text.chars().any(|c| matches!(c, '\u{3041}'..='\u{30fe}')) {
        return Some("Shift-JIS (`shift_jis`)");
    }
    // Letters with accents stand alone between others, where each is one byte.
    let is_lone = |window: &[u8]| window.iter().filter(|byte| !byte.is_ascii()).count() < 2;
    let is_western = raw.windows(2).all(is_lone);
    is_western.then_some("Windows-1252 or Latin-1, which are not read")
}

/// Returns how many lines begin in a text after its first, and the column behind its end, from 1.
pub(crate) fn position(text: &str) -> (u64, usize) {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    let last = text.rsplit('\n').next().unwrap_or(text);
    (u64::try_from(lines).unwrap_or(u64::MAX), last.chars().count() + 1)
}

/// Returns the problem of a text whose lines end as they did on very old machines: with a carriage return alone. Taken as one
/// line it would have no rows, or be one comment, and its script would be gone without a word.
pub(crate) fn old_line_ends(file: &str, text: &str) -> Option<Box<Problem>> {
    let is_old = !text.contains('\n') && text.trim_end_matches('\r').contains('\r');
    let message = "the lines of the file end with a carriage return alone";
    is_old.then(|| problem("E0719", message, Some(place(file, 1, 1))))
}

/// Returns a line without its line break.
pub(crate) fn without_break(line: &str) -> &str {
    line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line))
}
