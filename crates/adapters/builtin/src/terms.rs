//! `terms`: what may be names or terms: candidates for a glossary.
//!
//! - `text` (`text`), `speaker` (`speaker`), `key` (`line_id`): the fields with the text, who says it, the line's id.
//! - `min` (2): how often a word must be there that might only have begun a sentence, or is a run of katakana.
//! - `ignore: [WORD]`: no candidates. `carry` (`[scene_id]`): fields of the first line that answers have, too.
//! - `count` (on): whether answers say how often a candidate is there, which changes with every line that has it.
//!
//! Candidates are speakers, words with a capital letter within a sentence, runs of these (`Tower of Glass`), words that
//! begin sentences often enough and never have a small letter, and runs of katakana. Answers with one record for every
//! term of the unit, in the order in which they first stand: `kind` (`term`), `subject` (the term), `text` (what is known
//! of it), `count`, the line's id.

mod words;

use std::collections::BTreeMap;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value, json};

use crate::agent::{AnswerUnit, Work};
use crate::checks::Markup;
use crate::params::Params;
use crate::record::{Input, Record, text};
use words::{Seen, candidates};

struct Terms {
    field: String,
    speaker: String,
    key: String,
    carry: Vec<String>,
    min: usize,
    ignore: Vec<String>,
    markup: Markup,
    count: bool,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|terms| Box::new(terms) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Terms, Vec<SpecProblem>> {
    let word = |name, usual: &str| params.text(name).unwrap_or(usual).to_owned();
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let terms = Terms {
        field: word("text", "text"),
        speaker: word("speaker", "speaker"),
        key: word("key", "line_id"),
        carry: owned(params.texts("carry").unwrap_or_else(|| vec!["scene_id"])),
        min: params.count("min").unwrap_or(2),
        ignore: owned(params.texts("ignore").unwrap_or_default()),
        markup: Markup::read(&params),
        count: params.flag("count", true),
    };
    params.finish(Some(terms))
}

impl Work for Terms {
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

/// What is known of a candidate.
#[derive(Default)]
struct Candidate {
    /// The record in which it first stands, and where in the order of all.
    first: usize,
    order: usize,
    speaks: usize,
    seen: usize,
    /// Whether it stood where only a name has a capital letter.
    sure: bool,
}

impl Terms {
    fn answer(&self, records: &[Record]) -> Result<Value, Failure> {
        let texts: Vec<String> =
            records.iter().map(|record| text(record, &self.field)).collect::<Result<_, _>>()?;
        let masked: Vec<_> = texts.iter().map(|text| self.markup.mask(text)).collect();
        let found = candidates(masked.iter().map(AsRef::as_ref));
        let mut all: BTreeMap<String, Candidate> = BTreeMap::new();
        let mut order = 0;
        let mut note = |term: &str, first: usize, add: &dyn Fn(&mut Candidate)| {
            order += 1;
            let fresh = || Candidate { first, order, ..Candidate::default() };
            add(all.entry(term.to_owned()).or_insert_with(fresh));
        };
        for (n, (record, seen)) in records.iter().zip(found).enumerate() {
            let speaker = text(record, &self.speaker).unwrap_or_default();
            if !speaker.trim().is_empty() {
                note(speaker.trim(), n, &|candidate| candidate.speaks += 1);
            }
            for Seen { term, sure } in seen {
                note(&term, n, &|candidate| {
                    candidate.seen += 1;
                    candidate.sure |= sure;
                });
            }
        }
        let mut kept: Vec<(String, Candidate)> =
            all.into_iter().filter(|(term, candidate)| self.is_kept(term, candidate)).collect();
        kept.sort_by_key(|(_, candidate)| candidate.order);
        Ok(kept.into_iter().map(|(term, candidate)| self.record(&term, &candidate, records)).collect())
    }

    fn is_kept(&self, term: &str, candidate: &Candidate) -> bool {
        let often = candidate.sure || candidate.speaks > 0 || candidate.seen >= self.min;
        often && !self.ignore.iter().any(|word| word == term)
    }

