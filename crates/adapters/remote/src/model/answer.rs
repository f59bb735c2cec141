//! What a model answered, unit by unit.

use std::collections::BTreeMap;

use refrain_core::ports::agent::{AgentError, AnsweredUnit, AskedUnit, Conversation};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::name::UnitId;
use serde_json::Value;

use super::mend::{self, Found};
use super::schema::{Shape, drop_nulls};
use super::wire::{End, Heard};

/// So many of the things that are wrong with an answer are told.
const ERRORS: usize = 8;

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What the model was told.
    pub conversation: &'a Conversation,
    /// The units, in the order of their numbers.
    pub units: &'a [AskedUnit],
    /// The shape of the answer, where it has one.
    pub shape: Option<&'a Shape>,
    /// Whether the provider was told the shape, with every field required.
    pub native: bool,
}

/// What was answered.
#[derive(Debug, Default)]
pub struct Answered {
    /// The units.
    pub units: Vec<AnsweredUnit>,
    /// Whether the answer had to be mended.
    pub mended: bool,
}

/// Reads an answer.
///
/// # Errors
/// Fails where there is none: refused, withheld, broken off or cut short.
pub fn read(asked: &Asked<'_>, heard: &Heard) -> Result<Answered, AgentError> {
    let fail = |kind, message: &str| Err(AgentError::new(kind, message));
    match &heard.end {
        End::Refused(why) => fail(FailureKind::Refused, &format!("the model refused: {why}")),
        End::Filtered(why) => fail(FailureKind::Filtered, why),
        End::Broken(why) => fail(FailureKind::Transient, why),
        End::Length if asked.conversation.numbered => asked.salvage(&heard.said.text),
        End::Length => fail(FailureKind::Truncated, CUT),
        End::Tools => fail(FailureKind::Invalid, "the model asked for tools instead of answering"),
        End::Done => Ok(asked.finished(&heard.said.text)),
    }
}

const CUT: &str = "the answer was cut off at the limit on its length";

