//! JSON Schemas of answers: compiled for checking, and cut to what a provider takes.
//!
//! Providers take a part of JSON Schema each. What they do not know and only forbids more is left out, since every
//! answer is checked against the whole schema anyway. Where something is left that shapes answers, such as objects with
//! any fields, the schema cannot be cut to size and the model is asked in its prompt.

mod cycles;
mod nulls;
mod subset;

use jsonschema::Validator;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

pub use nulls::drop_nulls;
use subset::subset;

/// A schema of answers.
#[derive(Debug)]
pub struct Shape {
    /// The schema.
    pub json: Json,
    /// The schema as a tree.
    pub value: Value,
    /// Its compiled form.
    pub validator: Validator,
}

impl Shape {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Says why it is no schema.
    pub fn new(json: &Json) -> Result<Self, String> {
        let value = json.value();
        let validator = jsonschema::validator_for(&value).map_err(|error| error.to_string())?;
        Ok(Self { json: json.clone(), value, validator })
    }
}

/// Why a schema cannot be sent along.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at `{at}`")]
pub struct Unfit {
    /// What the provider does not take.
    pub what: String,
    /// Where, as a path into the schema.
    pub at: String,
}

/// Cuts a schema to what a provider takes.
///
/// # Errors
/// Fails where something is left that the provider does not take and that shapes answers.
pub fn fit(kind: EndpointKind, schema: &Value) -> Result<Value, Unfit> {
    let subset = subset(kind);
    if !subset.recursion && cycles::is_recursive(schema) {
        return Err(Unfit { what: "a schema that refers to itself".to_owned(), at: "#".to_owned() });
    }
    let mut fitted = subset.fit(schema, "#")?;
    if fitted.get("type") != Some(&json!("object")) && !subset.open_objects {
        return Err(Unfit { what: "an answer that is no object".to_owned(), at: "#".to_owned() });
    }
    for name in ["$defs", "definitions"] {
        if let Some(Value::Object(parts)) = schema.get(name) {
            fitted[name] = Value::Object(subset.fit_each(parts, &format!("#/{name}"))?);
        }
    }
    Ok(fitted)
}

/// Whether a model is one that takes schemas. Older models of a provider that does may not.
#[must_use]
pub fn is_known_to_model(kind: EndpointKind, model: &str) -> bool {
    match kind {
        EndpointKind::Openai | EndpointKind::Responses => {
            !["gpt-3.5", "gpt-4-", "o1-mini", "o1-preview"].iter().any(|old| model.starts_with(old))
                && model != "gpt-4"
        }
        EndpointKind::Anthropic => {
            let version = super::wire::anthropic::version(model);
            version.is_none_or(|version| version >= (4, 5) || (version == (4, 1) && model.contains("opus")))
        }
        EndpointKind::Gemini => !model.contains("gemini-1"),
    }
}

