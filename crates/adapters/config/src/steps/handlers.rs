//! `on_error` and `global_error_handlers`: what stands in for a step that failed, and what is done about it.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::agent_spec::{AgentSpec, ToolAction, ToolRef};
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{HandlesSpec, OnFailure, RecoverSpec};
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::Value;

use super::Lowering;
use super::body::{Around, Draft};
use super::reading::{Item, OwnItem, json};
use super::texts::Read;
use crate::node::Kind;

const KNOWN: [&str; 11] = [
    "handler_task_id",
    "handler_action",
    "fallback_value",
    "fallback_result",
    "error_types",
    "error_patterns",
    "error_codes",
    "propagate_error",
    "priority",
    "enabled",
    "capture_error_context",
];
const REFUSED: [(&str, &str); 5] = [
    ("retry_with_handler", "write `on_failure: retry`"),
    ("max_handler_retries", "write `max_retries:` on the step"),
    ("continue_on_handler_failure", "write `on_failure: continue`"),
    ("timeout", "write `timeout:` on the step"),
    ("log_level", "leave it out: every failure is told of, and `--log-level` says what is shown"),
];

/// A handler, with what decides which comes first.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    priority: i64,
    /// The failures that it is for, and the value that stands in for what was not made.
    recover: RecoverSpec,
    action: Option<OwnItem>,
    task: Option<OwnItem>,
}

/// A step that runs where another one failed.
#[derive(Debug)]
pub(super) struct Task {
    phase: PhaseName,
    handles: HandlesSpec,
    /// The id of the step that failed.
    id: String,
}

impl Lowering<'_, '_> {
    /// Reads `global_error_handlers`, which are for every step.
    pub(super) fn global_handlers(&mut self, item: &Item<'_>) {
        let items = match &item.node.kind {
            Kind::List(_) => item.items(),
            _ => vec![item.clone()],
        };
        let mut handlers: Vec<Handler> = items.iter().filter_map(|item| self.handler(item)).collect();
        handlers.sort_by_key(|handler| std::cmp::Reverse(handler.priority));
        self.handlers = handlers;
    }

    /// Reads `on_error` and `error_handlers` of a step; those of the whole file come behind them.
    pub(super) fn step_handlers(&mut self, draft: &Draft<'_>, around: Option<&Around>, spec: &mut PhaseSpec) {
        let mut handlers: Vec<Handler> = Vec::new();
        for key in ["on_error", "error_handlers"] {
            let Some(item) = draft.fields.get(key) else { continue };
            match &item.node.kind {
                Kind::Text(_) if spec.on_failure.is_none() => spec.on_failure = self.on_failure(draft, &item),
                Kind::Text(_) => {
                    let hint = Some("keep one of `on_error` and `on_failure`".to_owned());
                    let message = "there are two ways to go on after a failure";
                    self.reading.at(Code::StepTwo, &item, message, hint);
                }
                Kind::List(_) => handlers.extend(item.items().iter().filter_map(|item| self.handler(item))),
                _ => handlers.extend(self.handler(&item)),
            }
        }
        handlers.sort_by_key(|handler| std::cmp::Reverse(handler.priority));
        let n_own = handlers.len();
        handlers.extend(self.handlers.iter().cloned());
        for (n, handler) in handlers.into_iter().enumerate() {
            let handles = handler.handles(&draft.phase);
            if let Some(action) = &handler.action {
                self.handler_action(draft, around, n + 1, &action.item(), handles.clone());
            }
            if let Some(task) = handler.task.as_ref().filter(|_| n < n_own) {
                self.handler_task(draft, &task.item(), handles);
            }
            if handler.recover.value.is_some() {
                spec.recover.push(handler.recover);
            }
        }
    }

    /// Notes that a step beside this one runs where it failed.
    fn handler_task(&mut self, draft: &Draft<'_>, item: &Item<'_>, handles: HandlesSpec) {
        let Some(name) = self.reading.text(item) else { return };
        if let Some(phase) = self.target(draft, name.trim(), item, "handler_task_id") {
            self.tasks.push(Task { phase, handles, id: draft.id.clone() });
        }
    }

    /// Has the steps that handlers name run where something failed that they are for, and nowhere else. `within` is the step
    /// that carries out the pipeline whose steps these are.
    pub(super) fn handle(&mut self, within: Option<&PhaseName>) {
        self.global_tasks(within);
        for task in std::mem::take(&mut self.tasks) {
            let Some(spec) = self.pipeline.phases.get_mut(&task.phase) else {
                // It stands behind the one that is being read.
                self.tasks.push(task);
                continue;
            };
            let Task { phase, handles, id } = task;
            // It comes after the step whatever became of that.
            spec.after.retain(|before| *before != handles.phase);
            spec.handles.push(handles);
            if let Some(entry) = self.entries.iter_mut().find(|entry| entry.phase == phase)
                && !entry.dependencies.contains(&id)
            {
                entry.dependencies.push(id);
            }
        }
    }

