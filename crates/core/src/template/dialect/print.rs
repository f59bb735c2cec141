//! What values look like, and the methods they have.

use minijinja::value::{Serde, ValueKind};
use minijinja::{Error, ErrorKind, Output, State, Value, escape_formatter};

use super::filters::moment;
use super::refused;
use crate::formula::{call_method, float_text, format_text, push_quoted};
use crate::template::work::{charge, charge_bytes};

/// Writes a value as Python prints it. Texts count as what the rendering makes, everything else is charged.
pub(super) fn written(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.kind() == ValueKind::String || value.is_undefined() {
        return escape_formatter(out, state, value);
    }
    charge(state, &[value])?;
    let mut text = String::new();
    print(value, &mut text)?;
    out.write_str(&text).map_err(Error::from)
}

/// Adds the text of a value, which MUST have been charged; of a text, itself.
pub(super) fn print(value: &Value, into: &mut String) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => into.push_str(text),
        None => nested(value, into)?,
    }
    Ok(())
}

/// Adds the text of a value, which MUST have been charged; of a text, in quotes.
pub(super) fn nested(value: &Value, into: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::String => push_quoted(into, value.as_str().unwrap_or_default()),
        ValueKind::Number if !value.is_integer() => {
            let number = f64::try_from(value.clone())?;
            into.push_str(&float_text(number));
        }
        ValueKind::Seq | ValueKind::Iterable => {
            into.push('[');
            for (n, item) in value.try_iter()?.enumerate() {
                into.push_str(if n > 0 { ", " } else { "" });
                nested(&item, into)?;
            }
            into.push(']');
        }
        ValueKind::Map => {
            into.push('{');
            for (n, key) in value.try_iter()?.enumerate() {
                into.push_str(if n > 0 { ", " } else { "" });
                nested(&key, into)?;
                into.push_str(": ");
                nested(&value.get_item(&key)?, into)?;
            }
            into.push('}');
        }
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        _ => into.push_str(&value.to_string()),
    }
    Ok(())
}

/// Puts values into a text; the names that some have come behind those that have none.
fn formatted(state: &mut State<'_, '_>, text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let json = |value: &Value| serde_json::to_value(value).map_err(|error| refused(error.to_string()));
    let names = arguments.last().filter(|last| last.is_kwargs());
    let values = &arguments[..arguments.len() - usize::from(names.is_some())];
    let values: Vec<_> = values.iter().map(json).collect::<Result<_, _>>()?;
    let mut named = Vec::new();
    if let Some(map) = names {
        for name in map.try_iter()? {
            named.push((name.to_string(), json(&map.get_item(&name)?)?));
        }
    }
    let made = format_text(text, &values, &named).map_err(|error| refused(error.to_string()))?;
    charge_bytes(state, made.len())?;
    Ok(Value::from(made))
}

/// Calls a method that the engine does not know itself.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    charge(state, &[value])?;
    charge(state, &arguments.iter().collect::<Vec<_>>())?;
    let json = |value: &Value| serde_json::to_value(value).map_err(|error| refused(error.to_string()));
    if let (Some(text), "format") = (value.as_str(), name) {
        return formatted(state, text, arguments);
    }
    if value.as_str().is_some() && matches!(name, "strftime" | "isoformat") {
        return moment(state, value, name, arguments);
    }
    let given: Vec<_> = arguments.iter().map(json).collect::<Result<_, _>>()?;
    match call_method(&json(value)?, name, &given) {
        Some(result) => {
            let value = Value::from(Serde(result.map_err(|error| refused(error.to_string()))?));
            charge(state, &[&value])?;
            Ok(value)
        }
        None => {
            let message = format!("there is no method `{name}` of a {}", value.kind());
            Err(Error::new(ErrorKind::UnknownMethod, message))
        }
    }
}
