//! Tables of names and messages in JSON, as games have them.
//!
//! A line is an object with a `message` (or the field that `text:` names), or a text by itself. Lines stand in lists, or
//! under ids in objects, or in both, nested as one likes:
//!
//! ```json
//! [{"name": "Mira", "message": "Hello."}, {"message": "It rains."}]
//! {"intro_1": "Hello.", "intro_2": {"name": "Mira", "message": "It rains."}}
//! {"harbour": {"h1": "Hello."}, "tower": [{"message": "It rains."}]}
//! ```
//!
//! The names on the way to a line are its id, joined by `/`, unless the line itself has the key or stands in a list; all
//! but the last are its scene. Numbers, truth values and null are no lines.
//!
//! `at: "events.*.list.*[code=401|405].parameters"` looks only at what lies there: names, `*` for any name or item, and in
//! brackets what an object must have.

use std::sync::Arc;

use refrain_schemas::json::Json;
use serde_json::Value;

use crate::json_text::{Kind, Node, Trouble, parse, string};
use crate::layout::{Composing, Layout, Place, Quoting, Slot, TEXT};
use crate::lines::position;
use crate::problems::{Problems, place, problem};
use crate::rows::Start;

/// A JSON file with names and messages.
#[derive(Debug)]
pub(crate) struct Table {
    /// The field that is a line's id.
    pub(crate) key: String,
    /// The field that is a line's text.
    pub(crate) text: String,
    /// The field that is a line's speaker.
    pub(crate) speaker: String,
    /// The field where texts go; the text itself where absent.
    pub(crate) column: Option<String>,
    /// Where in the file the lines are; everywhere where absent.
    pub(crate) at: Option<Vec<String>>,
    /// Whether the file is a list of records, each of which is a line whatever it has.
    pub(crate) records: bool,
}

impl Layout for Table {
    fn slots(&self, file: &str, text: &str, problems: &mut Problems) -> Vec<Slot> {
        if text.trim_ascii().is_empty() {
            return Vec::new();
        }
        let root = match parse(text) {
            Ok(root) => root,
            Err(trouble) => {
                problems.add(trouble.problem(file, text));
                return Vec::new();
            }
        };
        let ascii = text.is_ascii() && text.contains("\\u");
        let mut walk = Walk {
            table: self,
            file,
            text,
            ascii,
            problems,
            slots: Vec::new(),
            path: Vec::new(),
            line: (0, 1),
        };
        walk.root(&root);
        walk.slots
    }

    fn compose(&self, records: &[Json], with: &Composing, problems: &mut Problems) -> String {
        let mut lines = Vec::with_capacity(records.len());
        for (n, record) in records.iter().enumerate() {
            match self.line(record, with) {
                Ok(line) => lines.push(line),
                Err(message) => {
                    problems.add(problem("E0720", format!("record {} {message}: {record}", n + 1), None));
                }
            }
        }
        if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n  {}\n]\n", lines.join(",\n  ")) }
    }
}

impl Table {
    /// Writes a record on one line.
    fn line(&self, record: &Json, with: &Composing) -> Result<String, String> {
        let Value::Object(fields) = record.value() else { return Err("is not an object".to_owned()) };
        if !fields.contains_key(&with.field) {
            return Err(format!("has no `{}`", with.field));
        }
        let mut names: Vec<&str> = match &with.columns {
            Some(columns) => columns.iter().map(String::as_str).collect(),
            None => fields.keys().map(String::as_str).filter(|name| *name != "file").collect(),
        };
        if with.columns.is_none() {
            let rank = |name: &str| match name {
                _ if name == with.key => 0,
                "speaker" => 1,
                _ if name == with.field => 2,
                _ => 3,
            };
            names.sort_unstable_by_key(|name| (rank(name), *name));
        }
        let called = |name: &str| match name {
            _ if name == with.field => self.text.clone(),
            "speaker" => self.speaker.clone(),
            _ => name.to_owned(),
        };
        let present = names.into_iter().filter_map(|name| Some((called(name), fields.get(name)?)));
        let written: Vec<String> =
            present.map(|(name, value)| format!("{}: {value}", Value::from(name))).collect();
        Ok(format!("{{{}}}", written.join(", ")))
    }
}

