//! The fields that the records of a file have, as far as its contents tell.

use std::collections::BTreeSet;

use serde_json::Value;

/// Files with more records than this are not judged: a field may first come in the last one.
const RECORDS_SEEN: usize = 50_000;

/// Returns the fields of a file's records; nothing where it is no list of records, has none or cannot be read. What is
/// wrong with the file itself is said when it is read.
pub(super) fn of(file: &str, contents: &[u8]) -> Option<BTreeSet<String>> {
    let text = std::str::from_utf8(contents).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (_, extension) = file.rsplit('/').next()?.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "csv" => header(text, ','),
        "tsv" => header(text, '\t'),
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

fn fields(records: impl Iterator<Item = Option<Value>>) -> Option<BTreeSet<String>> {
    let mut fields = BTreeSet::new();
    for (n, record) in records.enumerate() {
        let Some(Value::Object(record)) = record.filter(|_| n < RECORDS_SEEN) else { return None };
        fields.extend(record.into_iter().map(|(name, _)| name));
    }
    (!fields.is_empty()).then_some(fields)
}

/// Returns the cells of the first line that is not blank; nothing where they are not plainly written.
fn header(text: &str, delimiter: char) -> Option<BTreeSet<String>> {
    let mut rest = text.lines().find(|line| !line.is_empty())?;
    let mut cells = BTreeSet::new();
    loop {
        let (cell, behind) = if rest.starts_with('"') { quoted(rest)? } else { plain(rest, delimiter) };
        cells.insert(cell);
        match behind.strip_prefix(delimiter) {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(cells),
        }
    }
}

fn plain(text: &str, delimiter: char) -> (String, &str) {
    let (cell, behind) = text.split_at(text.find(delimiter).unwrap_or(text.len()));
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
        let found = of(file, contents.as_bytes());
        let found: Option<Vec<&str>> = found.as_ref().map(|f| f.iter().map(String::as_str).collect());
        assert_eq!(found, (!expect.is_empty()).then(|| expect.to_vec()), "{file}: {contents:?}");
    }

    #[test]
    fn tables_have_the_columns_of_their_header() {
        check("a.csv", "\u{feff}id,text\r\n1,x\r\n", &["id", "text"]);
        check("a.csv", "\n\n\"a \"\"b\"\"\",\"c,d\"\n", &["a \"b\"", "c,d"]);
        check("x/a.TSV", "a\tb,c", &["a", "b,c"]);
        for unclear in ["", "\"a\nb\",c\n", "\"a\"b,c\n"] {
            check("a.csv", unclear, &[]);
        }
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
