//! Steps that carry out another pipeline: its steps become phases that exist in the one turn of a loop.
//!
//! What the other pipeline is given is what the loop is `with`, so that its inputs are data of that turn; what it gives is
//! made by a phase of its own, which sees its steps and nothing else.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_core::check::{input_problems, input_schema, json_type};
use refrain_core::template::is_template;
use refrain_schemas::agent_spec::{Backoff, RetrySpec, SchemaRef, ToolAction};
use refrain_schemas::loop_spec::LoopSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::{OutputSpec, PhaseSpec};
use refrain_schemas::pipeline::{ParamSpec, ParamType};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::{Map, Value, json};

use super::answers::Answer;
use super::body::{Around, Draft};
use super::control::is_zero;
use super::header::Defaults;
use super::inputs;
use super::made::{By, Made};
use super::models::Models;
use super::names::{Names, Round, Turn};
use super::reading::{Fields, Item, json as value_of};
use super::step::Start;
use super::texts::{Read, has_template};
use super::{Lowering, header};
use crate::node::Kind;

const PARAMETERS: [&str; 9] = [
    "pipeline",
    "inputs",
    "inherit_context",
    "timeout",
    "output_mapping",
    "error_handling",
    "retry_count",
    "retry_delay",
    "wait_for_completion",
];
const TRIED: &str = "write `parameters: { error_handling: retry, retry_count: N }`: its steps are tried again, and not all of it";

/// What holds for the pipeline that is being read, and not for one that it carries out.
struct Kept {
    names: Names,
    defaults: Defaults,
    models: Models,
    handlers: Vec<super::handlers::Handler>,
    output_dir: Option<String>,
    tasks: Vec<super::tasks::Task>,
    begin: super::Begin,
}

