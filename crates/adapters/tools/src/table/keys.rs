//! The keys of operations on tables, of criteria and of aggregations.

use serde_json::{Map, Value, json};

use super::aggregate::FUNCTIONS;
use super::change::TYPES;
use super::criteria::OPERATORS;
use crate::declare::{any, boolean, one_of, text, texts};

/// Keys with the schemas of their values; one that ends with `!` is required.
type Keys = Vec<(&'static str, Value)>;

/// Returns the schema of several operations.
pub(crate) fn operations() -> Value {
    let each = |(name, keys): (&'static str, Keys)| {
        let kind = ("type!", json!({ "const": name }));
        closed(std::iter::once(kind).chain(keys).collect())
    };
    let branches: Vec<Value> = every_operation().into_iter().map(each).collect();
    json!({ "type": "array", "items": { "anyOf": branches } })
}

/// Returns the names of the operations there are.
pub(crate) fn names() -> Vec<&'static str> {
    every_operation().into_iter().map(|(name, _)| name).collect()
}

/// Returns the schema of the `operation` of an action.
pub(crate) fn operation(action: &str) -> Value {
    closed(match action {
        "filter" => vec![("criteria!", criteria())],
        "aggregate" => vec![("group_by", texts()), ("aggregations", aggregations())],
        _ => vec![("transformations!", json!({ "anyOf": [operations(), formulas()] }))],
    })
}

/// Returns the schema of criteria: a formula, or columns with what each is to be, or how it is to compare.
pub(crate) fn criteria() -> Value {
    let comparisons: Map<String, Value> = OPERATORS.iter().map(|name| ((*name).to_owned(), any())).collect();
    json!({
        "type": ["object", "string"],
        // What is compared with may be anything.
        "properties": { "value": {} },
        "additionalProperties": { "properties": comparisons, "additionalProperties": false },
    })
}

/// Returns the schema of what is made of groups.
pub(crate) fn aggregations() -> Value {
    let one = closed(vec![("column", text()), ("field", text()), ("function!", one_of(&FUNCTIONS))]);
    json!({ "type": "object", "additionalProperties": { "anyOf": [one_of(&FUNCTIONS), one] } })
}

fn every_operation() -> Vec<(&'static str, Keys)> {
    let columns = || [("columns", texts()), ("fields", texts())];
    let map_of = |inner: Value| json!({ "type": "object", "additionalProperties": inner });
    let filled = json!({ "type": ["string", "array", "object"], "items": text() });
    vec![
        (
            "filter",
            vec![
                ("condition", criteria()),
                ("criteria", criteria()),
                ("field", text()),
                ("operator", one_of(&OPERATORS)),
                ("value", any()),
            ],
        ),
        (
            "aggregate",
            vec![
                ("group_by", texts()),
                ("aggregations", aggregations()),
                ("field", text()),
                ("operation", one_of(&FUNCTIONS)),
            ],
        ),
        ("rename_fields", vec![("mapping", map_of(text())), ("fields", map_of(text()))]),
        ("add_field", vec![("field", text()), ("name", text()), ("value", any()), ("expression", text())]),
        ("deduplicate", columns().into()),
        ("cast", vec![("columns", map_of(one_of(&TYPES))), ("fields", map_of(one_of(&TYPES)))]),
        (
            "fill_missing",
            vec![
                ("columns", filled.clone()),
                ("fields", filled),
                ("strategy", json!({ "anyOf": [one_of(&["constant"]), { "type": "object" }] })),
                ("value", any()),
                ("fill_value", any()),
            ],
        ),
        ("calculate", vec![("expressions!", formulas())]),
        (
            "sort",
            vec![
                ("by", texts()),
                ("columns", texts()),
                ("field", texts()),
                ("descending", boolean()),
                ("reverse", boolean()),
            ],
        ),
        ("select", columns().into()),
    ]
}

fn formulas() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

/// Returns the schema of an object with these keys and no others.
fn closed(keys: Keys) -> Value {
    let required: Vec<&str> = keys.iter().filter_map(|(name, _)| name.strip_suffix('!')).collect();
    let properties: Map<String, Value> =
        keys.iter().map(|(name, schema)| (name.trim_end_matches('!').to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
