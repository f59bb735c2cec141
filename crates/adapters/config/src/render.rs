//! Shows problems in the text they are about.

use std::collections::BTreeMap;
use std::fmt::Write;

use refrain_core::check::code::Code;
use refrain_core::check::{masked, masked_at};
use refrain_core::escape::{escape, steers};
use refrain_schemas::problem::{Place, Problem, Severity};

use crate::source::nth_line;

/// The widest piece of a line that is shown, in columns.
const WIDEST: usize = 120;
/// Lines longer than this are cut around what is meant.
const LONG: usize = 200;

/// Renders problems for people: what, where, the line with what is meant underlined, and what to do about it.
///
/// `sources` holds the texts of the files by the names that places give them; a place in another file is named without
/// its line. Colours are ANSI; they never carry a meaning of their own.
#[must_use]
pub fn render_plain(problems: &[Problem], sources: &BTreeMap<String, String>, color: bool) -> String {
    let paint = Paint(color);
    let mut out = String::new();
    let sources = &hidden(problems, sources);
    for (n, problem) in problems.iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        render_one(&mut out, problem, sources, paint);
    }
    out
}

/// Returns the texts with stars in place of what may be a secret; only the lines that are shown are looked at.
fn hidden(problems: &[Problem], sources: &BTreeMap<String, String>) -> BTreeMap<String, Lines> {
    let mut shown: BTreeMap<String, Lines> = BTreeMap::new();
    let places = problems.iter().flat_map(|problem| problem.place.iter().chain(&problem.related));
    for place in places {
        let Some(text) = sources.get(&place.file) else { continue };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = shown.entry(place.file.clone()).or_default();
        lines.entry(place.line).or_insert_with(|| masked(nth_line(text, place.line)));
    }
    let is_hidden =
        |problem: &&Problem| Code::ALL.iter().any(|code| code.hides() && code.as_str() == problem.code);
    for place in problems.iter().filter(is_hidden).filter_map(|problem| problem.place.as_ref()) {
        if let Some(line) = shown.get_mut(&place.file).and_then(|lines| lines.get_mut(&place.line)) {
            *line = masked_at(line, place.column as usize, place.length as usize);
        }
    }
    shown
}

/// The lines of a file that are shown, by their numbers.
type Lines = BTreeMap<u32, String>;

fn render_one(out: &mut String, problem: &Problem, sources: &BTreeMap<String, Lines>, paint: Paint) {
    let (word, style) = match problem.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
    };
    if let Some(place) = &problem.place {
        line(out, &format!("{}:{}:{}: ", escape(&place.file), place.line, place.column), "");
    }
    let head = paint.with(style, &format!("{word}[{}]", problem.code));
    line(out, &format!("{head}: {}", escape(&problem.message)), "\n");
    if let Some(place) = &problem.place {
        snippet(out, place, sources, '^', paint, style);
    }
    for place in &problem.related {
        line(out, &format!("  see {}:{}:{}", escape(&place.file), place.line, place.column), "\n");
        snippet(out, place, sources, '-', paint, "1;34");
    }
    if let Some(hint) = &problem.hint {
        line(out, &format!("  {} {}", paint.with("1;36", "hint:"), escape(hint)), "\n");
    }
}

fn line(out: &mut String, text: &str, end: &str) {
    out.push_str(text);
    out.push_str(end);
}

fn snippet(
    out: &mut String,
    place: &Place,
    sources: &BTreeMap<String, Lines>,
    mark: char,
    paint: Paint,
    style: &str,
) {
    let Some(line) = sources.get(&place.file).and_then(|lines| lines.get(&place.line)) else { return };
    let shown = Shown::of(line, place);
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let marks = paint.with(style, &mark.to_string().repeat(shown.width));
    // Writing to a string cannot fail.
    let _ = writeln!(out, "  {number} | {}", shown.text);
    let _ = writeln!(out, "  {gutter} | {}{marks}", " ".repeat(shown.before));
}

/// A line as it is shown.
struct Shown {
    text: String,
    /// The columns before the marks.
    before: usize,
    /// The columns that are marked.
    width: usize,
}

impl Shown {
    fn of(line: &str, place: &Place) -> Self {
        let cells: Vec<(String, usize)> = line.chars().map(cell).collect();
        let start = (place.column.saturating_sub(1) as usize).min(cells.len());
        let end = (start + place.length.max(1) as usize).min(cells.len()).max(start);
        let (from, to) = cut(&cells, start);
        let mut text: String = cells[from..to].iter().map(|(text, _)| text.as_str()).collect();
        let width = |range: &[(String, usize)]| range.iter().map(|(_, width)| width).sum::<usize>();
        let mut before = width(&cells[from..start]);
        if from > 0 {
            text.insert(0, '…');
            before += 1;
        }
        if to < cells.len() {
            text.push('…');
        }
        Self { text, before, width: width(&cells[start..end.min(to)]).max(1) }
    }
}

/// Returns what of a long line is shown.
fn cut(cells: &[(String, usize)], start: usize) -> (usize, usize) {
    if cells.len() <= LONG {
        return (0, cells.len());
    }
    let from = start.saturating_sub(WIDEST / 3);
    (from, (from + WIDEST).min(cells.len()))
}

/// Returns how a character is shown, and in how many columns.
fn cell(c: char) -> (String, usize) {
    match c {
        '\t' => ("    ".to_owned(), 4),
        c if steers(c) => ("\u{fffd}".to_owned(), 1),
        c if is_combining(c) => (c.to_string(), 0),
        c if is_wide(c) => (c.to_string(), 2),
        c => (c.to_string(), 1),
    }
}

const fn is_combining(c: char) -> bool {
    matches!(c as u32, 0x300..=0x36f | 0x200c..=0x200d | 0xfe00..=0xfe0f | 0x20d0..=0x20ff)
}

/// East Asian and emoji blocks that terminals show in two columns.
const fn is_wide(c: char) -> bool {
    matches!(
        c as u32,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f
            | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff
            | 0x20000..=0x3fffd
    )
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, style: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: u32, column: u32, length: u32, expect: &str) {
        let place = Place { file: "f".into(), line, column, length };
        let lines = (1..).zip(text.lines().map(str::to_owned).chain(std::iter::repeat_n(String::new(), 9)));
        let sources = BTreeMap::from([("f".to_owned(), lines.collect())]);
        let mut out = String::new();
        snippet(&mut out, &place, &sources, '^', Paint(false), "");
        assert_eq!(out, expect);
    }

    #[test]
    fn marks_stand_under_what_is_meant() {
        check("a: b\nc: dd\n", 2, 4, 2, "  2 | c: dd\n    |    ^^\n");
        check("\tx: \ty", 1, 6, 1, "  1 |     x:     y\n    |            ^\n");
        check("日本: x", 1, 1, 2, "  1 | 日本: x\n    | ^^^^\n");
        check("e\u{301}: x", 1, 5, 1, "  1 | e\u{301}: x\n    |    ^\n");
        check("a", 9, 9, 9, "  9 | \n    | ^\n");
        check("a", 1, 2, 1, "  1 | a\n    |  ^\n");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let expect = format!("  1 | …{}X{}…\n    | {}^\n", "a".repeat(40), "b".repeat(79), " ".repeat(41));
        check(&text, 1, 501, 1, &expect);
    }
}
