//! `cast`: who speaks in a scene.
//!
//! - `speaker` (`speaker`), `text` (`text`): the fields with the speaker and with what is said.
//! - `carry` (`[scene_id]`): fields of the first record that answers have, too. `ignore`: speakers that are none.
//!
//! Answers with one record for every speaker, in the order in which they first speak: `kind` (`character`), `subject`
//! (the name), `text` (how much the speaker says, and the first line), `lines`.

use std::collections::BTreeMap;

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
        let mut speakers: Vec<(String, usize, String)> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for record in records {
            // A line without a speaker is told, not said.
            let Some(name) = self.speaker(record) else { continue };
            let place = *places.entry(name.clone()).or_insert(speakers.len());
            match speakers.get_mut(place) {
                Some((_, lines, _)) => *lines += 1,
                None => speakers.push((name, 1, text(record, &self.field)?)),
            }
        }
        let character = |(name, lines, first): (String, usize, String)| {
            let said = format!("speaks {lines} of {} lines here; the first: {}", records.len(), first.trim());
            let mut character = json!({"kind": "character", "subject": name, "text": said, "lines": lines});
            for field in &self.carry {
                if let Some(value) = records.first().and_then(|record| record.get(field)) {
                    character[field] = value.clone();
                }
            }
            character
        };
        Ok(speakers.into_iter().map(character).collect())
    }

    fn speaker(&self, record: &Record) -> Option<String> {
        let name = text(record, &self.speaker).ok()?.trim().to_owned();
        (!name.is_empty() && !self.ignore.contains(&name)).then_some(name)
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
