//! Numbers, lengths of time and values that are templates: they read inputs and nothing else, and are known before anything runs.

use std::collections::BTreeSet;

use refrain_core::check::code::Code;
use refrain_core::check::input_value;
use refrain_core::check::suggest::suggestion;
use refrain_core::fill::Pattern;
use refrain_core::template::{Context, Dialect, is_template};
use refrain_schemas::duration::Span as Duration;
use serde_json::{Map, Value};

use super::Lowering;
use super::names::Meaning;
use super::reading::{Item, OwnItem, json};
use super::texts::has_template;
use crate::node::Kind;

impl Lowering<'_, '_> {
    /// Reads a length of time; nothing where it hangs on an input that is not set yet.
    pub(super) fn time(&mut self, item: &Item<'_>) -> Option<Duration> {
        let fixed = self.filled(item)?;
        self.reading.time(&fixed.item())
    }

    /// Reads a whole number; nothing where it hangs on an input that is not set yet.
    pub(super) fn whole(&mut self, item: &Item<'_>) -> Option<u32> {
        let fixed = self.filled(item)?;
        self.reading.whole(&fixed.item())
    }

    /// Returns an item with what its template comes to in its place.
    fn filled(&mut self, item: &Item<'_>) -> Option<OwnItem> {
        let mut own = OwnItem::of(item);
        if item.text().is_some_and(is_template) {
            own.node.kind = kind(self.fixed_value(item)?);
        }
        Some(own)
    }

    /// Returns a value with what its templates come to; nothing where that hangs on an input that is not set yet.
    pub(super) fn fixed_value(&mut self, item: &Item<'_>) -> Option<Value> {
        let written = json(item.node);
        if !has_template(&written) {
            return Some(written);
        }
        let pattern = match Pattern::compile_in(Dialect::Steps, &written, "") {
            Ok(pattern) => pattern,
            Err(error) => {
                self.reading.at(Code::TemplateSyntax, item, error.error.message, None);
                return None;
            }
        };
        let variables = pattern.variables();
        if let Some(other) = variables.iter().find(|path| !self.is_input(path)) {
            self.unknown_yet(item, other);
            return None;
        }
        let (values, is_open) = self.inputs_now(&variables);
        match pattern.fill(&Context::of(&Value::Object(values))) {
            Ok(value) => Some(value),
            Err(_) if is_open => {
                self.lacks_limits = true;
                None
            }
            Err(error) => {
                self.reading.at(Code::TemplateSyntax, item, error.error.message, None);
                None
            }
        }
    }

    fn unknown_yet(&mut self, item: &Item<'_>, path: &str) {
        let input = path.split_once('.').filter(|(root, _)| matches!(*root, "inputs" | "parameters"));
        let (message, hint) = match input {
            Some((_, name)) => {
                let hint = suggestion(name, self.names.inputs.iter().map(String::as_str));
                (format!("there is no input `{name}`"), hint)
            }
            None => {
                let hint = "write the value, or read inputs alone: `{{ inputs.NAME }}`".to_owned();
                (format!("`{}` is known before anything runs, and `{path}` is not", item.name()), Some(hint))
            }
        };
        self.reading.at(Code::StepName, item, message, hint);
    }

    /// Whether a path leads to inputs of the file itself; those of another pipeline are made in the run.
    fn is_input(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or(path);
        match self.names.find(root) {
            Meaning::Path(native) if native == "params" => {
                parts.next().is_none_or(|name| self.names.inputs.contains(name))
            }
            Meaning::Path(native) => self.names.base.is_none() && native == self.names.input(root),
            _ => false,
        }
    }

    /// Returns the inputs as they are set, and whether one that is read is not.
    fn inputs_now(&self, variables: &BTreeSet<String>) -> (Map<String, Value>, bool) {
        let mut values = Map::new();
        let mut open = Vec::new();
        for (name, spec) in &self.pipeline.params {
            match input_value(spec, self.given.set.and_then(|set| set.get(name))) {
                Some(value) => drop(values.insert(name.clone(), value)),
                None => open.push(name),
            }
        }
        let is_read = |name: &String| {
            let mut paths = variables.iter().map(|path| path.split('.'));
            paths.any(|mut parts| match parts.next() {
                Some("inputs" | "parameters") => parts.next().is_none_or(|part| part == name),
                part => part == Some(name),
            })
        };
        let is_open = open.into_iter().any(is_read);
        let whole = Value::Object(values.clone());
        for name in ["inputs", "parameters"] {
            values.entry(name).or_insert_with(|| whole.clone());
        }
        (values, is_open)
    }
}

/// Returns a value as it would be written.
fn kind(value: Value) -> Kind {
    match value {
        Value::Bool(flag) => Kind::Bool(flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Kind::Integer(number),
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            (None, Some(number)) if number.fract() == 0.0 && number.abs() < 1e9 => {
                Kind::Integer(number as i64)
            }
            (None, Some(number)) => Kind::Float(number),
            (None, None) => Kind::Null,
        },
        Value::String(text) => text.trim().parse().map_or(Kind::Text(text), Kind::Integer),
        _ => Kind::Null,
    }
}
