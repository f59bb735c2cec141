//! Texts of a step: their names are found out, and written as the phase sees them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::{nearest, suggestion};
use refrain_core::condition::Condition;
use refrain_core::fill::Pattern;
use refrain_core::template::{
    Dialect, Template, TemplateError, filters_in, is_template, known_filter_in, known_test,
};
use refrain_schemas::name::PhaseName;
use serde_json::{Map, Value};

use super::code::{Word, is_guarded, key_behind, words};
use super::looks::Look;
use super::names::{Meaning, Names};
use super::reading::{Item, Reading, json};
use crate::node::Kind;

/// The tests that are worth a suggestion.
const TESTS: [&str; 17] = [
    "defined",
    "undefined",
    "none",
    "string",
    "number",
    "integer",
    "float",
    "boolean",
    "mapping",
    "sequence",
    "iterable",
    "even",
    "odd",
    "divisibleby",
    "in",
    "true",
    "false",
];

/// What the texts of one step read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The entries of the phase's `let`.
    pub(super) names: IndexMap<String, String>,
    /// The phases whose documents they read.
    pub(super) phases: BTreeSet<PhaseName>,
    /// The files that are looked for before; nothing where nobody does.
    pub(super) looks: Option<Vec<Look>>,
    /// The names that results of steps have for which a value may stand in.
    pub(super) results: BTreeMap<String, PhaseName>,
}

/// Reads the texts of one step.
pub(super) struct Texts<'r, 's, 'n> {
    pub(super) reading: &'r mut Reading<'s>,
    pub(super) names: &'n Names,
    /// The phase that the step becomes.
    pub(super) own: Option<PhaseName>,
    /// The id of the step about whose failure something is done.
    pub(super) failed: Option<String>,
    pub(super) read: Read,
    pub(super) has_orchestrator: bool,
}

