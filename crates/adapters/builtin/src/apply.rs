//! `apply`: applies what issues suggest, and says what it changed.
//!
//! - `text` (`text`): the field that is changed; `source` (`source`): the one with the source.
//! - `issues` (`issues`): the context entry with the issues of the record.
//! - `least: info | warning | error` (`info`), `only: [RULE]`, `except: [RULE]`: whose suggestions are applied.
//! - `guard` (on): a suggestion MUST NOT break a rule of severity error more often: `false`, or params of `checks`; the
//!   markup of the source alone by default.
//! - `key` (`line_id`): the field by which issues find their record in a group.
//! - `open` (off): whether a record lists under `open` the ids of the issues that are still to be dealt with: those that
//!   suggest nothing, and those whose suggestion was left out though its rule and severity are to be applied. A cascade
//!   asks somebody else about such records (`accept: reply.open is undefined`).
//!
//! Suggestions are whole texts. They are taken in order of severity and place; what each changes is made in the text
//! together with what others change elsewhere. One that was made for another text (its `before` or its span does not
//! fit), that is said not to be `sure`, or that contradicts one before it is left out and listed in `unapplied` with
//! the `reason`. `changes` tell what was done: `before` and `after` are the whole texts of each step, so that the first
//! `before` is the text that came in and the last `after` the one that goes out; `also` names other issues that the
//! same change settles.
//!
//! As rules of replies (`output: { rules: NAME }`), it holds whatever else edits to the same: see [`log`].

mod log;
mod suggestion;

use std::collections::BTreeSet;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value, json};

use crate::agent::{AnswerUnit, Work};
use crate::checks::{Glossaries, RuleSet, glossaries};
use crate::diff::{Hunk, hunks, patch, words};
use crate::params::Params;
use crate::record::{Input, Record, text};
pub(crate) use log::LogRules;
use suggestion::{Severity, Suggestion};

#[derive(Debug)]
struct Apply {
    field: String,
    source: String,
    issues: String,
    key: String,
    least: Severity,
    only: Option<Vec<String>>,
    except: Vec<String>,
    guard: Option<RuleSet>,
    open: bool,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|apply| Box::new(apply) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Apply, Vec<SpecProblem>> {
    let word = |name, usual: &str| params.text(name).unwrap_or(usual).to_owned();
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let apply = Apply {
        field: word("text", "text"),
        source: word("source", "source"),
        issues: word("issues", "issues"),
        key: word("key", "line_id"),
        least: Severity::of(params.word("least", &["info", "warning", "error"])),
        only: params.texts("only").map(owned),
        except: params.texts("except").map(owned).unwrap_or_default(),
        guard: guard(&params),
        open: params.flag("open", false),
    };
    params.finish(Some(apply))
}

fn guard(params: &Params<'_>) -> Option<RuleSet> {
    let own = params.switch("guard", true)?;
    if own.is_empty() {
        params.end(own);
        let markup = json!({"placeholders": true, "whitespace": false});
        return markup.as_object().map(|markup| RuleSet::read(&Params::new(markup)));
    }
    let rules = RuleSet::read(&own);
    params.end(own);
    Some(rules)
}

impl Work for Apply {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let shared = request.context.value();
        let known = self.glossaries(&shared);
        Box::new(move |unit| self.answer(unit, &shared, &known))
    }
}

/// What was done with the issues of a text.
#[derive(Default)]
struct Done {
    changes: Vec<Value>,
    unapplied: Vec<Value>,
    /// The issues that are still to be dealt with.
    open: BTreeSet<String>,
}

/// Why a suggestion is left out.
struct Left {
    reason: String,
    /// Whether its issue is to be dealt with all the same.
    is_open: bool,
}

impl Left {
    fn open(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_open: true }
    }

    fn unwanted(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_open: false }
    }
}

impl Apply {
    fn glossaries(&self, context: &Value) -> Glossaries {
        glossaries(context, self.guard.iter().flat_map(RuleSet::glossaries))
    }

    /// Returns the issues of a unit: of its own context, else of everybody's.
    fn issues<'a>(&self, own: &'a Value, shared: &'a Value) -> Vec<&'a Record> {
        match own.get(&self.issues).or_else(|| shared.get(&self.issues)) {
            Some(Value::Array(issues)) => issues.iter().filter_map(Value::as_object).collect(),
            Some(Value::Object(issue)) => vec![issue],
            _ => Vec::new(),
        }
    }

    fn answer(&self, unit: &AskedUnit, shared: &Value, known: &Glossaries) -> Result<Value, Failure> {
        let own = unit.context.value();
        let issues = self.issues(&own, shared);
        let known = [&self.glossaries(&own), known];
        match Input::of(unit)? {
            Input::One(record) => self.apply(record, &issues, &known),
            Input::Group(records) => {
                let each = records.into_iter().map(|record| {
                    let is_own = |issue: &&Record| issue.get(&self.key) == record.get(&self.key);
                    let own: Vec<&Record> = issues.iter().copied().filter(is_own).collect();
                    self.apply(record, &own, &known)
                });
                each.collect()
            }
        }
    }

