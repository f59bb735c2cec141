//! Checks of data.

use std::collections::BTreeSet;
use std::slice::from_ref;

use async_trait::async_trait;
use jsonschema::{Draft, Validator};
use refrain_core::ports::scratch::number;
use serde_json::{Map, Value, json};

use super::schema::{coerced, inferred};
use crate::declare::{
    action, any, boolean, integer, list, map, number as numeric, one_of, share as part_of, text,
};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

/// The most errors of one validation that are told.
const ERRORS: usize = 1_000;

#[derive(Debug)]
struct Validation;

pub(super) fn declared() -> Declared {
    let data = ("data!", any(), "what is looked at; a text that is JSON is read");
    let actions = vec![
        action(
            "validate",
            "Holds data to a JSON Schema",
            &[
                data.clone(),
                ("schema!", map(), "the schema (draft 7 where it does not say)"),
                (
                    "mode",
                    one_of(&["strict", "lenient", "report_only"]),
                    "strict: what does not fit is a failure; lenient: types are brought into line first; report_only: never a failure",
                ),
            ],
            &[
                ("valid", boolean(), "whether it fits"),
                ("errors", list(), "message, path and validator of what does not"),
                ("warnings", list(), "the same where it is no failure"),
                ("data", any(), "the data as it was held to the schema"),
                ("mode", text(), "the mode"),
                ("rows_validated", integer(), "how many rows that are"),
            ],
        ),
        action(
            "infer_schema",
            "Finds a schema that data fits",
            from_ref(&data),
            &[("schema", map(), "the schema")],
        ),
        action(
            "quality_check",
            "Measures how complete, unique and consistent rows are",
            &[data, ("threshold", part_of(), "the least score that is good enough, from 0 to 1 (0.8)")],
            &[
                ("quality_score", numeric(), "the mean of the three"),
                ("passed", boolean(), "whether that is good enough"),
                ("completeness", numeric(), "how many of the cells hold something"),
                ("uniqueness", numeric(), "how many of the rows are different ones"),
                ("consistency", numeric(), "how many of the cells have the usual type of their column"),
                ("threshold", numeric(), "the least that is good enough"),
                ("row_count", integer(), "how many rows there are"),
                ("issues", list(), "what is missing, and where"),
            ],
        ),
    ];
    super::tool("validation", &["validate"], "Checks data", actions, Validation)
}

#[async_trait]
impl Tool for Validation {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let data = read(act.params.get("data").cloned().unwrap_or_default());
        match act.action {
            "infer_schema" => Ok(Acted::new(json!({ "schema": inferred(&data, 0) }))),
            "quality_check" => Ok(Acted::new(quality(&data, act.params.number("threshold").unwrap_or(0.8)))),
            _ => {
                let schema = act.params.get("schema").cloned().unwrap_or_default();
                validated(data, &schema, act.params.text("mode").unwrap_or("strict"))
            }
        }
    }
}

/// Reads a text that is a list or an object.
fn read(data: Value) -> Value {
    match &data {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or(data)
        }
        _ => data,
    }
}

fn validator(schema: &Value) -> Result<Validator, Fault> {
    let mut options = jsonschema::options();
    if schema.get("$schema").is_none() {
        options = options.with_draft(Draft::Draft7);
    }
    options.build(schema).map_err(|error| Fault::reported(format!("the schema is none: {error}")))
}

