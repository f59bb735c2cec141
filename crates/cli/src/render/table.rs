//! Tables: columns aligned by what a terminal shows; the last column takes what is left and wraps inside it.

use unicode_width::UnicodeWidthStr as _;

use crate::render::page::{Page, Tone, cut, wrap};
use refrain_core::escape::escape;

/// How many columns the last column has at least.
const LEAST_LAST: usize = 16;
/// How wide any other column gets before it is cut on a narrow terminal.
const MOST: usize = 36;

/// On which side a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    tone: Tone,
    text: String,
}

/// Returns a cell that is not stressed.
pub(crate) fn cell(text: impl Into<String>) -> Cell {
    toned(Tone::Plain, text)
}

/// Returns a cell that is stressed.
pub(crate) fn toned(tone: Tone, text: impl Into<String>) -> Cell {
    let text = text.into();
    Cell { tone, text: escape(&text).into_owned() }
}

/// A table with a header.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Returns a table without rows.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there are no rows.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Removes the columns in which no row says anything.
    #[must_use]
    pub(crate) fn without_empty_columns(mut self) -> Self {
        let n = self.columns.len();
        let said: Vec<bool> = (0..n)
            .map(|column| {
                self.rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.text.is_empty()))
            })
            .collect();
        let keep = |column: &usize| said.get(*column).copied().unwrap_or(true);
        self.columns = pick(self.columns, keep);
        self.rows = self.rows.into_iter().map(|row| pick(row, keep)).collect();
        self
    }

    /// Writes the table on a page.
    pub(crate) fn write(&self, page: &mut Page) {
        let widths = self.widths(page.theme().width);
        let header = self.columns.iter().map(|(name, _)| toned(Tone::Faint, *name)).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            self.write_row(page, row, &widths);
        }
    }

    fn write_row(&self, page: &mut Page, row: &[Cell], widths: &[usize]) {
        let mut indent = 0;
        for (n, (cell, width)) in row.iter().zip(widths).enumerate() {
            if n + 1 == row.len() {
                return write_last(page, cell, indent, *width);
            }
            let text = cut(&cell.text, *width);
            let blanks = " ".repeat(width - text.width());
            let align = self.columns.get(n).map_or(Align::Left, |(_, align)| *align);
            if align == Align::Right {
                page.piece((Tone::Plain, &blanks)).piece((cell.tone, &text));
            } else {
                page.piece((cell.tone, &text)).piece((Tone::Plain, &blanks));
            }
            page.piece((Tone::Plain, "  "));
            indent += width + 2;
        }
        page.end();
    }

    /// Returns the width of every column.
    fn widths(&self, total: usize) -> Vec<usize> {
        let natural = |n: usize, name: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.text.width());
            cells.chain([name.width()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> =
            self.columns.iter().enumerate().map(|(n, (name, _))| natural(n, name)).collect();
        if total == usize::MAX {
            return widths;
        }
        let Some((last, others)) = widths.split_last_mut() else {
            return widths;
        };
        for width in &mut *others {
            *width = (*width).min(MOST);
        }
        let used: usize = others.iter().map(|width| width + 2).sum();
        *last = (*last).min(total.saturating_sub(used).max(LEAST_LAST));
        widths
    }
}

fn write_last(page: &mut Page, cell: &Cell, indent: usize, width: usize) {
    let lines = cell.text.trim_end().split('\n').flat_map(|line| wrap(line, width.max(1)));
    for (n, line) in lines.enumerate() {
        let blanks = " ".repeat(if n > 0 { indent } else { 0 });
        page.line(&[(Tone::Plain, &blanks), (cell.tone, &line)]);
    }
}

fn pick<T>(items: Vec<T>, keep: impl Fn(&usize) -> bool) -> Vec<T> {
    items.into_iter().enumerate().filter(|(n, _)| keep(n)).map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;

    fn rendered(table: &Table, width: usize) -> String {
        let mut page = Page::new(Theme { color: false, width });
        page.table(table);
        page.as_str().to_owned()
    }

    fn sample() -> Table {
        let mut table = Table::new(&[("PHASE", Align::Left), ("UNITS", Align::Right), ("WHY", Align::Left)]);
        table.row([
            cell("訳"),
            cell("1,000"),
            cell("glossary.csv changed, and the prompt of the translator too"),
        ]);
        table.row([cell("translate@ja"), cell("7"), cell("")]);
        table
    }

    #[test]
    fn columns_line_up_by_what_is_shown() {
        insta::assert_snapshot!(rendered(&sample(), 50), @r"
        PHASE         UNITS  WHY
        訳            1,000  glossary.csv changed, and the
                             prompt of the translator too
        translate@ja      7
        ");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_or_wrapped_without_one() {
        for width in [40, 60, 80, 120] {
            assert!(rendered(&sample(), width).lines().all(|line| line.width() <= width), "{width}");
        }
        assert_eq!(rendered(&sample(), usize::MAX).lines().count(), 3);
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let mut table = Table::new(&[("A", Align::Left), ("B", Align::Left), ("C", Align::Left)]);
        table.row([cell("1"), cell(""), cell("2")]);
        assert_eq!(rendered(&table.without_empty_columns(), 80), "A  C\n1  2\n");
    }
}
