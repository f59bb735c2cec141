//! One step: what it is asked, when, and what comes after it.

use indexmap::IndexSet;
use refrain_core::check::code::Code;
use refrain_core::ports::tool_catalogue::{ToolKind, Written};
use refrain_core::template::is_template;
use refrain_schemas::agent_spec::{AgentSpec, SchemaRef, ToolAction, ToolRef};
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{AgentRef, OutputSpec, PhaseSpec};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::{Map, Value};

use super::Lowering;
use super::body::{Around, Draft, DraftKind};
use super::left::is_left;
use super::loops::SETTINGS;
use super::reading::{Fields, Item};
use super::serving;
use super::texts::{Read, has_template};
use super::tools::{self, ToolAct};
use crate::node::{Kind, Node};

/// Keys of every step.
pub(super) const COMMON: [&str; 19] = [
    "id",
    "name",
    "description",
    "metadata",
    "output_description",
    "dependencies",
    "depends_on",
    "condition",
    "if",
    "on_false",
    "on_success",
    "on_failure",
    "goto",
    "timeout",
    "max_retries",
    "retry",
    "error_handling",
    "on_error",
    "error_handlers",
];
const TOOL: [&str; 8] =
    ["tool", "action", "parameters", "products", "produces", "location", "format", "size_limit"];
/// Keys of steps that ask a model.
const OF_MODELS: [&str; 9] = [
    "prompt",
    "model",
    "expert",
    "personality",
    "selection",
    "requires_model",
    "tools",
    "vars",
    "output_schema",
];
pub(super) const REFUSED: [(&str, &str); 7] = [
    ("else", "write `on_false: STEP`"),
    ("foreach", "did you mean `for_each`?"),
    ("loop", "write `for_each:`, or `while:`"),
    ("parallel", "leave it out: steps that do not hang on each other run at once"),
    ("continue_on_error", "write `on_failure: continue`"),
    ("checkpoint", "leave it out: what is done is always on record"),
    ("cache", "leave it out: what is unchanged is not done again"),
];

/// Keys that mean something to loops alone.
fn keys_of_loops() -> Vec<&'static str> {
    SETTINGS.into_iter().chain(["while_condition"]).collect()
}

/// The parameter of questions that says what answers are like.
const HELD: &str = "output_schema";

/// What a step reads and when it runs, before it is known what it does.
pub(super) struct Start {
    pub(super) spec: PhaseSpec,
    pub(super) read: Read,
    pub(super) dependencies: Vec<String>,
}

impl Lowering<'_, '_> {
    pub(super) fn step(&mut self, draft: &Draft<'_>, around: Option<&Around>, first: Option<PhaseName>) {
        let before = self.reading.n_problems();
        if matches!(draft.kind, DraftKind::Loop) {
            self.round(draft, around, first, before);
            return;
        }
        let known: Vec<&str> = COMMON.into_iter().chain(TOOL).chain(OF_MODELS).collect();
        self.of_loops(&draft.fields);
        let fields = without(&draft.fields, &keys_of_loops());
        self.reading.known(&fields.as_fields(&draft.fields), "a step", &known, &REFUSED);
        let mut start = self.start(draft, around, first);
        let mut model = None;
        let (tool, action) = match &draft.kind {
            DraftKind::Tool(act) => {
                self.for_models(draft);
                self.of_tool(draft, act, &mut start);
                self.saved_answers(draft, act, &mut start);
                self.held_result(draft, Some(act), &mut start);
                (Some(act.tool.clone()), Some(act.action.clone()))
            }
            DraftKind::Model => {
                model = self.of_model(draft, &mut start);
                (None, draft.fields.get("action").and_then(|item| item.text().map(str::to_owned)))
            }
            DraftKind::Agent(agent, accepts) => {
                self.for_models(draft);
                if let Some(accepts) = accepts {
                    tools::check_agent(&mut self.reading, &draft.fields, accepts);
                }
                self.input(draft, &mut start);
                self.held_result(draft, None, &mut start);
                start.spec.agent = Some(AgentRef::Name(agent.clone()));
                (Some(agent.to_string()), Some("execute".to_owned()))
            }
            DraftKind::Pipeline => {
                self.for_models(draft);
                self.other_pipeline(draft, around, start, before);
                return;
            }
            DraftKind::Loop | DraftKind::Unknown => (None, None),
        };
        let entry = StepEntry {
            id: draft.id.clone(),
            phase: draft.phase.clone(),
            within: around.map(|around| around.phase.clone()),
            kind: StepKind::Step,
            tool,
            action,
            model,
            dependencies: Vec::new(),
        };
        self.finish(draft, around, start, entry, before);
        self.products(draft, around);
        if let DraftKind::Tool(act) = &draft.kind
            && let Some(item) = self.answers_file(draft, act)
        {
            self.saved(draft, around, &item);
        }
    }