impl Texts<'_, '_, '_> {
    /// Reads a value, whose texts are templates.
    pub(super) fn value(&mut self, item: &Item<'_>) -> Value {
        match &item.node.kind {
            Kind::Text(text) => Value::String(self.template(item, text)),
            Kind::List(_) => item.items().iter().map(|item| self.value(item)).collect(),
            Kind::Map(_) => match self.reading.fields(item) {
                Some(fields) => {
                    let values: Vec<_> = fields.iter().collect();
                    let values = values.into_iter().map(|(key, item)| (key.to_owned(), self.value(&item)));
                    Value::Object(values.collect())
                }
                None => Value::Null,
            },
            _ => json(item.node),
        }
    }

    /// Reads a template and returns it as the phase has it.
    pub(super) fn template(&mut self, item: &Item<'_>, text: &str) -> String {
        if self.is_refused(item, text) {
            return text.to_owned();
        }
        let Some(written) = self.rewritten(item, text, false) else { return text.to_owned() };
        match Pattern::compile_in(Dialect::Steps, &Value::String(written.clone()), "") {
            Ok(pattern) => {
                self.all(item, &written, false, &pattern.variables());
                self.words_of_templates(item, &written);
            }
            Err(error) => self.syntax(Code::TemplateSyntax, item, &error.error),
        }
        written
    }

    /// Refuses filters, tests and inputs that there are not.
    fn words_of_templates(&mut self, item: &Item<'_>, text: &str) {
        let Ok(template) = Template::compile_in(Dialect::Steps, "", text) else { return };
        for (name, _) in template.filters() {
            if name == "random" {
                let message = "`random` is not part of templates: the same inputs make the same bytes";
                let hint = Some("take `first`, or choose in a step that runs a program".to_owned());
                self.at_name(Code::StepRefused, item, name, message.to_owned(), hint);
            } else if !known_filter_in(Dialect::Steps, name) {
                let hint = suggestion(name, filters_in(Dialect::Steps));
                self.at_name(Code::TemplateSyntax, item, name, format!("there is no filter `{name}`"), hint);
            }
        }
        for message in template.wrong_patterns() {
            self.reading.at(Code::TemplateSyntax, item, message, None);
        }
        for name in template.tests().into_iter().filter(|name| !known_test(name)) {
            let hint = suggestion(name, TESTS);
            self.at_name(Code::TemplateSyntax, item, name, format!("there is no test `{name}`"), hint);
        }
        // Those in brackets; the others are among the names that the template reads.
        for word in words(text, false) {
            let name = &text[word.range.clone()];
            if matches!(name, "inputs" | "parameters")
                && matches!(self.names.find(name), Meaning::Path(_))
                && text[word.range.end..].trim_start().starts_with('[')
                && let Some((key, _)) = key_behind(text, word.range.end)
                && !is_guarded(text, word.range.end)
            {
                self.input(item, &format!("{name}.{key}"));
            }
        }
    }

    /// Reads a condition and returns it as the phase has it.
    pub(super) fn condition(&mut self, item: &Item<'_>) -> Option<String> {
        match item.node.kind {
            Kind::Bool(flag) => return Some(flag.to_string()),
            Kind::Integer(number @ 0..=1) => return Some((number == 1).to_string()),
            _ => {}
        }
        let text = self.reading.text(item)?;
        if self.is_refused(item, text) {
            return None;
        }
        let written = self.rewritten(item, text, true)?;
        match Condition::compile(Dialect::Steps, &written) {
            Ok(condition) => {
                let variables = condition.variables().clone();
                self.all(item, &written, true, &variables);
                if is_template(&written) {
                    self.words_of_templates(item, &written);
                }
                Some(written)
            }
            Err(error) => {
                self.syntax(Code::ExpressionSyntax, item, &error);
                None
            }
        }
    }

    fn syntax(&mut self, code: Code, item: &Item<'_>, error: &TemplateError) {
        let hint = (code == Code::ExpressionSyntax)
            .then(|| "write a condition such as `a.result.size > 5`, or a template".to_owned());
        let lines = item.text().unwrap_or_default().split_inclusive('\n');
        let at = lines.take(error.line.saturating_sub(1) as usize).map(str::len).sum();
        self.reading.within(code, item, Some(at), error.message.clone(), hint);
    }

    /// Reports a problem with a name of a template, where that stands.
    pub(super) fn at_name(
        &mut self,
        code: Code,
        item: &Item<'_>,
        name: &str,
        message: String,
        hint: Option<String>,
    ) {
        let text = item.text().unwrap_or_default();
        let word = words(text, false).into_iter().find(|word| &text[word.range.clone()] == name);
        let at = word.map(|word| word.range.start).or_else(|| text.find(name));
        self.reading.within(code, item, at, message, hint);
    }

    /// Refuses what is written in the way of the originals, and what only a model can fill in.
    fn is_refused(&mut self, item: &Item<'_>, text: &str) -> bool {
        if let Some((_, rest)) = text.split_once("$results.") {
            let step =
                rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or("STEP");
            let message = format!("`$results.{step}` is not part of the language");
            let hint = Some(format!("write `{{{{ {step}.result }}}}`"));
            self.reading.at(Code::StepResults, item, message, hint);
            return true;
        }
        if !text.contains("<AUTO") {
            return false;
        }
        if self.has_orchestrator {
            let message = format!("`{}` cannot be left to a model", item.name());
            self.reading.at(Code::StepAuto, item, message, Some("write the value".to_owned()));
        } else {
            let message = format!("`{}` is left to a model, and there is none", item.name());
            self.reading.at(Code::StepAuto, item, message, None);
        }
        true
    }

    fn all(&mut self, item: &Item<'_>, text: &str, is_bare: bool, variables: &BTreeSet<String>) {
        let places = OnceCell::new();
        for path in variables {
            self.name(item, (text, is_bare), path, || places.get_or_init(|| places_of(text, is_bare)));
        }
    }

    /// Finds out what a name means; `places` has where the names of the text stand.
    fn name<'p>(
        &mut self,
        item: &Item<'_>,
        (text, is_bare): (&str, bool),
        path: &str,
        places: impl FnOnce() -> &'p Places<'p>,
    ) {
        let root = path.split('.').next().unwrap_or(path);
        let is_look = self.read.looks.iter().flatten().any(|look| look.name == root);
        if is_look || self.read.results.contains_key(root) {
            return;
        }
        if let Some((message, hint)) = self.names.twofold(root, path, self.own.as_ref()) {
            return self.at_name(Code::StepName, item, root, message, Some(hint));
        }
        let phase = match self.names.find(root) {
            Meaning::Path(native) => {
                self.input(item, path);
                // What texts see anyway by this name needs no other one.
                if native != root {
                    self.read.names.insert(root.to_owned(), native);
                }
                return;
            }
            Meaning::Step(phase) => phase,
            Meaning::Variable(phase) => return self.variable(item, root, path, phase),
            Meaning::Nothing if self.names.of_other(root).is_some() => {
                let native = self.names.of_other(root).map(|input| self.names.input(input));
                return self.read.names.extend(native.map(|native| (root.to_owned(), native)));
            }
            Meaning::Nothing => match self.of_alias(root) {
                Some(phase) => phase,
                None if is_always_guarded(text, places(), path) => return,
                None => return self.unknown(item, root, root),
            },
        };
        if self.own.as_ref() == Some(&phase) {
            return self.at_name(Code::StepSelf, item, root, format!("step `{root}` reads itself"), None);
        }
        self.field(item, text, is_bare, root, path);
        self.read.names.insert(root.to_owned(), format!("phases.{phase}.step"));
        self.read.phases.insert(phase);
    }

    /// A variable is a part of what its step answers with.
    fn variable(&mut self, item: &Item<'_>, root: &str, path: &str, phase: PhaseName) {
        if self.own.as_ref() == Some(&phase) {
            return self.reading.at(
                Code::StepSelf,
                item,
                format!("`{root}` is what its step answers with"),
                None,
            );
        }
        let keys: Vec<&str> = std::iter::once("result").chain(path.split('.')).collect();
        let gives = self.names.of_phase(&phase).and_then(|step| step.gives.as_ref());
        if let Some((key, known)) = gives.and_then(|gives| missing(gives, &keys)) {
            let hint = suggestion(&key, known.iter().map(String::as_str));
            self.reading.at(Code::StepName, item, format!("`{root}` has no field `{key}`"), hint);
        }
        self.read.names.insert(root.to_owned(), format!("phases.{phase}.step.{root}"));
        self.read.phases.insert(phase);
    }

    /// `inputs.x` MUST be an input.
    fn input(&mut self, item: &Item<'_>, path: &str) {
        let Some(("inputs" | "parameters", rest)) = path.split_once('.') else { return };
        let name = rest.split('.').next().unwrap_or(rest);
        // They are methods of every map.
        let is_method = matches!(name, "get" | "items" | "keys" | "values");
        if !is_method && !self.names.inputs.contains(name) {
            let hint = suggestion(name, self.names.inputs.iter().map(String::as_str));
            self.at_name(Code::StepName, item, name, format!("there is no input `{name}`"), hint);
        }
    }

    pub(super) fn of_alias(&self, root: &str) -> Option<PhaseName> {
        let steps = self.names.frames.iter().rev().flat_map(|frame| &frame.steps);
        steps.into_iter().find(|(id, _)| is_alias(id, root)).map(|(_, step)| step.phase.clone())
    }

    pub(super) fn unknown(&mut self, item: &Item<'_>, shown: &str, name: &str) {
        if self.names.variable(name) == Some(&None) {
            let hint = Some(format!("say which one: `STEP.{name}`"));
            let message = format!("several steps answer with a `{name}`");
            return self.reading.at(Code::StepName, item, message, hint);
        }
        if matches!(name, "namespace" | "cycler" | "joiner" | "lipsum") {
            let message = format!("`{name}` is not part of templates");
            let hint =
                Some("write `loop.first`, `loop.index`, or filters such as `sum` and `join`".to_owned());
            return self.reading.at(Code::StepRefused, item, message, hint);
        }
        if name == "loop" && self.names.inputs.contains(name) {
            let message = "`loop` is what a `{% for %}` has of its own";
            let hint = Some("read the input as `inputs.loop`".to_owned());
            return self.reading.at(Code::StepName, item, message, hint);
        }
        if name == "error" {
            let message = "`error` is what failed where a handler is for one step";
            let hint = Some("read the step that failed, such as `STEP.error`".to_owned());
            return self.reading.at(Code::StepName, item, message, hint);
        }
        if name == "file_exists" {
            let message =
                "`file_exists(PATH)` stands in the condition and the parameters of a step that is no loop";
            let hint =
                "add a step `{ id: look, tool: filesystem, action: exists, … }` and read `look.exists`";
            return self.reading.at(Code::StepRefused, item, message, Some(hint.to_owned()));
        }
        if let Some((id, step)) = self.names.of_last_turn(name) {
            let hint = Some(format!("read `{id}.last.{step}`, which is what its last turn made"));
            let message =
                format!("`{id}` keeps what its last turn made, and `{name}` is a turn by its number");
            return self.at_name(Code::StepName, item, name, message, hint);
        }
        let dashed = |id: &&str| id.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
        let dashed = self.names.all().into_iter().find(dashed);
        let dashed = dashed.map(|id| format!("a step whose id has a `-` is `steps['{id}']`"));
        let hint =
            dashed.or_else(|| nearest(name, self.names.all()).map(|name| format!("did you mean `{name}`?")));
        let hint = hint.or_else(|| {
            let inputs = self.names.inputs.iter().map(String::as_str);
            let steps =
                self.names.beside().into_iter().flat_map(|frame| frame.steps.keys().map(String::as_str));
            refrain_core::check::suggest::listing(inputs.chain(steps))
                .map(|names| format!("there are {names}"))
        });
        self.at_name(Code::StepName, item, name, format!("`{shown}` is neither a step nor an input"), hint);
    }

    /// Where it is known what a tool gives, a path MUST lead to something of it.
    pub(super) fn field(&mut self, item: &Item<'_>, text: &str, is_bare: bool, root: &str, path: &str) {
        let gives = self.names.step(root).and_then(|step| step.gives.as_ref());
        let Some(gives) = gives else { return };
        let keys: Vec<&str> = path.split('.').skip(1).collect();
        let Some((mut key, mut known)) = missing(gives, &keys) else { return };
        // What is in the result stands beside it, and a failure has words of its own.
        let first = keys.first().copied().unwrap_or_default();
        let is_own = matches!(first, "success" | "error" | "error_type" | "timed_out");
        let result = gives.get("properties").and_then(|fields| fields.get("result"));
        if is_own {
            return;
        }
        if let Some(result) = result.filter(|result| first != "result" && may_have_fields(result)) {
            let Some((inner, beside)) = missing(result, &keys) else { return };
            key = inner;
            known.extend(beside);
        }
        if is_always_guarded(text, &places_of(text, is_bare), path) {
            return;
        }
        let hint = suggestion(&key, known.iter().map(String::as_str));
        self.at_name(
            Code::StepName,
            item,
            &key,
            format!("the result of `{root}` has no field `{key}`"),
            hint,
        );
    }
}

