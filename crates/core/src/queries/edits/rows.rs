//! What a person changed in a file: its rows against those of the export it was made from, made again and read back.
//!
//! Both are read by the same reader, so that whatever a format cannot hold is no change.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use refrain_schemas::json::{Json, scalar_text};
use serde_json::{Map, Value};

use super::EditChange;
use crate::edits::value;
use crate::ports::files::{FileError, SourceReader};

/// The params of `read` that `write` has as well: what one writes so, the other reads so.
const SHARED: [&str; 9] = ["at", "delimiter", "encoding", "format", "id", "ids", "scene", "speaker", "text"];
/// Review states may be added to files that have none.
const STATE: &str = "state";
/// The state of what is not translated yet.
const NEW: &str = "new";
/// What is said, in files and records alike.
const TEXT: &str = "text";
/// The field of a file in two languages that holds what a record has as its text.
const TRANSLATION: &str = "translation";

/// A file as it was written, row by row.
#[derive(Debug, Default)]
pub(super) struct Basis {
    /// Its rows, read back.
    pub(super) rows: Vec<BasisRow>,
    /// Whether the file says itself which row is which; where it does not, rows are told apart by their place.
    pub(super) own_ids: bool,
    /// The keys of all lines that are there now in the files that the export is a changed copy of; none of a new file.
    pub(super) lines: Option<BTreeSet<String>>,
}

impl Basis {
    /// Adds what an export said of lines that have gone since from the files that it is a changed copy of, so that they are not
    /// written any more: the rows of a file that has them, with what their records said.
    pub(super) fn add_gone(&mut self, records: &IndexMap<String, Json>, theirs: &[Json], shape: &Shape<'_>) {
        let Some(lines) = self.lines.as_ref().filter(|_| self.own_ids) else { return };
        let gone = |row: &Json| {
            let key = key_of(row, shape.key).filter(|key| !lines.contains(key))?;
            let record = records.get(&key)?.clone();
            Some(BasisRow { row: shape.as_written(row, &record), key, record: Some(record) })
        };
        self.rows.extend(theirs.iter().filter_map(gone));
    }
}

/// One row of a file as it was written, and what was written into it.
#[derive(Debug)]
pub(super) struct BasisRow {
    pub(super) row: Json,
    /// The key of the record.
    pub(super) key: String,
    /// The record; none of a row that was left as it was.
    pub(super) record: Option<Json>,
}

/// The rows of a file as they are read.
#[derive(Debug, Default)]
pub(super) struct FileRows {
    pub(super) rows: Vec<Json>,
    /// Whether the file says itself which row is which.
    pub(super) own_ids: bool,
}

/// How the rows of a file become records.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    /// The field that tells records apart.
    pub(super) key: &'a str,
    /// The params of the export.
    pub(super) params: &'a Map<String, Value>,
    /// Only these fields, though the export may not have them; all that it has where none is named.
    pub(super) fields: &'a [String],
}

/// What a file says, against its basis.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) changes: Vec<EditChange>,
    /// The field of the file in which each change was found.
    pub(super) columns: Vec<String>,
    pub(super) unchanged: u64,
    /// Keys that the export does not have.
    pub(super) unknown: Vec<String>,
    /// Keys that the file does not have.
    pub(super) absent: Vec<String>,
    /// Fields that the export does not have.
    pub(super) left_out: BTreeSet<String>,
    /// Fields that the export has and some row of the file does not.
    pub(super) lacking: BTreeSet<String>,
    /// Keys whose text is empty in the file, or marked as not translated: nothing was said of them.
    pub(super) blank: Vec<String>,
    /// Whether some text that is marked as not translated is another one all the same.
    pub(super) has_unsaid: bool,
    /// The field that holds the texts, where no row of the file has it.
    pub(super) textless: Option<String>,
    /// Keys of entries of a file in two languages whose source is another one there.
    pub(super) other_source: Vec<String>,
}

impl Compared {
    fn note_untranslated(&mut self, key: &str, now: &Map<String, Value>, then: &Map<String, Value>) {
        self.blank.push(key.to_owned());
        let text = now.get(TRANSLATION).unwrap_or(&Value::Null);
        self.has_unsaid |= !is_blank(text) && !same(then.get(TRANSLATION), text);
    }

