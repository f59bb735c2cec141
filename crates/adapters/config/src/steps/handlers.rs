//! `on_error`: what stands in for a step that failed.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::agent_spec::{AgentSpec, ToolAction, ToolRef};
use refrain_schemas::on_failure::RecoverSpec;
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::Value;

use super::Lowering;
use super::body::Draft;
use super::reading::{Item, json};
use super::texts::Read;
use crate::node::Kind;

const KNOWN: [&str; 12] = [
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
    "log_level",
    "capture_error_context",
];
const REFUSED: [(&str, &str); 4] = [
    ("retry_with_handler", "write `on_failure: retry`"),
    ("max_handler_retries", "write `max_retries:` on the step"),
    ("continue_on_handler_failure", "write `on_failure: continue`"),
    ("timeout", "write `timeout:` on the step"),
];

/// A handler, with what decides which comes first.
struct Handler<'n> {
    priority: i64,
    recover: RecoverSpec,
    action: Option<Item<'n>>,
}

/// Reads `on_error` and `error_handlers`.
pub(super) fn read(lowering: &mut Lowering<'_, '_>, draft: &Draft<'_>, spec: &mut PhaseSpec) {
    let mut handlers = Vec::new();
    for key in ["on_error", "error_handlers"] {
        let Some(item) = draft.fields.get(key) else { continue };
        match &item.node.kind {
            Kind::Text(_) if spec.on_failure.is_none() => spec.on_failure = lowering.on_failure(draft, &item),
            Kind::Text(_) => {
                let hint = Some("keep one of `on_error` and `on_failure`".to_owned());
                lowering.reading.at(
                    Code::StepTwo,
                    &item,
                    "there are two ways to go on after a failure",
                    hint,
                );
            }
            Kind::List(_) => handlers.extend(item.items().iter().filter_map(|item| handler(lowering, item))),
            _ => handlers.extend(handler(lowering, &item)),
        }
    }
    handlers.sort_by_key(|handler| std::cmp::Reverse(handler.priority));
    for (n, handler) in handlers.into_iter().enumerate() {
        if let Some(action) = &handler.action {
            act(lowering, draft, n + 1, action);
        }
        if handler.recover.value.is_some() {
            spec.recover.push(handler.recover);
        }
    }
}

fn handler<'n>(lowering: &mut Lowering<'_, '_>, item: &Item<'n>) -> Option<Handler<'n>> {
    let fields = lowering.reading.fields(item)?;
    let reading = &mut lowering.reading;
    reading.known(&fields, "a handler", &KNOWN, &REFUSED);
    reading.unbuilt(&fields, &["handler_task_id", "log_level", "capture_error_context"]);
    if fields.get("enabled").and_then(|item| reading.flag(&item)) == Some(false) {
        return None;
    }
    let value = ["fallback_value", "fallback_result"].iter().find_map(|key| fields.get(key));
    let mut names = |key: &str| -> Vec<(String, Item<'n>)> {
        fields.get(key).map(|item| reading.names(&item)).unwrap_or_default()
    };
    let (types, patterns) = (names("error_types"), names("error_patterns"));
    let codes = match fields.get("error_codes") {
        Some(item) => item.items().iter().map(|item| json(item.node).to_string().replace('"', "")).collect(),
        None => Vec::new(),
    };
    let is_any = types.iter().any(|(name, _)| name == "*");
    let kinds =
        types.iter().filter(|_| !is_any).filter_map(|(name, item)| kind(lowering, name, item)).collect();
    let recover = RecoverSpec {
        kinds,
        patterns: patterns.into_iter().map(|(pattern, _)| pattern).collect(),
        codes,
        value: value.map(|item| json(item.node)),
        propagate: fields
            .get("propagate_error")
            .and_then(|item| lowering.reading.flag(&item))
            .unwrap_or_default(),
    };
    let priority = match fields.get("priority").map(|item| &item.node.kind) {
        Some(Kind::Integer(number)) => *number,
        _ => 0,
    };
    Some(Handler { priority, recover, action: fields.get("handler_action") })
}

/// Returns the kind of failure that an error of the originals is here.
fn kind(lowering: &mut Lowering<'_, '_>, name: &str, item: &Item<'_>) -> Option<String> {
    const KINDS: [(&str, &str); 9] = [
        ("TimeoutError", "timed_out"),
        ("timeout", "timed_out"),
        ("timed_out", "timed_out"),
        ("ConnectionError", "transient"),
        ("transient", "transient"),
        ("reported", "reported"),
        ("permanent", "permanent"),
        ("invalid_output", "invalid_output"),
        ("rate_limited", "rate_limited"),
    ];
    if let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) {
        return Some((*kind).to_owned());
    }
    let hint = suggestion(name, KINDS.iter().map(|(known, _)| *known));
    lowering.reading.at(Code::NotAChoice, item, format!("`{name}` is no kind of error"), hint);
    None
}

/// A handler that does something is a step of its own, which runs where this one failed.
fn act(lowering: &mut Lowering<'_, '_>, draft: &Draft<'_>, n: usize, item: &Item<'_>) {
    let Some(text) = lowering.reading.text(item) else { return };
    let Some(tools) = lowering.tools else { return };
    let Some(found) = tools.bare(text.trim()) else {
        let hint = Some("write an action such as `echo TEXT`".to_owned());
        return lowering.reading.at(Code::StepAction, item, format!("there is no action `{text}`"), hint);
    };
    let Ok(phase) = format!("{}-handler-{n}", draft.phase).parse::<refrain_schemas::name::PhaseName>() else {
        return;
    };
    let mut texts = lowering.texts(Some(phase.clone()), Read::default());
    let said = found.parameters.iter().map(|(name, value)| match value {
        Value::String(text) => (name.clone(), Value::String(texts.template(item, text))),
        other => (name.clone(), other.clone()),
    });
    let input = Value::Object(said.collect());
    let read = texts.read;
    let action = ToolAction { name: found.tool.clone(), action: Some(found.action.clone()) };
    let agent = AgentSpec { tool: Some(ToolRef::Action(action)), ..AgentSpec::default() };
    let mut names = read.names.clone();
    names.insert("has_failed".to_owned(), format!("phases.{}.failed", draft.phase));
    let within = lowering.names.beside().and_then(|frame| Some(frame.turn.as_ref()?.phase.clone()));
    // It comes after the step whatever became of that.
    let after = read.phases.into_iter().filter(|phase| *phase != draft.phase).collect();
    let spec = PhaseSpec {
        when: Some("has_failed".to_owned()),
        wants: vec![draft.phase.clone()],
        after,
        names,
        within: within.clone(),
        input: Some(input),
        agent: Some(AgentRef::Inline(Box::new(agent))),
        ..PhaseSpec::default()
    };
    lowering.place(format!("phases.{phase}"), item);
    lowering.pipeline.phases.insert(phase.clone(), spec);
    lowering.entries.push(StepEntry {
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