    /// Returns the file that what a person answers goes to, if there is one.
    fn answers_file<'n>(&mut self, draft: &Draft<'n>, act: &ToolAct) -> Option<Item<'n>> {
        let tools = self.tools?;
        let is_person = tools::found_kind(tools, act) == Some(ToolKind::Person);
        let parameters = draft.fields.get("parameters").filter(|_| is_person)?;
        let item = self.reading.fields(&parameters)?.get(tools::SAVED)?;
        self.reading.text(&item).map(|_| item)
    }

    /// The file of answers is none of the question's parameters.
    fn saved_answers(&mut self, draft: &Draft<'_>, act: &ToolAct, start: &mut Start) {
        if self.answers_file(draft, act).is_some()
            && let Some(Value::Object(input)) = &mut start.spec.input
        {
            input.remove(tools::SAVED);
        }
    }

    /// Refuses what means something to models alone.
    fn for_models(&mut self, draft: &Draft<'_>) {
        for (key, item) in draft.fields.iter().filter(|(key, _)| OF_MODELS.contains(key)) {
            // It needs none, and says so.
            if key == "requires_model" && item.text() == Some("none") {
                continue;
            }
            // What a tool or an agent makes can be held to a schema as well.
            let is_held =
                matches!(draft.kind, DraftKind::Tool(_) | DraftKind::Agent(..) | DraftKind::Pipeline);
            if key == "output_schema" && is_held {
                continue;
            }
            let message = format!("`{key}` is for steps that ask a model, and `{}` uses a tool", draft.id);
            self.reading.at_key(Code::StepTwo, &item, message, Some("leave it out".to_owned()));
        }
    }

    /// Holds a question to what the step says of its answers, which its parameters do not.
    fn held_question(&mut self, act: &ToolAct, item: &Item<'_>, input: &Map<String, Value>) {
        let Some(tools) = self.tools else { return };
        let mut written = Written::default();
        for (name, value) in input.iter().filter(|(name, _)| *name != HELD) {
            if has_template(value) {
                written.made.insert(name.clone());
            } else {
                written.literals.insert(name.clone(), value.clone());
            }
        }
        let by_itself = tools.judge(&act.tool, &act.action, &written);
        written.literals.extend(input.get(HELD).map(|schema| (HELD.to_owned(), schema.clone())));
        for complaint in tools.judge(&act.tool, &act.action, &written) {
            if !by_itself.contains(&complaint) {
                self.reading.at(Code::StepOutside, item, complaint.message, None);
            }
        }
    }

    /// Holds what a step makes to its `output_schema`: the result of a tool, all that an agent answers or a loop comes to, what a
    /// person answers.
    pub(super) fn held_result(&mut self, draft: &Draft<'_>, act: Option<&ToolAct>, start: &mut Start) {
        let Some(item) = draft.fields.get("output_schema") else { return };
        let Some(answer) = self.schema(&item) else { return };
        self.places.insert(format!("phases.{}.output.schema", draft.phase), answer.path.clone());
        let kind = act.and_then(|act| tools::found_kind(self.tools?, act));
        let schema = match act {
            Some(act) if kind == Some(ToolKind::Person) => {
                // Who answers is told at once.
                if let Some(Value::Object(input)) = &mut start.spec.input {
                    if input.insert(HELD.to_owned(), answer.value().clone()).is_some() {
                        let message = "the parameters of the step have an `output_schema` as well";
                        let hint = Some("keep one of the two".to_owned());
                        self.reading.at_key(Code::StepTwo, &item, message, hint);
                    } else {
                        self.held_question(act, &item, input);
                    }
                }
                answer.within(tools::answered(&act.tool)).map(SchemaRef::Inline)
            }
            Some(_) => answer.among_others(),
            None => answer.itself(),
        };
        start.spec.output = Some(OutputSpec { schema, ..OutputSpec::default() });
    }

    fn of_loops(&mut self, fields: &Fields<'_>) {
        for (key, item) in fields.iter().filter(|(key, _)| keys_of_loops().contains(key)) {
            let hint = Some("add `for_each:` or `while:`, or leave it out".to_owned());
            self.reading.at_key(Code::StepLoop, &item, format!("`{key}` needs a loop"), hint);
        }
    }

    /// Reads what all steps have: when they run and what they come after.
    pub(super) fn start(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        first: Option<PhaseName>,
    ) -> Start {
        let fields = &draft.fields;
        let mut spec = PhaseSpec::default();
        let description = fields.get("description").or_else(|| fields.get("name"));
        spec.description = description.and_then(|item| item.text().map(str::to_owned));
        let is_loop = matches!(draft.kind, DraftKind::Loop | DraftKind::Pipeline);
        let mut read = Read { looks: (!is_loop).then(Vec::new), ..Read::default() };
        let conditions: Vec<Item<'_>> =
            ["condition", "if"].iter().filter_map(|key| fields.get(key)).collect();
        if let [_, second] = conditions.as_slice() {
            let hint = Some("keep one of `condition` and `if`".to_owned());
            self.reading.at_key(Code::StepTwo, second, "there are two conditions", hint);
        }
        if let Some(item) = conditions.first() {
            let mut texts = self.texts(Some(draft.phase.clone()), read);
            spec.when = texts.condition(item);
            read = texts.read;
            self.place(format!("phases.{}.when", draft.phase), item);
        }
        if let Some(item) = fields.get("goto")
            && let Some(text) = item.text().filter(|text| is_template(text) && !is_left(&item))
        {
            // It is rendered when there is what the step made, and may read that.
            let mut texts = self.texts(None, read);
            let written = texts.template(&item, text);
            read = texts.read;
            read.phases.remove(&draft.phase);
            spec.goto = Some(match around {
                Some(around) => format!("{}_{}", around.phase, without_spaces(&written)),
                None => written,
            });
            self.place(format!("phases.{}.goto", draft.phase), &item);
        }
        let dependencies = self.dependencies(draft, first, &mut spec);
        self.control(draft, around, &mut spec);
        Start { spec, read, dependencies }
    }

    fn dependencies(
        &mut self,
        draft: &Draft<'_>,
        first: Option<PhaseName>,
        spec: &mut PhaseSpec,
    ) -> Vec<String> {
        spec.after.extend(first);
        let mut ids = Vec::new();
        for key in ["dependencies", "depends_on"] {
            let Some(item) = draft.fields.get(key) else { continue };
            for (name, item) in self.reading.names(&item) {
                if let Some(phase) = self.named(draft, &name, &item, Code::UnknownPhase, Code::StepSelf) {
                    self.place(format!("phases.{}.after[{}]", draft.phase, spec.after.len()), &item);
                    if !spec.after.contains(&phase) {
                        spec.after.push(phase);
                    }
                    ids.push(name);
                }
            }
        }
        ids
    }

    /// Returns the phase of a step that is named beside this one, or around it.
    pub(super) fn named(
        &mut self,
        draft: &Draft<'_>,
        name: &str,
        item: &Item<'_>,
        unknown: Code,
        itself: Code,
    ) -> Option<PhaseName> {
        if name == draft.id {
            self.reading.at(itself, item, format!("step `{name}` names itself"), None);
            return None;
        }
        if let Some(step) = self.names.step(name) {
            return Some(step.phase.clone());
        }
        let known = self.names.frames.iter().flat_map(|frame| frame.steps.keys().map(String::as_str));
        let hint = refrain_core::check::suggest::suggestion(name, known);
        self.reading.at(unknown, item, format!("there is no step `{name}`"), hint);
        None
    }

    fn of_tool(&mut self, draft: &Draft<'_>, act: &ToolAct, start: &mut Start) {
        let fields = &draft.fields;
        self.serve(draft, act);
        if let Some(tools) = self.tools {
            tools::check(&mut self.reading, fields, act, tools);
        }
        let mut input = self.input(draft, start);
        if act.is_inner {
            input.remove("action");
        }
        if act.tool == serving::TOOL && act.action == "connect" {
            input.remove(serving::CONFIG);
        }
        if act.orders_columns && !input.contains_key(ORDER) {
            let order = fields.get("parameters").map(|item| written_order(item.node)).unwrap_or_default();
            if !order.is_empty() {
                input.insert(ORDER.to_owned(), Value::from(order));
            }
        }
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        for (name, value) in &act.said {
            let value = match (fields.get("action"), value) {
                (Some(item), Value::String(text)) => Value::String(texts.template(&item, text)),
                _ => value.clone(),
            };
            input.insert(name.clone(), value);
        }
        start.read = texts.read;
        self.writes(draft, act, &input);
        start.spec.input = Some(Value::Object(input));
        let action = ToolAction { name: act.tool.clone(), action: Some(act.action.clone()) };
        let spec = AgentSpec { tool: Some(ToolRef::Action(action)), ..AgentSpec::default() };
        start.spec.agent = Some(AgentRef::Inline(Box::new(spec)));
    }

    /// Notes the file that a step is there to write.
    fn writes(&mut self, draft: &Draft<'_>, act: &ToolAct, input: &Map<String, Value>) {
        let is_write = (act.tool.as_str(), act.action.as_str()) == ("filesystem", "write");
        let path = input.get("path").and_then(Value::as_str).filter(|_| is_write);
        let place = draft.fields.get("parameters").or_else(|| draft.fields.get("action"));
        if let (Some(path), Some(place)) = (path, place) {
            self.leaves(draft, path, None, &place);
        }
    }

    /// Reads the parameters of a step, which become the input of its phase.
    fn input(&mut self, draft: &Draft<'_>, start: &mut Start) -> Map<String, Value> {
        let fields = &draft.fields;
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        let input = match fields.get("parameters").map(|item| texts.value(&item)) {
            Some(Value::Object(given)) => given,
            _ => Map::new(),
        };
        start.read = texts.read;
        for (lowered, key) in [("input", "parameters"), ("agent", "tool"), ("agent", "action")] {
            if let Some(item) = fields.get(key) {
                let path = format!("phases.{}.{lowered}", draft.phase);
                let known = self.places.contains_key(&path);
                (!known).then(|| self.place(path, &item));
            }
        }
        start.spec.input = Some(Value::Object(input.clone()));
        input
    }

    /// Puts a step into the pipeline, or its name among those of which nothing is known.
    pub(super) fn finish(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        start: Start,
        entry: StepEntry,
        before: usize,
    ) {
        let Start { mut spec, mut read, dependencies } = start;
        self.place(format!("phases.{}", draft.phase), &draft.item);
        let is_unknown = matches!(draft.kind, DraftKind::Unknown);
        if is_unknown || self.reading.n_problems() > before {
            self.broken.phases.insert(draft.phase.to_string());
            return;
        }
        spec.within = around.map(|around| around.phase.clone());
        for look in read.looks.take().into_iter().flatten() {
            self.look_for(look, draft, spec.within.clone(), &dependencies);
        }
        self.way_left_open(draft, around, &spec);
        // Who reads a document comes after it, whatever became of its step.
        for phase in &read.phases {
            if !spec.after.contains(phase) {
                spec.after.push(phase.clone());
            }
        }
        let mut all = dependencies;
        all.extend(read.phases.iter().filter_map(|phase| self.names.id_of(phase)).map(str::to_owned));
        all.sort();
        all.dedup();
        spec.names = read.names;
        self.pipeline.phases.insert(draft.phase.clone(), spec);
        self.entries.push(StepEntry { dependencies: all, ..entry });
    }
}

