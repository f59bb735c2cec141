//! What of an input is strange to its schema: keys that it does not have, and words that are none of its own.

use refrain_core::check::suggest::suggestion;
use serde_json::{Map, Value};

/// Says what is strange; objects that are told apart by their `type` are held to the one that they name.
///
/// Everything else that does not fit is for a validator to say.
pub(crate) fn stranger(value: &Value, schema: &Value) -> Option<String> {
    within(value, schema, "")
}

fn within(value: &Value, schema: &Value, path: &str) -> Option<String> {
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        return in_branch(value, branches, path);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return in_words(value, words, path);
    }
    match value {
        Value::Object(fields) => in_fields(fields, schema, path),
        Value::Array(items) => {
            let inner = schema.get("items")?;
            items.iter().enumerate().find_map(|(n, item)| within(item, inner, &format!("{path}[{n}]")))
        }
        _ => None,
    }
}

fn in_fields(fields: &Map<String, Value>, schema: &Value, path: &str) -> Option<String> {
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let others = schema.get("additionalProperties");
    fields.iter().find_map(|(name, value)| {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (known.get(name), others) {
            (Some(inner), _) | (None, Some(inner @ Value::Object(_))) => within(value, inner, &at),
            (None, Some(Value::Bool(false))) => {
                let hint = suggestion(name, known.keys().map(String::as_str));
                Some(told(format!("there is no parameter `{at}`"), hint))
            }
            (None, _) => None,
        }
    })
}

fn in_branch(value: &Value, branches: &[Value], path: &str) -> Option<String> {
    let names: Vec<&Value> =
        branches.iter().filter_map(|branch| branch.pointer("/properties/type/const")).collect();
    if let Some(fields) = value.as_object().filter(|_| names.len() == branches.len()) {
        let Some(kind) = fields.get("type") else { return Some(format!("`{path}.type` is missing")) };
        return match names.iter().position(|name| *name == kind) {
            Some(at) => in_fields(fields, &branches[at], path),
            None => {
                let names: Vec<Value> = names.into_iter().cloned().collect();
                in_words(kind, &names, &format!("{path}.type"))
            }
        };
    }
    let kind = match value {
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        _ => return None,
    };
    branches.iter().find(|branch| branch["type"] == kind).and_then(|branch| within(value, branch, path))
}

fn in_words(value: &Value, words: &[Value], path: &str) -> Option<String> {
    let written = value.as_str().filter(|_| !words.contains(value))?;
    let hint = suggestion(written, words.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    Some(told(format!("`{path}` cannot be `{written}`"), hint))
}

fn told(message: String, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{message}; {hint}"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: Value, expect: Option<&str>) {
        let branch = |name: &str, key: &str| {
            json!({"type": "object", "properties": {"type": {"const": name}, key: {"enum": ["red", "blue"]}},
                "additionalProperties": false})
        };
        let schema = json!({
            "properties": {"several": {"items": {"anyOf": [branch("a", "paint"), branch("b", "other")]}},
                "one": {"anyOf": [{"type": "string", "enum": ["yes"]}, {"type": "object", "properties": {"x": {}}, "additionalProperties": false}]},
                "free": {"type": "object"}, "each": {"additionalProperties": {"enum": ["u"]}}},
            "additionalProperties": false,
        });
        assert_eq!(stranger(&value, &schema).as_deref(), expect, "{value}");
    }

    #[test]
    fn strange_keys_and_words_are_told_with_what_was_meant() {
        check(
            json!({"several": [{"type": "a", "paint": "red"}], "one": "yes", "free": {"z": 1}, "each": {"k": "u"}}),
            None,
        );
        check(json!({"severl": 1}), Some("there is no parameter `severl`; did you mean `several`?"));
        check(
            json!({"several": [{"type": "b", "other": "red"}, {"type": "a", "pain": 1}]}),
            Some("there is no parameter `several[1].pain`; did you mean `paint`?"),
        );
        check(
            json!({"several": [{"type": "b", "paint": "red"}]}),
            Some("there is no parameter `several[0].paint`; there are `other`, `type`"),
        );
        check(
            json!({"several": [{"type": "c"}]}),
            Some("`several[0].type` cannot be `c`; there are `a`, `b`"),
        );
        check(json!({"several": [{}]}), Some("`several[0].type` is missing"));
        check(json!({"one": "yess"}), Some("`one` cannot be `yess`; did you mean `yes`?"));
        check(json!({"one": {"y": 1}}), Some("there is no parameter `one.y`; there are `x`"));
        check(json!({"each": {"k": "v"}}), Some("`each.k` cannot be `v`; there are `u`"));
        // What is no text is for a validator.
        check(json!({"one": 5, "several": [5], "each": 5}), None);
    }
}
