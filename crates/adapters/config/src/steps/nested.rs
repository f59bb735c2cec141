//! Steps that carry out another pipeline: its steps become phases that exist in the one turn of a loop.
//!
//! What the other pipeline is given is what the loop is `with`, so that its inputs are data of that turn; what it gives is
//! made by a phase of its own, which sees its steps and nothing else.

use std::collections::BTreeMap;
use std::rc::Rc;

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::input_problems;
use refrain_core::check::suggest::suggestion;
use refrain_core::template::is_template;
use refrain_schemas::agent_spec::{SchemaRef, ToolAction};
use refrain_schemas::loop_spec::LoopSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::{OutputSpec, PhaseSpec};
use refrain_schemas::pipeline::{ParamSpec, ParamType};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::{Map, Value, json};

use super::auto::fill_within;
use super::body::{Around, Draft};
use super::budget::Spent;
use super::control::is_zero;
use super::header::Defaults;
use super::inputs;
use super::made::{By, Made};
use super::models::Models;
use super::names::{Names, Round, Turn};
use super::reading::{Fields, Item, json as value_of, leads_out};
use super::step::Start;
use super::texts::{Read, has_template};
use super::{Lowering, by_names, header, include, is_steps};
use crate::node::{Kind, Node};
use crate::source::Source;
use crate::yaml;

const PARAMETERS: [&str; 7] = [
    "pipeline",
    "inputs",
    "inherit_context",
    "timeout",
    "output_mapping",
    "error_handling",
    "wait_for_completion",
];
const REFUSED: [(&str, &str); 2] = [("retry_count", TRIED), ("retry_delay", TRIED)];
const TRIED: &str = "say it of the steps of the other pipeline: those are tried again, and not all of it";
/// The deepest that pipelines may carry each other out.
const DEPTH: usize = 10;

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

/// A pipeline that another one carries out.
struct Other<'s> {
    tree: Rc<Node>,
    /// Its path in the file that it is written in.
    path: String,
    /// Its file, where it has one of its own.
    source: Option<Source<'s>>,
}

