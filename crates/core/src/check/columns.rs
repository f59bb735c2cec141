//! The fields that the records of a file have, as far as its contents tell.

use std::collections::BTreeSet;

use serde_json::Value;

/// Files with more records than this are not judged: a field may first come in the last one.
const RECORDS_SEEN: usize = 50_000;

/// Returns the fields of a file's records; nothing where it is no list of records, has none or cannot be read. What is
/// wrong with the file itself is said when it is read.
pub(super) fn of(file: &str, contents: &[u8], delimiter: Option<char>) -> Option<BTreeSet<String>> {
    if let Some((text, delimiter)) = table(file, contents, delimiter) {
        return header(text, delimiter);
    }
    let text = text(contents)?;
    match extension(file)?.as_str() {
        "jsonl" | "ndjson" => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            fields(lines.map(|line| serde_json::from_str(line).ok()))
        }
        "json" => match serde_json::from_str(text).ok()? {
            Value::Array(records) => fields(records.into_iter().map(Some)),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the text of a table, and what stands between its cells.
pub(super) fn table<'t>(file: &str, contents: &'t [u8], delimiter: Option<char>) -> Option<(&'t str, char)> {
    let usual = match extension(file)?.as_str() {
        "csv" => ',',
        "tsv" => '\t',
        _ => return None,
    };
    Some((text(contents)?, delimiter.unwrap_or(usual)))
}

fn text(contents: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(contents).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn extension(file: &str) -> Option<String> {
    let (_, extension) = file.rsplit('/').next()?.rsplit_once('.')?;
    Some(extension.to_ascii_lowercase())
}

fn fields(records: impl Iterator<Item = Option<Value>>) -> Option<BTreeSet<String>> {
    let mut fields = BTreeSet::new();
    for (n, record) in records.enumerate() {
        let Some(Value::Object(record)) = record.filter(|_| n < RECORDS_SEEN) else { return None };
        fields.extend(record.into_iter().map(|(name, _)| name));
    }
    (!fields.is_empty()).then_some(fields)
}

/// Returns the names in the first row; nothing where they are not plainly written.
fn header(text: &str, delimiter: char) -> Option<BTreeSet<String>> {
    Some(Rows::of(text, delimiter).next()?.cells.into_iter().collect())
}

/// Returns what seems to stand between the cells, where all names stand in one.
pub(super) fn other_delimiter(columns: &BTreeSet<String>) -> Option<char> {
    let one = columns.first().filter(|_| columns.len() == 1)?;
    one.chars().find(|c| matches!(c, ',' | ';' | '\t' | '|'))
}

/// A row of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The number of its first line.
    pub(super) line: u32,
    /// Its cells.
    pub(super) cells: Vec<String>,
}

/// The rows of a table that are not blank, up to one that is not plainly written.
pub(super) struct Rows<'t> {
    rest: &'t str,
    line: u32,
    delimiter: char,
}

impl<'t> Rows<'t> {
    /// Starts at the first row, the header.
    pub(super) const fn of(text: &'t str, delimiter: char) -> Self {
        Self { rest: text, line: 1, delimiter }
    }

    /// Takes an end of a line, or the end of the text.
    fn end_line(&mut self) -> bool {
        let behind = self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n"));
        self.line += u32::from(behind.is_some());
        let is_end = behind.is_some() || self.rest.is_empty();
        self.rest = behind.unwrap_or(self.rest);
        is_end
    }

    fn cell(&mut self) -> Option<String> {
        let (cell, behind) =
            if self.rest.starts_with('"') { quoted(self.rest)? } else { plain(self.rest, self.delimiter) };
        self.line += u32::try_from(cell.matches('\n').count()).unwrap_or(0);
        self.rest = behind;
        Some(cell)
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        while !self.rest.is_empty() && self.end_line() {}
        let mut row = Row { line: self.line, cells: Vec::new() };
        while !self.rest.is_empty() || !row.cells.is_empty() {
            row.cells.push(self.cell()?);
            match self.rest.strip_prefix(self.delimiter) {
                Some(next) => self.rest = next,
                None => return self.end_line().then_some(row),
            }
        }
        None
    }
}

fn plain(text: &str, delimiter: char) -> (String, &str) {
    let end = text.find([delimiter, '\n']).unwrap_or(text.len());
    let end = if text[end..].starts_with('\n') && text[..end].ends_with('\r') { end - 1 } else { end };
    let (cell, behind) = text.split_at(end);
    (cell.to_owned(), behind)
}

/// Takes a cell in quotes, in which a quote is written twice.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let (part, behind) = rest.split_once('"')?;
        cell.push_str(part);
        match behind.strip_prefix('"') {
            Some(next) => rest = next,
            None => return Some((cell, behind)),
        }
        cell.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, contents: &str, expect: &[&str]) {
        let found = of(file, contents.as_bytes(), None);
        let found: Option<Vec<&str>> = found.as_ref().map(|f| f.iter().map(String::as_str).collect());
        assert_eq!(found, (!expect.is_empty()).then(|| expect.to_vec()), "{file}: {contents:?}");
    }

    #[test]
    fn tables_have_the_columns_of_their_header() {
        check("a.csv", "\u{feff}id,text\r\n1,x\r\n", &["id", "text"]);
        check("a.csv", "\n\n\"a \"\"b\"\"\",\"c,d\"\n", &["a \"b\"", "c,d"]);
        check("x/a.TSV", "a\tb,c", &["a", "b,c"]);
        check("a.csv", "\"a\nb\",c\n", &["a\nb", "c"]);
        for unclear in ["", "\n\n", "\"a\"b,c\n"] {
            check("a.csv", unclear, &[]);
        }
    }

    #[test]
    fn what_stands_between_cells_may_be_said() {
        let columns = |delimiter| of("a.csv", b"term;note\nx;y\n", delimiter).unwrap();
        assert_eq!(columns(Some(';')).len(), 2);
        assert_eq!(other_delimiter(&columns(Some(';'))), None);
        assert_eq!(other_delimiter(&columns(None)), Some(';'));
    }

    #[test]
    fn rows_know_where_they_are() {
        let rows = |text| Rows::of(text, ',').map(|row| (row.line, row.cells.join("|"))).collect::<Vec<_>>();
        let row = |line, cells: &str| (line, cells.to_owned());
        assert_eq!(
            rows("\na,b\r\n\r\n\"1\n2\",\n3,\"4\"\"\""),
            [row(2, "a|b"), row(4, "1\n2|"), row(6, "3|4\"")]
        );
        assert_eq!(rows("a\n\"b\"c\nd\n"), [row(1, "a")], "what comes behind is not told");
    }

    #[test]
    fn lists_have_the_fields_of_all_their_records() {
        check("a.jsonl", "{\"a\":1}\n\n{\"b\":1}", &["a", "b"]);
        check("a.json", "[{\"a\":1},{\"b\":1}]", &["a", "b"]);
        for unclear in ["", "[]", "{\"a\":1}", "[1]", "[{\"a\":"] {
            check("a.json", unclear, &[]);
        }
        check("a.jsonl", "{\"a\":1}\nx", &[]);
        check("a.md", "a,b", &[]);
    }
}