/// Returns the name that a step has in templates.
pub(super) fn alias(id: &str) -> String {
    id.replace('-', "_")
}

/// Whether a step with this id has that name in templates; there may be many to ask.
pub(super) fn is_alias(id: &str, name: &str) -> bool {
    let plain = |byte: u8| if byte == b'-' { b'_' } else { byte };
    id.len() == name.len() && id.bytes().map(plain).eq(name.bytes())
}

/// Whether any text of a value is a template.
pub(super) fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(fields) => fields.values().any(has_template),
        _ => false,
    }
}

/// Whether everything that reads a path says what to do where it leads to nothing.
fn is_always_guarded(text: &str, places: &Places<'_>, path: &str) -> bool {
    let mut keys = path.split('.');
    let root = keys.next().unwrap_or_default();
    let leads_there = |word: &Word| {
        let mut at = word.range.end;
        keys.clone().all(|key| match key_behind(text, at) {
            Some((found, end)) => {
                at = end;
                found == key
            }
            None => false,
        })
    };
    let mut places = places.get(root).into_iter().flatten().filter(|word| leads_there(word)).peekable();
    places.peek().is_some() && places.all(|word| is_guarded(text, word.range.end))
}

/// Where each name of a text stands.
type Places<'t> = HashMap<&'t str, Vec<Word>>;

