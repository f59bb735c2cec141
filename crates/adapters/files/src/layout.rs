//! Layouts: formats that are understood as a whole, a text with places for texts in it.
//!
//! A layout finds the slots of a text: what is to be translated, with all that the file says of it, and where a
//! translation goes. Reading makes a record of every slot. Patching puts texts into the places and leaves every other
//! byte as it is; a place whose text is the same already is left alone with the way in which it is written. Files,
//! encodings, byte order marks and ids that the file does not give are the business of others: a layout sees text
//! without a byte order mark, with the line breaks of the file.

mod composed;
mod located;
mod po;
mod renpy;
mod states;
pub(crate) mod table;
#[cfg(test)]
mod testing;
mod xliff;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use refrain_schemas::json::Json;
use serde_json::Value;

use crate::format::Format;
use crate::params::FileParams;
use crate::problems::{Problems, problem};

use self::po::Po;
use self::renpy::Renpy;
use self::table::Table;
use self::xliff::Xliff;

/// The field of a place where the text of a record goes, whatever that field is called in the record
/// (`field:` of `write` names it).
pub(crate) const TEXT: &str = "text";

/// Something in a file that becomes a record.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The fields of the record in any order: `text` (the source text), and where known `translation`, `speaker`,
    /// `scene_id`, `state`, `note` and whatever else the file says. The key and `file` are added by the reader; a field
    /// of their name is given up for them.
    pub(crate) fields: Vec<(String, Value)>,
    /// The id that the file gives, if it gives one. Other slots get an id from their content.
    pub(crate) id: Option<String>,
    /// The line of the file it stands at, from 1.
    pub(crate) line: u64,
    /// Where texts go; none where nothing of the slot can be changed. Places of one file MUST NOT overlap.
    pub(crate) places: Vec<Place>,
}

/// Where a text goes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Which text: [`TEXT`] for the text of the record that is written, else the name of the record's field (`state`,
    /// say), whose place is left alone where the record has no such field.
    pub(crate) field: String,
    /// The bytes of the decoded text that are replaced, with the quotes around them if the quoting writes them. An
    /// empty range is where something is inserted. MUST lie on the boundaries of characters.
    pub(crate) span: Range<usize>,
    /// What stands there now, as plain text. A record with the same text changes nothing.
    pub(crate) now: String,
    /// How a plain text is written there.
    pub(crate) quoting: Arc<dyn Quoting>,
}

/// How a plain text is written at a place.
pub(crate) trait Quoting: Debug + Send + Sync {
    /// Returns what replaces the bytes of the place, or why the text cannot stand there (a fragment such as `has a
    /// line break, which a line of text cannot hold`).
    fn quote(&self, plain: &str) -> Result<String, String>;

    /// Returns what replaces the bytes of the place, given the other fields of the record: what is put in where nothing
    /// was can have to say several of them at once.
    fn quote_beside(&self, plain: &str, field: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        let _others = field;
        self.quote(plain)
    }
}

/// What composing a new file needs to know besides the records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Composing {
    /// The field that tells records apart; empty where it is not known.
    pub(crate) key: String,
    /// The field that holds the text: `field:` of `write`, else `text`.
    pub(crate) field: String,
    /// The language that is written, from `language:`.
    pub(crate) language: Option<String>,
    /// The language that was translated from, from `source_language:`.
    pub(crate) source_language: Option<String>,
    /// The fields to write, from `columns:`; all that the format has room for where absent.
    pub(crate) columns: Option<Vec<String>>,
    /// What files that say how they are encoded say: `UTF-8`, `Shift_JIS`.
    pub(crate) charset: &'static str,
}

/// A format that is understood as a whole.
pub(crate) trait Layout: Debug + Send + Sync {
    /// Finds every slot, in the order of the text. What is malformed goes to the problems, all of it; slots that are
    /// not understood are left out.
    ///
    /// MUST hold for every text whatever: no panic, no slot or place outside of the text, time in proportion to its
    /// length.
    fn slots(&self, file: &str, text: &str, problems: &mut Problems) -> Vec<Slot>;

    /// Returns what has to be put into a file whose texts are patched into a language, where the file itself has room to
    /// say which language it is and says nothing: the bytes of the text that are replaced, and by what. What the file
    /// says stays.
    fn in_language(&self, text: &str, language: &str) -> Vec<(Range<usize>, String)> {
        let _unused = (text, language);
        Vec::new()
    }

    /// Writes records that come from elsewhere as a new file of this format, with `\n` at the ends of lines. Records
    /// that cannot be written go to the problems (`E0720`), all of them.
    ///
    /// Reading what was composed MUST give the same texts, ids and states in the same order.
    fn compose(&self, records: &[Json], with: &Composing, problems: &mut Problems) -> String {
        let _unused = (records, with);
        let message = "files of this format are not made anew; name the files to patch with `patch:`";
        problems.add(problem("E0721", message, None));
        String::new()
    }
}

/// Returns the layout of a format, if files of it are understood as a whole. `key` is the field that tells records
/// apart.
pub(crate) fn of(format: Format, params: &FileParams, key: &str) -> Option<Arc<dyn Layout>> {
    match format {
        Format::Table => Some(Arc::new(table(params, key, None))),
        Format::Renpy => Some(Arc::new(Renpy)),
        Format::Po => Some(Arc::new(Po)),
        Format::Xliff => Some(Arc::new(Xliff)),
        Format::Csv | Format::Jsonl | Format::Json | Format::Text => None,
    }
}

/// Returns the layout by which files of a format are patched, if that takes the whole of them. Texts go where they came
/// from, or where `column` says.
pub(crate) fn for_patching(
    format: Format,
    params: &FileParams,
    key: &str,
    column: Option<&str>,
) -> Option<Arc<dyn Layout>> {
    match format {
        Format::Table => Some(Arc::new(table(params, key, column))),
        // A list of records is read piece by piece, but their strings can be found only in the whole.
        Format::Json => {
            let text = params.names.text.clone().unwrap_or_else(|| TEXT.to_owned());
            let speaker = params.names.speaker.clone().unwrap_or_else(|| "speaker".to_owned());
            Some(Arc::new(Table { text, speaker, records: true, at: None, ..table(params, key, column) }))
        }
        Format::Csv | Format::Jsonl | Format::Text => None,
        Format::Renpy | Format::Po | Format::Xliff => of(format, params, key),
    }
}

fn table(params: &FileParams, key: &str, column: Option<&str>) -> Table {
    Table {
        key: params.names.id.clone().unwrap_or_else(|| key.to_owned()),
        text: params.names.text.clone().unwrap_or_else(|| "message".to_owned()),
        speaker: params.names.speaker.clone().unwrap_or_else(|| "name".to_owned()),
        column: column.map(str::to_owned),
        at: params.at.clone(),
        records: false,
    }
}