    fn record(&self, term: &str, candidate: &Candidate, records: &[Record]) -> Value {
        let times = |n: usize| if n == 1 { "once".to_owned() } else { format!("{n} times") };
        let text = match (candidate.speaks, candidate.seen) {
            (0, _) if !self.count => "is spoken of".to_owned(),
            _ if !self.count => "is somebody who speaks".to_owned(),
            (0, seen) => format!("stands here {}", times(seen)),
            (speaks, 0) => format!("speaks here {}", times(speaks)),
            (speaks, seen) => format!("speaks here {}, is named {}", times(speaks), times(seen)),
        };
        let mut answer = json!({"kind": "term", "subject": term, "text": text});
        if self.count {
            answer["count"] = Value::from(candidate.speaks + candidate.seen);
        }
        for name in std::iter::once(&self.key).chain(&self.carry) {
            if let Some(value) = records.get(candidate.first).and_then(|record| record.get(name)) {
                answer[name] = value.clone();
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::request;

    fn terms(params: &Value, input: Value) -> Value {
        let request = request(1, &[("s1", input)]);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        work.prepare(&request)(&request.units[0]).unwrap()
    }

    #[test]
    fn without_counts_a_mention_more_changes_nothing() {
        let lines = |n: usize| -> Vec<Value> {
            (0..n).map(|_| json!({"line_id": "l", "speaker": "Bo", "text": "I saw Anna."})).collect()
        };
        let found = |n| terms(&json!({"count": false}), json!({"records": lines(n)}));
        assert_eq!(
            found(1),
            json!([
                {"kind": "term", "line_id": "l", "subject": "Bo", "text": "is somebody who speaks"},
                {"kind": "term", "line_id": "l", "subject": "Anna", "text": "is spoken of"},
            ])
        );
        assert_eq!(found(1), found(3));
    }

    fn check(lines: &[&str], expect: &[&str]) {
        let records: Vec<Value> = lines.iter().map(|line| json!({"text": line})).collect();
        let found = terms(&json!({}), json!({"records": records}));
        let found: Vec<String> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|term| format!("{} {}", term["subject"].as_str().unwrap(), term["count"]))
            .collect();
        assert_eq!(found, expect, "{lines:?}");
    }

    #[test]
    fn names_have_capital_letters() {
        check(&["Take this to Mira, will you?", "Mira's rope. Mira!"], &["Mira 3"]);
        check(
            &["The Tower of Glass fell.", "We saw the Dark Knight."],
            &["Tower of Glass 1", "Dark Knight 1"],
        );
        check(&["Rope is here.", "The rope is long. Rope!"], &[]);
        check(&["Oskar ran.", "Oskar fell."], &["Oskar 2"]);
        check(&["Oskar ran."], &[]);
        check(&["I think I'm lost. Then I ran.", "STOP IT NOW, BO!"], &[]);
        check(&["{Name} said [Hero] to \\N[1] Bo"], &["Bo 1"]);
        check(&["Captain Élise waits, “Élise!”"], &["Captain Élise 1"]);
    }

    #[test]
    fn katakana_are_terms_where_they_come_back() {
        check(&["アンナは来た。", "アンナとドラゴン", "ジャン＝リュックとアンナ"], &["アンナ 3"]);
    }

    #[test]
    fn speakers_are_terms() {
        let scene = json!({"records": [
            {"line_id": "1", "scene_id": "a", "speaker": "Bo", "text": "Hm."},
            {"line_id": "2", "scene_id": "a", "speaker": "Mira", "text": "Come, Bo, to Arden."},
        ]});
        assert_eq!(
            terms(&json!({"ignore": "Mira"}), scene),
            json!([
                {"kind": "term", "line_id": "1", "scene_id": "a", "subject": "Bo", "count": 2,
                 "text": "speaks here once, is named once"},
                {"kind": "term", "line_id": "2", "scene_id": "a", "subject": "Arden", "count": 1, "text": "stands here once"},
            ])
        );
    }
}
