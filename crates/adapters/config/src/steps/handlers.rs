//! `on_error` and `global_error_handlers`: what stands in for a step that failed, and what is done about it.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::pattern;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::agent_spec::{RetrySpec, ToolAction};
use refrain_schemas::duration::Span;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{HandlesSpec, OnFailure, Policy, RecoverSpec};
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::Value;

use super::Lowering;
use super::body::{Around, Draft};
use super::made::{By, Made};
use super::names::Known;
use super::reading::{Fields, Item, OwnItem, flag_of, json};
use super::texts::Read;
use crate::node::{Kind, Node};

const KNOWN: [&str; 15] = [
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
    "retry_with_handler",
    "max_handler_retries",
    "continue_on_handler_failure",
    "timeout",
];
/// The priority of a handler that says none; lower ones come first.
const PRIORITY: i64 = 100;
/// What stands in for what a step would have made.
const VALUES: [&str; 2] = ["fallback_value", "fallback_result"];
/// Keys that say how a `handler_action` is done.
const OF_ACTIONS: [&str; 3] = ["max_handler_retries", "continue_on_handler_failure", "timeout"];
const REFUSED: [(&str, &str); 1] =
    [("log_level", "leave it out: every failure is told of, and `--log-level` says what is shown")];

/// Failures that a handler is for: those that fit each of the lists that are not empty.
#[derive(Debug, Clone, Default)]
struct Fits {
    kinds: Vec<String>,
    patterns: Vec<String>,
    codes: Vec<String>,
}

/// A handler, with what decides which comes first.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    priority: i64,
    /// The failures that it is for: those that are one of these.
    failures: Vec<Fits>,
    /// The value that stands in for what was not made.
    value: Option<Value>,
    /// Whether the failure remains one all the same.
    propagate: bool,
    action: Option<OwnItem>,
    pub(super) task: Option<OwnItem>,
    how: How,
}

