//! Whether all that a value holds is there. What is not would go on as null, where nobody meant null.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

/// Returns a value as JSON.
///
/// # Errors
/// Fails where something of it is undefined, or has no form in JSON.
pub(crate) fn json_of(value: &Value) -> Result<Json, Error> {
    let json = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    // Most values hold no null, and are not looked through a second time.
    if has_null(&json) {
        all_there(value)?;
    }
    Ok(json)
}

/// Fails where something of a value is undefined.
pub(crate) fn all_there(value: &Value) -> Result<(), Error> {
    if has_undefined(value)? { Err(Error::from(ErrorKind::UndefinedError)) } else { Ok(()) }
}

fn has_null(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(items) => items.iter().any(has_null),
        Json::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

fn has_undefined(value: &Value) -> Result<bool, Error> {
    match value.kind() {
        ValueKind::Undefined => return Ok(true),
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()? {
                if has_undefined(&item)? {
                    return Ok(true);
                }
            }
        }
        ValueKind::Map => {
            for key in value.try_iter()? {
                if has_undefined(&value.get_item(&key)?)? {
                    return Ok(true);
                }
            }
        }
        _ => {}
    }
    Ok(false)
}