impl<'s> Lowering<'s, '_> {
    /// Reads a step that carries out another pipeline, and the steps of that.
    pub(super) fn other_pipeline(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        mut start: Start,
        before: usize,
    ) {
        let parameters = draft.fields.get("parameters");
        let Some(fields) = parameters.as_ref().and_then(|item| self.reading.fields(item)) else {
            let message = "the parameter `pipeline` is missing";
            let hint = Some("add `parameters: { pipeline: FILE }`".to_owned());
            self.reading.report(Code::StepMissing, &draft.fields.path, draft.fields.span, message, hint);
            return self.unread(draft);
        };
        self.reading.known(&fields, "`pipeline-executor`", &PARAMETERS, &[]);
        let Some(item) = fields.get("pipeline") else {
            let hint = Some("add `pipeline: FILE`".to_owned());
            let message = "the parameter `pipeline` is missing";
            self.reading.report(Code::StepMissing, &fields.path, fields.span, message, hint);
            return self.unread(draft);
        };
        let Some(other) = self.find_other(&item) else { return self.unread(draft) };
        let Kind::Map(entries) = &other.tree.kind else { return self.unread(draft) };
        let inner = Fields { entries, span: other.tree.span, path: other.path.clone() };
        self.how(&fields, draft, &mut start);
        let tries = self.tries_of_steps(&fields, &mut start);
        let held = draft.fields.get("output_schema").and_then(|item| self.schema(&item));
        let declared = self.inside(&other, &item, |lowering| lowering.declared(&inner));
        let with = self.with(draft, &fields, &item, &declared, &mut start);
        let Some(outputs) = self.made_name(&format!("{}-outputs", draft.phase), &item) else {
            return self.unread(draft);
        };
        let name = self.names.own(&mut start.read, "outputs_of_it", format!("phases.{outputs}.step"));
        let result = json!({ "result": format!("{{{{ {name}.result }}}}"), "success": true, "error": null });
        let turns = start.spec.turns.get_or_insert_default();
        (turns.with, turns.takes, turns.result) = (with, takes(&declared), Some(result));
        self.place(format!("phases.{}.loop", draft.phase), &item);
        let entry = StepEntry {
            id: draft.id.clone(),
            phase: draft.phase.clone(),
            within: around.map(|around| around.phase.clone()),
            kind: StepKind::Queue,
            tool: Some("pipeline-executor".to_owned()),
            action: Some("execute".to_owned()),
            model: None,
            dependencies: Vec::new(),
        };
        self.finish(draft, around, start, entry, before);
        if !self.pipeline.phases.contains_key(&draft.phase) {
            // What its steps are given is not known.
            return;
        }
        let mapping = fields.get("output_mapping");
        self.inside(&other, &item, |lowering| {
            let kept = lowering.begin_other(draft, &inner, &declared);
            lowering.try_again(tries);
            lowering.other_steps(draft, &inner);
            let made = lowering.other_outputs(draft, &inner);
            lowering.end_other(kept);
            lowering.add_outputs(draft, outputs, made, (mapping.as_ref(), held.as_ref()), &item);
        });
        self.products(draft, around);
    }

    /// Nothing more is said about a step whose pipeline cannot be read.
    fn unread(&mut self, draft: &Draft<'_>) {
        self.broken.phases.insert(draft.phase.to_string());
    }

    /// Reads how long it may take, and what a failure of it means. Calls are made by its steps: how often they are tried, these
    /// say.
    fn how(&mut self, fields: &Fields<'_>, draft: &Draft<'_>, start: &mut Start) {
        let spec = &mut start.spec;
        let timeout = fields.get("timeout").filter(|item| !is_zero(item));
        let timeout = timeout.and_then(|item| self.time(&item));
        if let Some(item) = fields.get("wait_for_completion")
            && self.reading.flag(&item) == Some(false)
        {
            let hint = Some("leave it out: it is always waited for".to_owned());
            self.reading.at(Code::StepRefused, &item, "another pipeline is always waited for", hint);
        }
        let turn_timeout = timeout.or(spec.timeout.take());
        spec.turns = Some(LoopSpec { once: true, turn_timeout, ..LoopSpec::default() });
        spec.retry = None;
        if let Some(item) = fields.get("error_handling") {
            let policy =
                self.reading.word(&item, &["fail", "continue", "retry"]).and_then(|word| match word {
                    "continue" => Some(Policy::Continue),
                    "retry" => None,
                    _ => Some(Policy::Fail),
                });
            if policy.is_some() && draft.fields.get("on_failure").is_some() {
                let hint = Some("keep one of `error_handling` and `on_failure`".to_owned());
                self.reading.at(Code::StepTwo, &item, "there are two ways to go on after a failure", hint);
            }
            spec.on_failure = policy.map(OnFailure::Policy).or(spec.on_failure.take());
        }
        let retry = ["max_retries", "retry"].iter().filter_map(|key| draft.fields.get(key));
        for item in retry {
            let message = format!(
                "`{}` is for steps that do something, and `{}` carries others out",
                item.name(),
                draft.id
            );
            self.reading.at_key(Code::StepRefused, &item, message, Some(TRIED.to_owned()));
        }
    }

    /// Reads how often the steps of the other pipeline are tried, where it says that failures are tried again.
    fn tries_of_steps(&mut self, fields: &Fields<'_>, start: &mut Start) -> Option<RetrySpec> {
        let is_policy = start.spec.on_failure.take_if(|on| *on == OnFailure::Policy(Policy::Retry)).is_some();
        let is_handled = fields.get("error_handling").is_some_and(|item| item.text() == Some("retry"));
        let is_tried = is_policy || is_handled;
        let how = ["retry_count", "retry_delay"].into_iter().filter_map(|key| fields.get(key));
        for item in how.filter(|_| !is_tried) {
            let message = format!("`{}` is for `error_handling: retry`", item.name());
            let hint = Some("add `error_handling: retry`, or leave it out".to_owned());
            self.reading.at_key(Code::StepTwo, &item, message, hint);
        }
        let mut tries = super::control::usual_retry();
        if let Some(count) = fields.get("retry_count").and_then(|item| self.reading.whole(&item)) {
            tries.attempts = Some(count.saturating_add(1));
        }
        match fields.get("retry_delay") {
            Some(item) if is_zero(&item) => tries.backoff = Some(Backoff::None),
            Some(item) => {
                let pause = self.reading.time(&item);
                (tries.backoff, tries.initial, tries.max) = (Some(Backoff::Fixed), pause, pause);
            }
            None => {}
        }
        is_tried.then_some(tries)
    }

    /// Has the steps of the other pipeline tried again that do not say themselves how often, also after failures that their
    /// tools report.
    fn try_again(&mut self, tries: Option<RetrySpec>) {
        if tries.is_some() {
            self.defaults.retry = tries;
            self.defaults.policy.get_or_insert(Policy::Retry);
        }
    }

    /// Reads the inputs that the other pipeline declares, with their places.
    fn declared(&mut self, fields: &Fields<'_>) -> IndexMap<String, ParamSpec> {
        let mut declared = IndexMap::new();
        for section in ["inputs", "parameters"] {
            let Some(item) = fields.get(section) else { continue };
            let inputs = inputs::inputs(&mut self.reading, &item);
            declared.extend(inputs.into_iter().map(|input| (input.name, input.spec)));
        }
        declared
    }

    /// Returns what the other pipeline is given: values of this one, else defaults.
    fn with(
        &mut self,
        draft: &Draft<'_>,
        fields: &Fields<'_>,
        pipeline: &Item<'_>,
        declared: &IndexMap<String, ParamSpec>,
        start: &mut Start,
    ) -> Map<String, Value> {
        let given = fields.get("inputs").and_then(|item| self.reading.fields(&item));
        let inherits = fields.get("inherit_context").and_then(|item| self.reading.flag(&item)) == Some(true);
        let mut with: BTreeMap<String, Value> = BTreeMap::new();
        for (name, item) in given.iter().flat_map(Fields::iter) {
            let Some(spec) = declared.get(name) else {
                let hint = suggestion(name, declared.keys().map(String::as_str));
                let message = format!("the other pipeline has no input `{name}`");
                self.reading.at_key(Code::StepPipeline, &item, message, hint);
                continue;
            };
            let literal = value_of(item.node);
            if !has_template(&literal) {
                for problem in input_problems(spec, &literal) {
                    let message = format!("the input `{name}` of the other pipeline: {problem}");
                    self.reading.at(Code::StepPipeline, &item, message, None);
                }
            }
            let read = std::mem::take(&mut start.read);
            let mut texts = self.texts(Some(draft.phase.clone()), read);
            with.insert(name.to_owned(), texts.value(&item));
            start.read = texts.read;
        }
        for (name, spec) in declared {
            if with.contains_key(name) {
                continue;
            }
            if inherits && self.names.inputs.contains(name) {
                let path = self.names.input(name);
                start.read.names.insert(name.clone(), path);
                with.insert(name.clone(), Value::from(format!("{{{{ {name} }}}}")));
            } else if let Some(default) = &spec.default {
                with.insert(name.clone(), escaped(default));
            } else {
                let hint = Some(format!("add `inputs: {{ {name}: … }}`"));
                let message = format!("the other pipeline must be given the input `{name}`");
                self.reading.at(Code::StepPipeline, pipeline, message, hint);
            }
        }
        with.into_iter().collect()
    }

    /// Reads the header of the other pipeline, and turns to its names.
    fn begin_other(
        &mut self,
        draft: &Draft<'_>,
        fields: &Fields<'_>,
        declared: &IndexMap<String, ParamSpec>,
    ) -> Kept {
        let kept = Kept {
            names: std::mem::take(&mut self.names),
            defaults: std::mem::take(&mut self.defaults),
            models: std::mem::take(&mut self.models),
            handlers: std::mem::take(&mut self.handlers),
            output_dir: self.output_dir.take(),
            tasks: std::mem::take(&mut self.tasks),
            begin: self.begin,
        };
        self.begin = super::Begin { phases: self.pipeline.phases.len(), entries: self.entries.len() };
        self.names = Names {
            inputs: declared.keys().cloned().collect(),
            base: Some(format!("loop.{}.with", draft.phase)),
            frames: Vec::new(),
        };
        header::of_other(self, fields);
        kept
    }

    fn end_other(&mut self, kept: Kept) {
        self.names = kept.names;
        self.defaults = kept.defaults;
        self.models = kept.models;
        self.handlers = kept.handlers;
        self.output_dir = kept.output_dir;
        (self.tasks, self.begin) = (kept.tasks, kept.begin);
    }

    fn other_steps(&mut self, draft: &Draft<'_>, fields: &Fields<'_>) {
        let turn = Turn {
            phase: draft.phase.clone(),
            round: Round::Once,
            name: String::new(),
            item: None,
            is_own: false,
        };
        let around = Around { phase: draft.phase.clone(), turn, is_chain: false };
        match fields.get("steps").and_then(|list| self.reading.list(&list)) {
            Some(items) if items.is_empty() => {
                self.reading.report(Code::NoPhases, &fields.path, fields.span, "there are no steps", None);
            }
            Some(items) => self.body(&items, Some(&around)),
            None => {
                let message = "the other pipeline has no `steps`";
                self.reading.report(Code::MissingField, &fields.path, fields.span, message, None);
            }
        }
    }

    /// Reads what the other pipeline gives, in its own names.
    fn other_outputs(&mut self, draft: &Draft<'_>, fields: &Fields<'_>) -> (Map<String, Value>, Read) {
        let mut read = Read::default();
        let mut values = Map::new();
        self.types_of_other.clear();
        let section = fields.get("outputs").map(|section| self.by_names(&section));
        let section = section.as_ref().and_then(|section| self.reading.fields(&section.item()));
        for (name, item) in section.iter().flat_map(Fields::iter) {
            let Some(item) = self.declared_output(name, item) else { continue };
            let mut texts = self.texts(None, read);
            values.insert(name.to_owned(), texts.value(&item));
            read = texts.read;
        }
        self.handle(Some(&draft.phase));
        self.names.frames.pop();
        (values, read)
    }

    /// Adds the phase that makes what the other pipeline gives.
    fn add_outputs(
        &mut self,
        draft: &Draft<'_>,
        phase: PhaseName,
        (values, read): (Map<String, Value>, Read),
        (mapping, held): (Option<&Item<'_>>, Option<&Answer>),
        item: &Item<'_>,
    ) {
        let types = std::mem::take(&mut self.types_of_other);
        let names = self.names_here(&values, mapping);
        let schema = both(types_schema(&types, &names), held.and_then(|held| held.within("outputs")));
        if let Some(held) = held {
            self.places.insert(format!("phases.{phase}.output.schema"), held.path.clone());
        }
        let output = schema
            .map(|schema| OutputSpec { schema: Some(SchemaRef::Inline(schema)), ..OutputSpec::default() });
        let named = |(here, output): &(String, String)| Some((here.clone(), values.get(output)?.clone()));
        let values: Map<String, Value> = names.iter().filter_map(named).collect();
        let tool = ToolAction { name: "control_flow".to_owned(), action: Some("execute".to_owned()) };
        let spec = PhaseSpec {
            after: read.phases.into_iter().collect(),
            names: read.names,
            input: Some(json!({ "outputs": values })),
            output,
            within: Some(draft.phase.clone()),
            ..PhaseSpec::default()
        };
        self.make(Made { phase, by: By::Tool(tool), dependencies: Vec::new(), spec }, item);
    }

    /// Returns the names that this pipeline has for outputs, each with the output: `OUTPUT: NAME`, or `NAME: OUTPUT` where no
    /// output is called NAME.
    fn names_here(
        &mut self,
        values: &Map<String, Value>,
        mapping: Option<&Item<'_>>,
    ) -> Vec<(String, String)> {
        let Some(fields) = mapping.and_then(|item| self.reading.fields(item)) else {
            return values.keys().map(|name| (name.clone(), name.clone())).collect();
        };
        let mut names = Vec::new();
        for (name, item) in fields.iter() {
            let Some(other) = self.reading.text(&item) else { continue };
            if values.contains_key(name) {
                names.push((other.to_owned(), name.to_owned()));
            } else if values.contains_key(other) {
                names.push((name.to_owned(), other.to_owned()));
            } else {
                let hint = suggestion(name, values.keys().map(String::as_str));
                let message = format!("the other pipeline has no output `{name}`");
                self.reading.at(Code::StepPipeline, &item, message, hint);
            }
        }
        names
    }
}

