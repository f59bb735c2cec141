//! Writing schemas down in little space.

use std::sync::OnceLock;

use refrain_core::ports::agent::Effect;
use serde_json::{Map, Value, json};

use crate::tool::Action;

/// A parameter or a field of a result: its name, its schema and what it is for. A name that ends with `!` is required.
pub(crate) type Field = (&'static str, Value, &'static str);

/// Returns an action whose other properties can be set.
pub(crate) fn action(
    name: &'static str,
    description: &'static str,
    input: &[Field],
    result: &[Field],
) -> Action {
    let result = object(result, true);
    Action {
        name,
        aliases: &[],
        description,
        effect: Effect::Pure,
        version: 1,
        input: object(input, false),
        of_steps: &[],
        output: document(&result),
        validator: OnceLock::new(),
    }
}

impl Action {
    pub(crate) const fn once(mut self) -> Self {
        self.effect = Effect::Once;
        self
    }

    pub(crate) const fn volatile(mut self) -> Self {
        self.effect = Effect::Volatile;
        self
    }

    pub(crate) const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Adds what steps say that is none of the input.
    pub(crate) const fn of_steps(mut self, names: &'static [(&'static str, &'static str)]) -> Self {
        self.of_steps = names;
        self
    }

    /// Says what `result` is where it is no object.
    pub(crate) fn gives(mut self, result: &Value) -> Self {
        self.output = document(result);
        self
    }

    /// Adds a field to the document, beside `result`.
    pub(crate) fn beside(mut self, name: &str, schema: Value) -> Self {
        if let Some(properties) = self.output.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert(name.to_owned(), schema);
        }
        self
    }
}

fn document(result: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { "result": result, "success": {"type": "boolean"}, "error": {"type": ["string", "null"]} },
        "required": ["result", "success", "error"],
        "additionalProperties": false,
    })
}

/// Returns the schema of an object.
pub(crate) fn object(fields: &[Field], is_result: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema, description) in fields {
        let plain = name.trim_end_matches('!');
        let mut schema = schema.clone();
        if let Some(map) = schema.as_object_mut() {
            map.insert("description".to_owned(), json!(description));
        }
        properties.insert(plain.to_owned(), schema);
        if plain.len() < name.len() {
            required.push(plain);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    // A result of which no field is declared may be anything.
    if !is_result || !fields.is_empty() {
        schema["additionalProperties"] = json!(false);
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

pub(crate) fn text() -> Value {
    json!({ "type": "string" })
}

pub(crate) fn number() -> Value {
    json!({ "type": "number" })
}

pub(crate) fn positive() -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0 })
}

pub(crate) fn integer() -> Value {
    json!({ "type": "integer" })
}

pub(crate) fn at_least_one() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

/// A share of something.
pub(crate) fn share() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 1 })
}

pub(crate) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

pub(crate) fn any() -> Value {
    json!({})
}

pub(crate) fn map() -> Value {
    json!({ "type": "object" })
}

pub(crate) fn list() -> Value {
    json!({ "type": "array" })
}

/// One text or several.
pub(crate) fn texts() -> Value {
    json!({ "type": ["string", "array"], "items": {"type": "string"} })
}

pub(crate) fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}
