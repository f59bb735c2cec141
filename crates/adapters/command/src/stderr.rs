//! What a process says on stderr.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refrain_core::ports::agent::Remarks;
use tokio::io::AsyncRead;
use tokio::time::Instant;

use crate::lines::{Lines, Overlong};

/// The longest line that is passed on, in bytes.
const LINE_LIMIT: usize = 4 << 10;
/// How many lines are passed on per second.
const LINES_PER_SECOND: u32 = 200;
/// How many lines are kept for error messages.
const TAIL: usize = 5;

/// The last lines that a process said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Returns the last lines in one, shortened to what fits into a message; empty where nothing was said.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ");
        let skip = text.chars().count().saturating_sub(500);
        text.chars().skip(skip).collect()
    }
}

/// Passes everything on until the end.
pub(crate) async fn listen(stderr: impl AsyncRead + Unpin, remarks: Arc<dyn Remarks>, tail: Tail) {
    let mut lines = Lines::new(stderr, LINE_LIMIT, Overlong::Cut);
    let mut rate = Rate::new();
    while let Ok(Some(line)) = lines.next().await {
        let text = plain(&String::from_utf8_lossy(&line.bytes));
        tail.push(text.clone());
        let (pass, left_out) = rate.pass(Instant::now());
        tell_left_out(&*remarks, left_out);
        if pass {
            remarks.say(&text);
        }
    }
    tell_left_out(&*remarks, rate.left_out);
}

fn tell_left_out(remarks: &dyn Remarks, lines: u64) {
    if lines > 0 {
        remarks.say(&format!("({lines} lines left out: more than {LINES_PER_SECOND} per second)"));
    }
}

/// Lets so many lines through per second.
struct Rate {
    second: Instant,
    passed: u32,
    left_out: u64,
}

impl Rate {
    fn new() -> Self {
        Self { second: Instant::now(), passed: 0, left_out: 0 }
    }

    /// Returns whether a line passes now, and how many did not before a new second began.
    fn pass(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            left_out = std::mem::take(&mut self.left_out);
            self.second = now;
            self.passed = 0;
        }
        let pass = self.passed < LINES_PER_SECOND;
        self.passed = self.passed.saturating_add(1);
        self.left_out += u64::from(!pass);
        (pass, left_out)
    }
}

/// Returns a text without terminal escapes and other control characters.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Skips the rest of an escape: `[ … letter`, `] … BEL`, or one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            chars.by_ref().find(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
        Some(']' | 'P' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_are_taken_out() {
        let check = |text: &str, expect: &str| assert_eq!(plain(text), expect, "{text:?}");
        check("\u{1b}[1;31merror\u{1b}[0m: a\tb\r", "error: a b");
        check("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]0;t\u{7}!", "link!");
        check("\u{1b}(Bx\0y\u{1b}", "Bxy");
        check("日本語 é 👩‍👩‍👧", "日本語 é 👩‍👩‍👧");
        check("\u{1b}[31", "");
    }

    #[test]
    fn lines_beyond_the_rate_are_counted() {
        let start = Instant::now();
        let mut rate = Rate { second: start, passed: 0, left_out: 0 };
        let passed = (0..1000).filter(|_| rate.pass(start).0).count();
        assert_eq!(passed, 200);
        assert_eq!(rate.pass(start + Duration::from_secs(1)), (true, 800));
        assert_eq!(rate.pass(start + Duration::from_secs(2)), (true, 0));
    }

    #[test]
    fn the_tail_is_short() {
        let tail = Tail::default();
        (0..9).for_each(|n| tail.push(format!("{n}")));
        assert_eq!(tail.text(), "4 | 5 | 6 | 7 | 8");
        tail.push("é".repeat(4000));
        assert_eq!(tail.text().chars().count(), 500);
    }
}
