//! Schemas that refer to themselves.

use std::collections::BTreeMap;

use serde_json::Value;

/// Whether a schema refers to itself, so that its answers may nest as deep as they like.
pub(super) fn is_recursive(schema: &Value) -> bool {
    let mut graph: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in ["$defs", "definitions"] {
        for (part, schema) in schema.get(name).and_then(Value::as_object).into_iter().flatten() {
            graph.insert(format!("#/{name}/{part}"), references(schema));
        }
    }
    let mut whole = schema.clone();
    if let Value::Object(fields) = &mut whole {
        fields.remove("$defs");
        fields.remove("definitions");
    }
    references(&whole).contains(&"#".to_owned()) || graph.keys().any(|start| reaches(&graph, start))
}

fn reaches(graph: &BTreeMap<String, Vec<String>>, start: &String) -> bool {
    let (mut seen, mut open) = (Vec::new(), graph.get(start).cloned().unwrap_or_default());
    while let Some(next) = open.pop() {
        if &next == start || next == "#" {
            return true;
        }
        if !seen.contains(&next) {
            open.extend(graph.get(&next).cloned().unwrap_or_default());
            seen.push(next);
        }
    }
    false
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
