//! A look at files of which nothing is known but their names: what a project that is started has to say of them.

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use refrain_core::ports::files::FileError;
use serde_json::Value;

use crate::encoding::{Declared, Encoding};
use crate::format::Format;
use crate::lines::Lines;
use crate::params::{ReadParams, default_delimiter};
use crate::pattern::find;
use crate::problems::Problems;
use crate::root::{Root, failed, open};
use crate::rows::{KeyHash, RowSpec, Rows, hash};

/// What some files hold, as far as can be told without being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The files, sorted by path.
    pub files: Vec<String>,
    /// What `format` has to say, where the names of the files are not enough.
    pub format: Option<&'static str>,
    /// What `encoding` has to say, if anything.
    pub encoding: Option<&'static str>,
    /// What `delimiter` has to say, if anything.
    pub delimiter: Option<&'static str>,
    /// The columns of tables, in the order of their names; none of formats that say themselves what is what.
    pub columns: Vec<Column>,
    /// How many rows they have; none where no file has columns.
    pub rows: Option<u64>,
}

/// A column or field of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// What it is called.
    pub name: String,
    /// How many rows say something there.
    pub filled: u64,
    /// How many of these say something that an earlier row has said.
    pub repeated: u64,
    /// How many of these have a letter.
    pub lettered: u64,
    /// How many of these have a blank between words, or letters of a script that has none.
    pub worded: u64,
    /// How many characters all of these have.
    pub characters: u64,
}

/// What is counted of a column while files are read.
#[derive(Debug, Default)]
struct Counted {
    column: Column,
    seen: HashSet<KeyHash>,
}

const DELIMITERS: [(u8, &str); 4] = [(b',', ","), (b';', ";"), (b'\t', "tab"), (b'|', "|")];

/// Looks at the files below a folder that patterns name. Links may lead `outside`, into these folders.
///
/// # Errors
/// Fails where no file is named, where one cannot be read, and tells what is wrong with rows that are not understood.
pub fn look(folder: &Path, outside: &[PathBuf], patterns: &[String]) -> Result<Look, FileError> {
    let root = Root::new(folder).allowing(outside);
    let mut looking = Looking { root, columns: BTreeMap::new(), rows: None, problems: Problems::default() };
    let files = find(&looking.root, patterns)?;
    let (mut encodings, mut delimiters, mut format) = (Vec::new(), Vec::new(), None);
    for path in &files {
        let params = ReadParams::untold(path)?;
        encodings.push(looking.encoding(path)?);
        let declared = encodings.last().copied().flatten().and_then(Declared::named).unwrap_or_default();
        match params {
            Format::Json if looking.is_table(path, declared)? => format = Some("table"),
            Format::Csv | Format::Jsonl | Format::Json => {
                let delimiter = looking.delimiter(path, declared)?;
                delimiters.extend(delimiter.filter(|(byte, _)| *byte != default_delimiter(path)));
                let delimiter = delimiter.map_or_else(|| default_delimiter(path), |(byte, _)| byte);
                let spec = RowSpec { encoding: declared, delimiter, ..RowSpec::plain(params, path) };
                looking.rows(path, &spec)?;
            }
            _ => {}
        }
    }
    looking.problems.into_result()?;
    let columns = looking.columns.into_values().map(|counted| counted.column).collect();
    let delimiter = delimiters.first().map(|(_, name)| *name);
    Ok(Look { files, format, encoding: agreed(&encodings), delimiter, columns, rows: looking.rows })
}