/// Returns the schema of what another pipeline is given; `None` where it says nothing of that.
fn takes(declared: &IndexMap<String, ParamSpec>) -> Option<Map<String, Value>> {
    let properties: Map<String, Value> =
        declared.iter().filter_map(|(name, spec)| Some((name.clone(), input_schema(spec)?))).collect();
    (!properties.is_empty()).then(|| Map::from_iter([("properties".to_owned(), Value::Object(properties))]))
}

/// Returns the schema of what another pipeline gives, by the names that it has here; `None` where no output has a type.
fn types_schema(
    types: &BTreeMap<String, ParamType>,
    names: &[(String, String)],
) -> Option<Map<String, Value>> {
    let typed = |(here, output): &(String, String)| {
        let kind = json_type(*types.get(output)?)?;
        Some((here.clone(), json!({ "type": kind })))
    };
    let typed: Map<String, Value> = names.iter().filter_map(typed).collect();
    if typed.is_empty() {
        return None;
    }
    let of = |inner: Value| json!({ "properties": inner });
    match of(json!({ "result": of(json!({ "outputs": of(Value::Object(typed)) })) })) {
        Value::Object(schema) => Some(schema),
        _ => None,
    }
}

/// Returns a schema that says what two of them do. What the second one refers to stays where it is.
fn both(types: Option<Map<String, Value>>, held: Option<Map<String, Value>>) -> Option<Map<String, Value>> {
    match (types, held) {
        (Some(types), Some(mut held)) => {
            held.insert("allOf".to_owned(), json!([types]));
            Some(held)
        }
        (types, held) => types.or(held),
    }
}

/// A default is a value and no template, whatever it looks like.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) if is_template(text) => {
            let quoted = Value::from(text.as_str()).to_string();
            Value::from(format!("{{{{ {quoted} }}}}"))
        }
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), escaped(value))).collect(),
        other => other.clone(),
    }
}