impl Asked<'_> {
    fn finished(&self, text: &str) -> Answered {
        if self.conversation.schema.is_none() && !self.conversation.numbered {
            return self.text(text);
        }
        let Some(Found { value, mended }) = mend::find(text, true) else {
            let why = if text.trim().is_empty() { "the answer is empty" } else { "the answer is not JSON" };
            return self.all_invalid(why, text);
        };
        let units =
            if self.conversation.numbered { self.numbered(value, text) } else { self.single(value, text) };
        Answered { units, mended }
    }

    /// Takes an answer that has no shape.
    fn text(&self, text: &str) -> Answered {
        let text = text.trim();
        if text.is_empty() {
            return self.all_invalid("the answer is empty", text);
        }
        let record = self.conversation.record(text);
        let answer = |unit: &AskedUnit| AnsweredUnit::new(unit.id.clone(), Ok(record.clone()));
        Answered { units: self.units.iter().map(answer).collect(), mended: false }
    }

    fn all_invalid(&self, why: &str, said: &str) -> Answered {
        let answer = |unit: &AskedUnit| invalid(&unit.id, why.to_owned(), said.to_owned());
        Answered { units: self.units.iter().map(answer).collect(), mended: false }
    }

    fn single(&self, mut value: Value, said: &str) -> Vec<AnsweredUnit> {
        if self.conversation.wrapped && value.get("answer").is_none() {
            // It said what was asked for, and left out what stands around it.
            value = serde_json::json!({ "answer": value });
        }
        self.drop_nulls(&mut value);
        let wrong = self.wrong(&value);
        let why = (!wrong.is_empty()).then(|| {
            told(wrong.into_iter().map(|(path, what)| {
                at(if self.conversation.wrapped { path.trim_start_matches("/answer") } else { &path }, &what)
            }))
        });
        let output = if self.conversation.wrapped { value["answer"].take() } else { value };
        self.units.iter().map(|unit| self.answered(&unit.id, &output, why.clone(), said)).collect()
    }

    fn numbered(&self, mut value: Value, said: &str) -> Vec<AnsweredUnit> {
        self.drop_nulls(&mut value);
        let items = value.get("units").or(Some(&value)).and_then(Value::as_array).cloned();
        let Some(items) = items else {
            return self.all_invalid("the answer has no list `units`", said).units;
        };
        let missing = |unit: &AskedUnit, n| {
            invalid(&unit.id, format!("the answer leaves number {n} out"), said.to_owned())
        };
        self.each(items, missing)
    }

    /// Takes the items that are whole of a packed answer that was cut off.
    fn salvage(&self, text: &str) -> Result<Answered, AgentError> {
        let mut items = Value::Array(mend::whole_items(text));
        if items.as_array().is_none_or(Vec::is_empty) {
            return Err(AgentError::new(FailureKind::Truncated, CUT));
        }
        items = serde_json::json!({ "units": items });
        self.drop_nulls(&mut items);
        let items = items["units"].as_array().cloned().unwrap_or_default();
        let cut = |unit: &AskedUnit, _| {
            let failure = Failure { kind: FailureKind::Truncated, message: CUT.to_owned() };
            AnsweredUnit::new(unit.id.clone(), Err(failure))
        };
        Ok(Answered { units: self.each(items, cut), mended: true })
    }

    /// Returns the answers to all units, from numbered items.
    fn each(
        &self,
        items: Vec<Value>,
        missing: impl Fn(&AskedUnit, usize) -> AnsweredUnit,
    ) -> Vec<AnsweredUnit> {
        let wrong = self.wrong_items(&items);
        let mut by_number: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, item) in items.iter().enumerate() {
            by_number.entry(number(item)).or_default().push(position);
        }
        let answer = |(position, unit): (usize, &AskedUnit)| {
            let n = position + 1;
            match by_number.get(&n).map(Vec::as_slice) {
                None | Some([]) => missing(unit, n),
                Some([only]) => {
                    let output = items[*only].get("output").unwrap_or(&Value::Null);
                    let why = wrong.get(only).map(|wrong| told(wrong.iter().cloned()));
                    self.item(&unit.id, output, why)
                }
                Some(all) => {
                    let said: Vec<String> = all.iter().map(|at| items[*at].to_string()).collect();
                    invalid(&unit.id, format!("the answer has number {n} more than once"), said.join("\n"))
                }
            }
        };
        self.units.iter().enumerate().map(answer).collect()
    }

    fn item(&self, unit: &UnitId, output: &Value, why: Option<String>) -> AnsweredUnit {
        let said = output.to_string();
        match output.as_str().map(str::trim).filter(|_| self.conversation.asks_for_text() && why.is_none()) {
            Some("") => invalid(unit, "the answer is empty".to_owned(), said),
            Some(text) => AnsweredUnit::new(unit.clone(), Ok(self.conversation.record(text))),
            None => self.answered(unit, output, why, &said),
        }
    }

    fn answered(&self, unit: &UnitId, value: &Value, why: Option<String>, said: &str) -> AnsweredUnit {
        match why.map_or_else(|| Json::of(value).map_err(|error| error.to_string()), Err) {
            Ok(json) => AnsweredUnit::new(unit.clone(), Ok(self.conversation.placed(json))),
            Err(why) => invalid(unit, why, said.to_owned()),
        }
    }

    fn drop_nulls(&self, value: &mut Value) {
        if let Some(shape) = self.shape.filter(|_| self.native) {
            drop_nulls(&shape.value, value);
        }
    }

    /// Returns what is wrong with a value: where, and what.
    fn wrong(&self, value: &Value) -> Vec<(String, String)> {
        let Some(shape) = self.shape else { return Vec::new() };
        let errors = shape.validator.iter_errors(value);
        errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect()
    }

    /// Returns what is wrong with single items, by position.
    fn wrong_items(&self, items: &[Value]) -> BTreeMap<usize, Vec<String>> {
        let mut by_position: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (path, what) in self.wrong(&serde_json::json!({ "units": items })) {
            // What is wrong with the list as a whole shows in units that are missing.
            let Some(rest) = path.strip_prefix("/units/") else { continue };
            let (position, path) = rest.split_once('/').unwrap_or((rest, ""));
            if let Ok(position) = position.parse() {
                by_position.entry(position).or_default().push(at(path.trim_start_matches("output"), &what));
            }
        }
        by_position
    }
}

/// Returns the number of an item, 0 where it has none; `1.0` is 1, as it is for schemas.
fn number(item: &Value) -> usize {
    let n = item.get("n").and_then(|n| Json::of(n).ok());
    n.and_then(|n| n.as_str().parse().ok()).unwrap_or(0)
}

fn at(path: &str, what: &str) -> String {
    if path.is_empty() { what.to_owned() } else { format!("at `{path}`: {what}") }
}

fn told(wrong: impl Iterator<Item = String>) -> String {
    let mut told: Vec<String> = wrong.collect();
    let more = told.len().saturating_sub(ERRORS);
    told.truncate(ERRORS);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}

fn invalid(unit: &UnitId, message: String, said: String) -> AnsweredUnit {
    let failure = Failure { kind: FailureKind::Invalid, message };
    AnsweredUnit { said: Some(said), ..AnsweredUnit::new(unit.clone(), Err(failure)) }
}
