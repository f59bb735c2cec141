//! Writing HTML: what opens is closed, and texts are escaped.

use refrain_core::escape::escape;

/// HTML that is being written.
#[derive(Debug)]
pub(super) struct Html {
    text: String,
}

/// Returns a text as it stands in HTML, in content and in quoted attributes. What could reorder or hide text is shown as
/// an escape.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

impl Html {
    /// Returns an empty page.
    pub(super) const fn new() -> Self {
        Self { text: String::new() }
    }

    /// Adds markup that is written here, never data.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Adds text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(&escaped(text));
        self
    }

    /// Opens an element; attributes are markup, so that data in them has to be escaped.
    pub(super) fn open(&mut self, name: &str, attributes: &str) -> &mut Self {
        let gap = if attributes.is_empty() { "" } else { " " };
        self.text.push_str(&format!("<{name}{gap}{attributes}>"));
        self
    }

    /// Closes an element.
    pub(super) fn close(&mut self, name: &str) -> &mut Self {
        self.text.push_str(&format!("</{name}>"));
        if !matches!(name, "td" | "th" | "span" | "title" | "text" | "b") {
            self.text.push('\n');
        }
        self
    }

    /// Adds an element that holds a text.
    pub(super) fn element(&mut self, name: &str, attributes: &str, text: &str) -> &mut Self {
        self.open(name, attributes).text(text).close(name)
    }

    /// Returns the page.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A table: a caption, columns, of which some hold numbers, and rows whose first cell names them.
#[derive(Debug)]
pub(super) struct Table {
    caption: &'static str,
    columns: Vec<(&'static str, bool)>,
    rows: Vec<Vec<Cell>>,
}

/// One cell: its text, and the class that stresses it.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    text: String,
    class: &'static str,
}

/// Returns a cell that is not stressed.
pub(super) fn cell(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), class: "" }
}

/// Returns a cell that is stressed.
pub(super) fn stressed(class: &'static str, text: impl Into<String>) -> Cell {
    Cell { text: text.into(), class }
}

impl Table {
    /// Returns a table without rows. Columns whose name begins with `#` hold numbers.
    pub(super) fn new(caption: &'static str, columns: &[&'static str]) -> Self {
        let column = |name: &&'static str| (name.trim_start_matches('#'), name.starts_with('#'));
        Self { caption, columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there are no rows.
    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the table, without the columns in which no row says anything.
    pub(super) fn write(&self, html: &mut Html) {
        let says =
            |n: &usize| self.rows.iter().any(|row| row.get(*n).is_some_and(|cell| !cell.text.is_empty()));
        let shown: Vec<usize> = (0..self.columns.len()).filter(says).collect();
        html.open("div", "class=\"wide\"").open("table", "").element("caption", "", self.caption);
        html.open("thead", "").open("tr", "");
        for (name, is_number) in shown.iter().filter_map(|n| self.columns.get(*n)) {
            html.element(
                "th",
                if *is_number { "scope=\"col\" class=\"number\"" } else { "scope=\"col\"" },
                name,
            );
        }
        html.close("tr").close("thead").open("tbody", "");
        for row in &self.rows {
            html.open("tr", "");
            for n in &shown {
                self.write_cell(html, row, *n);
            }
            html.close("tr");
        }
        html.close("tbody").close("table").close("div");
    }

    fn write_cell(&self, html: &mut Html, row: &[Cell], n: usize) {
        let cell = row.get(n).cloned().unwrap_or_default();
        if n == 0 {
            html.element("th", "scope=\"row\"", &cell.text);
            return;
        }
        let is_number = self.columns.get(n).is_some_and(|(_, is_number)| *is_number);
        let classes = [if is_number { "number" } else { "" }, cell.class].join(" ");
        let classes = classes.trim();
        let attributes = if classes.is_empty() { String::new() } else { format!("class=\"{classes}\"") };
        html.element("td", &attributes, &cell.text);
    }
}