fn validated(data: Value, schema: &Value, mode: &str) -> Result<Acted, Fault> {
    let validator = validator(schema)?;
    let data = if mode == "lenient" { coerced(&data, schema, 0) } else { data };
    let errors: Vec<Value> = validator
        .iter_errors(&data)
        .take(ERRORS)
        .map(|error| {
            let rule = error.schema_path().to_string();
            let rule = rule.rsplit('/').next().unwrap_or_default();
            json!({ "message": error.to_string(), "path": error.instance_path().to_string(), "validator": rule })
        })
        .collect();
    let rows = data.as_array().map_or(1, Vec::len);
    let (n, lax) = (errors.len(), mode == "report_only");
    let (errors, warnings) = if lax { (Vec::new(), errors) } else { (errors, Vec::new()) };
    let result = json!({
        "valid": errors.is_empty(), "errors": errors, "warnings": warnings, "data": data, "mode": mode,
        "rows_validated": rows,
    });
    if n > 0 && !lax {
        let first = result["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        let more = if n > 1 { format!(" (and {} more)", n - 1) } else { String::new() };
        return Err(Fault::reported(format!("{first}{more}")).with(result));
    }
    Ok(Acted::new(result))
}

/// Measures rows; what is no list of objects is one row.
fn quality(data: &Value, threshold: f64) -> Value {
    let rows: Vec<Map<String, Value>> = match data {
        Value::Array(items) => items.iter().map(row).collect(),
        other => vec![row(other)],
    };
    let columns: BTreeSet<&String> = rows.iter().flat_map(Map::keys).collect();
    let mut issues = Vec::new();
    let (mut n_full, mut n_usual, mut n_typed) = (0, 0, 0);
    for column in &columns {
        let cells: Vec<&Value> = rows.iter().map(|row| row.get(*column).unwrap_or(&Value::Null)).collect();
        let full: Vec<&&Value> = cells.iter().filter(|cell| !is_empty(cell)).collect();
        let n_missing = cells.len() - full.len();
        if n_missing > 0 {
            issues.push(json!({ "column": column, "type": "missing", "count": n_missing }));
        }
        let kinds: Vec<&str> = full.iter().map(|cell| kind(cell)).collect();
        let usual =
            kinds.iter().map(|kind| kinds.iter().filter(|other| *other == kind).count()).max().unwrap_or(0);
        if usual < full.len() {
            issues.push(json!({ "column": column, "type": "mixed_types", "count": full.len() - usual }));
        }
        n_full += full.len();
        n_typed += full.len();
        n_usual += usual;
    }
    let different: BTreeSet<String> = rows.iter().map(|row| json!(row).to_string()).collect();
    if different.len() < rows.len() {
        issues.push(json!({ "type": "duplicate_rows", "count": rows.len() - different.len() }));
    }
    let (complete, unique, consistent) = (
        share(n_full, rows.len() * columns.len()),
        share(different.len(), rows.len()),
        share(n_usual, n_typed),
    );
    let score = (complete + unique + consistent) / 3.0;
    json!({
        "quality_score": number(score), "passed": score >= threshold, "completeness": number(complete),
        "uniqueness": number(unique), "consistency": number(consistent), "threshold": number(threshold),
        "row_count": rows.len(), "issues": issues,
    })
}

fn row(value: &Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map.clone(),
        other => Map::from_iter([("value".to_owned(), other.clone())]),
    }
}

fn is_empty(cell: &Value) -> bool {
    cell.is_null() || cell.as_str().is_some_and(|text| text.trim().is_empty())
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: Value, mode: &str, expect: Result<bool, &str>) {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let found = validated(data.clone(), &schema, mode);
        match (found, expect) {
            (Ok(acted), Ok(valid)) => assert_eq!(acted.result["valid"], valid, "{data}"),
            (Err(Fault::Reported { message, result }), Err(part)) => {
                assert!(
                    message.contains(part) && result["errors"][0]["validator"].is_string(),
                    "{message} {result}"
                );
            }
            (found, _) => panic!("{data}: {found:?}"),
        }
    }

    #[test]
    fn data_is_held_to_schemas() {
        check(json!({"n": 1}), "strict", Ok(true));
        check(json!({"n": "1"}), "strict", Err("not of type"));
        check(json!({"n": "1"}), "lenient", Ok(true));
        check(json!({}), "lenient", Err("required"));
        check(json!({}), "report_only", Ok(true));
        assert!(validated(json!(1), &json!({"type": "nonsense"}), "strict").is_err());
    }

    #[test]
    fn quality_is_measured() {
        let found = quality(&json!([{"a": 1, "b": ""}, {"a": 2, "b": "x"}]), 0.9);
        assert_eq!((&found["completeness"], &found["passed"]), (&json!(0.75), &json!(true)));
        let found = quality(&json!([{"a": 1}, {"a": "x"}, {"a": 1}]), 0.9);
        assert_eq!(found["passed"], json!(false));
        assert_eq!(found["issues"].as_array().map(Vec::len), Some(2), "{found}");
    }
}
