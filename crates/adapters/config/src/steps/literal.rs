//! Holds what is written literally to the JSON Schema of a tool's parameters.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::{listing, nearest};
use refrain_core::template::is_template;
use serde_json::{Map, Value, json};

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
    if let Some(range) = out_of_range(item, schema) {
        let message = format!("`{}` is {}, and {range} is expected", item.name(), item.node.describe());
        return reading.at(Code::StepType, item, message, None);
    }
    match &item.node.kind {
        Kind::Map(_)
            if ["properties", "required", "additionalProperties"]
                .iter()
                .any(|key| schema.get(key).is_some()) =>
        {
            parameters(reading, item, schema, &[], &[]);
        }
        Kind::List(_) => {
            let Some(inner) = schema.get("items") else { return };
            item.items().iter().for_each(|item| value(reading, item, inner));
        }
        _ => {}
    }
}

/// Says what a number should be that is out of its range.
fn out_of_range(item: &Item<'_>, schema: &Value) -> Option<String> {
    let number = super::reading::json(item.node).as_f64()?;
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    if let Some(above) = bound("exclusiveMinimum").filter(|above| number <= *above) {
        return Some(format!("a number above {above}"));
    }
    let is_out = least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most);
    is_out.then(|| match (least, most) {
        (Some(least), Some(most)) => format!("a number from {least} to {most}"),
        (Some(least), None) => format!("a number from {least} on"),
        _ => format!("a number up to {}", most.unwrap_or_default()),
    })
}

/// The branch whose type fits says what is wrong; of several objects the one that is called as the item says by `type`.
fn any_of(reading: &mut Reading<'_>, item: &Item<'_>, branches: &[Value]) {
    let names: Vec<&Value> =
        branches.iter().filter_map(|schema| schema.pointer("/properties/type/const")).collect();
    if names.len() == branches.len() && matches!(item.node.kind, Kind::Map(_)) {
        return named(reading, item, branches, &names);
    }
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

/// Holds an item to the branch that its `type` names.
fn named(reading: &mut Reading<'_>, item: &Item<'_>, branches: &[Value], names: &[&Value]) {
    let kind = reading.fields(item).and_then(|fields| fields.get("type"));
    let Some(kind) = kind else {
        return missing(reading, (&item.path, item.key_span()), &json!({ "required": ["type"] }), &[]);
    };
    let written = super::reading::json(kind.node);
    match names.iter().position(|name| **name == written) {
        Some(at) => parameters(reading, item, &branches[at], &[], &[]),
        None if kind.text().is_some_and(is_template) => {}
        None => choice(reading, &kind, &names.iter().copied().cloned().collect::<Vec<_>>()),
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
