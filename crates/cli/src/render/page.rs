//! A page of text for people. Every text is cleaned on its way in, so nothing on a page can steer a terminal.

use std::sync::Arc;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::render::table::Table;
use crate::shell;
use refrain_core::escape::escape;

/// How pages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Whether tones become colours.
    pub(crate) color: bool,
    /// How many columns there are; `usize::MAX` where nothing is to be wrapped.
    pub(crate) width: usize,
}

/// How a text is stressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Not at all.
    Plain,
    /// What the eye looks for.
    Strong,
    /// What the eye may skip.
    Faint,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// Went wrong.
    Bad,
    /// Was added.
    Added,
    /// Was removed.
    Removed,
}

impl Tone {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Good | Self::Added => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Removed => Some("31"),
        }
    }
}

/// A text and how it is stressed.
pub(crate) type Piece<'a> = (Tone, &'a str);

/// Text for people, line by line.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    theme: Theme,
    text: String,
    /// How this program is called on the file that the page is about, where that takes more than its name.
    program: Option<Arc<str>>,
}

impl Page {
    /// Returns an empty page.
    pub(crate) const fn new(theme: Theme) -> Self {
        Self { theme, text: String::new(), program: None }
    }

    /// Has the commands that texts name be about the same file as this one.
    #[must_use]
    pub(crate) fn calling(mut self, program: Option<&Arc<str>>) -> Self {
        self.program = program.cloned();
        self
    }

    /// Returns how the page looks.
    pub(crate) const fn theme(&self) -> Theme {
        self.theme
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns how many lines there are.
    pub(crate) fn n_lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Adds a piece to the line that is being written.
    pub(crate) fn piece(&mut self, (tone, text): Piece<'_>) -> &mut Self {
        let text = escape(text);
        match tone.code().filter(|_| self.theme.color && !text.is_empty()) {
            Some(code) => {
                self.text.push_str("\u{1b}[");
                self.text.push_str(code);
                self.text.push('m');
                self.text.push_str(&text);
                self.text.push_str("\u{1b}[0m");
            }
            None => self.text.push_str(&text),
        }
        self
    }

    /// Ends the line; blanks at its end are dropped.
    pub(crate) fn end(&mut self) {
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            self.piece(*piece);
        }
        self.end();
    }

    /// Adds a line without stress.
    pub(crate) fn plain(&mut self, text: &str) {
        self.line(&[(Tone::Plain, text)]);
    }

    /// Adds an empty line, unless there is nothing above it.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a head (each piece followed by a blank) and a text that is wrapped behind it.
    pub(crate) fn wrapped(&mut self, head: &[Piece<'_>], text: &str) {
        let indent: usize = head.iter().map(|(_, text)| text.width() + 1).sum();
        for piece in head {
            self.piece(*piece).piece((Tone::Plain, " "));
        }
        self.hang(indent, Tone::Plain, text);
    }

    /// Adds a text that continues at column `indent` and is wrapped there. Its lines stay lines; all but the first are
    /// indented, so that none passes for a line of the page.
    pub(crate) fn hang(&mut self, indent: usize, tone: Tone, text: &str) {
        let width = self.theme.width.saturating_sub(indent).max(20);
        let text = match &self.program {
            Some(program) => shell::in_commands(text, program),
            None => text.to_owned(),
        };
        let lines = text.trim_end().split('\n').flat_map(|line| wrap(&escape(line.trim_end()), width));
        for (n, line) in lines.enumerate() {
            if n > 0 {
                self.text.push_str(&" ".repeat(indent.max(2)));
            }
            self.line(&[(tone, &line)]);
        }
    }

    /// Adds a table.
    pub(crate) fn table(&mut self, table: &Table) {
        table.write(self);
    }

    /// Adds text that was rendered elsewhere, colours included.
    pub(crate) fn rendered(&mut self, text: &str) {
        self.text.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

/// Breaks a text into lines of at most `width` columns, between words where it can; there is at least one line.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let gap = usize::from(used > 0);
        if used + gap + word.width() > width && used > 0 {
            lines.push(String::new());
            used = 0;
        } else if gap > 0 {
            push(&mut lines, ' ');
            used += 1;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used + columns > width {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, c);
            used += columns;
        }
    }
    lines
}

fn push(lines: &mut [String], c: char) {
    if let Some(line) = lines.last_mut() {
        line.push(c);
    }
}

/// Returns the beginning of a text that fits into `width` columns, with an ellipsis where something was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cannot_be_steered() {
        let mut page = Page::new(Theme { color: false, width: 80 });
        page.line(&[(Tone::Bad, "a\u{1b}[31m\nb"), (Tone::Plain, "  ")]);
        assert_eq!(page.as_str(), "a\\u{1b}[31m\\nb\n");
        let mut page = Page::new(Theme { color: true, width: 80 });
        page.line(&[(Tone::Bad, "x"), (Tone::Plain, "y")]);
        assert_eq!(page.as_str(), "\u{1b}[1;31mx\u{1b}[0my\n");
    }

    #[test]
    fn lines_of_a_message_are_indented_lines() {
        let mut page = Page::new(Theme { color: false, width: 80 });
        page.wrapped(&[(Tone::Bad, "error:")], "2 problems\na.csv:1:1 bad\u{7}\n");
        page.hang(0, Tone::Plain, "x\nok");
        assert_eq!(page.as_str(), "error: 2 problems\n       a.csv:1:1 bad\\u{7}\nx\n  ok\n");
    }

    #[test]
    fn text_wraps_between_words_and_cuts_long_ones() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("日本語テキスト", 6), ["日本語", "テキス", "ト"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("a  b", 80), ["a  b"]);
        for line in wrap("the quick brown fox jumps over thelazydogthatneverends", 10) {
            assert!(line.width() <= 10, "{line:?}");
        }
        assert_eq!(cut("translate", 5), "tran…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("qa", 5), "qa");
    }

    #[test]
    fn hanging_text_stays_behind_its_head() {
        let mut page = Page::new(Theme { color: false, width: 40 });
        page.wrapped(&[(Tone::Bad, "error:")], "something long happened and has to be told in full");
        assert_eq!(
            page.as_str(),
            "error: something long happened and has to\n       be told in full\n"
                .replace("has to\n       be", "has\n       to be")
        );
    }
}
