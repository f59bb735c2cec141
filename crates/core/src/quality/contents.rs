//! What a step made: record by record, or its document.

use std::collections::BTreeSet;

use refrain_schemas::artifact::ArtifactKind;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::quality::{Category, Severity};
use serde_json::Value;

use super::Step;
use super::tally::{MadeBy, Rule, Subject, Tally};
use super::texts::{UNRENDERED, Writer, faults};
use crate::check::masked_words;
use crate::engine::{Engine, EngineError};
use crate::model::{OutputSchema, OutputShape, Work};
use crate::tree::walk::walk;

/// How many records of one step are looked at.
const RECORDS: u64 = 100_000;
/// How many marks of templates are kept, until it is known which of them were brought in.
const MARKS: usize = 1_000;
/// How much of a step a model is shown.
const SHOWN: usize = 4_000;

const EMPTY: Rule = Rule { name: "empty", severity: Severity::Error, category: Category::Content };
const SCHEMA: Rule = Rule { name: "schema", severity: Severity::Error, category: Category::Structure };

/// A mark of a template, and where it was found.
struct Mark {
    step: String,
    record: Option<String>,
    text: String,
}

/// Looks at what steps made.
pub(super) struct Contents<'e> {
    engine: &'e Engine,
    records: u64,
    marks: Vec<Mark>,
    /// What was brought in from elsewhere as it is.
    brought_in: Vec<Digest>,
    subjects: Vec<Subject>,
}

impl<'e> Contents<'e> {
    pub(super) const fn new(engine: &'e Engine) -> Self {
        Self { engine, records: 0, marks: Vec::new(), brought_in: Vec::new(), subjects: Vec::new() }
    }

    /// Returns how many records were looked at, and what there is to be shown of each step.
    pub(super) fn into_parts(self) -> (u64, Vec<Subject>) {
        (self.records, self.subjects)
    }

    /// Looks at what a step made.
    pub(super) async fn look(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<(), EngineError> {
        let mut subject = subject_of(step);
        if let Some(artifact) = step.artifact.filter(|artifact| artifact.kind != ArtifactKind::Files) {
            if step.brings_in() {
                self.brought_in.push(artifact.digest);
            }
            let store = self.engine.ports().store.clone();
            let is_records = artifact.kind == ArtifactKind::Records;
            let mut n = 0;
            walk(&*store, artifact.digest, |entry| {
                n += u64::from(!entry.hole);
                if !entry.hole && n <= RECORDS {
                    let value = Json::from_canonical(entry.text()).value();
                    let record = is_records.then_some(entry.id);
                    self.value(step, record, &value, tally);
                    show(&mut subject, record, &value);
                }
            })
            .await?;
            self.records += if is_records { n.min(RECORDS) } else { 0 };
            if n > RECORDS {
                tally.note(format!("of {} only the first {RECORDS} records were looked at", step.target));
            }
        }
        self.subjects.push(subject);
        Ok(())
    }

    /// Looks at a text that a step wrote to a file.
    pub(super) fn text(&mut self, step: &Step<'_>, file: &str, text: &str, tally: &mut Tally) {
        self.faults(step, Some(file), text, Writer::Tool, tally);
    }

    fn value(&mut self, step: &Step<'_>, record: Option<&str>, value: &Value, tally: &mut Tally) {
        let name = step.target.to_string();
        if is_empty(value, key_of(step)) {
            let message = if record.is_some() { "a record says nothing" } else { "there is nothing in it" };
            tally.add(EMPTY, &name, record, message.to_owned(), None);
        }
        let error = schema(step).and_then(|schema| schema.validator.iter_errors(value).next());
        if let Some(error) = error.filter(|_| step.report.error.is_none()) {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
            let said = format!("{at}{error}");
            tally.add(SCHEMA, &name, record, "it does not fit its schema".to_owned(), Some(&said));
        }
        let writer = match (step.brings_in(), step.asks_a_model()) {
            (true, _) => Writer::Elsewhere,
            (false, true) => Writer::Model,
            (false, false) => Writer::Tool,
        };
        for text in leaves(value) {
            self.faults(step, record, text, writer, tally);
        }
    }

    fn faults(
        &mut self,
        step: &Step<'_>,
        record: Option<&str>,
        text: &str,
        writer: Writer,
        tally: &mut Tally,
    ) {
        let name = step.target.to_string();
        for fault in faults(text, writer) {
            if fault.rule.name != UNRENDERED.name {
                tally.add(fault.rule, &name, record, fault.message.to_owned(), Some(&fault.evidence));
            } else if self.marks.len() < MARKS {
                let record = record.map(str::to_owned);
                self.marks.push(Mark { step: name.clone(), record, text: fault.evidence });
            }
        }
    }

    /// Tells of the marks of templates that were found, but for those that stand in what was read or given: they are data.
    pub(super) async fn tell_marks(&self, tally: &mut Tally) -> Result<(), EngineError> {
        let known = self.data_among_marks().await?;
        for found in self.marks.iter().filter(|mark| !known.contains(mark.text.as_str())) {
            let message = "a template was not filled in".to_owned();
            tally.add(UNRENDERED, &found.step, found.record.as_deref(), message, Some(&found.text));
        }
        Ok(())
    }

    async fn data_among_marks(&self) -> Result<BTreeSet<&str>, EngineError> {
        let mut open: BTreeSet<&str> = self.marks.iter().map(|mark| mark.text.as_str()).collect();
        let all = open.clone();
        let mut take = |value: &Value| {
            for text in leaves(value) {
                open.retain(|mark| !text.contains(*mark));
            }
        };
        if all.is_empty() {
            return Ok(all);
        }
        self.engine.model().params.values().for_each(&mut take);
        for digest in &self.brought_in {
            let store = self.engine.ports().store.clone();
            walk(&*store, *digest, |entry| {
                if !entry.hole {
                    take(&Json::from_canonical(entry.text()).value());
                }
            })
            .await?;
        }
        Ok(all.difference(&open).copied().collect())
    }
}

/// Returns the schema that the step declares for what it makes.
fn schema<'a>(step: &Step<'a>) -> Option<&'a OutputSchema> {
    match &step.phase?.work {
        Work::Ask(work) => work.output.schema.as_ref(),
        _ => None,
    }
}