    fn apply(&self, mut record: Record, issues: &[&Record], known: &[&Glossaries]) -> Result<Value, Failure> {
        let base = text(&record, &self.field)?;
        let mut suggestions: Vec<Suggestion<'_>> =
            issues.iter().filter_map(|issue| Suggestion::of(issue)).collect();
        suggestions.sort();
        let (result, mut done) = self.take(&base, &suggestions, &record, known);
        done.open.extend(issues.iter().filter_map(|issue| self.silent(issue)));
        record.insert(self.field.clone(), Value::from(result));
        record.insert("changes".to_owned(), Value::Array(done.changes));
        if !done.unapplied.is_empty() {
            record.insert("unapplied".to_owned(), Value::Array(done.unapplied));
        }
        // One that came in is another's.
        record.remove("open");
        if self.open && !done.open.is_empty() {
            record.insert("open".to_owned(), done.open.into_iter().collect());
        }
        Ok(Value::Object(record))
    }

    fn take(
        &self,
        base: &str,
        suggestions: &[Suggestion<'_>],
        record: &Record,
        known: &[&Glossaries],
    ) -> (String, Done) {
        let old = words(base);
        let mut made: Vec<(Hunk, &str)> = Vec::new();
        let (mut text, mut done) = (base.to_owned(), Done::default());
        for suggestion in suggestions {
            let wanted = match self.wanted(suggestion, base, &old) {
                Ok(wanted) => wanted,
                Err(left) => {
                    done.leave(suggestion, left);
                    continue;
                }
            };
            let contrary = made.iter().find(|(hunk, _)| wanted.iter().any(|other| other.contradicts(hunk)));
            if let Some((_, id)) = contrary {
                done.leave(suggestion, Left::open(format!("contradicts {id}")));
                continue;
            }
            let new: Vec<Hunk> =
                wanted.iter().filter(|hunk| made.iter().all(|(other, _)| other != *hunk)).cloned().collect();
            if new.is_empty() {
                done.settle(
                    suggestion,
                    made.iter().find(|(hunk, _)| wanted.contains(hunk)).map(|(_, id)| *id),
                );
                continue;
            }
            let all: Vec<Hunk> = made.iter().map(|(hunk, _)| hunk).chain(&new).cloned().collect();
            let after = patch(&old, &all);
            if let Some(rule) = self.broken(&text, &after, record, known) {
                done.leave(suggestion, Left::open(format!("would break the rule {rule}")));
                continue;
            }
            done.change(suggestion, &text, &after);
            made.extend(new.into_iter().map(|hunk| (hunk, suggestion.id)));
            text = after;
        }
        (text, done)
    }

    /// Returns what a suggestion changes in the text, or why it is left out.
    fn wanted(&self, suggestion: &Suggestion<'_>, base: &str, old: &[&str]) -> Result<Vec<Hunk>, Left> {
        if !self.is_chosen(suggestion.rule) {
            return Err(Left::unwanted("its rule is not applied"));
        }
        if suggestion.severity < self.least {
            return Err(Left::unwanted("is not severe enough"));
        }
        suggestion.fits(base).map_err(Left::open)?;
        let wanted = hunks(old, &words(suggestion.text));
        if wanted.is_empty() { Err(Left::open("changes nothing")) } else { Ok(wanted) }
    }

    fn is_chosen(&self, rule: &str) -> bool {
        let is_listed = |rules: &[String]| rules.iter().any(|name| name == rule);
        self.only.as_deref().is_none_or(is_listed) && !is_listed(&self.except)
    }

    /// Returns the id of an issue that suggests nothing and is to be dealt with.
    fn silent(&self, issue: &Record) -> Option<String> {
        let word = |name: &str| issue.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_wanted = self.is_chosen(word("rule")) && Severity::of(word("severity")) >= self.least;
        let is_silent = issue.get("suggestion").and_then(Value::as_str).is_none();
        (is_wanted && is_silent).then(|| word("issue_id").to_owned())
    }

    /// Returns the rule that a change would break more often.
    fn broken(
        &self,
        before: &str,
        after: &str,
        record: &Record,
        known: &[&Glossaries],
    ) -> Option<&'static str> {
        let guard = self.guard.as_ref()?;
        let source = text(record, &self.source).ok();
        let near = guard.near(known, source.as_deref());
        let subject = |text| guard.subject(text, source.as_deref(), [Some(record), None], &near);
        guard.worse(&subject(before), &subject(after))
    }
}

impl Done {
    fn leave(&mut self, suggestion: &Suggestion<'_>, left: Left) {
        if left.is_open {
            self.open.insert(suggestion.id.to_owned());
        }
        let left = json!({"issue_id": suggestion.id, "rule": suggestion.rule, "reason": left.reason});
        self.unapplied.push(left);
    }

    fn change(&mut self, suggestion: &Suggestion<'_>, before: &str, after: &str) {
        let change = json!({
            "issue_id": suggestion.id, "rule": suggestion.rule, "before": before, "after": after,
        });
        self.changes.push(change);
    }

    /// Notes that a suggestion is done with another one.
    fn settle(&mut self, suggestion: &Suggestion<'_>, by: Option<&str>) {
        let change = self.changes.iter_mut().find(|change| change["issue_id"].as_str() == by);
        if let Some(fields) = change.and_then(Value::as_object_mut) {
            let also = fields.entry("also").or_insert_with(|| json!([]));
            if let Some(also) = also.as_array_mut() {
                also.push(Value::from(suggestion.id));
            }
        }
    }
}

#[cfg(test)]
mod tests;
