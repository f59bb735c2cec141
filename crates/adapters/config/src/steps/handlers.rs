//! `on_error` and `global_error_handlers`: what stands in for a step that failed, and what is done about it.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::agent_spec::ToolAction;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{HandlesSpec, RecoverSpec};
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::Value;

use super::Lowering;
use super::body::{Around, Draft};
use super::made::{By, Made};
use super::names::Known;
use super::reading::{Fields, Item, OwnItem, json};
use super::texts::Read;
use crate::node::{Kind, Node};

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
/// The priority of a handler that says none; lower ones come first.
const PRIORITY: i64 = 100;
/// What stands in for what a step would have made.
const VALUES: [&str; 2] = ["fallback_value", "fallback_result"];
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
    pub(super) task: Option<OwnItem>,
}

impl Lowering<'_, '_> {
    /// Reads `global_error_handlers`, which are for every step.
    pub(super) fn global_handlers(&mut self, item: &Item<'_>) {
        let items = match &item.node.kind {
            Kind::List(_) => item.items(),
            _ => vec![item.clone()],
        };
        let mut handlers: Vec<Handler> = items.iter().flat_map(|item| self.handler(item)).collect();
        handlers.sort_by_key(|handler| handler.priority);
        self.handlers = handlers;
    }

    /// Returns the values that may stand in for what a step would have made; nothing is said about them yet.
    pub(super) fn stand_ins(&self, fields: &Fields<'_>, steps: &IndexMap<String, Known>) -> Vec<Value> {
        let mut values: Vec<Value> =
            self.handlers.iter().filter_map(|handler| handler.recover.value.clone()).collect();
        for item in ["on_error", "error_handlers"].iter().filter_map(|key| fields.get(key)) {
            let handlers = match &item.node.kind {
                Kind::List(items) => items.as_slice(),
                _ => std::slice::from_ref(item.node),
            };
            let of = |handler: &Node| VALUES.iter().find_map(|key| Some(json(&handler.get(key)?.value)));
            values.extend(handlers.iter().filter_map(of));
        }
        let fallback =
            fields.get("error_handling").and_then(|item| Some(json(&item.node.get("fallback")?.value)));
        let is_step = |value: &Value| value.as_str().is_some_and(|id| steps.contains_key(id));
        values.extend(fallback.filter(|value| !is_step(value)));
        values
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
                Kind::List(_) => handlers.extend(item.items().iter().flat_map(|item| self.handler(item))),
                _ => handlers.extend(self.handler(&item)),
            }
        }
        handlers.sort_by_key(|handler| handler.priority);
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

    /// Reads a handler. One for several errors that are told apart by what is said of them becomes as many.
    fn handler(&mut self, item: &Item<'_>) -> Vec<Handler> {
        let Some(fields) = self.reading.fields(item) else { return Vec::new() };
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
            return Vec::new();
        }
        let value = VALUES.iter().find_map(|key| fields.get(key));
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
        let (mut kinds, mut said) = (Vec::new(), Vec::new());
        for (name, item) in types.iter().filter(|_| !is_any) {
            match error_said(name) {
                Some(pattern) => said.push(pattern),
                None => kinds.extend(self.error_kind(name, item)),
            }
        }
        let recover = RecoverSpec {
            kinds,
            patterns: patterns.into_iter().map(|(pattern, _)| format!("(?i){pattern}")).collect(),
            codes: fields.get("error_codes").map(|item| codes(&item)).unwrap_or_default(),
            value: value.map(|item| json(item.node)),
            propagate: propagate.and_then(|item| self.reading.flag(&item)).unwrap_or_default(),
        };
        let priority = fields.get("priority").and_then(|item| self.reading.number(&item));
        let own = |item: Option<Item<'_>>| item.as_ref().map(OwnItem::of);
        let handler =
            Handler { priority: priority.unwrap_or(PRIORITY), recover, action: own(action), task: own(task) };
        handler.told_apart(said)
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
        let name = format!("{}-handler-{n}", draft.phase);
        let Some(phase) = self.made_name(&name, item) else { return };
        let mut texts = self.texts(Some(phase.clone()), Read::default());
        let said = found.parameters.iter().map(|(name, value)| match value {
            Value::String(text) => (name.clone(), Value::String(texts.template(item, text))),
            other => (name.clone(), other.clone()),
        });
        let input = Value::Object(said.collect());
        let read = texts.read;
        let tool = ToolAction { name: found.tool, action: Some(found.action) };
        // It comes after the step whatever became of that.
        let after = read.phases.into_iter().filter(|phase| *phase != draft.phase).collect();
        let spec = PhaseSpec {
            handles: vec![handles],
            after,
            names: read.names,
            input: Some(input),
            within: around.map(|around| around.phase.clone()),
            ..PhaseSpec::default()
        };
        self.make(Made { phase, by: By::Tool(tool), dependencies: vec![draft.id.clone()], spec }, item);
    }
}

/// Returns what is said of an error of Python, by which its kind is known; those that are kinds of failures have none.
fn error_said(name: &str) -> Option<String> {
    let is_error = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && ["Error", "Exception", "Exit", "Interrupt"].iter().any(|ending| name.ends_with(ending));
    if !is_error || matches!(name, "TimeoutError" | "ConnectionError" | "Exception") {
        return None;
    }
    let own = match name {
        "FileNotFoundError" => "^no file |",
        "PermissionError" => "(?i:permission denied)|leads out of the project|",
        "IsADirectoryError" => "is a folder|Is a directory|",
        "NotADirectoryError" => "Not a directory|",
        "OSError" | "IOError" => "^no file |^failed to (read|write)|",
        _ => "",
    };
    Some(format!("{own}\\b{name}\\b"))
}

impl Handler {
    /// Returns a handler for the kinds of failures that it names, and one for each error that is known by what is said.
    fn told_apart(self, said: Vec<String>) -> Vec<Self> {
        let own = |pattern: String| {
            let mut handler = self.clone();
            handler.recover.kinds = vec!["reported".to_owned()];
            if handler.recover.patterns.is_empty() {
                handler.recover.patterns = vec![pattern];
            }
            handler
        };
        let mut handlers: Vec<Self> = said.into_iter().map(own).collect();
        if handlers.is_empty() || !self.recover.kinds.is_empty() {
            handlers.push(self);
        }
        handlers
    }

    /// Returns the failures of a phase that it is for.
    pub(super) fn handles(&self, phase: &PhaseName) -> HandlesSpec {
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
