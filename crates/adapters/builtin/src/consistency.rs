//! `consistency`: what is the same in the source and not in the translation, over the records of a group or all.
//!
//! - `text` (`text`), `source` (`source`), `key` (`line_id`), `carry` (`[scene_id]`): as those of `checks`.
//! - `duplicates` (on), or `{ by: [FIELD], ignore_case: true }`: lines with equal sources, and equal fields `by`, are
//!   translated alike. Those that are not as most are (of equally many, as the first is) are issues.
//! - `names` (on), `[NAME]`, or `{ list, context, inflection }` as that of `checks`: a name is rendered in one way. Of
//!   several renderings that are agreed on, one is used; of a name whose rendering nobody told, the one that most of
//!   its lines share is taken for it, and a word that is nearly it, in a line with the name, for another.
//! - `severity: { duplicates, names }` (`warning`).
//!
//! Issues are those of `checks`, without suggestions: which one is right is not for a rule to say.

mod duplicates;
mod names;

use std::borrow::Cow;
use std::collections::BTreeMap;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::checks::{About, Finding, Markup, Terms, glossaries};
use crate::params::Params;
use crate::record::Raw;
use duplicates::Duplicates;

const SEVERITIES: [&str; 3] = ["warning", "error", "info"];

struct Consistency {
    field: String,
    source: String,
    key: String,
    carry: Vec<String>,
    duplicates: Option<Duplicates>,
    names: Option<Terms>,
    markup: Markup,
    severity: BTreeMap<&'static str, &'static str>,
}

/// A line of the unit.
pub(crate) struct Line<'a> {
    record: Raw<'a>,
    /// What it is called in messages.
    id: Cow<'a, str>,
    text: Cow<'a, str>,
    source: Cow<'a, str>,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|consistency| Box::new(consistency) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Consistency, Vec<SpecProblem>> {
    let word = |name, usual: &str| params.text(name).unwrap_or(usual).to_owned();
    let consistency = Consistency {
        field: word("text", "text"),
        source: word("source", "source"),
        key: word("key", "line_id"),
        carry: params
            .texts("carry")
            .unwrap_or_else(|| vec!["scene_id"])
            .into_iter()
            .map(str::to_owned)
            .collect(),
        duplicates: Duplicates::read(&params),
        names: Terms::names(&params, true),
        markup: Markup::read(&params),
        severity: severities(&params),
    };
    params.finish(Some(consistency))
}

fn severities(params: &Params<'_>) -> BTreeMap<&'static str, &'static str> {
    let Some(own) = params.within("severity") else { return BTreeMap::new() };
    let read = ["duplicates", "names"].map(|rule| (rule, own.word(rule, &SEVERITIES)));
    params.end(own);
    read.into()
}

impl Work for Consistency {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let shared = request.context.value();
        Box::new(move |unit| self.answer(unit, &shared))
    }
}