    /// Whether everything that is different in the file is among the changes.
    pub(super) fn is_whole(&self) -> bool {
        let lost = self.left_out.len() + self.lacking.len() + self.unknown.len() + self.absent.len();
        lost + self.other_source.len() == 0 && !self.has_unsaid
    }

    /// Returns how many records are changed.
    pub(super) fn n_changed(&self) -> u64 {
        let keys: BTreeSet<&str> = self.changes.iter().map(|change| change.key.as_str()).collect();
        keys.len() as u64
    }
}

/// Returns the params by which files are read that were written by others.
pub(super) fn reading(params: &Map<String, Value>, files: Value) -> Map<String, Value> {
    let shared = SHARED.iter().filter_map(|name| Some(((*name).to_owned(), params.get(*name)?.clone())));
    shared.chain([("files".to_owned(), files)]).collect()
}

/// Reads the rows of files.
pub(super) async fn read(
    reader: &dyn SourceReader,
    params: &Map<String, Value>,
    key: &str,
) -> Result<FileRows, FileError> {
    let mut source = reader.open(params, key).await?;
    let mut rows = Vec::new();
    loop {
        let batch = source.next_batch()?;
        if batch.is_empty() {
            return Ok(FileRows { rows, own_ids: source.has_own_ids() });
        }
        rows.extend(batch);
    }
}

/// Compares the rows of a file with those it was made from.
///
/// # Errors
/// Says how many rows there are and were, where they are told apart by their place and some were added or removed.
pub(super) fn compare(basis: &Basis, theirs: &[Json], shape: &Shape<'_>) -> Result<Compared, (usize, usize)> {
    let mut compared = Compared { textless: shape.textless(basis, theirs), ..Compared::default() };
    let known = fields_of(&basis.rows);
    // Ids that come from what lines say go with a text to another place: two that are swapped would be no change.
    if !basis.own_ids {
        if theirs.len() != basis.rows.len() {
            return Err((theirs.len(), basis.rows.len()));
        }
        let pairs = theirs.iter().zip(&basis.rows);
        pairs.for_each(|(row, was)| shape.row(row, was, &known, &mut compared));
        return Ok(compared);
    }
    let mut open: BTreeMap<String, &BasisRow> = BTreeMap::new();
    for was in &basis.rows {
        open.insert(key_of(&was.row, shape.key).unwrap_or_default(), was);
    }
    for row in theirs {
        let key = key_of(row, shape.key).unwrap_or_default();
        match open.remove(&key) {
            Some(was) => shape.row(row, was, &known, &mut compared),
            None => compared.unknown.push(key),
        }
    }
    let lost: BTreeSet<&str> =
        open.values().filter(|was| was.record.is_some()).map(|was| &*was.key).collect();
    let absent = basis.rows.iter().map(|was| &was.key).filter(|key| lost.contains(key.as_str()));
    compared.absent = absent.cloned().collect();
    Ok(compared)
}

/// Compares the rows of a file that cannot be made again, because what it is a copy of has changed, with the records that
/// were written: one by one, by their place. None where they are not as many.
pub(super) fn compare_said(
    records: &IndexMap<String, Json>,
    theirs: &[Json],
    shape: &Shape<'_>,
) -> Option<Compared> {
    if theirs.len() != records.len() {
        return None;
    }
    let row = |(row, (key, record)): (&Json, (&String, &Json))| BasisRow {
        row: shape.as_written(row, record),
        key: key.clone(),
        record: Some(record.clone()),
    };
    let rows = theirs.iter().zip(records).map(row).collect();
    compare(&Basis { rows, own_ids: false, lines: None }, theirs, shape).ok()
}

/// Whether the ids of a file that is a changed copy surely do not hang on what it says: other texts have the same ids.
pub(super) fn ids_stay(copy: &[Json], of: &[Json], key: &str) -> bool {
    let said = |row: &Json| {
        let mut fields = fields(row);
        fields.retain(|name, _| name != "file");
        fields
    };
    let same_keys = copy.iter().zip(of).all(|(copy, of)| key_of(copy, key) == key_of(of, key));
    same_keys && copy.iter().zip(of).any(|(copy, of)| said(copy) != said(of))
}

