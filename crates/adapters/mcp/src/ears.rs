//! Who hears what a server says besides its answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use refrain_core::ports::agent::Remarks;
use refrain_core::redactor::Redactor;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::time::Instant;

/// The longest line that is passed on, in bytes.
const LINE_LIMIT: usize = 4 << 10;
/// How many lines are passed on per second.
const LINES_PER_SECOND: u32 = 200;
/// How many lines are kept for error messages.
const TAIL: usize = 5;
/// How many characters of them a message holds.
const TAIL_CHARS: usize = 500;

/// Passes lines on to one of those who listen, and keeps the last few.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    listeners: Mutex<Vec<Weak<dyn Remarks>>>,
    tail: Mutex<VecDeque<String>>,
}

impl Ears {
    /// Takes somebody who listens for as long as somebody else holds them.
    pub(crate) fn add(&self, remarks: &Arc<dyn Remarks>) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(remarks));
    }

    /// Passes a line on.
    pub(crate) fn say(&self, line: &str) {
        if let Some(listener) = self.listener() {
            listener.say(line);
        }
    }

    /// Passes on that the server was started again.
    pub(crate) fn restarted(&self, reason: &str) {
        if let Some(listener) = self.listener() {
            listener.restarted(reason);
        }
    }

    /// Returns the last lines in one, shortened to what fits into a message; empty where nothing was said.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let text = lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ");
        let skip = text.chars().count().saturating_sub(TAIL_CHARS);
        text.chars().skip(skip).collect()
    }

    /// Forgets the last lines, when a new process starts.
    pub(crate) fn forget(&self) {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Passes everything on until the end.
    pub(crate) async fn listen(&self, stderr: impl AsyncRead + Unpin, scrub: &Redactor) {
        let mut reader = BufReader::new(stderr);
        let mut rate = Rate { second: Instant::now(), passed: 0, left_out: 0 };
        while let Some(bytes) = next_line(&mut reader).await {
            let line = scrub.text(&plain(&String::from_utf8_lossy(&bytes))).into_owned();
            if line.is_empty() {
                continue;
            }
            self.keep(line.clone());
            let (pass, left_out) = rate.pass(Instant::now());
            if left_out > 0 {
                self.say(&format!("({left_out} lines left out: more than {LINES_PER_SECOND} per second)"));
            }
            if pass {
                self.say(&line);
            }
        }
    }

    fn keep(&self, line: String) {
        let mut lines = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn listener(&self) -> Option<Arc<dyn Remarks>> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().find_map(Weak::upgrade)
    }
}

/// Returns the next line, cut at the limit; `None` at the end.
async fn next_line(reader: &mut BufReader<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let chunk = reader.fill_buf().await.ok()?;
        if chunk.is_empty() {
            return (!line.is_empty()).then_some(line);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let text = &chunk[..end.unwrap_or(chunk.len())];
        line.extend_from_slice(&text[..text.len().min(LINE_LIMIT - line.len())]);
        let used = end.map_or(chunk.len(), |at| at + 1);
        reader.consume(used);
        if end.is_some() {
            return Some(line);
        }
    }
}

/// Lets so many lines through per second.
struct Rate {
    second: Instant,
    passed: u32,
    left_out: u64,
}

impl Rate {
    /// Returns whether a line passes now, and how many did not before a new second began.
    fn pass(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.passed) = (now, 0);
            left_out = std::mem::take(&mut self.left_out);
        }
        let pass = self.passed < LINES_PER_SECOND;
        self.passed = self.passed.saturating_add(1);
        self.left_out += u64::from(!pass);
        (pass, left_out)
    }
}

/// Returns a text without control characters; of terminal escapes, what is in them stays.
pub(crate) fn plain(text: &str) -> String {
    let without = |c: char| if c == '\t' { Some(' ') } else { (!c.is_control()).then_some(c) };
    text.trim_end().chars().filter_map(without).collect()
}

#[cfg(test)]
mod tests {
    use refrain_testkit::remarks::RecordingRemarks;

    use super::*;

    #[tokio::test]
    async fn one_of_those_who_listen_hears_a_line() {
        let (first, second) = (RecordingRemarks::new(), RecordingRemarks::new());
        let ears = Ears::default();
        let first_one: Arc<dyn Remarks> = first.clone();
        ears.add(&first_one);
        ears.add(&(second.clone() as Arc<dyn Remarks>));
        let scrub = Redactor::new(["hunter2hunter2".to_owned()]);
        ears.listen("one\n\n\u{1b}[1mtwo hunter2hunter2\r\nthree".as_bytes(), &scrub).await;
        assert_eq!(first.said(), ["one", "[1mtwo [redacted]", "three"]);
        assert_eq!(second.said(), Vec::<String>::new());
        assert_eq!(ears.last_words(), "one | [1mtwo [redacted] | three");
        drop((first_one, first));
        ears.listen("four".as_bytes(), &scrub).await;
        assert_eq!(second.said(), ["four"]);
    }

    #[tokio::test]
    async fn floods_are_cut() {
        let remarks = RecordingRemarks::new();
        let ears = Ears::default();
        ears.add(&(remarks.clone() as Arc<dyn Remarks>));
        let flood = "x".repeat(100_000) + "\n" + &"y\n".repeat(1000);
        ears.listen(flood.as_bytes(), &Redactor::default()).await;
        assert_eq!(remarks.said()[0].len(), LINE_LIMIT);
        assert!(remarks.said().len() < 500, "{}", remarks.said().len());
    }
}