/// How the action of a handler is done.
#[derive(Debug, Clone, Copy, Default)]
struct How {
    timeout: Option<Span>,
    /// How often it is tried again.
    retries: Option<u32>,
    /// Whether the run has not failed because the handler has.
    is_optional: bool,
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
            self.handlers.iter().filter_map(|handler| handler.value.clone()).collect();
        let of = |handler: &Node| VALUES.iter().find_map(|key| Some(json(&handler.get(key)?.value)));
        values.extend(written_handlers(fields).filter_map(of));
        let fallback =
            fields.get("error_handling").and_then(|item| Some(json(&item.node.get("fallback")?.value)));
        let is_step = |value: &Value| value.as_str().is_some_and(|id| steps.contains_key(id));
        values.extend(fallback.filter(|value| !is_step(value)));
        values
    }

    /// Notes which steps of a list are for failures of which: what is `error` to their texts hangs on that.
    pub(super) fn note_handlers(&mut self, drafts: &[Draft<'_>], steps: &IndexMap<String, Known>) {
        let is_off =
            |handler: &Node| handler.get("enabled").and_then(|entry| flag_of(&entry.value)) == Some(false);
        for draft in drafts {
            let named = |handler: &Node| match &handler.get("handler_task_id")?.value.kind {
                Kind::Text(id) if !is_off(handler) => steps.get(id.trim()),
                _ => None,
            };
            for step in written_handlers(&draft.fields).filter_map(named) {
                let failed = self.failed.entry(step.phase.clone()).or_insert_with(|| Some(draft.id.clone()));
                failed.take_if(|id| *id != draft.id);
            }
        }
        // Those of the file are for every step; the steps that they name stand in its first list.
        if self.names.frames.is_empty() {
            let tasks = self.handlers.iter().filter_map(|handler| handler.task.as_ref());
            let named = tasks.filter_map(|task| steps.get(task.item().text()?.trim()));
            self.failed.extend(named.map(|step| (step.phase.clone(), None)));
        }
    }

    /// Reads `on_error` and `error_handlers` of a step; the value of its `error_handling` comes behind them, and those of the whole
    /// file come last.
    pub(super) fn step_handlers(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        fallback: Option<Value>,
        spec: &mut PhaseSpec,
    ) {
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
        handlers.extend(fallback.map(Handler::standing_in));
        let n_own = handlers.len();
        self.own_handlers.insert(draft.phase.clone(), n_own);
        handlers.extend(self.handlers.iter().cloned());
        let is_only = handlers.len() == 1;
        for (n, handler) in (1..).zip(handlers) {
            let rank = (!is_only).then(|| u32::try_from(n).unwrap_or(u32::MAX));
            if handler.action.is_some() {
                self.handler_action(draft, around, (n, rank), &handler);
            }
            if let Some(task) = handler.task.as_ref().filter(|_| n <= n_own) {
                self.handler_task(draft, &task.item(), handler.handles(&draft.phase, rank));
            }
            spec.recover.extend(handler.stand_ins(rank));
        }
    }

    /// Returns the place of a handler of the file among those of a step, where there are others.
    pub(super) fn rank_behind_own(&self, phase: &PhaseName, n: usize) -> Option<u32> {
        let n_own = self.own_handlers.get(phase).copied().unwrap_or_default();
        let is_only = n_own + self.handlers.len() == 1;
        (!is_only).then(|| u32::try_from(n_own + n).unwrap_or(u32::MAX))
    }

    /// Reads a handler; none where it is switched off.
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
        if let Some(item) = fields.get("retry_with_handler")
            && reading.flag(&item) == Some(true)
        {
            let hint = Some("write `on_failure: retry` and `max_retries:` on the step, which is tried before its handler acts".to_owned());
            reading.at(Code::StepRefused, &item, "a step is not tried again behind its handler", hint);
        }
        let priority = fields.get("priority").and_then(|item| reading.number(&item));
        let propagate = propagate.and_then(|item| reading.flag(&item)).unwrap_or_default();
        let value = value.and_then(|item| self.fixed_value(&item));
        let how = self.how_it_is_done(&fields, action.is_some());
        let own = |item: Option<Item<'_>>| item.as_ref().map(OwnItem::of);
        Some(Handler {
            priority: priority.unwrap_or(PRIORITY),
            failures: self.failures(&fields),
            value,
            propagate,
            action: own(action),
            task: own(task),
            how,
        })
    }

    /// Reads which failures a handler is for: those of one of the kinds, those of which something is said, those with a code;
    /// all, where it names none of these.
    fn failures(&mut self, fields: &Fields<'_>) -> Vec<Fits> {
        let mut names = |key: &str| -> Vec<(String, Item<'_>)> {
            fields.get(key).map(|item| self.reading.names(&item)).unwrap_or_default()
        };
        let (types, patterns) = (names("error_types"), names("error_patterns"));
        if types.iter().any(|(name, _)| matches!(name.as_str(), "*" | "Exception")) {
            return vec![Fits::default()];
        }
        let (mut kinds, mut said) = (Vec::new(), Vec::new());
        for (name, item) in &types {
            match error_said(name) {
                Some(pattern) => said.push(pattern),
                None => kinds.extend(self.error_kind(name, item)),
            }
        }
        let codes = fields.get("error_codes").map(|item| codes(&item)).unwrap_or_default();
        let patterns = self.patterns(patterns);
        let reported = if said.is_empty() { Vec::new() } else { vec!["reported".to_owned()] };
        let all = [
            Fits { kinds, ..Fits::default() },
            Fits { kinds: reported, patterns: said, ..Fits::default() },
            Fits { patterns, ..Fits::default() },
            Fits { codes, ..Fits::default() },
        ];
        let failures: Vec<Fits> = all.into_iter().filter(Fits::says_something).collect();
        if failures.is_empty() { vec![Fits::default()] } else { failures }
    }

    /// Returns patterns as they do not heed the case; one that is wrong is told where it stands, and is left out.
    fn patterns(&mut self, written: Vec<(String, Item<'_>)>) -> Vec<String> {
        let mut patterns = Vec::new();
        for (text, item) in written {
            let text = format!("(?i){text}");
            match pattern(&text) {
                Ok(_) => patterns.push(text),
                Err(message) => self.reading.at(Code::Recover, &item, message, None),
            }
        }
        patterns
    }

    /// Reads how often the action of a handler is tried, how long it may take, and whether it may fail.
    fn how_it_is_done(&mut self, fields: &Fields<'_>, has_action: bool) -> How {
        for item in OF_ACTIONS.iter().filter_map(|key| fields.get(key)).filter(|_| !has_action) {
            let message = format!("`{}` is for a `handler_action`", item.name());
            let hint = Some("say it of the step that handles the failure, or leave it out".to_owned());
            self.reading.at_key(Code::StepTwo, &item, message, hint);
        }
        How {
            timeout: fields.get("timeout").and_then(|item| self.time(&item)),
            retries: fields.get("max_handler_retries").and_then(|item| self.reading.whole(&item)),
            is_optional: fields
                .get("continue_on_handler_failure")
                .and_then(|item| self.reading.flag(&item))
                .unwrap_or_default(),
        }
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
        (n, rank): (usize, Option<u32>),
        handler: &Handler,
    ) {
        let Some(item) = handler.action.as_ref().map(OwnItem::item) else { return };
        let Some(text) = self.reading.text(&item) else { return };
        let Some(tools) = self.tools else { return };
        let Some(found) = tools.bare(text.trim()) else {
            let hint = Some("write an action such as `echo TEXT`".to_owned());
            return self.reading.at(Code::StepAction, &item, format!("there is no action `{text}`"), hint);
        };
        let name = format!("{}-handler-{n}", draft.phase);
        let Some(phase) = self.made_name(&name, &item) else { return };
        self.failed.insert(phase.clone(), Some(draft.id.clone()));
        let mut texts = self.texts(Some(phase.clone()), Read::default());
        let said = found.parameters.iter().map(|(name, value)| match value {
            Value::String(text) => (name.clone(), Value::String(texts.template(&item, text))),
            other => (name.clone(), other.clone()),
        });
        let input = Value::Object(said.collect());
        let read = texts.read;
        let tool = ToolAction { name: found.tool, action: Some(found.action) };
        // It comes after the step whatever became of that.
        let after = read.phases.into_iter().filter(|phase| *phase != draft.phase).collect();
        let mut handles = handler.handles(&draft.phase, rank);
        handles.iter_mut().for_each(|handles| handles.yields = rank.is_some() && handler.how.is_optional);
        let spec = PhaseSpec {
            handles,
            after,
            names: read.names,
            input: Some(input),
            within: around.map(|around| around.phase.clone()),
            ..handler.how.spec()
        };
        self.make(Made { phase, by: By::Tool(tool), dependencies: vec![draft.id.clone()], spec }, &item);
    }
}

