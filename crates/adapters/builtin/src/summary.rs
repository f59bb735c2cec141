//! `summary`: the sentences that say most, in their own order.
//!
//! - `sentences`: how many (2).
//! - `field`: the field with the text (`text`), of a record or of every record of a group.
//! - `speaker`: a field whose value is put before its sentences, as in `Anna: Hello.`; records may lack it.
//! - `into`: the field with the summary (`summary`).
//! - `set: { FIELD: VALUE }`: further fields of the answer, as they are.
//! - `count` (on): whether the answer has `lines` (how many records there were) and, with `speaker`, `speakers` (sorted).
//!
//! What sees a count changes with every record; where summaries are context of single lines, turn it off. Sentences are ranked in whole numbers by how much of what they say is also said elsewhere, the first one
//! with a bonus, so that the answer is the same on every machine. See [`rank`] and [`sentences`].

mod rank;
pub(crate) mod sentences;

use std::collections::BTreeSet;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::params::Params;
use crate::record::{Input, Record, text};

struct Summary {
    sentences: usize,
    field: String,
    speaker: Option<String>,
    into: String,
    set: Map<String, Value>,
    count: bool,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|summary| Box::new(summary) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Summary, Vec<SpecProblem>> {
    let summary = Summary {
        sentences: params.count("sentences").unwrap_or(2),
        field: params.text("field").unwrap_or("text").to_owned(),
        speaker: params.text("speaker").map(str::to_owned),
        into: params.text("into").unwrap_or("summary").to_owned(),
        set: params.object("set").cloned().unwrap_or_default(),
        count: params.flag("count", true),
    };
    if summary.sentences == 0 {
        params.problem("sentences", "must be at least 1", None);
    }
    params.finish(Some(summary))
}

impl Work for Summary {
    fn prepare<'a>(&'a self, _: &'a Request) -> AnswerUnit<'a> {
        Box::new(|unit: &AskedUnit| {
            let records = match Input::of(unit)? {
                Input::One(record) => vec![record],
                Input::Group(records) => records,
            };
            self.summarise(&records)
        })
    }
}

/// A sentence and who said it.
struct Said {
    speaker: String,
    sentence: String,
}

impl Summary {
    fn summarise(&self, records: &[Record]) -> Result<Value, Failure> {
        let mut said = Vec::new();
        let mut speakers = BTreeSet::new();
        for record in records {
            // What nobody says is told.
            let field = self.speaker.as_deref().filter(|field| record.contains_key(*field));
            let speaker = field.map_or(Ok(String::new()), |field| text(record, field))?;
            for sentence in sentences::split(&text(record, &self.field)?) {
                said.push(Said { speaker: speaker.clone(), sentence: sentence.to_owned() });
            }
            speakers.insert(speaker);
        }
        let mut answer = self.set.clone();
        answer.insert(self.into.clone(), Value::from(self.pick(&said)));
        if self.count {
            answer.insert("lines".to_owned(), Value::from(records.len()));
        }
        if self.count && self.speaker.is_some() {
            speakers.remove("");
            answer.insert("speakers".to_owned(), speakers.into_iter().map(Value::from).collect());
        }
        Ok(Value::Object(answer))
    }

    fn pick(&self, said: &[Said]) -> String {
        let texts: Vec<&str> = said.iter().map(|said| said.sentence.as_str()).collect();
        let mut summary = String::new();
        let mut before = None;
        for position in rank::best(&texts, self.sentences) {
            let Said { speaker, sentence } = &said[position];
            separate(&mut summary);
            if !speaker.is_empty() && before != Some(speaker) {
                summary.push_str(speaker);
                summary.push_str(": ");
            }
            summary.push_str(sentence);
            before = Some(speaker);
        }
        summary
    }
}

/// Puts a space between sentences, except behind those of scripts that have none.
fn separate(summary: &mut String) {
    if !summary.is_empty() && !summary.ends_with(['。', '！', '？', '」', '』']) {
        summary.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::request;
    use serde_json::json;

    fn check(params: Value, input: Value, expect: Result<Value, &str>) {
        let request = request(1, &[("u", input)]);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        let answer = work.prepare(&request)(&request.units[0]).map_err(|failure| failure.message);
        assert_eq!(answer, expect.map_err(str::to_owned));
    }

    #[test]
    fn groups_are_summarised_with_their_speakers() {
        let scene = json!({"records": [
            {"who": "Bo", "text": "The dragon sleeps under the mountain."},
            {"who": "Anna", "text": "Hm."},
            {"who": "Anna", "text": "We must not wake the dragon! Bring rope."},
            {"who": null, "text": "Wind."},
        ]});
        check(
            json!({"speaker": "who"}),
            scene.clone(),
            Ok(json!({
                "summary": "Bo: The dragon sleeps under the mountain. Anna: We must not wake the dragon!",
                "lines": 4, "speakers": ["Anna", "Bo"],
            })),
        );
        check(
            json!({"sentences": 1, "speaker": "who", "count": false}),
            scene.clone(),
            Ok(json!({"summary": "Bo: The dragon sleeps under the mountain."})),
        );
        check(
            json!({"sentences": 1, "into": "gist", "set": {"kind": "summary", "subject": ""}}),
            scene,
            Ok(json!({
                "kind": "summary", "subject": "", "gist": "The dragon sleeps under the mountain.", "lines": 4,
            })),
        );
    }

    #[test]
    fn japanese_is_summarised_without_spaces() {
        let text = "竜は山の下で眠っている。えっ？竜を起こしてはいけない！縄だ。";
        check(
            json!({}),
            json!({"text": text}),
            Ok(json!({
                "summary": "竜は山の下で眠っている。竜を起こしてはいけない！", "lines": 1,
            })),
        );
    }

    #[test]
    fn odd_texts_have_odd_summaries() {
        check(json!({}), json!({"text": ""}), Ok(json!({"summary": "", "lines": 1})));
        check(json!({}), json!({"records": []}), Ok(json!({"summary": "", "lines": 0})));
        check(
            json!({}),
            json!({"text": "\0 e\u{301}\u{202e}"}),
            Ok(json!({"summary": "\0 e\u{301}\u{202e}", "lines": 1})),
        );
        check(json!({}), json!({"b": 1, "a": 2}), Err("there is no field `text`; there are a, b"));
        check(json!({}), json!({"text": []}), Err("field `text` is no text"));
    }

    #[test]
    fn a_huge_text_is_summarised_in_good_time() {
        let text: String = (0..20_000).map(|n| format!("Sentence {n} is about word{}. ", n % 97)).collect();
        let request = request(1, &[("u", json!({"text": text}))]);
        let work = read(&Map::new()).map_err(|_| ()).unwrap();
        let answer = work.prepare(&request)(&request.units[0]).unwrap();
        assert_eq!(answer["summary"].as_str().unwrap().matches("Sentence").count(), 2);
    }

    #[test]
    fn params_are_checked() {
        let found = |params: Value| super::check(params.as_object().unwrap());
        assert!(found(json!({"sentences": "{{ params.n }}", "field": "line"})).is_empty());
        assert_eq!(found(json!({"sentences": 0}))[0].message, "must be at least 1");
        assert_eq!(found(json!({"sentences": -1}))[0].message, "must be a whole number, not -1");
        assert_eq!(found(json!({"sentence": 2}))[0].hint.as_deref(), Some("did you mean `sentences`?"));
    }
}