impl Trouble {
    /// Says what is wrong with a file.
    fn problem(&self, file: &str, text: &str) -> Box<refrain_schemas::problem::Problem> {
        let at = |at: &usize| {
            let (line, column) = position(&text[..*at]);
            Some(place(file, line + 1, column))
        };
        match self {
            Self::Syntax(error) => Start { file, line: 1, column: 1 }.syntax(text, error),
            Self::Deep(byte) => problem("E0715", "values are nested more than 127 deep", at(byte)),
            Self::Half(byte) => problem("E0705", "the string has half of a character", at(byte)),
        }
    }
}

/// The way through a file.
struct Walk<'a> {
    table: &'a Table,
    file: &'a str,
    text: &'a str,
    ascii: bool,
    problems: &'a mut Problems,
    slots: Vec<Slot>,
    /// The names on the way here.
    path: Vec<String>,
    /// A byte and the line it is in, so that lines are counted once.
    line: (usize, u64),
}

impl Walk<'_> {
    fn root(&mut self, root: &Node) {
        match root.kind {
            Kind::Object(_) if !self.table.records => {}
            Kind::List(_) => {}
            _ => {
                let what = if self.table.records { "a list of objects" } else { "a list or an object" };
                return self.wrong("E0708", root, &format!("the file is not {what}"));
            }
        }
        let Some(at) = &self.table.at else { return self.node(root, false) };
        let found = self.slots.len();
        self.select(root, at, false);
        if self.slots.len() == found {
            let message = format!("there are no lines at `{}`", at.join("."));
            self.wrong("E0718", root, &message);
        }
    }

    /// Goes down to where the lines are.
    fn select(&mut self, node: &Node, at: &[String], in_list: bool) {
        let Some((step, rest)) = at.split_first() else { return self.node(node, in_list) };
        let (name, condition) = step.split_once('[').unwrap_or((step, ""));
        let is_meant = |walk: &Self, node: &Node| condition.is_empty() || walk.fulfils(node, condition);
        match &node.kind {
            Kind::Object(fields) => {
                for field in fields.iter().filter(|field| name == "*" || field.name == name) {
                    if is_meant(self, &field.value) {
                        self.path.push(field.name.clone());
                        self.select(&field.value, rest, in_list);
                        self.path.pop();
                    }
                }
            }
            Kind::List(items) if name == "*" => {
                for item in items {
                    if is_meant(self, item) {
                        self.select(item, rest, true);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether an object has one of some values, as in `code=401|405]`.
    fn fulfils(&self, node: &Node, condition: &str) -> bool {
        let Some((field, values)) = condition.trim_end_matches(']').split_once('=') else { return false };
        let Some(value) = node.field(field) else { return false };
        let value = crate::encode::plain(&self.text[value.span.clone()]);
        values.split('|').any(|wanted| value == wanted)
    }

    fn node(&mut self, node: &Node, in_list: bool) {
        match &node.kind {
            Kind::Object(_) if node.field(&self.table.text).is_some() => self.line(node, in_list),
            Kind::Object(_) if self.table.records && in_list => self.line(node, in_list),
            Kind::Object(fields) => {
                for field in fields {
                    self.path.push(field.name.clone());
                    self.node(&field.value, in_list);
                    self.path.pop();
                }
            }
            Kind::List(items) if !(self.table.records && in_list) => {
                items.iter().for_each(|item| self.node(item, true));
            }
            Kind::Text if !self.table.records => self.message(node, in_list),
            Kind::Text | Kind::List(_) | Kind::Other if self.table.records => {
                self.wrong("E0708", node, "the record is not an object");
            }
            Kind::Text | Kind::List(_) | Kind::Other => {}
        }
    }

    /// Takes a text that stands by itself.
    fn message(&mut self, node: &Node, in_list: bool) {
        let Some(text) = self.string(node) else { return };
        let mut fields = self.scene(in_list);
        fields.push(("text".to_owned(), Value::from(text.as_str())));
        let places = vec![self.place(TEXT, node, text)];
        let id = self.id(in_list);
        let line = self.line_of(node);
        self.slots.push(Slot { fields, id, line, places });
    }

    /// Takes an object with a message.
    fn line(&mut self, node: &Node, in_list: bool) {
        let Kind::Object(written) = &node.kind else { return };
        let (mut fields, mut places) = (self.scene(in_list), Vec::new());
        let mut id = if self.table.records { None } else { self.id(in_list) };
        // A translation that stands beside its source leaves the name to the source.
        let is_beside = self.table.column.as_ref().is_some_and(|column| *column != self.table.text);
        for field in written {
            // Of two fields with one name the last counts, as everywhere.
            if !std::ptr::eq(node.field(&field.name).unwrap_or(node), &raw const field.value) {
                continue;
            }
            let Some(value) = self.value(&field.value) else { return };
            let called = self.called(&field.name);
            if field.name == self.table.key {
                id = scalar(&value).or(id);
            } else if called == "text" && !value.is_string() && !self.table.records {
                if !value.is_null() {
                    self.wrong("E0718", &field.value, &format!("`{}` is not a text", field.name));
                }
                return;
            }
            if called == "speaker"
                && !is_beside
                && let Some(now) = value.as_str()
            {
                places.push(self.place("speaker", &field.value, now.to_owned()));
            }
            fields.push((called.to_owned(), value));
        }
        places.extend(self.target(node));
        let line = self.line_of(node);
        self.slots.push(Slot { fields, id, line, places });
    }

    /// Returns where the text of a line goes.
    fn target(&self, node: &Node) -> Option<Place> {
        let column = self.table.column.as_ref().unwrap_or(&self.table.text);
        if let Some(value) = node.field(column) {
            let now = match value.kind {
                Kind::Text => string(self.text, &value.span)?,
                _ => crate::encode::plain(&self.text[value.span.clone()]).into_owned(),
            };
            return Some(self.place(TEXT, value, now));
        }
        let (at, before) = node.insertion(self.text, column)?;
        let quoting = Arc::new(JsonString { before, ascii: self.ascii });
        Some(Place { field: TEXT.to_owned(), span: at..at, now: String::new(), quoting })
    }

    fn called<'n>(&self, name: &'n str) -> &'n str {
        if *name == self.table.text {
            "text"
        } else if *name == self.table.speaker {
            "speaker"
        } else {
            name
        }
    }

    fn place(&self, field: &str, node: &Node, now: String) -> Place {
        let quoting = Arc::new(JsonString { before: String::new(), ascii: self.ascii });
        Place { field: field.to_owned(), span: node.span.clone(), now, quoting }
    }

    fn id(&self, in_list: bool) -> Option<String> {
        (!in_list && !self.path.is_empty()).then(|| self.path.join("/"))
    }

    fn scene(&self, in_list: bool) -> Vec<(String, Value)> {
        let names = if in_list { &self.path[..] } else { &self.path[..self.path.len().saturating_sub(1)] };
        let scene = (!names.is_empty()).then(|| ("scene_id".to_owned(), Value::from(names.join("/"))));
        scene.into_iter().collect()
    }

    fn string(&mut self, node: &Node) -> Option<String> {
        let text = string(self.text, &node.span);
        if text.is_none() {
            self.wrong("E0705", node, "the string has half of a character");
        }
        text
    }

    fn value(&mut self, node: &Node) -> Option<Value> {
        let value = serde_json::from_str(self.text.get(node.span.clone())?);
        if value.is_err() {
            self.wrong("E0705", node, "the value has half of a character, or a number that is too large");
        }
        value.ok()
    }

    fn line_of(&mut self, node: &Node) -> u64 {
        let (from, line) = self.line;
        let more = self.text.get(from..node.span.start).unwrap_or_default();
        self.line = (node.span.start.max(from), line + position(more).0);
        self.line.1
    }

    fn wrong(&mut self, code: &str, node: &Node, message: &str) {
        let line = self.line_of(node);
        let column = position(&self.text[..node.span.start]).1;
        self.problems.add(problem(code, message, Some(place(self.file, line, column))));
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Writes a text as a JSON string.
#[derive(Debug)]
pub(crate) struct JsonString {
    /// What stands before it: the name of a field that was not there.
    pub(crate) before: String,
    /// Whether the file has escapes for all characters beyond ASCII.
    pub(crate) ascii: bool,
}

impl Quoting for JsonString {
    fn quote(&self, plain: &str) -> Result<String, String> {
        let string = Value::from(plain).to_string();
        let string = if self.ascii { in_ascii(&string) } else { string };
        Ok(format!("{}{string}", self.before))
    }
}

fn in_ascii(string: &str) -> String {
    let mut out = String::with_capacity(string.len());
    for character in string.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let units = character
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<String>();
            out.push_str(&units);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn table(at: Option<&str>) -> Table {
        Table {
            key: "line_id".to_owned(),
            text: "message".to_owned(),
            speaker: "name".to_owned(),
            column: None,
            at: at.map(|at| at.split('.').map(str::to_owned).collect()),
            records: false,
        }
    }

    fn check(at: Option<&str>, text: &str, expect: &[&str]) {
        let mut problems = Problems::default();
        let slots = table(at).slots("t.json", text, &mut problems);
        let show = |slot: &Slot| {
            let fields: Map<String, Value> = slot.fields.iter().cloned().collect();
            let now: Vec<&str> = slot.places.iter().map(|place| &text[place.span.clone()]).collect();
            format!(
                "{} {} {} {}",
                slot.line,
                slot.id.as_deref().unwrap_or("-"),
                Value::from(fields),
                now.join(" ")
            )
        };
        assert_eq!(slots.iter().map(show).collect::<Vec<_>>(), expect, "{text}");
        assert_eq!(problems.total(), 0, "{problems:?}");
    }

    fn check_bad(at: Option<&str>, text: &str, expect: &[&str]) {
        let mut problems = Problems::default();
        table(at).slots("t.json", text, &mut problems);
        let Err(refrain_core::ports::files::FileError::Bad { problems }) = problems.into_result() else {
            panic!("must be bad: {text}")
        };
        let show = |p: &refrain_schemas::problem::Problem| {
            let place = p.place.as_ref().unwrap();
            format!("{} {}:{} {}", p.code, place.line, place.column, p.message)
        };
        assert_eq!(problems.iter().map(show).collect::<Vec<_>>(), expect, "{text}");
    }

    #[test]
    fn lines_are_found_in_lists_and_under_ids() {
        check(
            None,
            "[{\"name\": \"Mira\", \"message\": \"Hi\\n\", \"face\": 3},\n [\"alone\", null, 4], {\"message\": null}]",
            &[
                "1 - {\"face\":3,\"speaker\":\"Mira\",\"text\":\"Hi\\n\"} \"Mira\" \"Hi\\n\"",
                "2 - {\"text\":\"alone\"} \"alone\"",
            ],
        );
        check(
            None,
            "{\"a\": \"x\",\n\"s\": {\"b\": \"y\", \"c\": {\"message\": \"z\"}}, \"l\": [{\"message\": \"w\", \"line_id\": 7}]}",
            &[
                "1 a {\"text\":\"x\"} \"x\"",
                "2 s/b {\"scene_id\":\"s\",\"text\":\"y\"} \"y\"",
                "2 s/c {\"scene_id\":\"s\",\"text\":\"z\"} \"z\"",
                "2 7 {\"line_id\":7,\"scene_id\":\"l\",\"text\":\"w\"} \"w\"",
            ],
        );
        check(
            Some("maps.*.text"),
            "{\"title\": \"no\", \"maps\": [{\"text\": [\"yes\"], \"other\": \"no\"}, 3, {\"text\": {\"a\": \"ja\"}}]}",
            &[
                "1 - {\"scene_id\":\"maps/text\",\"text\":\"yes\"} \"yes\"",
                "1 - {\"scene_id\":\"maps/text/a\",\"text\":\"ja\"} \"ja\"",
            ],
        );
        let map = "{\"events\": [null, {\"list\": [{\"code\": 101, \"parameters\": [\"face\", 0]}, \
                   {\"code\": 401, \"parameters\": [\"Hello\"]}, {\"code\": 4010, \"parameters\": [\"no\"]}]}]}";
        check(
            Some("events.*.list.*[code=401|405].parameters"),
            map,
            &["1 - {\"scene_id\":\"events/list/parameters\",\"text\":\"Hello\"} \"Hello\""],
        );
        check(None, " \n", &[]);
        check(None, "[]", &[]);
    }

    #[test]
    fn what_is_no_table_is_placed() {
        check_bad(None, "3", &["E0708 1:1 the file is not a list or an object"]);
        check_bad(
            None,
            "[\n {\"message\": 3}, {\"message\": \"\\ud800\"}]",
            &[
                "E0718 2:14 `message` is not a text",
                "E0705 2:30 the value has half of a character, or a number that is too large",
            ],
        );
        check_bad(None, "{\"a\": 1\n \"b\": 2}", &["E0705 2:2 not JSON: expected `,` or `}`"]);
        check_bad(Some("x"), "{\"a\": \"b\"}", &["E0718 1:1 there are no lines at `x`"]);
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        check_bad(None, &deep, &["E0715 1:128 values are nested more than 127 deep"]);
    }

    #[test]
    fn a_file_in_ascii_stays_in_ascii() {
        let quoting = JsonString { before: String::new(), ascii: true };
        assert_eq!(quoting.quote("é\"💡"), Ok("\"\\u00e9\\\"\\ud83d\\udca1\"".to_owned()));
    }
}