    /// A step that is for failures of every step is for those that do not come after it.
    fn global_tasks(&mut self, within: Option<&PhaseName>) {
        let tasks: Vec<(OwnItem, Handler)> = self
            .handlers
            .iter()
            .filter_map(|handler| Some((handler.task.clone()?, handler.clone())))
            .collect();
        let mut named = Vec::new();
        for (item, handler) in tasks {
            let item = item.item();
            let Some(name) = self.reading.text(&item) else { continue };
            let steps = self.names.frames.first().map(|frame| &frame.steps);
            match steps.and_then(|steps| steps.get(name.trim())) {
                Some(step) => named.push((step.phase.clone(), handler)),
                None => {
                    let known = steps.into_iter().flat_map(|steps| steps.keys().map(String::as_str));
                    let hint = suggestion(name, known);
                    self.reading.at(Code::StepRoute, &item, format!("there is no step `{name}`"), hint);
                }
            }
        }
        for (phase, handler) in &named {
            let behind = self.behind(phase);
            let is_for = |entry: &&StepEntry| {
                entry.within.as_ref() == within
                    && entry.kind != StepKind::Hidden
                    && !behind.contains(&entry.phase)
                    && !named.iter().any(|(task, _)| *task == entry.phase)
            };
            let tasks = self.entries.iter().filter(is_for).map(|entry| Task {
                phase: phase.clone(),
                handles: handler.handles(&entry.phase),
                id: entry.id.clone(),
            });
            let tasks: Vec<Task> = tasks.collect();
            self.tasks.extend(tasks);
        }
    }

    /// Returns everything that comes after a phase, by edges and by routes.
    fn behind(&self, phase: &PhaseName) -> Vec<PhaseName> {
        let mut behind = Vec::new();
        let mut open = vec![phase.clone()];
        while let Some(at) = open.pop() {
            let routed = self.pipeline.phases.get(&at).map(routes).unwrap_or_default();
            for (name, spec) in &self.pipeline.phases {
                let mut before = spec.needs.iter().chain(&spec.wants).chain(&spec.after);
                let is_behind = before.any(|before| *before == at) || routed.contains(&name.as_str());
                if is_behind && !behind.contains(name) {
                    behind.push(name.clone());
                    open.push(name.clone());
                }
            }
        }
        behind
    }

    fn handler(&mut self, item: &Item<'_>) -> Option<Handler> {
        let fields = self.reading.fields(item)?;
        let reading = &mut self.reading;
        let before = reading.n_problems();
        reading.known(&fields, "a handler", &KNOWN, &REFUSED);
        if let Some(item) = fields.get("capture_error_context")
            && reading.flag(&item) == Some(false)
        {
            let hint = Some("leave it out".to_owned());
            reading.at(Code::StepRefused, &item, "what went wrong is always on record", hint);
        }
        if fields.get("enabled").and_then(|item| reading.flag(&item)) == Some(false) {
            return None;
        }
        let value = ["fallback_value", "fallback_result"].iter().find_map(|key| fields.get(key));
        let (action, task) = (fields.get("handler_action"), fields.get("handler_task_id"));
        let does_nothing = value.is_none() && action.is_none() && task.is_none();
        if does_nothing && reading.n_problems() == before {
            let hint = Some("add `fallback_value`, `handler_action` or `handler_task_id`".to_owned());
            reading.report(Code::MissingField, &fields.path, fields.span, "a handler does nothing", hint);
        }
        let propagate = fields.get("propagate_error");
        if let Some(item) = propagate.as_ref().filter(|_| value.is_none())
            && reading.flag(item) == Some(false)
        {
            let hint = Some("add `fallback_value:`, or leave it out".to_owned());
            reading.at(Code::StepTwo, item, "without a value in its place a failure remains one", hint);
        }
        let mut names = |key: &str| -> Vec<(String, Item<'_>)> {
            fields.get(key).map(|item| reading.names(&item)).unwrap_or_default()
        };
        let (types, patterns) = (names("error_types"), names("error_patterns"));
        let is_any = types.iter().any(|(name, _)| matches!(name.as_str(), "*" | "Exception"));
        let kinds =
            types.iter().filter(|_| !is_any).filter_map(|(name, item)| self.error_kind(name, item)).collect();
        let recover = RecoverSpec {
            kinds,
            patterns: patterns.into_iter().map(|(pattern, _)| pattern).collect(),
            codes: fields.get("error_codes").map(|item| codes(&item)).unwrap_or_default(),
            value: value.map(|item| json(item.node)),
            propagate: propagate.and_then(|item| self.reading.flag(&item)).unwrap_or_default(),
        };
        let priority = fields.get("priority").and_then(|item| self.reading.number(&item)).unwrap_or(0);
        let own = |item: Option<Item<'_>>| item.as_ref().map(OwnItem::of);
        Some(Handler { priority, recover, action: own(action), task: own(task) })
    }

