//! What things are called.

use serde_json::Value;

use crate::node::{Kind, Node};
use crate::source::Source;

/// Fields of a phase that mean something in a later version.
pub(super) const RESERVED: [&str; 3] = ["repeat", "gate", "pipeline"];

/// Returns the types that a schema allows, `null` left out unless it is the only one.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
        _ => Vec::new(),
    }
}

/// Whether a value is of a schema's type, whatever is in it.
pub(super) fn fits(node: &Node, schema: &Value) -> bool {
    if schema.get("oneOf").is_some() {
        return matches!(node.kind, Kind::Text(_) | Kind::Map(_));
    }
    types(schema).iter().any(|name| match *name {
        "object" => matches!(node.kind, Kind::Map(_)),
        "array" => matches!(node.kind, Kind::List(_)),
        "string" => matches!(node.kind, Kind::Text(_)),
        "boolean" => matches!(node.kind, Kind::Bool(_)),
        "integer" => matches!(node.kind, Kind::Integer(_) | Kind::Unsigned(_)),
        "number" => matches!(node.kind, Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_)),
        _ => false,
    })
}

/// Says what a definition describes.
pub(super) fn thing(definition: &str, field: &str) -> String {
    match definition {
        "Pipeline" => "the pipeline".to_owned(),
        "PhaseSpec" => "a phase".to_owned(),
        "AgentSpec" => "an agent".to_owned(),
        "ParamSpec" => "a param".to_owned(),
        "ContextSpec" => "a context entry".to_owned(),
        "PhaseName" => "the name of a phase".to_owned(),
        "AgentName" => "the name of an agent".to_owned(),
        "DimensionName" => "the name of a dimension".to_owned(),
        _ => format!("`{field}`"),
    }
}

/// Says why a field that is expected of other programs is not there.
pub(super) fn unavailable(definition: &str, field: &str) -> Option<&'static str> {
    match (definition, field) {
        ("AgentSpec", "model" | "provider" | "prompt" | "system" | "url" | "http" | "mcp") => {
            Some("agents are `builtin:` or `command:` here; a command can speak to a model or a service")
        }
        ("PhaseSpec", "if") => Some("a condition is written `when:`"),
        ("PhaseSpec", "depends_on" | "requires") => {
            Some("reading a phase in `units` or `context` needs it; `needs:` and `wants:` name others")
        }
        _ => None,
    }
}

/// Says what is expected.
pub(super) fn expected(name: &str, schemas: &[&Value]) -> String {
    let words = schemas.iter().map(|schema| match (name, types(schema).first().copied()) {
        ("Duration", _) => "a duration",
        (_, Some("object")) => "a mapping",
        (_, Some("array")) => "a list",
        (_, Some("string")) => "a text",
        (_, Some("boolean")) => "`true` or `false`",
        (_, Some("integer")) => "a whole number",
        (_, Some("number")) => "a number",
        _ => "a choice",
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// Says how to turn what is there into what is expected.
pub(super) fn type_hint(node: &Node, name: &str, schemas: &[&Value], source: &Source<'_>) -> Option<String> {
    let wants = |wanted: &str| schemas.iter().any(|schema| types(schema).contains(&wanted));
    let line = source.line(node.span.line);
    let skip = node.span.column.saturating_sub(1) as usize;
    let written = || {
        let length = node.span.end_column.saturating_sub(node.span.column) as usize;
        line.chars().skip(skip).take(length).collect::<String>()
    };
    match &node.kind {
        Kind::Integer(n) if name == "Duration" => Some(format!("write `{n}s` for seconds")),
        Kind::Bool(_) | Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_) if wants("string") => {
            Some(format!("quote it to make it a text: \"{}\"", written().trim()))
        }
        Kind::Text(text) if wants("boolean") && is_word_for_bool(text) => {
            Some("write `true` or `false`; `yes`, `no`, `on` and `off` are texts".to_owned())
        }
        Kind::Text(text) if wants("integer") && text.parse::<u64>().is_ok() => {
            Some("leave the quotes out".to_owned())
        }
        Kind::Map(_) if wants("string") && line.chars().skip(skip).take(2).eq("{{".chars()) => {
            Some("quote the template: \"{{ … }}\"".to_owned())
        }
        _ if wants("array") && node.is_scalar() => Some(format!("write a list: [{}]", written().trim())),
        _ => None,
    }
}

fn is_word_for_bool(text: &str) -> bool {
    ["yes", "no", "on", "off", "y", "n", "true", "false"].contains(&text.to_lowercase().as_str())
}

/// Whether a text has the shape that names of phases, agents and dimensions have alike.
pub(super) fn is_name(text: &str) -> bool {
    text.parse::<refrain_schemas::name::PhaseName>().is_ok()
}
