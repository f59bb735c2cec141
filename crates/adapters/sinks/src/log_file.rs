//! Reads log and progress files, during a run and after a crash.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use refrain_core::ports::clock::Clock;
use refrain_schemas::log_line::LogLine;
use refrain_schemas::progress::RunProgress;

use crate::own_file;

/// How often a file is looked at while it is followed.
const POLL: Duration = Duration::from_millis(200);
/// How much of a progress file is read at first, from its end.
const TAIL: u64 = 1 << 16;

/// A log could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogFileError {
    /// The system failed.
    #[error("failed to read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line that is not the last is none of a log.
    #[error("{path}:{line} is no line of a log: {message}")]
    Line {
        /// The file.
        path: String,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
}

/// Opens a log; its lines come one by one. A last line that was torn by a kill is left out.
///
/// # Errors
/// Fails where the file cannot be opened; the items fail where a line cannot be read.
pub fn read_log(
    path: impl AsRef<Path>,
) -> Result<impl Iterator<Item = Result<LogLine, LogFileError>>, LogFileError> {
    let mut lines = LogLines::open(path.as_ref())?;
    Ok(std::iter::from_fn(move || lines.next().transpose()))
}

/// Whether a line says that the run has ended.
#[must_use]
pub fn ends_run(line: &LogLine) -> bool {
    let ends = ["completed", "partial", "failed", "blocked", "waiting", "stopped", "cancelled"];
    line.event.strip_prefix("run_").is_some_and(|end| ends.contains(&end))
}

/// Reads a log as it grows.
#[derive(Debug)]
pub struct Follow {
    lines: LogLines,
}

impl Follow {
    /// Opens a log at its beginning.
    ///
    /// # Errors
    /// Fails where the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogFileError> {
        Ok(Self { lines: LogLines::open(path.as_ref())? })
    }

    /// Returns the lines that have come since the last call, perhaps none.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub fn poll(&mut self) -> Result<Vec<LogLine>, LogFileError> {
        std::iter::from_fn(|| self.lines.next().transpose()).collect()
    }

    /// Waits for lines and returns them; there is at least one.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub async fn next(&mut self, clock: &dyn Clock) -> Result<Vec<LogLine>, LogFileError> {
        loop {
            let lines = self.poll()?;
            if !lines.is_empty() {
                return Ok(lines);
            }
            clock.sleep(POLL).await;
        }
    }
}

/// The lines of a log that are there; what is behind the last line break waits for the rest of its line.
#[derive(Debug)]
struct LogLines {
    path: PathBuf,
    input: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl LogLines {
    fn open(path: &Path) -> Result<Self, LogFileError> {
        let file = own_file::read(path).map_err(|source| failed(path, source))?;
        Ok(Self { path: path.to_owned(), input: BufReader::new(file), line: Vec::new(), number: 0 })
    }

    fn next(&mut self) -> Result<Option<LogLine>, LogFileError> {
        self.input.read_until(b'\n', &mut self.line).map_err(|e| failed(&self.path, e))?;
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.number += 1;
        let parsed = serde_json::from_slice(&self.line);
        self.line.clear();
        parsed.map(Some).map_err(|e| LogFileError::Line {
            path: self.path.display().to_string(),
            line: self.number,
            message: e.to_string(),
        })
    }
}

/// Returns the last whole line of a progress file, reading from its end.
///
/// # Errors
/// Fails where the file cannot be read; a file without a whole line has no progress.
pub fn last_progress(path: impl AsRef<Path>) -> Result<Option<RunProgress>, LogFileError> {
    let path = path.as_ref();
    let last = || -> io::Result<Option<RunProgress>> {
        let mut file = own_file::read(path)?;
        let size = file.seek(SeekFrom::End(0))?;
        let mut tail = TAIL;
        loop {
            let from = size.saturating_sub(tail);
            let bytes = read_from(&mut file, from, size)?;
            let found = last_in(&bytes, from == 0);
            if found.is_some() || from == 0 {
                return Ok(found);
            }
            tail *= 4;
        }
    };
    last().map_err(|e| failed(path, e))
}

fn read_from(file: &mut File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the last whole line of some bytes; the first line is whole only at the start of the file.
fn last_in(bytes: &[u8], from_start: bool) -> Option<RunProgress> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n')?;
    let start = if from_start { 0 } else { bytes.iter().position(|byte| *byte == b'\n')? + 1 };
    let whole = bytes.get(start..end)?;
    whole.rsplit(|byte| *byte == b'\n').find_map(|line| serde_json::from_slice(line).ok())
}

fn failed(path: &Path, source: io::Error) -> LogFileError {
    LogFileError::Io { path: path.display().to_string(), source }
}