fn places_of(text: &str, is_bare: bool) -> Places<'_> {
    let mut places = Places::new();
    for word in words(text, is_bare) {
        places.entry(&text[word.range.clone()]).or_default().push(word);
    }
    places
}

/// Whether what a schema is of may have fields, so that these stand beside the result.
fn may_have_fields(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => true,
    }
}

/// Lets the schema of what a step makes be of a value as well that stands in for it, and for its result.
pub(super) fn stands_in(schema: &mut Value, value: &Value) {
    if let Some(result) = schema.pointer_mut("/properties/result").filter(|_| value.get("result").is_none()) {
        widen(result, value);
    }
    widen(schema, value);
}

/// Lets a schema be of a value as well, which stands in for what it is of.
fn widen(schema: &mut Value, value: &Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    match (value, schema.get_mut("properties").and_then(Value::as_object_mut)) {
        (Value::Object(fields), Some(properties)) => {
            for (name, value) in fields {
                match properties.get_mut(name) {
                    Some(inner) => widen(inner, value),
                    None => drop(properties.insert(name.clone(), Value::Object(Map::new()))),
                }
            }
        }
        // Of what is no map nothing can be said but where it is read.
        _ => drop(schema.remove("additionalProperties")),
    }
}

/// Returns the first key that a closed schema does not have, and those that it has.
fn missing(schema: &Value, keys: &[&str]) -> Option<(String, Vec<String>)> {
    let mut schema = schema;
    for key in keys {
        let properties = schema.get("properties")?.as_object()?;
        match properties.get(*key) {
            Some(inner) => schema = inner,
            // They are methods of every map.
            None if matches!(*key, "keys" | "values" | "items" | "get") => return None,
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                return Some(((*key).to_owned(), properties.keys().cloned().collect()));
            }
            None => return None,
        }
    }
    None
}