impl Shape<'_> {
    /// Returns the field of a record that holds its text.
    fn said(&self) -> &str {
        self.params.get("field").and_then(Value::as_str).unwrap_or(TEXT)
    }

    /// Returns the field of a file that holds the texts, where it was written and no row of the person's file has it.
    fn textless(&self, basis: &Basis, theirs: &[Json]) -> Option<String> {
        let was = basis.rows.iter().find(|was| was.record.is_some())?;
        let then = fields(&was.row);
        let column =
            self.params.get("column").and_then(Value::as_str).filter(|name| then.contains_key(*name));
        let is_text = |name: &&str| self.field(name, &then, was.record.as_ref()) == Some(self.said());
        let name = column.or_else(|| then.keys().map(String::as_str).find(is_text))?;
        let is_wanted = self.fields.is_empty() || self.fields.iter().any(|wanted| wanted == name);
        let is_there = theirs.is_empty() || theirs.iter().any(|row| row.field(name).is_some());
        (is_wanted && !is_there).then(|| name.to_owned())
    }

    /// Returns a row of a file as it was when it said what a record says.
    fn as_written(&self, row: &Json, record: &Json) -> Json {
        let column = self.params.get("column").and_then(Value::as_str);
        let otherwise = if row.field(TRANSLATION).is_some() { TRANSLATION } else { TEXT };
        let name = column.filter(|column| row.field(column).is_some()).unwrap_or(otherwise);
        let said = value(record, self.said()).unwrap_or_else(Json::null);
        row.with_field(name, &said).unwrap_or_else(|| row.clone())
    }

    fn row(&self, row: &Json, was: &BasisRow, known: &BTreeSet<String>, compared: &mut Compared) {
        let before = (compared.changes.len(), compared.blank.len());
        if *row != was.row {
            let (now, then) = (fields(row), fields(&was.row));
            let is_untranslated = is_untranslated(&now, &then);
            if is_untranslated {
                compared.note_untranslated(&was.key, &now, &then);
            }
            for (name, value) in &now {
                let is_said = !is_untranslated || ![TRANSLATION, STATE].contains(&name.as_str());
                if is_said && name != self.key && !same(then.get(name), value) {
                    self.cell(name, value, &then, was, known, compared);
                }
            }
            self.look_for_lacking(row, was, compared);
        }
        compared.unchanged += u64::from((compared.changes.len(), compared.blank.len()) == before);
    }

    /// Takes a cell that says something else than what was written.
    fn cell(
        &self,
        name: &str,
        value: &Value,
        then: &Map<String, Value>,
        was: &BasisRow,
        known: &BTreeSet<String>,
        compared: &mut Compared,
    ) {
        if !self.is_wanted(name, known) {
            compared.left_out.insert(name.to_owned());
            return;
        }
        match (&was.record, self.field(name, then, was.record.as_ref())) {
            // A translation that is not there is none: tools clear what is still to be done.
            (Some(_), Some(field)) if field == self.said() && is_blank(value) => {
                compared.blank.push(was.key.clone());
            }
            (Some(record), Some(field)) => {
                self.change(&was.key, field, record, value, compared);
                compared.columns.resize(compared.changes.len(), name.to_owned());
            }
            (None, _) => compared.unknown.push(was.key.clone()),
            // What is translated from is the script's.
            (_, None) => compared.other_source.push(was.key.clone()),
        }
    }

    /// Notes which fields with something in them are not in a row any more.
    fn look_for_lacking(&self, row: &Json, was: &BasisRow, compared: &mut Compared) {
        let then = fields(&was.row);
        let lost = then.iter().filter(|(name, value)| row.field(name).is_none() && !same(None, value));
        compared.lacking.extend(lost.map(|(name, _)| name.clone()).filter(|name| name != self.key));
    }

    fn change(&self, key: &str, field: &str, record: &Json, new: &Value, compared: &mut Compared) {
        let base = value(record, field);
        let Some(value) = typed(base.as_ref(), new) else { return };
        if base.as_ref() != Some(&value) {
            let (key, field) = (key.to_owned(), field.to_owned());
            compared.changes.push(EditChange { key, field, base, value });
        }
    }

    /// Whether a field of a row is one that a person may have changed: not a column of one's own.
    fn is_wanted(&self, name: &str, known: &BTreeSet<String>) -> bool {
        if self.fields.is_empty() {
            return known.contains(name) || name == STATE;
        }
        self.fields.iter().any(|wanted| wanted == name)
    }

    /// Returns which field of the record a field of the row is: the one that it was written from.
    fn field<'n>(
        &'n self,
        name: &'n str,
        was: &Map<String, Value>,
        record: Option<&Json>,
    ) -> Option<&'n str> {
        let param = |name: &str| self.params.get(name).and_then(Value::as_str);
        let said = self.said();
        if ![TEXT, TRANSLATION].contains(&name) && param("column") != Some(name) {
            return Some(name);
        }
        let written = |field: &&str| {
            let value = record.and_then(|record| record.field(field)).unwrap_or("null");
            same(was.get(name), &Value::from(scalar_text(value).unwrap_or_default()))
        };
        // A file in two languages has what was translated from as its text.
        let is_source = name == TEXT && was.contains_key(TRANSLATION);
        let is_field = record.is_some_and(|record| record.field(name).is_some());
        let otherwise = if is_source {
            None
        } else if is_field {
            Some(name)
        } else {
            Some(said)
        };
        [name, said].into_iter().find(written).filter(|_| !is_source).or(otherwise)
    }
}

