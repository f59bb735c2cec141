//! One step: what it is asked, when, and what comes after it.

use refrain_core::check::code::Code;
use refrain_core::template::is_template;
use refrain_schemas::agent_spec::{AgentSpec, ToolAction, ToolRef};
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::{Map, Value};

use super::Lowering;
use super::body::{Around, Draft, DraftKind};
use super::loops::SETTINGS;
use super::reading::{Fields, Item};
use super::texts::Read;
use super::tools::{self, ToolAct};

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
const TOOL: [&str; 4] = ["tool", "action", "parameters", "products"];
/// Keys of the language that nothing acts on yet.
const UNBUILT: [&str; 4] = ["produces", "location", "format", "size_limit"];
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
        let known: Vec<&str> = COMMON.into_iter().chain(TOOL).chain(UNBUILT).chain(OF_MODELS).collect();
        self.of_loops(&draft.fields);
        let fields = without(&draft.fields, &keys_of_loops());
        self.reading.known(&fields.as_fields(&draft.fields), "a step", &known, &REFUSED);
        let mut start = self.start(draft, first);
        let mut model = None;
        let (tool, action) = match &draft.kind {
            DraftKind::Tool(act) => {
                self.for_models(draft);
                self.of_tool(draft, act, &mut start);
                (Some(act.tool.clone()), Some(act.action.clone()))
            }
            DraftKind::Model => {
                self.unbuilt(draft, &UNBUILT);
                model = self.of_model(draft, &mut start);
                (None, draft.fields.get("action").and_then(|item| item.text().map(str::to_owned)))
            }
            DraftKind::Pipeline => {
                self.no_pipeline(draft);
                (None, None)
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
    }

    /// Refuses what means something to models alone.
    fn for_models(&mut self, draft: &Draft<'_>) {
        self.unbuilt(draft, &UNBUILT);
        for (key, item) in draft.fields.iter().filter(|(key, _)| OF_MODELS.contains(key)) {
            // It needs none, and says so.
            if key == "requires_model" && item.text() == Some("none") {
                continue;
            }
            let message = format!("`{key}` is for steps that ask a model, and `{}` uses a tool", draft.id);
            self.reading.at_key(Code::StepTwo, &item, message, Some("leave it out".to_owned()));
        }
    }

    fn no_pipeline(&mut self, draft: &Draft<'_>) {
        let Some(item) = ["tool", "action"].iter().find_map(|key| draft.fields.get(key)) else { return };
        let message = format!("`{}` is not available yet", item.text().unwrap_or("pipeline-executor"));
        let hint = Some("write its steps here, or run it by itself".to_owned());
        self.reading.at(Code::ReservedField, &item, message, hint);
    }

    fn unbuilt(&mut self, draft: &Draft<'_>, keys: &[&str]) {
        self.reading.unbuilt(&draft.fields, keys);
    }

    fn of_loops(&mut self, fields: &Fields<'_>) {
        for (key, item) in fields.iter().filter(|(key, _)| keys_of_loops().contains(key)) {
            let hint = Some("add `for_each:` or `while:`, or leave it out".to_owned());
            self.reading.at_key(Code::StepLoop, &item, format!("`{key}` needs a loop"), hint);
        }
    }

    /// Reads what all steps have: when they run and what they come after.
    pub(super) fn start(&mut self, draft: &Draft<'_>, first: Option<PhaseName>) -> Start {
        let fields = &draft.fields;
        let mut spec = PhaseSpec::default();
        let description = fields.get("description").or_else(|| fields.get("name"));
        spec.description = description.and_then(|item| item.text().map(str::to_owned));
        let mut read = Read::default();
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
            && let Some(text) = item.text().filter(|text| is_template(text))
        {
            let mut texts = self.texts(Some(draft.phase.clone()), read);
            spec.goto = Some(texts.template(&item, text));
            read = texts.read;
        }
        let dependencies = self.dependencies(draft, first, &mut spec);
        self.control(draft, &mut spec);
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
        if let Some(tools) = self.tools {
            tools::check(&mut self.reading, fields, act, tools);
        }
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        let mut input = Map::new();
        if let Some(item) = fields.get("parameters")
            && let Value::Object(given) = texts.value(&item)
        {
            input = given;
        }
        if act.is_inner {
            input.remove("action");
        }
        for (name, value) in &act.said {
            let value = match (fields.get("action"), value) {
                (Some(item), Value::String(text)) => Value::String(texts.template(&item, text)),
                _ => value.clone(),
            };
            input.insert(name.clone(), value);
        }
        start.read = texts.read;
        let path = |key: &str| format!("phases.{}.{key}", draft.phase);
        for (lowered, key) in [("input", "parameters"), ("agent", "tool"), ("agent", "action")] {
            if let Some(item) = fields.get(key) {
                self.places.entry(path(lowered)).or_insert(item.path);
            }
        }
        start.spec.input = Some(Value::Object(input));
        let action = ToolAction { name: act.tool.clone(), action: Some(act.action.clone()) };
        let spec = AgentSpec { tool: Some(ToolRef::Action(action)), ..AgentSpec::default() };
        start.spec.agent = Some(AgentRef::Inline(Box::new(spec)));
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
        let Start { mut spec, read, dependencies } = start;
        self.place(format!("phases.{}", draft.phase), &draft.item);
        let is_unknown = matches!(draft.kind, DraftKind::Unknown);
        if is_unknown || self.reading.n_problems() > before {
            self.broken.phases.insert(draft.phase.to_string());
            return;
        }
        spec.within = around.map(|around| around.phase.clone());
        // Who reads a document comes after it, whatever became of its step.
        for phase in &read.phases {
            if !spec.after.contains(phase) {
                spec.after.push(phase.clone());
            }
        }
        let ids = self.names.frames.iter().flat_map(|frame| &frame.steps);
        let mut all = dependencies;
        all.extend(ids.filter(|(_, step)| read.phases.contains(&step.phase)).map(|(id, _)| id.clone()));
        all.sort();
        all.dedup();
        spec.names = read.names;
        self.pipeline.phases.insert(draft.phase.clone(), spec);
        self.entries.push(StepEntry { dependencies: all, ..entry });
    }
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