/// Spaces around the name of a step do not count; behind the name of its list they would.
fn without_spaces(name: &str) -> String {
    let name = name.trim();
    let inner = name.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    match inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}")) {
        Some(inner) => format!("{{{{ ({}) | trim }}}}", inner.trim_matches(['-', '+', ' ', '\n'])),
        None => name.to_owned(),
    }
}

/// The parameter that says in which order columns are written.
pub(super) const ORDER: &str = "column_order";

/// Returns the columns of rows that are written out, in the order of the file, which maps do not keep.
fn written_order(parameters: &Node) -> Vec<String> {
    let data = ["data", "input_data"].iter().find_map(|key| parameters.get(key));
    let rows = match data.map(|entry| &entry.value.kind) {
        Some(Kind::List(rows)) => rows.as_slice(),
        _ => &[],
    };
    let mut order = IndexSet::new();
    for row in rows {
        if let Kind::Map(entries) = &row.kind {
            order.extend(entries.iter().map(|entry| entry.key.clone()));
        }
    }
    order.into_iter().collect()
}

/// The fields of a step without some of them.
pub(super) struct Rest(Vec<crate::node::Entry>);

pub(super) fn without(fields: &Fields<'_>, keys: &[&str]) -> Rest {
    Rest(fields.entries.iter().filter(|entry| !keys.contains(&entry.key.as_str())).cloned().collect())
}

impl Rest {
    pub(super) fn as_fields<'r>(&'r self, of: &Fields<'_>) -> Fields<'r> {
        Fields { entries: &self.0, span: of.span, path: of.path.clone() }
    }
}