/// Returns the field that tells its records apart, which always says something.
fn key_of<'a>(step: &Step<'a>) -> Option<&'a str> {
    match &step.phase?.work {
        Work::Ask(work) => match &work.output.shape {
            OutputShape::Records { key } => Some(key),
            OutputShape::Document => None,
        },
        _ => None,
    }
}

/// Whether a record or a document says nothing. Of what a tool gave, its result counts.
fn is_empty(value: &Value, key: Option<&str>) -> bool {
    let is_blank = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    let result =
        value.as_object().filter(|fields| fields.contains_key("success")).and_then(|f| f.get("result"));
    match (result, value, key) {
        (Some(result), ..) => is_blank(result),
        (None, Value::Object(fields), Some(key)) => {
            fields.iter().filter(|(name, _)| *name != key).all(|(_, value)| is_blank(value))
                && fields.len() > 1
        }
        (None, value, _) => is_blank(value),
    }
}

fn subject_of(step: &Step<'_>) -> Subject {
    let made_by = match (step.brings_in(), step.asks_a_model()) {
        (true, _) => MadeBy::Source,
        (false, true) => MadeBy::Model,
        (false, false) => MadeBy::Tool,
    };
    let error = step.report.error.as_ref().map(|error| format!("error: {}\n", error.message));
    Subject {
        step: step.target.to_string(),
        status: step.report.status.as_str().to_owned(),
        made_by,
        text: masked_words(&error.unwrap_or_default()),
        is_cut: false,
    }
}

/// Adds to what a model is shown of a step.
fn show(subject: &mut Subject, record: Option<&str>, value: &Value) {
    let left = SHOWN.saturating_sub(subject.text.chars().count());
    let id = record.map_or_else(String::new, |id| format!("{id}: "));
    let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = masked_words(&format!("{id}{said}\n"));
    if text.chars().count() > left {
        subject.is_cut = true;
    }
    subject.text.extend(text.chars().take(left));
}

/// Returns every text in a value.
fn leaves(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
