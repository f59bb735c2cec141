//! `cast`: who speaks in a scene.
//!
//! - `speaker` (`speaker`), `text` (`text`): the fields with the speaker and with what is said.
//! - `carry` (`[scene_id]`): fields of the first record that answers have, too. `ignore`: speakers that are none.
//! - `count` (on): whether answers say how much a speaker says, and quote the first line.
//!
//! Answers with one record for every speaker, in the order in which they first speak: `kind` (`character`), `subject`
//! (the name), `text` (how much the speaker says, and the first line), `lines`. Without `count` the text names the others
//! who speak and there are no `lines`, so that it changes when somebody comes or goes and with no other line.

use std::collections::{BTreeMap, BTreeSet};

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value, json};

use crate::agent::{AnswerUnit, Work};
use crate::params::Params;
use crate::record::{Input, Record, text};

struct Cast {
    speaker: String,
    field: String,
    carry: Vec<String>,
    ignore: Vec<String>,
    count: bool,
}

/// A speaker, with the number of lines and the first of them.
struct Speaker {
    name: String,
    lines: usize,
    first: String,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|cast| Box::new(cast) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Cast, Vec<SpecProblem>> {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let cast = Cast {
        speaker: params.text("speaker").unwrap_or("speaker").to_owned(),
        field: params.text("text").unwrap_or("text").to_owned(),
        carry: owned(params.texts("carry").unwrap_or_else(|| vec!["scene_id"])),
        ignore: owned(params.texts("ignore").unwrap_or_default()),
        count: params.flag("count", true),
    };
    params.finish(Some(cast))
}

impl Work for Cast {
    fn prepare<'a>(&'a self, _: &'a Request) -> AnswerUnit<'a> {
        Box::new(|unit: &AskedUnit| {
            let records = match Input::of(unit)? {
                Input::One(record) => vec![record],
                Input::Group(records) => records,
            };
            self.answer(&records)
        })
    }
}

impl Cast {
    fn answer(&self, records: &[Record]) -> Result<Value, Failure> {
        let speakers = self.speakers(records)?;
        let character = |speaker: &Speaker| {
            let Speaker { name, lines, first } = speaker;
            let mut character = if self.count {
                let all = records.len();
                let said = format!("speaks {lines} of {all} lines here; the first: {}", first.trim());
                json!({"kind": "character", "subject": name, "text": said, "lines": lines})
            } else {
                json!({"kind": "character", "subject": name, "text": company(name, &speakers)})
            };
            for field in &self.carry {
                if let Some(value) = records.first().and_then(|record| record.get(field)) {
                    character[field] = value.clone();
                }
            }
            character
        };
        Ok(speakers.iter().map(character).collect())
    }

    fn speakers(&self, records: &[Record]) -> Result<Vec<Speaker>, Failure> {
        let mut speakers: Vec<Speaker> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for record in records {
            // A line without a speaker is told, not said.
            let Some(name) = self.speaker(record) else { continue };
            let place = *places.entry(name.clone()).or_insert(speakers.len());
            match speakers.get_mut(place) {
                Some(speaker) => speaker.lines += 1,
                None => speakers.push(Speaker { name, lines: 1, first: text(record, &self.field)? }),
            }
        }
        Ok(speakers)
    }

    fn speaker(&self, record: &Record) -> Option<String> {
        let name = text(record, &self.speaker).ok()?.trim().to_owned();
        (!name.is_empty() && !self.ignore.contains(&name)).then_some(name)
    }
}

/// Says with whom somebody speaks, in an order that no line changes.
fn company(name: &str, speakers: &[Speaker]) -> String {
    let others = speakers.iter().map(|speaker| speaker.name.as_str()).filter(|other| *other != name);
    let others: BTreeSet<&str> = others.collect();
    match others.len() {
        0 => "speaks here, and nobody else".to_owned(),
        _ => format!("speaks here, as do {}", others.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::request;

    fn check(params: Value, input: Value, expect: Value) {
        let request = request(1, &[("s1", input)]);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        assert_eq!(work.prepare(&request)(&request.units[0]), Ok(expect));
    }

    #[test]
    fn speakers_are_counted() {
        let scene = json!({"records": [
            {"scene_id": "a", "speaker": "Bo", "text": " Hm. "}, {"scene_id": "a", "speaker": null, "text": "Wind."},
            {"scene_id": "a", "speaker": "Anna", "text": "Oh!"}, {"scene_id": "a", "speaker": "Bo ", "text": "Yes."},
            {"scene_id": "a", "text": "Rain."},
        ]});
        check(
            json!({}),
            scene.clone(),
            json!([
                {"kind": "character", "scene_id": "a", "subject": "Bo", "lines": 2,
                 "text": "speaks 2 of 5 lines here; the first: Hm."},
                {"kind": "character", "scene_id": "a", "subject": "Anna", "lines": 1,
                 "text": "speaks 1 of 5 lines here; the first: Oh!"},
            ]),
        );
        check(
            json!({"count": false}),
            scene.clone(),
            json!([
                {"kind": "character", "scene_id": "a", "subject": "Bo", "text": "speaks here, as do Anna"},
                {"kind": "character", "scene_id": "a", "subject": "Anna", "text": "speaks here, as do Bo"},
            ]),
        );
        check(json!({"ignore": ["Bo", "Anna"]}), scene, json!([]));
        check(
            json!({"speaker": "who", "carry": []}),
            json!({"who": "竜", "text": "…"}),
            json!([
                {"kind": "character", "subject": "竜", "lines": 1, "text": "speaks 1 of 1 lines here; the first: …"},
            ]),
        );
    }
}
