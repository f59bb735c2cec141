//! What goes from where to where: what the texts of each step read, and the records that it splits, joins and writes.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use refrain_schemas::explanation::DataFlow;
use refrain_schemas::name::PhaseName;
use refrain_schemas::pipeline::Dialect;
use serde_json::Value;

use super::{Subject, kind_of};
use crate::fill::{Pattern, lone};
use crate::model::{AskWork, Context, ContextSource, OutputShape, Phase, Select, Split, Work};
use crate::template::is_template;

/// How long an expression is at most where it is told.
const SHOWN: usize = 120;

/// Returns everything that goes from one place to another, in the order of the steps.
pub(super) fn flow(subject: &Subject<'_>) -> Vec<DataFlow> {
    let mut flow = Flow { subject, found: Vec::new(), seen: BTreeSet::new() };
    for phase in subject.model.phases.iter().filter(|phase| phase.enabled) {
        flow.phase(phase);
    }
    let names = &subject.pipeline.names;
    for (name, value) in &subject.pipeline.outputs {
        flow.texts(names, value, &format!("outputs.{name}"));
    }
    flow.found
}

struct Flow<'a> {
    subject: &'a Subject<'a>,
    found: Vec<DataFlow>,
    seen: BTreeSet<DataFlow>,
}

impl Flow<'_> {
    fn phase(&mut self, phase: &Phase) {
        let target = phase.name.as_str();
        match &phase.work {
            Work::Read(work) => {
                let files = self.subject.model.agents.get(&work.agent);
                let files = files.and_then(|agent| agent.spec.params.get("files"));
                for file in files.into_iter().flat_map(texts_in) {
                    self.add(&format!("file {file}"), target, "records", "records", None);
                }
            }
            Work::Write(work) => self.records(&work.of, target, None),
            Work::Ask(work) => self.asks(work, target),
        }
        let Some(spec) = self.subject.spec(&phase.name) else { return };
        if let Some(input) = &spec.input {
            self.texts(&spec.names, input, target);
        }
        if let Some(when) = &phase.when {
            for variable in when.condition.variables() {
                self.variable(&spec.names, variable, target, Some("condition".to_owned()));
            }
        }
        let turns = spec.turns.as_ref();
        for text in turns.into_iter().flat_map(|turns| turns.for_each.iter().chain(&turns.result)) {
            self.texts(&spec.names, text, target);
        }
    }

    fn asks(&mut self, work: &AskWork, target: &str) {
        let how = match &work.units.split {
            Split::Record => Some("one by one".to_owned()),
            Split::By(field) => Some(format!("by `{field}`")),
            Split::Chunk(n) => Some(format!("{n} at a time")),
            Split::Whole => Some("all at once".to_owned()),
            Split::Given => None,
        };
        self.records(&work.units.of, target, how);
        for entry in &work.context {
            self.context(entry, target);
        }
        let prompts = work.pool.iter().filter_map(|member| member.prompt.as_ref());
        for param in prompts.filter_map(|prompt| prompt.params()).flatten().collect::<BTreeSet<String>>() {
            self.param(&param, target, Some("in a prompt".to_owned()));
        }
    }

    fn records(&mut self, of: &[PhaseName], target: &str, how: Option<String>) {
        let how = match of {
            [_, _, ..] => Some(format!("{}, of the first that is there", how.as_deref().unwrap_or("all"))),
            _ => how,
        };
        for phase in of {
            self.add(phase.as_str(), target, "records", self.made_by(phase), how.clone());
        }
    }

    fn made_by(&self, phase: &PhaseName) -> &'static str {
        let work = self.subject.model.phase(phase.as_str()).map(|phase| &phase.work);
        let document = |work: &Work| matches!(work, Work::Ask(work) if matches!(work.output.shape, OutputShape::Document));
        if work.is_some_and(document) { "document" } else { "records" }
    }

    fn context(&mut self, entry: &Context, target: &str) {
        let (source, kind) = match &entry.source {
            ContextSource::Phase(phase) => (phase.to_string(), self.made_by(phase)),
            ContextSource::File(file) => (format!("file {}", file.written), "records"),
        };
        let how = match &entry.select {
            Select::Whole => "all of it".to_owned(),
            Select::On { field, .. } => format!("joined on `{field}`"),
            Select::Match { field, within, .. } => {
                format!("those whose `{field}` is in {}", within.join(", "))
            }
            Select::Window { n, .. } => format!("{n} on each side"),
        };
        let how = format!("as `{}`: {how}", entry.name);
        self.add(&source, target, "records", kind, Some(how));
    }

    /// Tells what the texts of a value read.
    fn texts(&mut self, names: &IndexMap<String, String>, value: &Value, target: &str) {
        let dialect = self.subject.pipeline.dialect.unwrap_or_default();
        for text in texts_in(value).into_iter().filter(|text| is_template(text)) {
            let Ok(pattern) = Pattern::compile_in(dialect, &Value::from(text), "") else { continue };
            for variable in pattern.variables() {
                let how = transformation(text, dialect);
                self.variable(names, &variable, target, how);
            }
        }
    }

    /// Tells where a name leads, through what `let` calls it.
    fn variable(
        &mut self,
        names: &IndexMap<String, String>,
        variable: &str,
        target: &str,
        how: Option<String>,
    ) {
        let (root, rest) = variable.split_once('.').map_or((variable, None), |(a, b)| (a, Some(b)));
        let path = match (names.get(root), rest) {
            (Some(path), Some(rest)) => format!("{path}.{rest}"),
            (Some(path), None) => path.clone(),
            (None, _) => variable.to_owned(),
        };
        let parts: Vec<&str> = path.split('.').collect();
        match parts.as_slice() {
            ["params", name, rest @ ..] => {
                let whole = [&[*name], rest].concat().join(".");
                self.param(&whole, target, how);
            }
            ["phases", name, rest @ ..] => self.of_phase(name, rest, target, how),
            ["loop", name, rest @ ..] => self.add(name, target, &rest.join("."), "any", how),
            _ => {}
        }
    }

    fn param(&mut self, path: &str, target: &str, how: Option<String>) {
        let (name, is_whole) = path.split_once('.').map_or((path, true), |(name, _)| (name, false));
        let spec = self.subject.pipeline.params.get(name).filter(|_| is_whole);
        self.add("inputs", target, path, spec.map_or("any", kind_of), how);
    }

    fn of_phase(&mut self, name: &str, rest: &[&str], target: &str, how: Option<String>) {
        let Some(phase) = self.subject.model.phase(name) else { return };
        let keys = match rest {
            ["document" | "step", keys @ ..] => keys,
            [word @ ("present" | "success" | "failed"), ..] => {
                return self.add(name, target, word, "boolean", how);
            }
            [word @ ("records" | "holes"), ..] => return self.add(name, target, word, "integer", how),
            _ => rest,
        };
        let kind = self.subject.document(phase).map_or("any", |schema| kind_at(schema, keys));
        let variable = if keys.is_empty() { self.made_by(&phase.name).to_owned() } else { keys.join(".") };
        self.add(name, target, &variable, kind, how);
    }

    fn add(&mut self, source: &str, target: &str, variable: &str, kind: &str, how: Option<String>) {
        let found = DataFlow {
            source: source.to_owned(),
            target: target.to_owned(),
            variable: variable.to_owned(),
            kind: kind.to_owned(),
            transformation: how,
        };
        if self.seen.insert(found.clone()) {
            self.found.push(found);
        }
    }
}

/// Returns the type that a schema gives something in a document. What is in its result stands beside it as well.
fn kind_at<'s>(schema: &'s Value, keys: &[&str]) -> &'s str {
    let at = |schema: &'s Value, keys: &[&str]| {
        keys.iter().try_fold(schema, |schema, key| schema.get("properties")?.get(*key))
    };
    let beside = || at(schema.get("properties")?.get("result")?, keys);
    let found = at(schema, keys).or_else(beside);
    found.and_then(|schema| schema.get("type")?.as_str()).unwrap_or("any")
}

/// Says what is made of what a text reads; nothing where it goes over as it is.
fn transformation(text: &str, dialect: Dialect) -> Option<String> {
    let Some(inner) = lone(text) else { return Some("in a text".to_owned()) };
    let inner = inner.trim();
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '\'' | '"' | '-');
    let has_space = dialect == Dialect::Steps && text.trim() != text;
    if inner.chars().all(is_path) && !has_space {
        return None;
    }
    let shown: String = inner.chars().take(SHOWN).collect();
    Some(if shown.len() < inner.len() { format!("{shown}…") } else { shown })
}

/// Returns every text in a value.
fn texts_in(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts_in).collect(),
        Value::Object(fields) => fields.values().flat_map(texts_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
