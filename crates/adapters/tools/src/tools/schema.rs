//! What schema a value has, and bringing a value into the types of a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The deepest that a value is looked into.
const DEEPEST: usize = 60;

/// Returns a schema that a value fits.
pub(super) fn inferred(value: &Value, depth: usize) -> Value {
    match value {
        Value::Null => json!({ "type": "null" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(number) if number.is_f64() => json!({ "type": "number" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(text) => of_text(text),
        Value::Array(_) | Value::Object(_) if depth >= DEEPEST => json!({}),
        Value::Array(items) => of_items(items, depth),
        Value::Object(map) => {
            let properties: Map<String, Value> =
                map.iter().map(|(name, value)| (name.clone(), inferred(value, depth + 1))).collect();
            let required: Vec<&String> = map.keys().collect();
            json!({ "type": "object", "properties": properties, "required": required })
        }
    }
}

fn of_text(text: &str) -> Value {
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|byte| byte.is_ascii_digit());
    let day = text.get(..10).unwrap_or_default();
    let parts: Vec<&str> = day.split('-').collect();
    let is_day =
        matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2));
    match text.get(10..) {
        Some("") if is_day => json!({ "type": "string", "format": "date" }),
        Some(rest) if is_day && rest.starts_with(['T', ' ']) && rest.contains(':') => {
            json!({ "type": "string", "format": "date-time" })
        }
        _ if (text.starts_with("http://") || text.starts_with("https://")) && !text.contains(' ') => {
            json!({ "type": "string", "format": "uri" })
        }
        _ if is_mail(text) => json!({ "type": "string", "format": "email" }),
        _ => json!({ "type": "string" }),
    }
}

fn is_mail(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace) && !host.contains('@')
    })
}

fn of_items(items: &[Value], depth: usize) -> Value {
    let schemas: BTreeSet<String> = items.iter().map(|item| inferred(item, depth + 1).to_string()).collect();
    let mut schemas: Vec<Value> = schemas.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    match schemas.len() {
        0 => json!({ "type": "array" }),
        1 => json!({ "type": "array", "items": schemas.remove(0) }),
        _ => json!({ "type": "array", "items": { "anyOf": schemas } }),
    }
}

/// Brings a value into the types that a schema names, where it says the same.
pub(super) fn coerced(value: &Value, schema: &Value, depth: usize) -> Value {
    if depth >= DEEPEST {
        return value.clone();
    }
    match value {
        Value::Object(map) => {
            let under = |name: &String| schema.get("properties").and_then(|all| all.get(name)).cloned();
            let field = |(name, value): (&String, &Value)| {
                (name.clone(), coerced(value, &under(name).unwrap_or_default(), depth + 1))
            };
            Value::Object(map.iter().map(field).collect())
        }
        Value::Array(items) => {
            let under = schema.get("items").cloned().unwrap_or_default();
            Value::Array(items.iter().map(|item| coerced(item, &under, depth + 1)).collect())
        }
        other => simple(other, schema.get("type").and_then(Value::as_str).unwrap_or_default()),
    }
}

fn simple(value: &Value, wanted: &str) -> Value {
    let other = match (value, wanted) {
        (Value::String(text), "integer") => text.trim().parse::<i64>().ok().map(Value::from),
        (Value::String(text), "number") => {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(refrain_core::ports::scratch::number)
        }
        (Value::String(text), "boolean") => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        (Value::Number(number), "integer") => {
            number.as_f64().filter(|number| number.fract() == 0.0).map(refrain_core::ports::scratch::number)
        }
        (Value::Number(_) | Value::Bool(_), "string") => Some(Value::String(crate::params::printed(value))),
        (Value::Null, "string") => Some(Value::String(String::new())),
        _ => None,
    };
    other.unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_inferred() {
        let value = json!({"a": 1, "b": [1.5], "c": true, "d": "2024-01-02", "e": null});
        let expect = json!({
            "type": "object",
            "properties": {
                "a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "number"}}, "c": {"type": "boolean"},
                "d": {"type": "string", "format": "date"}, "e": {"type": "null"},
            },
            "required": ["a", "b", "c", "d", "e"],
        });
        assert_eq!(inferred(&value, 0), expect);
    }

    #[test]
    fn texts_of_a_known_form_are_told_apart() {
        for (text, format) in [
            ("2024-01-02", Some("date")),
            ("2024-01-02T03:04", Some("date-time")),
            ("2024-01-02 03:04:05", Some("date-time")),
            ("2024-01-02 morning", None),
            ("2024-1-002", None),
            ("https://x.invalid/a", Some("uri")),
            ("http://x.invalid/a b", None),
            ("ann@x.invalid", Some("email")),
            ("ann@home", None),
            ("@x.invalid", None),
            ("ann@bob@x.invalid", None),
            ("ann @x.invalid", None),
            ("", None),
        ] {
            assert_eq!(inferred(&json!(text), 0).get("format"), format.map(Value::from).as_ref(), "{text}");
        }
        assert_eq!(inferred(&json!([]), 0), json!({"type": "array"}));
        let several = json!({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}});
        assert_eq!(inferred(&json!([1, "a", 2]), 0), several);
    }

    #[test]
    fn what_says_the_same_in_another_type_becomes_that_type() {
        for (value, wanted, expect) in [
            (json!(" 5 "), "integer", json!(5)),
            (json!("5.0"), "integer", json!("5.0")),
            (json!(2.0), "integer", json!(2)),
            (json!(2.5), "integer", json!(2.5)),
            (json!("inf"), "number", json!("inf")),
            (json!("Yes"), "boolean", json!(true)),
            (json!("0"), "boolean", json!(false)),
            (json!("maybe"), "boolean", json!("maybe")),
            (json!(1), "boolean", json!(1)),
            (json!(null), "string", json!("")),
            (json!(null), "integer", json!(null)),
            (json!(5), "string", json!("5")),
        ] {
            assert_eq!(coerced(&value, &json!({"type": wanted}), 0), expect, "{value} as {wanted}");
        }
    }

    #[test]
    fn values_are_coerced() {
        let schema = json!({"properties": {"n": {"type": "integer"}, "xs": {"items": {"type": "number"}}, "s": {"type": "string"}}});
        let value = json!({"n": "5", "xs": ["1.5", "x"], "s": true, "other": "7"});
        assert_eq!(coerced(&value, &schema, 0), json!({"n": 5, "xs": [1.5, "x"], "s": "True", "other": "7"}));
    }
}