/// Returns what is to be declared of files each of which needs this or nothing.
fn agreed(needed: &[Option<&'static str>]) -> Option<&'static str> {
    let first = needed.iter().flatten().next()?;
    let same = needed.iter().all(|one| one.as_ref() == Some(first));
    Some(if same { first } else { "auto" })
}

struct Looking {
    root: Root,
    columns: BTreeMap<String, Counted>,
    rows: Option<u64>,
    problems: Problems,
}

impl Looking {
    /// Returns what has to be declared for a file to be understood; what is wrong without it where nothing helps.
    fn encoding(&self, path: &str) -> Result<Option<&'static str>, FileError> {
        let Err(undeclared) = self.decodes(path, Declared::Nothing) else { return Ok(None) };
        let mut head = [0; 4];
        let (mut file, _) = open(&self.root, path)?;
        file.read_exact(&mut head).map_err(|error| failed("read", path, error))?;
        let tried = match head {
            [_, 0, _, 0] => "utf-16le",
            [0, _, 0, _] => "utf-16be",
            _ => {
                let coding = Lines::open(&self.root, path, Declared::Auto)?.coding();
                if coding.encoding == Encoding::ShiftJis { "shift_jis" } else { return Err(undeclared) }
            }
        };
        let declared = Declared::named(tried).unwrap_or_default();
        self.decodes(path, declared).map_or(Err(undeclared), |()| Ok(Some(tried)))
    }

    fn decodes(&self, path: &str, declared: Declared) -> Result<(), FileError> {
        let (mut line, mut problems) = (String::new(), Problems::default());
        let mut lines = Lines::open(&self.root, path, declared)?;
        while lines.next(&mut line, &mut problems)? {
            line.clear();
        }
        problems.into_result()
    }

    /// Whether a JSON file is one of names and messages rather than a list of records with ids.
    fn is_table(&self, path: &str, declared: Declared) -> Result<bool, FileError> {
        let (mut text, mut problems) = (String::new(), Problems::default());
        Lines::open(&self.root, path, declared)?.rest(&mut text, &mut problems)?;
        // What is no JSON at all is told by the reader, with its place.
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(false) };
        let Value::Array(items) = &value else { return Ok(value.is_object()) };
        let is_message = |item: &Value| item.is_string() || item.get("message").is_some();
        Ok(!items.is_empty() && items.iter().all(is_message))
    }

    /// Returns what stands between the cells of a header, where that is told by it.
    fn delimiter(&self, path: &str, declared: Declared) -> Result<Option<(u8, &'static str)>, FileError> {
        let (mut header, mut problems) = (String::new(), Problems::default());
        Lines::open(&self.root, path, declared)?.next(&mut header, &mut problems)?;
        let usual = default_delimiter(path);
        let count = |byte: u8| header.bytes().filter(|other| *other == byte).count();
        if count(usual) > 0 {
            return Ok(None);
        }
        Ok(DELIMITERS.into_iter().filter(|(byte, _)| count(*byte) > 0).max_by_key(|(byte, _)| count(*byte)))
    }

    fn rows(&mut self, path: &str, spec: &RowSpec) -> Result<(), FileError> {
        let mut lines = Lines::open(&self.root, path, spec.encoding)?;
        let mut rows = Rows::new(spec, path);
        self.rows = self.rows.or(Some(0));
        while let Some(row) = rows.next(&mut lines, &mut self.problems)? {
            self.rows = self.rows.map(|rows| rows + 1);
            if let Value::Object(fields) = row.record.value() {
                for (name, value) in fields {
                    let counted = self.columns.entry(name.clone()).or_default();
                    counted.column.name = name;
                    counted.note(&value);
                }
            }
        }
        Ok(())
    }
}

impl Counted {
    fn note(&mut self, value: &Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        if text.trim().is_empty() {
            return;
        }
        let column = &mut self.column;
        column.filled += 1;
        column.repeated += u64::from(!self.seen.insert(hash(&text)));
        column.lettered += u64::from(text.chars().any(char::is_alphabetic));
        // Japanese and Chinese put no blanks between words; a word of them is letters beyond the alphabets.
        let is_wide = text.chars().any(|c| c.is_alphabetic() && c as u32 >= 0x2e80);
        column.worded += u64::from(is_wide || text.trim().contains(char::is_whitespace));
        column.characters += text.chars().count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &[u8])], patterns: &str) -> Look {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            std::fs::write(folder.path().join(path), bytes).unwrap();
        }
        look(folder.path(), &[], &[patterns.to_owned()]).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_where_that_is_allowed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("a.csv"), "id,text\n1,a\n").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let looked = |allowed: &[PathBuf]| look(folder.path(), allowed, &["link/a.csv".to_owned()]);
        assert!(matches!(looked(&[]), Err(FileError::Outside { .. })));
        assert_eq!(looked(&[outside.path().to_owned()]).unwrap().rows, Some(1));
    }

    fn said(look: &Look) -> [Option<&'static str>; 3] {
        [look.format, look.encoding, look.delimiter]
    }

    #[test]
    fn encodings_and_delimiters_are_found() {
        assert_eq!(said(&check(&[("a.csv", "id,text\n1,é\n".as_bytes())], "a.csv")), [None; 3]);
        let german = check(&[("a.csv", b"ID;Text;Wer\n1;Guten Tag;A\n2;Nein;A\n")], "*.csv");
        assert_eq!(said(&german), [None, None, Some(";")]);
        let names: Vec<&str> = german.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, german.rows), (vec!["ID", "Text", "Wer"], Some(2)));
        assert_eq!((german.columns[0].repeated, german.columns[2].repeated), (0, 1));

        let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode("id,text\n1,こんにちは、世界\n");
        assert_eq!(said(&check(&[("a.csv", &sjis)], "a.csv")), [None, Some("shift_jis"), None]);
        let utf16: Vec<u8> = "id\ttext\n1\ta b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(said(&check(&[("a.tsv", &utf16)], "a.tsv")), [None, Some("utf-16le"), None]);
        let mixed = check(&[("a.csv", &sjis), ("b.csv", b"id,text\n2,b\n")], "*.csv");
        assert_eq!(said(&mixed), [None, Some("auto"), None]);
    }

    #[test]
    fn a_table_of_messages_is_told_from_a_list_of_records() {
        let records = br#"[{"id": 1, "text": "a"}]"#;
        assert_eq!(check(&[("a.json", records)], "a.json").format, None);
        let messages = br#"[{"name": "Mira", "message": "Hello."}]"#;
        assert_eq!(check(&[("a.json", messages)], "a.json").format, Some("table"));
        assert_eq!(check(&[("a.json", br#"{"a": "Hello."}"#)], "a.json").format, Some("table"));
    }
}
