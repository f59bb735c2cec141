//! The shapes of answers: JSON Schemas as they are sent along.
//!
//! Providers that take a schema want an object at its root, and an answer about several units is one object too. What
//! is put around a schema moves it, so that what refers to its own root is led to where that is now.

use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

/// The one field of the object around an answer that is none.
pub(crate) const ANSWER: &str = "answer";
/// The field with the answers about several units.
pub(crate) const UNITS: &str = "units";
/// Definitions stay at the root, where most references look for them.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// How far references are followed.
const STEPS: usize = 16;

/// Whether everything that fulfils a schema is an object.
pub(crate) fn is_object(schema: &Json) -> bool {
    let root = schema.value();
    let mut at = &root;
    for _ in 0..STEPS {
        match (at.get("type"), at.get("$ref").and_then(Value::as_str)) {
            (Some(kind), _) => return kind == "object",
            (None, Some(reference)) => {
                match reference.strip_prefix('#').and_then(|path| root.pointer(path)) {
                    Some(next) => at = next,
                    None => return false,
                }
            }
            (None, None) => return at.get("properties").is_some(),
        }
    }
    false
}

/// Puts an answer into an object, `{"answer": …}`.
pub(crate) fn wrapped(schema: &Json) -> Json {
    enveloped(schema, ANSWER)
}

/// Returns the schema of an object with one field, which a schema describes.
#[must_use]
pub fn enveloped(schema: &Json, field: &str) -> Json {
    let (inner, definitions) = moved(schema, &format!("#/properties/{field}"));
    around(json!({ field: inner }), field, definitions)
}

/// Returns the schema of a list of what a schema describes.
pub(crate) fn list(schema: &Json) -> Json {
    let (items, mut root) = moved(schema, "#/items");
    root.insert("type".into(), json!("array"));
    root.insert("items".into(), items);
    canonical(&Value::Object(root))
}

/// Returns the schema of the answer about several units: `{"units": [{"n": 1, "output": …}, …]}`. Without a schema each
/// output is a text.
pub(crate) fn numbered(schema: Option<&Json>) -> Json {
    let (output, definitions) = match schema {
        Some(schema) => moved(schema, "#/properties/units/items/properties/output"),
        None => (json!({ "type": "string" }), Map::new()),
    };
    let entry = json!({
        "type": "object",
        "properties": { "n": { "type": "integer" }, "output": output },
        "required": ["n", "output"],
        "additionalProperties": false,
    });
    around(json!({ UNITS: { "type": "array", "items": entry } }), UNITS, definitions)
}

fn around(properties: Value, required: &str, definitions: Map<String, Value>) -> Json {
    let mut root = definitions;
    root.insert("type".into(), json!("object"));
    root.insert("properties".into(), properties);
    root.insert("required".into(), json!([required]));
    root.insert("additionalProperties".into(), json!(false));
    canonical(&Value::Object(root))
}

/// A schema has a canonical form: it was read as one.
fn canonical(value: &Value) -> Json {
    Json::of(value).unwrap_or_else(|_| Json::object([]))
}

/// Takes a schema from its root to another place; returns it with the definitions that stay at the root.
fn moved(schema: &Json, to: &str) -> (Value, Map<String, Value>) {
    let mut inner = schema.value();
    let id = inner.get("$id").and_then(Value::as_str).map(str::to_owned);
    redirect(&mut inner, id.as_deref(), to);
    let mut definitions = Map::new();
    if let Value::Object(fields) = &mut inner {
        fields.remove("$schema");
        fields.remove("$id");
        for name in DEFINITIONS {
            definitions.extend(fields.remove(name).map(|value| (name.to_owned(), value)));
        }
    }
    (inner, definitions)
}

fn redirect(schema: &mut Value, id: Option<&str>, to: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, id, to)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => *reference = redirected(reference, id, to),
                    _ if matches!(name.as_str(), "const" | "enum" | "default" | "examples") => {}
                    other => redirect(other, id, to),
                }
            }
        }
        _ => {}
    }
}

fn redirected(reference: &str, id: Option<&str>, to: &str) -> String {
    let local = id.and_then(|id| reference.strip_prefix(id)).unwrap_or(reference);
    let stays = |path: &str| {
        DEFINITIONS.iter().any(|name| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
    };
    match local.strip_prefix('#') {
        _ if local.is_empty() && id.is_some() => to.to_owned(),
        Some("") => to.to_owned(),
        Some(path) if path.strip_prefix('/').is_some_and(|path| !stays(path)) => format!("{to}{path}"),
        _ => local.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(value: Value) -> Json {
        Json::of(&value).unwrap()
    }

    fn issues() -> Json {
        schema(json!({
            "$id": "https://example.org/issues", "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "array", "items": {"$ref": "#/$defs/issue"},
            "$defs": {"issue": {"type": "object", "properties": {"sub": {"$ref": "#"}, "n": {"$ref": "#/$defs/n"}}},
                      "n": {"type": "integer", "enum": [1, 2]}},
        }))
    }

    #[track_caller]
    fn check(schema: &Json, good: &Value, bad: &Value) {
        let validator = jsonschema::validator_for(&schema.value()).unwrap();
        assert!(validator.is_valid(good), "{schema:?} refuses {good}");
        assert!(!validator.is_valid(bad), "{schema:?} accepts {bad}");
    }

    #[test]
    fn objects_are_told_from_the_rest() {
        for (value, expect) in [
            (json!({"type": "object"}), true),
            (json!({"properties": {}}), true),
            (json!({"type": ["object", "null"]}), false),
            (json!({"type": "array"}), false),
            (json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}), true),
            (json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}), false),
            (json!({}), false),
        ] {
            assert_eq!(is_object(&schema(value.clone())), expect, "{value}");
        }
    }

    #[test]
    fn references_follow_a_schema_to_its_new_place() {
        let (good, bad) = (json!([{"sub": [{"n": 1}]}]), json!([{"sub": [{"n": 3}]}]));
        check(&issues(), &good, &bad);
        check(&wrapped(&issues()), &json!({"answer": good}), &json!({"answer": bad}));
        check(&list(&issues()), &json!([good]), &json!([bad]));
        let units = |output: &Value| json!({"units": [{"n": 1, "output": output}]});
        check(&numbered(Some(&issues())), &units(&good), &units(&bad));
        check(&numbered(None), &units(&json!("text")), &units(&json!(1)));
        let recursive = schema(
            json!({"type": "object", "properties": {"a": {"$ref": "#/properties/b"}, "b": {"type": "null"}}}),
        );
        check(&numbered(Some(&recursive)), &units(&json!({"a": null})), &units(&json!({"a": 1})));
    }
}