impl How {
    /// Returns what a phase goes by that is done like this.
    fn spec(self) -> PhaseSpec {
        let value = self.is_optional.then(|| serde_json::json!({ "success": false }));
        let attempts = self.retries.map(|retries| retries.saturating_add(1));
        PhaseSpec {
            timeout: self.timeout,
            retry: attempts.map(|n| RetrySpec { attempts: Some(n), ..RetrySpec::default() }),
            on_failure: attempts.filter(|n| *n > 1).map(|_| OnFailure::Policy(Policy::Retry)),
            recover: value
                .map(|value| RecoverSpec { value: Some(value), ..RecoverSpec::default() })
                .into_iter()
                .collect(),
            ..PhaseSpec::default()
        }
    }
}

impl Fits {
    fn says_something(&self) -> bool {
        !(self.kinds.is_empty() && self.patterns.is_empty() && self.codes.is_empty())
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

/// Returns the handlers of a step as they are written; nothing is said about them yet.
fn written_handlers<'n>(fields: &Fields<'n>) -> impl Iterator<Item = &'n Node> {
    let items = ["on_error", "error_handlers"].into_iter().filter_map(|key| fields.get(key));
    let items: Vec<Item<'n>> = items.collect();
    items.into_iter().flat_map(|item| match &item.node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(item.node),
    })
}

impl Handler {
    /// Returns one with which a value stands in, whatever failed.
    fn standing_in(value: Value) -> Self {
        Self {
            priority: PRIORITY,
            failures: vec![Fits::default()],
            value: Some(value),
            propagate: false,
            action: None,
            task: None,
            how: How::default(),
        }
    }

    /// Returns the failures of a phase that it is for, if it is its turn.
    pub(super) fn handles(&self, phase: &PhaseName, rank: Option<u32>) -> Vec<HandlesSpec> {
        let of = |Fits { kinds, patterns, codes }| HandlesSpec {
            phase: phase.clone(),
            kinds,
            patterns,
            codes,
            rank,
            yields: false,
        };
        self.failures.iter().cloned().map(of).collect()
    }

    /// Returns what stands in for a phase that failed, if something does.
    fn stand_ins(self, rank: Option<u32>) -> Vec<RecoverSpec> {
        let Some(value) = self.value else { return Vec::new() };
        let propagate = self.propagate;
        let of = |Fits { kinds, patterns, codes }| RecoverSpec {
            kinds,
            patterns,
            codes,
            value: Some(value.clone()),
            propagate,
            rank,
        };
        self.failures.into_iter().map(of).collect()
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