/// Whether a file in two languages has no translation where one was written: an empty one, or one marked as still to be made.
fn is_untranslated(now: &Map<String, Value>, then: &Map<String, Value>) -> bool {
    let Some(text) = now.get(TRANSLATION) else { return false };
    let is_new = |row: &Map<String, Value>| row.get(STATE).and_then(Value::as_str) == Some(NEW);
    let was_there = then.get(TRANSLATION).is_some_and(|text| !is_blank(text));
    was_there && (is_blank(text) || is_new(now) && !is_new(then))
}

/// Whether a value says nothing.
fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn fields(row: &Json) -> Map<String, Value> {
    match row.value() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Whether two rows say the same in a field.
pub(super) fn say_the_same(one: &Json, other: &Json, field: &str) -> bool {
    let (one, other) = (fields(one), fields(other));
    same(one.get(field), other.get(field).unwrap_or(&Value::Null))
        || same(other.get(field), one.get(field).unwrap_or(&Value::Null))
}

/// Whether a field holds a review state, which may be set where the file has none.
pub(super) fn is_state(field: &str) -> bool {
    field == STATE
}

fn fields_of(rows: &[BasisRow]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for BasisRow { row, .. } in rows {
        for name in fields(row).keys().filter(|name| !names.contains(*name)).cloned().collect::<Vec<_>>() {
            names.insert(name);
        }
    }
    names
}

pub(super) fn key_of(row: &Json, key: &str) -> Option<String> {
    row.field(key).and_then(scalar_text).map(|text| text.into_owned())
}

/// Whether two values are the same but for the way in which programs write the ends of lines. A cell that a program added
/// and left empty is as good as none.
fn same(was: Option<&Value>, is: &Value) -> bool {
    match (was, is) {
        (Some(Value::String(was)), Value::String(is)) => was == is || unix(was) == unix(is),
        (Some(was), is) => was == is,
        (None, is) => is.is_null() || is.as_str() == Some(""),
    }
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Returns a value from a file as the record would have it: of the kind that stands there, as far as it can be read so.
fn typed(old: Option<&Json>, new: &Value) -> Option<Json> {
    let Value::String(text) = new else { return Json::of(new).ok() };
    let is_text = old.is_none_or(|old| old.as_str().starts_with('"'));
    if is_text {
        let keeps = old.and_then(|old| scalar_text(old.as_str())).is_some_and(|old| old.contains('\r'));
        return Some(Json::string(&if keeps { text.clone() } else { unix(text) }));
    }
    let parsed = Json::parse(text).ok().filter(|parsed| kind(parsed) == old.map_or('"', kind));
    Some(parsed.unwrap_or_else(|| Json::string(text)))
}

/// Returns a letter for the kind of a value.
fn kind(json: &Json) -> char {
    match json.as_str().chars().next() {
        Some('t' | 'f') => 'b',
        Some(c @ ('"' | '{' | '[' | 'n')) => c,
        _ => '0',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json_of(value: &Value) -> Json {
        Json::of(value).unwrap()
    }

    fn rows(values: &Value) -> Vec<Json> {
        values.as_array().unwrap().iter().map(json_of).collect()
    }

    fn compared(records: &Value, was: &Value, is: &Value, params: Value) -> Result<Compared, (usize, usize)> {
        let pairs = rows(was).into_iter().zip(rows(records));
        let row = |(row, record): (Json, Json)| BasisRow {
            row,
            key: key_of(&record, "id").unwrap(),
            record: Some(record),
        };
        let own_ids = !was[0]["id"].as_str().unwrap().starts_with("line_");
        let basis = Basis { rows: pairs.map(row).collect(), own_ids, lines: None };
        let Value::Object(params) = params else { panic!("params are an object") };
        compare(&basis, &rows(is), &Shape { key: "id", params: &params, fields: &[] })
    }

    #[track_caller]
    fn check(records: Value, was: Value, is: Value, expect: &[(&str, &str, Value)]) {
        let found = compared(&records, &was, &is, json!({})).unwrap().changes;
        let found: Vec<(String, String, Value)> =
            found.into_iter().map(|change| (change.key, change.field, change.value.value())).collect();
        let expect: Vec<(String, String, Value)> = expect
            .iter()
            .map(|(key, field, value)| ((*key).into(), (*field).into(), value.clone()))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_a_format_cannot_hold_is_no_change() {
        let records = json!([{"id": "a", "text": "x\ny", "n": 3, "tags": ["u"], "none": null}]);
        let cells = json!([{"id": "a", "text": "x\ny", "n": "3", "tags": "[\"u\"]", "none": ""}]);
        check(records.clone(), cells.clone(), cells.clone(), &[]);
        let windows = json!([{"id": "a", "text": "x\r\ny", "n": "3", "tags": "[\"u\"]", "none": ""}]);
        check(records.clone(), cells.clone(), windows, &[]);
        let edited = json!([{"id": "a", "text": "x\r\nz", "n": "4", "tags": "[\"u\",\"v\"]", "none": "w"}]);
        let expect = [
            ("a", "n", json!(4)),
            ("a", "none", json!("w")),
            ("a", "tags", json!(["u", "v"])),
            ("a", "text", json!("x\nz")),
        ];
        check(records, cells, edited, &expect);
    }

    #[test]
    fn a_word_where_a_number_stood_is_a_word() {
        check(
            json!([{"id": "a", "n": 3, "b": true}]),
            json!([{"id": "a", "n": "3", "b": "true"}]),
            json!([{"id": "a", "n": "many", "b": "false"}]),
            &[("a", "b", json!(false)), ("a", "n", json!("many"))],
        );
    }

    #[test]
    fn rows_may_come_in_another_order_and_be_fewer() {
        let records = json!([{"id": "a", "t": "1"}, {"id": "b", "t": "2"}, {"id": "c", "t": "3"}]);
        let is = json!([{"id": "c", "t": "3"}, {"id": "x", "t": "?"}, {"id": "a", "t": "one"}]);
        let compared = compared(&records, &records, &is, json!({})).unwrap();
        assert_eq!((compared.changes.len(), compared.unchanged), (1, 1));
        assert_eq!((compared.unknown, compared.absent), (vec!["x".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn rows_without_ids_are_told_apart_by_their_place() {
        let records = json!([{"id": "a", "text": "1"}, {"id": "b", "text": "2"}]);
        let was = json!([{"id": "line_1", "text": "1"}, {"id": "line_2", "text": "2"}]);
        let is = json!([{"id": "line_1", "text": "1"}, {"id": "line_2", "text": "two"}]);
        check(records.clone(), was.clone(), is, &[("b", "text", json!("two"))]);
        // What each row says makes its id: swapped texts are as many changes as any others.
        let swapped = json!([{"id": "line_2", "text": "2"}, {"id": "line_1", "text": "1"}]);
        let expect = [("a", "text", json!("2")), ("b", "text", json!("1"))];
        check(records.clone(), was.clone(), swapped, &expect);
        let more = json!([{"id": "line_1", "text": "1"}]);
        assert_eq!(compared(&records, &was, &more, json!({})).unwrap_err(), (1, 2));
    }

    #[test]
    fn columns_that_the_export_does_not_have_are_left_out_but_for_the_state() {
        let records = json!([{"id": "a", "text": "1"}]);
        let is = json!([{"id": "a", "text": "1", "my_notes": "?", "empty": "", "state": "final"}]);
        let compared = compared(&records, &records, &is, json!({})).unwrap();
        assert_eq!(compared.left_out.into_iter().collect::<Vec<_>>(), ["my_notes"]);
        assert_eq!(compared.changes.len(), 1);
        assert_eq!(compared.changes[0].field, "state");
    }

    #[test]
    fn a_text_that_is_gone_is_no_translation() {
        let check = |was: Value, is: Value, changed: usize, blank: usize| {
            let record = json!([{"id": "a", "text": was["translation"].as_str().or(was["text"].as_str()), "speaker": "Bo"}]);
            let mut was = was;
            was["id"] = json!("a");
            let mut theirs = was.clone();
            is.as_object().unwrap().iter().for_each(|(name, value)| theirs[name] = value.clone());
            let found = compared(&record, &json!([was]), &json!([theirs]), json!({})).unwrap();
            assert_eq!((found.changes.len(), found.blank.len()), (changed, blank), "{theirs}");
            assert_eq!(found.unchanged, u64::from(changed + blank == 0));
        };
        let text = |text: &str| json!({"text": text, "speaker": "Bo"});
        check(text("x"), json!({"text": ""}), 0, 1);
        check(text("x"), json!({"text": null}), 0, 1);
        check(text("x"), json!({"text": " ", "speaker": ""}), 1, 1);
        check(text(""), json!({"text": ""}), 0, 0);
        check(text(""), json!({"text": "x"}), 1, 0);
        let both = |state: &str| json!({"text": "en", "translation": "x", "state": state});
        check(both("translated"), json!({"translation": "", "state": "new"}), 0, 1);
        check(both("translated"), json!({"translation": "", "state": "draft"}), 0, 1);
        check(both("translated"), json!({"translation": "en", "state": "new"}), 0, 1);
        check(both("new"), json!({"translation": "y"}), 1, 0);
        check(both("translated"), json!({"translation": "y", "state": "draft"}), 2, 0);
    }

    #[test]
    fn what_is_not_taken_over_is_noticed() {
        let records = json!([{"id": "a", "text": "1", "note": "n"}, {"id": "b", "text": "2", "note": ""}]);
        let whole = |is: Value| compared(&records, &records, &is, json!({})).unwrap().is_whole();
        assert!(whole(json!([{"id": "b", "text": "2"}, {"id": "a", "text": "changed", "note": "n"}])));
        assert!(!whole(json!([{"id": "a", "text": "1"}, {"id": "b", "text": "2", "note": ""}])), "a field");
        assert!(!whole(json!([{"id": "a", "text": "1", "note": "n"}])), "a row");
        let row = |key: &str| json!({"id": key, "text": "2"});
        assert!(!whole(json!([records[0], row("b"), row("c")])), "a key");
        let mut further = records.clone();
        further[1]["mine"] = json!("?");
        assert!(!whole(further), "a column");
    }

    #[test]
    fn the_translation_of_a_file_in_two_languages_is_the_text_of_its_record() {
        let records = json!([{"id": "a", "line": "ja", "source": "en"}]);
        let was = json!([{"id": "a", "text": "en", "translation": "ja"}]);
        let is = json!([{"id": "a", "text": "en!", "translation": "ja!"}]);
        let compared = compared(&records, &was, &is, json!({"field": "line"})).unwrap();
        let change = &compared.changes[0];
        assert_eq!((change.field.as_str(), change.value.value()), ("line", json!("ja!")));
        assert_eq!((compared.changes.len(), compared.left_out.len()), (1, 0));
        assert_eq!(compared.other_source, ["a"]);
    }

    #[test]
    fn a_file_without_its_texts_is_noticed() {
        let records = json!([{"id": "a", "text": "1"}]);
        let textless = |was: Value, is: Value, params: Value| {
            compared(&records, &json!([was]), &json!([is]), params).unwrap().textless
        };
        let was = json!({"id": "a", "text": "1"});
        assert_eq!(textless(was.clone(), was.clone(), json!({})), None);
        assert_eq!(textless(was, json!({"id": "a", "texte": "2"}), json!({})).as_deref(), Some("text"));
        let was = json!({"id": "a", "text": "en", "ja": "1"});
        let is = json!({"id": "a", "text": "en", "japanese": "2"});
        assert_eq!(textless(was, is, json!({"column": "ja"})).as_deref(), Some("ja"));
        let was = json!({"id": "a", "text": "en", "translation": "1"});
        assert_eq!(textless(was.clone(), was, json!({})), None);
    }
}