    /// Returns the kind of failure that an error of the originals is here.
    fn error_kind(&mut self, name: &str, item: &Item<'_>) -> Option<String> {
        const KINDS: [(&str, &str); 11] = [
            ("TimeoutError", "timed_out"),
            ("timeout", "timed_out"),
            ("timed_out", "timed_out"),
            ("ConnectionError", "transient"),
            ("transient", "transient"),
            ("reported", "reported"),
            ("permanent", "permanent"),
            ("input", "input"),
            ("invalid", "invalid"),
            ("refused", "refused"),
            ("truncated", "truncated"),
        ];
        if let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) {
            return Some((*kind).to_owned());
        }
        let hint = suggestion(name, KINDS.iter().map(|(known, _)| *known));
        self.reading.at(Code::NotAChoice, item, format!("`{name}` is no kind of error"), hint);
        None
    }

    /// A handler that does something is a step of its own, which runs where this one failed.
    fn handler_action(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        n: usize,
        item: &Item<'_>,
        handles: HandlesSpec,
    ) {
        let Some(text) = self.reading.text(item) else { return };
        let Some(tools) = self.tools else { return };
        let Some(found) = tools.bare(text.trim()) else {
            let hint = Some("write an action such as `echo TEXT`".to_owned());
            return self.reading.at(Code::StepAction, item, format!("there is no action `{text}`"), hint);
        };
        let Ok(phase) = format!("{}-handler-{n}", draft.phase).parse::<PhaseName>() else { return };
        let mut texts = self.texts(Some(phase.clone()), Read::default());
        let said = found.parameters.iter().map(|(name, value)| match value {
            Value::String(text) => (name.clone(), Value::String(texts.template(item, text))),
            other => (name.clone(), other.clone()),
        });
        let input = Value::Object(said.collect());
        let read = texts.read;
        let action = ToolAction { name: found.tool.clone(), action: Some(found.action.clone()) };
        let agent = AgentSpec { tool: Some(ToolRef::Action(action)), ..AgentSpec::default() };
        // It comes after the step whatever became of that.
        let after = read.phases.into_iter().filter(|phase| *phase != draft.phase).collect();
        let within = around.map(|around| around.phase.clone());
        let spec = PhaseSpec {
            handles: vec![handles],
            after,
            names: read.names,
            input: Some(input),
            agent: Some(AgentRef::Inline(Box::new(agent))),
            within: within.clone(),
            ..PhaseSpec::default()
        };
        self.place(format!("phases.{phase}"), item);
        self.pipeline.phases.insert(phase.clone(), spec);
        self.entries.push(StepEntry {
            id: phase.to_string(),
            phase,
            within,
            kind: StepKind::Hidden,
            tool: Some(found.tool),
            action: Some(found.action),
            model: None,
            dependencies: vec![draft.id.clone()],
        });
    }
}

impl Handler {
    /// Returns the failures of a phase that it is for.
    fn handles(&self, phase: &PhaseName) -> HandlesSpec {
        let RecoverSpec { kinds, patterns, codes, .. } = self.recover.clone();
        HandlesSpec { phase: phase.clone(), kinds, patterns, codes }
    }
}

/// Returns codes as texts: one, or several.
fn codes(item: &Item<'_>) -> Vec<String> {
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match json(item.node) {
        Value::Array(codes) => codes.into_iter().map(text).collect(),
        Value::Null => Vec::new(),
        code => vec![text(code)],
    }
}

/// Returns the phases that a phase goes on with.
fn routes(spec: &PhaseSpec) -> Vec<&str> {
    let handler = match &spec.on_failure {
        Some(OnFailure::Go(phase)) => Some(phase.as_str()),
        _ => None,
    };
    let named = [spec.on_false.as_ref(), spec.on_success.as_ref()].into_iter().flatten();
    named.map(PhaseName::as_str).chain(spec.goto.as_deref()).chain(handler).collect()
}
