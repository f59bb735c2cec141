//! Holds what is written literally to the JSON Schema of a tool's parameters.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::{listing, nearest};
use refrain_core::template::is_template;
use serde_json::{Map, Value};

use super::reading::{Item, Reading};
use crate::node::{Kind, Span};

/// Refuses parameters that an action does not have, that it lacks and that have the wrong type.
///
/// `skip` are the names of parameters that are none of the action's, and `said` are those that are given otherwise.
pub(super) fn parameters(
    reading: &mut Reading<'_>,
    item: &Item<'_>,
    schema: &Value,
    skip: &[&str],
    said: &[&str],
) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let fields = match &item.node.kind {
        Kind::Map(_) => reading.fields(item),
        _ => None,
    };
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let mut meant = Vec::new();
    for (key, field) in fields.iter().flat_map(|fields| fields.iter()).filter(|(key, _)| !skip.contains(key))
    {
        match (properties.get(key), schema.get("additionalProperties")) {
            (Some(inner), _) => value(reading, &field, inner),
            (None, Some(inner @ Value::Object(_))) => value(reading, &field, inner),
            (None, _) if is_closed => {
                let near = nearest(key, properties.keys().map(String::as_str));
                meant.extend(near.map(str::to_owned));
                let names =
                    || listing(properties.keys().map(String::as_str)).map(|names| format!("it has {names}"));
                let hint = near.map(|near| format!("did you mean `{near}`?")).or_else(names);
                reading.at_key(Code::StepParameter, &field, format!("there is no parameter `{key}`"), hint);
            }
            (None, _) => {}
        }
    }
    let is_there = |name: &&str| fields.as_ref().is_some_and(|fields| fields.get(name).is_some());
    let required = required(schema).filter(is_there).chain(meant.iter().map(String::as_str));
    let known: Vec<&str> = required.chain(said.iter().copied()).collect();
    missing(reading, (&item.path, item.key_span()), schema, &known);
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Reports the required parameters that are not among those known.
pub(super) fn missing(reading: &mut Reading<'_>, at: (&str, Span), schema: &Value, known: &[&str]) {
    for name in required(schema).filter(|name| !known.contains(name)) {
        let hint = Some(format!("add `{name}:`"));
        let message = format!("the parameter `{name}` is missing");
        reading.report(Code::StepMissing, at.0, at.1, message, hint);
    }
}

/// A template may become anything.
fn value(reading: &mut Reading<'_>, item: &Item<'_>, schema: &Value) {
    if item.text().is_some_and(is_template) || matches!(item.node.kind, Kind::Broken) {
        return;
    }
    let branches = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array());
    if let Some(branches) = branches {
        return any_of(reading, item, branches);
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choice(reading, item, choices);
    }
    let kinds = kinds(schema);
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_a(&item.node.kind, kind)) {
        let message =
            format!("`{}` is {}, and {} is expected", item.name(), item.node.describe(), kinds.join(" or "));
        return reading.at(Code::StepType, item, message, None);
    }
    match &item.node.kind {
        Kind::Map(_) if schema.get("properties").is_some() || schema.get("required").is_some() => {
            parameters(reading, item, schema, &[], &[]);
        }
        Kind::List(_) => {
            let Some(inner) = schema.get("items") else { return };
            item.items().iter().for_each(|item| value(reading, item, inner));
        }
        _ => {}
    }
}

/// The branch whose type fits says what is wrong.
fn any_of(reading: &mut Reading<'_>, item: &Item<'_>, branches: &[Value]) {
    let fits = |schema: &&Value| {
        let kinds = kinds(schema);
        kinds.is_empty() || kinds.iter().any(|kind| is_a(&item.node.kind, kind))
    };
    let fitting: Vec<&Value> = branches.iter().filter(fits).collect();
    match fitting.as_slice() {
        [] => {
            let kinds: Vec<&str> = branches.iter().flat_map(kinds).collect();
            let message = format!(
                "`{}` is {}, and {} is expected",
                item.name(),
                item.node.describe(),
                kinds.join(" or ")
            );
            reading.at(Code::StepType, item, message, None);
        }
        [one] => value(reading, item, one),
        _ => {}
    }
}

fn choice(reading: &mut Reading<'_>, item: &Item<'_>, choices: &[Value]) {
    let written = super::reading::json(item.node);
    if choices.contains(&written) {
        return;
    }
    let words: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    let meant = item.text().and_then(|text| nearest(text, words.iter().copied()));
    let meant = meant.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let hint = listing(words.iter().copied()).map(|names| format!("{meant}use one of {names}"));
    let message = format!("`{}` cannot be {}", item.name(), item.node.describe());
    reading.at(Code::StepType, item, message, hint);
}

fn kinds(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether a value has a type. A number or a boolean is as good as a text: the tool prints it.
const fn is_a(value: &Kind, kind: &str) -> bool {
    match kind.as_bytes() {
        b"string" => matches!(
            value,
            Kind::Text(_) | Kind::Bool(_) | Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_)
        ),
        b"integer" => matches!(value, Kind::Integer(_) | Kind::Unsigned(_)),
        b"number" => matches!(value, Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_)),
        b"boolean" => matches!(value, Kind::Bool(_)),
        b"array" => matches!(value, Kind::List(_)),
        b"object" => matches!(value, Kind::Map(_)),
        b"null" => matches!(value, Kind::Null),
        _ => true,
    }
}
