//! `annotate`: notes on idioms and references, by a lexicon.
//!
//! - `lexicon`: a list of `{ phrase, meaning, kind }` (`kind`: `idiom`), or the name of the context entry with such a
//!   list (`lexicon`).
//! - `text` (`text`), `key` (`line_id`), `carry` (`[scene_id]`): the field that is read, the one with the line's id, and
//!   fields that notes have, too.
//! - `inflection` (3): how many letters at the end of a word may differ: `kicked the bucket` is `kick the bucket`.
//!
//! Answers with one record for every phrase of the lexicon in a line: `kind`, `subject` (the phrase), `text` (its
//! meaning), `span` (where it stands first, in characters), the line's id.

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value, json};

use crate::agent::{AnswerUnit, Work};
use crate::params::Params;
use crate::record::{Input, Record, text};
use crate::words::{Phrase, Searched};

struct Annotate {
    /// Of the params, where they have one.
    lexicon: Option<Vec<Item>>,
    context: String,
    field: String,
    key: String,
    carry: Vec<String>,
    slack: usize,
}

/// A phrase that is worth a note.
struct Item {
    phrase: String,
    meaning: String,
    kind: String,
    found: Phrase,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|annotate| Box::new(annotate) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Annotate, Vec<SpecProblem>> {
    let word = |name, usual: &str| params.text(name).unwrap_or(usual).to_owned();
    let slack = params.count("inflection").unwrap_or(3);
    let listed = params.get("lexicon").is_some_and(Value::is_array);
    let annotate = Annotate {
        lexicon: listed.then(|| lexicon(&params)),
        context: if listed { String::new() } else { word("lexicon", "lexicon") },
        field: word("text", "text"),
        key: word("key", "line_id"),
        carry: params
            .texts("carry")
            .unwrap_or_else(|| vec!["scene_id"])
            .into_iter()
            .map(str::to_owned)
            .collect(),
        slack,
    };
    params.finish(Some(annotate))
}

fn lexicon(params: &Params<'_>) -> Vec<Item> {
    let entries = params.get("lexicon").and_then(Value::as_array);
    let read = |(n, entry): (usize, &Value)| {
        let item = entry.as_object().and_then(Item::of);
        if item.is_none() {
            let hint = "for instance `{ phrase: kick the bucket, meaning: to die }`".to_owned();
            params.problem(&format!("lexicon[{n}]"), "has no `phrase` or no `meaning`", Some(hint));
        }
        item
    };
    entries.into_iter().flatten().enumerate().filter_map(read).collect()
}

impl Item {
    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let word = |name: &str| {
            fields.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
        };
        let phrase = word("phrase")?;
        Some(Self {
            phrase: phrase.to_owned(),
            meaning: word("meaning")?.to_owned(),
            kind: word("kind").unwrap_or("idiom").to_owned(),
            found: Phrase::new(phrase, false),
        })
    }
}

impl Work for Annotate {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let shared = self.items(&request.context.value());
        Box::new(move |unit| {
            let own = self.items(&unit.context.value());
            let items = self.lexicon.iter().flatten().chain(&shared).chain(&own);
            self.answer(unit, &items.collect::<Vec<_>>())
        })
    }
}

impl Annotate {
    /// Reads the lexicon of a context.
    fn items(&self, context: &Value) -> Vec<Item> {
        let entries = context.get(&self.context).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().filter_map(Value::as_object);
        entries.filter_map(Item::of).collect()
    }

    fn answer(&self, unit: &AskedUnit, items: &[&Item]) -> Result<Value, Failure> {
        let records = match Input::of(unit)? {
            Input::One(record) => vec![record],
            Input::Group(records) => records,
        };
        let mut notes = Vec::new();
        for record in &records {
            self.annotate(record, items, &mut notes)?;
        }
        Ok(Value::Array(notes))
    }

    fn annotate(&self, record: &Record, items: &[&Item], notes: &mut Vec<Value>) -> Result<(), Failure> {
        let text = text(record, &self.field)?;
        let searched = Searched::new(&text);
        for item in items {
            let Some(hit) = item.found.hits(&searched, self.slack).into_iter().next() else { continue };
            let start = text[..hit.start].chars().count();
            let end = start + text[hit].chars().count();
            let mut note = json!({"kind": item.kind, "subject": item.phrase, "text": item.meaning, "span": [start, end]});
            for name in std::iter::once(&self.key).chain(&self.carry) {
                if let Some(value) = record.get(name) {
                    note[name] = value.clone();
                }
            }
            notes.push(note);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::{json as canonical, request};

    fn check(params: Value, input: Value, context: Value, expect: Value) {
        let mut request = request(1, &[("s1", input)]);
        request.context = canonical(&context);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        assert_eq!(work.prepare(&request)(&request.units[0]), Ok(expect));
    }

    #[test]
    fn phrases_of_the_lexicon_are_found_in_every_line() {
        let lexicon = json!([
            {"phrase": "kick the bucket", "meaning": "to die"},
            {"phrase": "Icarus", "meaning": "flew too high", "kind": "reference"},
            {"phrase": "", "meaning": "x"},
        ]);
        let scene = json!({"records": [
            {"line_id": "1", "scene_id": "a", "text": "Él, he kicked the bucket; kicks the bucket."},
            {"line_id": "2", "scene_id": "a", "text": "No Icarus."},
            {"line_id": "3", "scene_id": "a", "text": "A bucket."},
        ]});
        let expect = json!([
            {"kind": "idiom", "line_id": "1", "scene_id": "a", "span": [7, 24], "subject": "kick the bucket", "text": "to die"},
            {"kind": "reference", "line_id": "2", "scene_id": "a", "span": [3, 9], "subject": "Icarus", "text": "flew too high"},
        ]);
        check(json!({}), scene.clone(), json!({"lexicon": lexicon}), expect.clone());
        check(json!({"lexicon": "idioms"}), scene.clone(), json!({"idioms": lexicon}), expect);
        check(json!({}), scene, json!({}), json!([]));
    }

    #[test]
    fn params_are_checked() {
        let inline = json!({"lexicon": [{"phrase": "猫をかぶる", "meaning": "to play the innocent"}]});
        let line = json!({"text": "彼女は猫をかぶる。"});
        let note =
            json!({"kind": "idiom", "span": [3, 8], "subject": "猫をかぶる", "text": "to play the innocent"});
        check(inline, line, json!({}), json!([note]));
        let found = |params: Value| super::check(params.as_object().unwrap());
        let problems = found(json!({"lexicon": [{"phrase": "x"}, 3, {"phrase": "x", "meaning": "y"}]}));
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["params.lexicon[0]", "params.lexicon[1]"]);
    }
}
