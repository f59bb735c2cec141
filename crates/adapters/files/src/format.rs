//! The formats of files.
//!
//! | format | names | one record is | fields |
//! |---|---|---|---|
//! | CSV | `.csv`, `.tsv` | one row below the header | the columns, all strings |
//! | JSONL | `.jsonl`, `.ndjson` | one line | as they are |
//! | JSON | `.json` | one object of the list that the file is | as they are |
//! | text | `.txt` | one line that is not blank | the key, `text`, `file` |
//! | Ren'Py | `.rpy` | one text that is said, chosen or marked; see `layout::renpy` | the key, `text`, `speaker`, `scene_id` and more |
//! | PO | `.po`, `.pot` | one entry, or one form of a plural; see `layout::po` | the key, `text`, `translation`, `state` and more |
//! | XLIFF 1.2 | `.xlf`, `.xliff` | one unit; see `layout::xliff` | the key, `text`, `translation`, `state` and more |
//! | table | none: `format: table` | one text of a JSON file; see `table` | the key, `text`, `speaker`, `file`, what stands beside them |
//!
//! Encodings are told by a byte order mark or by `encoding:`; without both a file is UTF-8. Lines end with `\n` or
//! `\r\n`; a lone `\r` is a character like any other. Blank lines between rows of CSV and JSONL are passed over, and so
//! are those of text files.
//!
//! What has no id in its file gets one from its content.
//!
//! A CSV cell is either free of quotes at its start or quoted as a whole; a quote inside of it is doubled. Every row has
//! as many cells as the header. A CSV file with nothing in it lost its header, which is a problem; one with a header alone,
//! like an empty file of any other format, has no records.

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Rows below a header.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// One JSON document: a list of objects where records are meant.
    Json,
    /// One record per line.
    Text,
    /// One JSON document with names and messages.
    Table,
    /// A script of Ren'Py.
    Renpy,
    /// A PO file, or the template of one.
    Po,
    /// XLIFF 1.2.
    Xliff,
}

impl Format {
    /// The names of the formats, as in `format: csv`.
    pub const NAMES: [&str; 8] = ["csv", "jsonl", "json", "txt", "table", "renpy", "po", "xliff"];

    /// Returns the format that a file's name tells.
    #[must_use]
    pub fn by_name(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
            "txt" => Some(Self::Text),
            "rpy" => Some(Self::Renpy),
            "po" | "pot" => Some(Self::Po),
            "xlf" | "xliff" => Some(Self::Xliff),
            _ => None,
        }
    }

    /// Returns the format of this name, as in `format: csv`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
            "txt" => Some(Self::Text),
            "table" => Some(Self::Table),
            "renpy" => Some(Self::Renpy),
            "po" => Some(Self::Po),
            "xliff" => Some(Self::Xliff),
            _ => None,
        }
    }
}
