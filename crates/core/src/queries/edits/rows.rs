//! What a person changed in a file: its rows against those of the export it was made from, made again and read back.
//!
//! Both are read by the same reader, so that whatever a format cannot hold is no change.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::json::{Json, scalar_text};
use serde_json::{Map, Value};

use super::EditChange;
use crate::ports::files::{FileError, SourceReader};

/// The params of `read` that `write` has as well: what one writes so, the other reads so.
const SHARED: [&str; 5] = ["delimiter", "encoding", "format", "ids", "scene"];
/// Review states may be added to files that have none.
const STATE: &str = "state";
/// The field of a file in two languages that holds what a record has as its text.
const TRANSLATION: &str = "translation";

/// A file of records as it was written, and what was written into it.
#[derive(Debug)]
pub(super) struct Basis {
    /// The records by their keys, in the order in which they were written.
    pub(super) records: Vec<(String, Json)>,
    /// The rows of the file, read back.
    pub(super) rows: Vec<Json>,
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
    pub(super) unchanged: u64,
    /// Keys that the export does not have.
    pub(super) unknown: Vec<String>,
    /// Keys that the file does not have.
    pub(super) absent: Vec<String>,
    /// Fields that the export does not have.
    pub(super) left_out: BTreeSet<String>,
}

/// Returns the params by which a file is read that was written by others.
pub(super) fn reading(params: &Map<String, Value>, path: &str) -> Map<String, Value> {
    let shared = SHARED.iter().filter_map(|name| Some(((*name).to_owned(), params.get(*name)?.clone())));
    shared.chain([("files".to_owned(), Value::from(path))]).collect()
}

/// Reads the rows of a file.
pub(super) async fn read(
    reader: &dyn SourceReader,
    params: &Map<String, Value>,
    key: &str,
) -> Result<Vec<Json>, FileError> {
    let mut source = reader.open(params, key).await?;
    let mut rows = Vec::new();
    loop {
        let batch = source.next_batch()?;
        if batch.is_empty() {
            return Ok(rows);
        }
        rows.extend(batch);
    }
}

impl Basis {
    /// Whether the file says itself which record is which; where it does not, rows are told apart by their place.
    fn carries_keys(&self, key: &str) -> bool {
        let mut pairs = self.rows.iter().zip(&self.records);
        self.rows.len() == self.records.len()
            && pairs.all(|(row, (known, _))| key_of(row, key).as_ref() == Some(known))
    }
}

/// Compares the rows of a file with those it was made from.
///
/// # Errors
/// Says how many rows there are and were, where they are told apart by their place and some were added or removed.
pub(super) fn compare(basis: &Basis, theirs: &[Json], shape: &Shape<'_>) -> Result<Compared, (usize, usize)> {
    let mut compared = Compared::default();
    let known = fields_of(&basis.rows);
    if !basis.carries_keys(shape.key) {
        if theirs.len() != basis.rows.len() {
            return Err((theirs.len(), basis.rows.len()));
        }
        for ((row, was), (key, record)) in theirs.iter().zip(&basis.rows).zip(&basis.records) {
            shape.row(row, was, key, record, &known, &mut compared);
        }
        return Ok(compared);
    }
    let mut open: BTreeMap<&str, (&Json, &Json)> = BTreeMap::new();
    for (was, (key, record)) in basis.rows.iter().zip(&basis.records) {
        open.insert(key, (was, record));
    }
    for row in theirs {
        let key = key_of(row, shape.key).unwrap_or_default();
        match open.remove(key.as_str()) {
            Some((was, record)) => shape.row(row, was, &key, record, &known, &mut compared),
            None => compared.unknown.push(key),
        }
    }
    let absent = basis.records.iter().map(|(key, _)| key).filter(|key| open.contains_key(key.as_str()));
    compared.absent = absent.cloned().collect();
    Ok(compared)
}

impl Shape<'_> {
    fn row(
        &self,
        row: &Json,
        was: &Json,
        key: &str,
        record: &Json,
        known: &BTreeSet<String>,
        compared: &mut Compared,
    ) {
        let before = compared.changes.len();
        if row != was {
            let (now, then) = (fields(row), fields(was));
            for (name, value) in &now {
                let old = then.get(name);
                if name == self.key || same(old, value) {
                    continue;
                }
                match self.field(name, known, then.contains_key(TRANSLATION)) {
                    Some(field) => self.change(key, field, record, value, compared),
                    None => {
                        compared.left_out.insert(name.clone());
                    }
                }
            }
        }
        compared.unchanged += u64::from(compared.changes.len() == before);
    }

    fn change(&self, key: &str, field: &str, record: &Json, value: &Value, compared: &mut Compared) {
        let base = super::subject::value(record, field);
        let Some(value) = typed(base.as_ref(), value) else { return };
        if base.as_ref() != Some(&value) {
            let (key, field) = (key.to_owned(), field.to_owned());
            compared.changes.push(EditChange { key, field, base, value });
        }
    }

    /// Returns which field of the record a field of the row is; none where it is nobody's.
    fn field<'n>(&'n self, name: &'n str, known: &BTreeSet<String>, bilingual: bool) -> Option<&'n str> {
        let param = |name: &str| self.params.get(name).and_then(Value::as_str);
        let text = param("field").unwrap_or("text");
        let field = match name {
            TRANSLATION if bilingual => text,
            // In a file in two languages this is what was translated from.
            "text" if bilingual => return None,
            name if param("column") == Some(name) => text,
            name => name,
        };
        let wanted = |wanted: &String| wanted == field || wanted == name;
        let has = if self.fields.is_empty() {
            known.contains(name) || name == STATE
        } else {
            self.fields.iter().any(wanted)
        };
        has.then_some(field)
    }
}

fn fields(row: &Json) -> Map<String, Value> {
    match row.value() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn fields_of(rows: &[Json]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for row in rows {
        for name in fields(row).keys().filter(|name| !names.contains(*name)).cloned().collect::<Vec<_>>() {
            names.insert(name);
        }
    }
    names
}

fn key_of(row: &Json, key: &str) -> Option<String> {
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
        let records = rows(records).into_iter().map(|record| (key_of(&record, "id").unwrap(), record));
        let basis = Basis { records: records.collect(), rows: rows(was) };
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
    fn the_translation_of_a_file_in_two_languages_is_the_text_of_its_record() {
        let records = json!([{"id": "a", "line": "ja", "source": "en"}]);
        let was = json!([{"id": "a", "text": "en", "translation": "ja"}]);
        let is = json!([{"id": "a", "text": "en!", "translation": "ja!"}]);
        let compared = compared(&records, &was, &is, json!({"field": "line"})).unwrap();
        let change = &compared.changes[0];
        assert_eq!((change.field.as_str(), change.value.value()), ("line", json!("ja!")));
        assert_eq!((compared.changes.len(), compared.left_out.len()), (1, 1));
    }
}