fn required(fields: &Map<String, Value>) -> Vec<&str> {
    let names = fields.get("required").and_then(Value::as_array);
    names.map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn has_type(kind: &Value, name: &str) -> bool {
    match kind {
        Value::String(kind) => kind == name,
        Value::Array(kinds) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

/// Follows a reference within the document.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    target.and_then(|path| root.pointer(path)).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use EndpointKind::{Anthropic, Gemini, Openai};

    fn check(kind: EndpointKind, schema: &Value, expect: Result<Value, &str>) {
        let fitted = fit(kind, schema).map_err(|unfit| unfit.to_string());
        assert_eq!(fitted, expect.map_err(str::to_owned), "{kind:?}");
    }

    fn of(properties: &Value, required: &Value) -> Value {
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    #[test]
    fn what_only_forbids_more_is_left_out() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Line", "type": "object",
            "properties": {
                "text": {"type": "string", "minLength": 1, "format": "uri", "default": ""},
                "score": {"type": "number", "minimum": 0, "format": "double"},
                "day": {"type": "string", "format": "date"},
            },
            "required": ["text", "score", "day"],
        });
        let all = json!(["day", "score", "text"]);
        let score = json!({"type": "number", "minimum": 0});
        let day = json!({"type": "string", "format": "date"});
        let text = json!({"type": "string"});
        let narrow = of(&json!({"text": text, "score": {"type": "number"}, "day": day}), &all);
        let wide = json!({"text": text, "score": score, "day": day});
        check(Openai, &schema, Ok(of(&wide, &all)));
        check(Anthropic, &schema, Ok(narrow));
        let open = json!({"type": "object", "title": "Line", "properties": wide, "required": all});
        check(Gemini, &schema, Ok(open));
    }

    #[test]
    fn openai_has_every_field_required() {
        let schema = json!({
            "properties": {
                "a": {"type": "string"},
                "b": {"enum": ["x", "y"], "type": "string"},
                "c": {"$ref": "#/$defs/c"},
                "d": {"type": ["integer", "null"]},
            },
            "required": ["a"],
            "$defs": {"c": {"type": "array", "items": {"type": "boolean"}}},
        });
        let properties = json!({
            "a": {"type": "string"},
            "b": {"enum": ["x", "y", null], "type": ["string", "null"]},
            "c": {"anyOf": [{"$ref": "#/$defs/c"}, {"type": "null"}]},
            "d": {"type": ["integer", "null"]},
        });
        let mut expect = of(&properties, &json!(["a", "b", "c", "d"]));
        expect["$defs"] = schema["$defs"].clone();
        check(Openai, &schema, Ok(expect));
    }

    #[test]
    fn what_shapes_answers_is_not_left_out() {
        let with = |property: Value| json!({"type": "object", "properties": {"a": property}});
        let check = |property: Value, expect: &str| check(Openai, &with(property), Err(expect));
        check(json!({}), "a schema that allows anything at `#/properties/a`");
        check(json!(true), "a schema that allows anything at `#/properties/a`");
        check(json!({"type": "object"}), "an object with any fields at `#/properties/a`");
        check(
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            "`additionalProperties` with a schema at `#/properties/a`",
        );
        check(json!({"type": "array"}), "a schema that allows anything at `#/properties/a/items`");
        check(json!({"allOf": [{"type": "string"}]}), "`allOf` at `#/properties/a`");
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        assert!(fit(Gemini, &map).is_ok(), "Gemini knows maps");
    }

    #[test]
    fn answers_are_objects_and_some_may_not_nest() {
        check(Openai, &json!({"type": "string"}), Err("an answer that is no object at `#`"));
        let tree = json!({
            "type": "object", "properties": {"tree": {"$ref": "#/$defs/t"}}, "required": ["tree"],
            "$defs": {"t": {
                "type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
                "required": ["kids"],
            }},
        });
        assert!(fit(Openai, &tree).is_ok());
        check(Anthropic, &tree, Err("a schema that refers to itself at `#`"));
        check(Gemini, &tree, Err("a schema that refers to itself at `#`"));
    }

    #[test]
    fn nulls_stand_for_what_is_not_there() {
        let schema = json!({
            "type": "object",
            "properties": {
                "need": {"type": ["string", "null"]}, "may": {"type": "string"}, "null": {"type": ["string", "null"]},
                "list": {"type": "array", "items": {"$ref": "#/$defs/x"}},
            },
            "required": ["need"],
            "$defs": {"x": {"type": "object", "properties": {"y": {"type": "integer"}}}},
        });
        let mut value =
            json!({"need": null, "may": null, "null": null, "list": [{"y": null}, {"y": 1}], "else": null});
        drop_nulls(&schema, &mut value);
        assert_eq!(value, json!({"need": null, "null": null, "list": [{}, {"y": 1}], "else": null}));
    }

    #[test]
    fn old_models_take_no_schemas() {
        let check = |kind, model: &str, expect| assert_eq!(is_known_to_model(kind, model), expect, "{model}");
        check(Anthropic, "claude-sonnet-4-5-20250929", true);
        check(Anthropic, "claude-opus-4-1", true);
        check(Anthropic, "claude-opus-4-20250514", false);
        check(Anthropic, "claude-3-7-sonnet-latest", false);
        check(Anthropic, "claude-haiku-4.5", true);
        check(Openai, "gpt-4-turbo", false);
        check(Openai, "gpt-4o-mini", true);
        check(Openai, "llama3", true);
    }
}
