//! `checks`: looks for slips in a text by rules, and answers with a list of issues, `[]` where there are none.
//!
//! What each rule says and which settings it has is at the top of its file; `docs/builtins.md` tells it to users. An
//! issue has `rule`, `span` (from and to, in Unicode characters, not bytes), `severity`, `message`, where the mend is
//! sure `suggestion` (the whole text as it should be) with `before` (the text it mends), and an `issue_id` that is the
//! same whenever the same slip is found in the same text of the same line. The line's id and the fields to `carry` are
//! taken over from the record; issues about a group whose records have no id have the position of their `record`.
//!
//! The same rules are rules of replies: [`ReplyRules`].

mod allowed;
mod bags;
mod ends;
mod issue;
mod length;
mod limits;
mod markup;
mod numbers;
mod pairs;
mod patterns;
mod placeholders;
mod plain;
mod reply;
mod rule;
mod set;
mod subject;
mod terms;
mod whitespace;
mod wrap;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::glossary::Glossary;
use crate::params::Params;
use crate::record::{Input, Record, text};
pub(crate) use ends::last_word;
pub(crate) use issue::{About, Finding};
pub(crate) use markup::Markup;
pub(crate) use reply::ReplyRules;
pub(crate) use set::RuleSet;
pub(crate) use subject::{Glossaries, near};
pub(crate) use terms::Terms;

/// The rules, and where texts are.
#[derive(Debug)]
struct Checks {
    field: String,
    /// The field with the source, where the params name one.
    source: Option<String>,
    /// The field with the id of a line.
    key: String,
    carry: Vec<String>,
    rules: RuleSet,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|checks| Box::new(checks) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Checks, Vec<SpecProblem>> {
    let rules = RuleSet::read(&params);
    if params.has("field") && params.has("text") {
        params.problem("field", "is another word for `text`", Some("leave one of the two out".to_owned()));
    }
    let carry = params.texts("carry").unwrap_or_else(|| vec!["scene_id"]);
    let checks = Checks {
        field: params.text("text").or(params.text("field")).unwrap_or("text").to_owned(),
        source: params.text("source").map(str::to_owned),
        key: params.text("key").unwrap_or("line_id").to_owned(),
        carry: carry.into_iter().map(str::to_owned).collect(),
        rules,
    };
    params.finish(Some(checks))
}

impl Work for Checks {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let shared = self.glossaries(&request.context.value());
        Box::new(move |unit| {
            let own = self.glossaries(&unit.context.value());
            self.answer(unit, &[&own, &shared]).map(Value::Array)
        })
    }
}

impl Checks {
    fn glossaries(&self, context: &Value) -> Glossaries {
        glossaries(context, self.rules.glossaries())
    }

    fn answer(&self, unit: &AskedUnit, glossaries: &[&Glossaries]) -> Result<Vec<Value>, Failure> {
        let mut issues = Vec::new();
        match Input::of(unit)? {
            Input::One(record) => self.check_record(unit, &record, None, glossaries, &mut issues)?,
            Input::Group(records) => {
                for (position, record) in records.iter().enumerate() {
                    self.check_record(unit, record, Some(position), glossaries, &mut issues)?;
                }
            }
        }
        Ok(issues)
    }

    fn check_record(
        &self,
        unit: &AskedUnit,
        record: &Record,
        position: Option<usize>,
        glossaries: &[&Glossaries],
        issues: &mut Vec<Value>,
    ) -> Result<(), Failure> {
        let subject = text(record, &self.field)?;
        let source = self.source(record)?;
        let key = record.get(&self.key).and_then(Value::as_str);
        let about = About {
            text: &subject,
            line: key.unwrap_or(unit.id.as_str()),
            position: position.filter(|_| key.is_none()),
            carried: self.carried(record),
        };
        let near = self.rules.near(glossaries, source.as_deref());
        let subject = self.rules.subject(&subject, source.as_deref(), [Some(record), None], &near);
        for (named, findings) in self.rules.find(&subject) {
            let found = findings.into_iter();
            issues.extend(found.map(|finding| finding.issue(&about, named.name, &named.severity)));
        }
        Ok(())
    }

    /// Returns the source; it may be absent where no rule needs it.
    fn source(&self, record: &Record) -> Result<Option<String>, Failure> {
        let name = self.source.as_deref().unwrap_or("source");
        if self.rules.needs_source() || record.contains_key(name) {
            return text(record, name).map(Some);
        }
        Ok(None)
    }

    fn carried(&self, record: &Record) -> Vec<(&str, Value)> {
        let names = std::iter::once(&self.key).chain(&self.carry);
        names.filter_map(|name| Some((name.as_str(), record.get(name)?.clone()))).collect()
    }
}

/// Reads entries of a context as glossaries, those that are there.
pub(crate) fn glossaries<'a>(context: &Value, names: impl IntoIterator<Item = &'a str>) -> Glossaries {
    let read = |name: &str| {
        let mut glossary = Glossary::default();
        glossary.add(context.get(name)?);
        Some((name.to_owned(), glossary))
    };
    names.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests;
