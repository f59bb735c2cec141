//! Fields that are not there, as providers say it that require every field.

use serde_json::{Map, Value};

use super::{has_type, required, resolve};

/// Takes out the `null`s that stand for optional fields which are not there: the provider made every field required.
pub fn drop_nulls(schema: &Value, value: &mut Value) {
    drop_nulls_within(schema, schema, value, 0);
}

fn drop_nulls_within(root: &Value, schema: &Value, value: &mut Value, depth: usize) {
    if depth > 64 {
        return;
    }
    let schema = resolve(root, schema);
    for choice in ["anyOf", "oneOf"].iter().filter_map(|name| schema.get(*name)?.as_array()).flatten() {
        drop_nulls_within(root, choice, value, depth + 1);
    }
    match value {
        Value::Object(fields) => {
            let none = Map::new();
            let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
            let required = schema.as_object().map(required).unwrap_or_default();
            fields.retain(|name, field| {
                let Some(property) = properties.get(name) else { return true };
                !field.is_null() || required.contains(&name.as_str()) || allows_null(root, property, 0)
            });
            for (name, field) in fields {
                if let Some(property) = properties.get(name) {
                    drop_nulls_within(root, property, field, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls_within(root, schema, item, depth + 1));
            }
        }
        _ => {}
    }
}

fn allows_null(root: &Value, schema: &Value, depth: usize) -> bool {
    if depth > 64 {
        return true;
    }
    let schema = resolve(root, schema);
    let holds =
        |name: &str| schema.get(name).and_then(Value::as_array).is_some_and(|all| all.contains(&Value::Null));
    let mut choices = ["anyOf", "oneOf"].iter().filter_map(|name| schema.get(*name)?.as_array()).flatten();
    schema.get("type").is_some_and(|kind| has_type(kind, "null"))
        || holds("enum")
        || schema.get("const") == Some(&Value::Null)
        || choices.any(|choice| allows_null(root, choice, depth + 1))
}