/// A file of another pipeline that was read.
pub(super) struct Found<'s> {
    tree: Rc<Node>,
    source: Source<'s>,
    /// How many bytes it has, with what it reads in.
    bytes: usize,
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
        self.reading.known(&fields, "`pipeline-executor`", &PARAMETERS, &REFUSED);
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
        let declared = self.inside(&other, &item, |lowering| lowering.declared(&inner));
        let with = self.with(draft, &fields, &item, &declared, &mut start);
        let mut name = "outputs_of_it".to_owned();
        while start.read.names.contains_key(&name) {
            name.push('_');
        }
        let result = json!({ "result": format!("{{{{ {name}.result }}}}"), "success": true, "error": null });
        let Some(outputs) = self.made_name(&format!("{}-outputs", draft.phase), &item) else {
            return self.unread(draft);
        };
        start.read.names.insert(name, format!("phases.{outputs}.step"));
        let turns = start.spec.turns.get_or_insert_default();
        (turns.with, turns.result) = (with, Some(result));
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
            lowering.other_steps(draft, &inner);
            let made = lowering.other_outputs(draft, &inner);
            lowering.end_other(kept);
            lowering.add_outputs(draft, outputs, made, mapping.as_ref(), &item);
        });
        self.products(draft, around);
    }

    /// Nothing more is said about a step whose pipeline cannot be read.
    fn unread(&mut self, draft: &Draft<'_>) {
        self.broken.phases.insert(draft.phase.to_string());
    }

    /// Does something with the places of another file, if the other pipeline has one.
    fn inside<R>(&mut self, other: &Other<'s>, item: &Item<'_>, work: impl FnOnce(&mut Self) -> R) -> R {
        let Some(source) = other.source.clone() else { return work(self) };
        let from = self.called_from.clone().unwrap_or_else(|| item.path.clone());
        let before = self.called_from.replace(from);
        self.calls.push(source.file.clone());
        self.reading.enter(source);
        let made = work(self);
        self.reading.leave();
        self.calls.pop();
        self.called_from = before;
        made
    }

    /// Finds the other pipeline: the file that is named, or what is written here.
    fn find_other(&mut self, item: &Item<'_>) -> Option<Other<'s>> {
        if matches!(item.node.kind, Kind::Map(_)) {
            let (tree, path) = (Rc::new(item.node.clone()), item.path.clone());
            return Some(Other { tree, path, source: None });
        }
        let text = self.reading.text(item)?;
        if text.contains("steps:") && text.trim_end().contains('\n') {
            return self.written_out(item, text);
        }
        let path = text.trim();
        let problem = match () {
            () if is_template(path) => "the file of another pipeline is written out, and no template".into(),
            () if leads_out(path) => format!("`{path}` leads out of the project"),
            () if self.calls.iter().any(|known| known == path) => format!("`{path}` carries itself out"),
            () if self.calls.len() > DEPTH => {
                format!("pipelines carry each other out more than {DEPTH} deep")
            }
            () => match self.file_of(path) {
                Ok(Some((path, bytes))) => return self.read_other(item, &path, bytes),
                Ok(None) => format!("there is no file `{path}`"),
                Err(path) => {
                    self.wanted.insert(path);
                    return None;
                }
            },
        };
        self.reading.at(Code::StepPipeline, item, problem, None);
        None
    }

    /// Returns the file that is named, or the one of the pipeline of this id; fails with one that is not known yet.
    fn file_of(&self, named: &str) -> Result<Option<(String, &'s [u8])>, String> {
        let is_file = named.rsplit('/').next().is_some_and(|name| name.contains('.'));
        let mut paths = vec![named.to_owned()];
        if !is_file {
            let of = |folder: &str| [".yaml", ".yml"].map(|ending| format!("{folder}{named}{ending}"));
            paths.extend(["", "pipelines/"].into_iter().flat_map(of));
        }
        for path in paths {
            match self.files.get(&path) {
                Some(Some(bytes)) => return Ok(Some((path, bytes.as_slice()))),
                Some(None) => {}
                None => return Err(path),
            }
        }
        Ok(None)
    }

    /// Reads a pipeline that stands in a text of its own; its places are those of the text.
    fn written_out(&mut self, item: &Item<'_>, text: &str) -> Option<Other<'s>> {
        let file = self.calls.last().cloned().unwrap_or_default();
        let source = Source::new(file, text);
        let (tree, problems) = yaml::read(&source);
        let (line, column) = (item.node.span.line.saturating_sub(1), item.node.span.column.saturating_sub(1));
        for problem in &problems {
            let message = format!("the pipeline that is written here: {}", problem.message);
            self.reading.at(Code::StepPipeline, item, message, problem.hint.clone());
        }
        let mut tree = tree.filter(|_| problems.is_empty())?;
        if !is_steps(&tree) {
            self.reading.at(Code::StepPipeline, item, "what is written here is no pipeline of steps", None);
            return None;
        }
        tree.shift(line, column);
        Some(Other { tree: Rc::new(tree), path: item.path.clone(), source: None })
    }

    fn read_other(&mut self, item: &Item<'_>, path: &str, bytes: &'s [u8]) -> Option<Other<'s>> {
        let known = self.found.get(path).map_or(bytes.len(), |found| found.bytes);
        if !self.has_room(Spent::Bytes, known, item) {
            return None;
        }
        if !self.found.contains_key(path) {
            let found = self.parse_other(item, path, bytes)?;
            if !self.has_room(Spent::Bytes, found.bytes - bytes.len(), item) {
                return None;
            }
            self.found.insert(path.to_owned(), found);
        }
        let Found { tree, source, .. } = self.found.get(path).filter(|_| self.wanted.is_empty())?;
        Some(Other { tree: tree.clone(), path: String::new(), source: Some(source.clone()) })
    }

    fn parse_other(&mut self, item: &Item<'_>, path: &str, bytes: &'s [u8]) -> Option<Found<'s>> {
        let source = match Source::read(bytes, path) {
            Ok(source) => source,
            Err(problem) => {
                self.reading.problems.push(*problem);
                return None;
            }
        };
        self.texts_of.insert(path.to_owned(), source.text.to_owned());
        let (tree, problems) = yaml::read(&source);
        let is_clean = problems.is_empty();
        self.reading.problems.extend(problems);
        let mut tree = tree.filter(|_| is_clean)?;
        if !is_steps(&tree) {
            let message = format!("`{path}` is no file of steps");
            self.reading.at(Code::StepPipeline, item, message, None);
            return None;
        }
        let found = include(&mut tree, &source, self.files);
        let is_whole = found.problems.is_empty() && found.wanted.is_empty();
        let none = BTreeMap::new();
        let (answers, prefix) = (self.given.answers.unwrap_or(&none), format!("{path}:"));
        let with = (self.defaults.has_orchestrator, prefix.as_str());
        let left = fill_within(&mut tree, &source, self.tools, answers, with);
        self.reading.problems.extend(left.problems);
        self.autos.extend(left.autos);
        self.wanted.extend(found.wanted);
        self.reading.problems.extend(found.problems);
        let bytes = bytes.len() + found.bytes;
        is_whole.then_some(Found { tree: Rc::new(tree), source, bytes })
    }

    /// Reads how long it may take, and what a failure of it means. Calls are made by its steps: how often they are tried, these
    /// say.
    fn how(&mut self, fields: &Fields<'_>, draft: &Draft<'_>, start: &mut Start) {
        let spec = &mut start.spec;
        let timeout = fields.get("timeout").filter(|item| !is_zero(item));
        let timeout = timeout.and_then(|item| self.reading.time(&item));
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
            let policy = self.reading.word(&item, &["fail", "continue"]).map(|word| match word {
                "continue" => Policy::Continue,
                _ => Policy::Fail,
            });
            if draft.fields.get("on_failure").is_some() {
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
        let section = fields.get("outputs").map(|section| by_names(&section));
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
        mapping: Option<&Item<'_>>,
        item: &Item<'_>,
    ) {
        let types = std::mem::take(&mut self.types_of_other);
        let values = self.mapped(values, mapping);
        let output = types_schema(&types, mapping)
            .map(|schema| OutputSpec { schema: Some(schema), ..OutputSpec::default() });
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

    /// Gives outputs the names that this pipeline has for them: `OUTPUT: NAME`, or `NAME: OUTPUT` where no output is called NAME.
    fn mapped(&mut self, values: Map<String, Value>, mapping: Option<&Item<'_>>) -> Map<String, Value> {
        let Some(fields) = mapping.and_then(|item| self.reading.fields(item)) else { return values };
        let mut mapped = Map::new();
        for (name, item) in fields.iter() {
            let Some(other) = self.reading.text(&item) else { continue };
            match (values.get(name), values.get(other)) {
                (Some(value), _) => drop(mapped.insert(other.to_owned(), value.clone())),
                (None, Some(value)) => drop(mapped.insert(name.to_owned(), value.clone())),
                (None, None) => {
                    let hint = suggestion(name, values.keys().map(String::as_str));
                    let message = format!("the other pipeline has no output `{name}`");
                    self.reading.at(Code::StepPipeline, &item, message, hint);
                }
            }
        }
        mapped
    }
}

/// Returns the schema of what another pipeline gives, by the names that it has here; `None` where no output has a type.
fn types_schema(types: &BTreeMap<String, ParamType>, mapping: Option<&Item<'_>>) -> Option<SchemaRef> {
    let own = |output: &str| inputs::json_type(*types.get(output)?);
    let named: Map<String, Value> = match mapping.map(|item| &item.node.kind) {
        Some(Kind::Map(entries)) => {
            let given = entries.iter().filter_map(|entry| match &entry.value.kind {
                Kind::Text(output) => Some((entry.key.clone(), json!({ "type": own(output)? }))),
                _ => None,
            });
            given.collect()
        }
        _ => types.keys().filter_map(|name| Some((name.clone(), json!({ "type": own(name)? })))).collect(),
    };
    if named.is_empty() {
        return None;
    }
    let of = |inner: Value| json!({ "properties": inner });
    match of(json!({ "result": of(json!({ "outputs": of(Value::Object(named)) })) })) {
        Value::Object(schema) => Some(SchemaRef::Inline(schema)),
        _ => None,
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