impl Consistency {
    fn answer(&self, unit: &AskedUnit, shared: &Value) -> Result<Value, Failure> {
        let records = Raw::all(unit)?.into_iter().enumerate();
        let lines: Vec<Line<'_>> =
            records.map(|(n, record)| self.line(n, record)).collect::<Result<_, _>>()?;
        let mut found: Vec<(usize, &'static str, Finding)> = Vec::new();
        if let Some(duplicates) = &self.duplicates {
            found.extend(duplicates.find(&lines).into_iter().map(|(n, finding)| (n, "duplicates", finding)));
        }
        if let Some(terms) = &self.names {
            let contexts = ["glossary", "terms"];
            let mut known = glossaries(shared, contexts);
            known.extend(glossaries(&unit.context.value(), contexts));
            let glossary = terms.asked(&known);
            let names = names::find(&lines, &glossary, &self.markup);
            found.extend(names.into_iter().map(|(n, finding)| (n, "names", finding)));
        }
        found.sort();
        Ok(found
            .into_iter()
            .map(|(n, rule, finding)| self.issue(unit, n, &lines[n], rule, finding))
            .collect())
    }

    fn line<'a>(&self, position: usize, record: Raw<'a>) -> Result<Line<'a>, Failure> {
        let id = record.text(&self.key).unwrap_or_else(|_| Cow::Owned(format!("record {position}")));
        Ok(Line { id, text: record.text(&self.field)?, source: record.text(&self.source)?, record })
    }

    fn issue(
        &self,
        unit: &AskedUnit,
        n: usize,
        line: &Line<'_>,
        rule: &'static str,
        finding: Finding,
    ) -> Value {
        let key = line.record.value(&self.key);
        let key = key.as_ref().and_then(Value::as_str);
        let names = std::iter::once(&self.key).chain(&self.carry);
        let about = About {
            text: &line.text,
            line: key.unwrap_or(unit.id.as_str()),
            position: Some(n).filter(|_| key.is_none()),
            carried: names.filter_map(|name| Some((name.as_str(), line.record.value(name)?))).collect(),
        };
        finding.issue(&about, rule, self.severity.get(rule).copied().unwrap_or("warning"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::{json as canonical, request};
    use serde_json::json;

    fn check(params: Value, context: Value, lines: &[(&str, &str)], expect: &[&str]) {
        let records = lines.iter().enumerate();
        let records: Vec<Value> =
            records.map(|(n, (source, text))| json!({"line_id": format!("l{n}"), "source": source, "text": text, "speaker": "Bo"})).collect();
        let mut request = request(1, &[("all", json!({"records": records}))]);
        request.context = canonical(&context);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        let answer = work.prepare(&request)(&request.units[0]).unwrap();
        let show = |issue: &Value| {
            let part = |name: &str| issue[name].as_str().unwrap().to_owned();
            format!("{} {} {} {}", part("line_id"), part("rule"), issue["span"], part("message"))
        };
        assert_eq!(answer.as_array().unwrap().iter().map(show).collect::<Vec<_>>(), expect, "{lines:?}");
    }

    #[test]
    fn equal_lines_are_translated_alike() {
        let lines = [("Hi!", "Hallo!"), ("Hi! ", "Hallo! "), ("Hi!", "Hi!"), ("Ho!", "Ho!"), ("hi!", "Na!")];
        check(
            json!({}),
            json!({}),
            &lines,
            &["l2 duplicates [0,3] the same source is `Hallo!` in l0 and 1 more"],
        );
        check(
            json!({"duplicates": {"ignore_case": true}}),
            json!({}),
            &lines,
            &[
                "l2 duplicates [0,3] the same source is `Hallo!` in l0 and 1 more",
                "l4 duplicates [0,3] the same source is `Hallo!` in l0 and 1 more",
            ],
        );
        check(json!({"duplicates": false}), json!({}), &lines, &[]);
        check(
            json!({}),
            json!({}),
            &[("a", "b"), ("a", "c")],
            &["l1 duplicates [0,1] the same source is `b` in l0"],
        );
    }

    #[test]
    fn names_are_rendered_in_one_way() {
        let terms = json!({"terms": [{"term": "Anna", "translation": "アンナ|アナ"}]});
        let lines = [("Anna!", "アンナ！"), ("Anna?", "アナ？"), ("Hi Anna", "やあアンナ")];
        check(json!({}), terms, &lines, &["l1 names [0,2] `Anna` is `アンナ` in l0 and 1 more"]);
        let lines = [
            ("Anna!", "アンナ！"),
            ("Anna?", "アンア？"),
            ("Hi Anna", "やあアンナ"),
            ("Oh Anna.", "ああ、アンナ。"),
            ("Bo", "ボー"),
        ];
        check(
            json!({"names": ["Anna"]}),
            json!({}),
            &lines,
            &["l1 names [0,3] `Anna` is `アンナ` in l0 and 2 more"],
        );
        let lines = [("Mira ran", "Mira lief"), ("I saw Mira", "Ich sah Myra"), ("Mira!", "Mira!")];
        check(
            json!({"names": ["Mira"]}),
            json!({}),
            &lines,
            &["l1 names [8,12] `Mira` is `Mira` in l0 and 1 more"],
        );
        check(json!({"names": false}), json!({}), &lines, &[]);
    }

    #[test]
    fn params_are_checked() {
        let found = |params: Value| super::check(params.as_object().unwrap());
        let problems =
            found(json!({"severity": {"names": "bad", "duplicate": "info"}, "duplicates": {"by": 3}}));
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["params.duplicates.by", "params.severity.names", "params.severity.duplicate"]);
    }
}
