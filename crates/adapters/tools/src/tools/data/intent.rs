//! What cannot be meant: two words for one thing, nothing to do, and formulas that do not parse.

use refrain_core::formula::Formula;
use refrain_core::ports::tool_catalogue::{About, Complaint, Written};
use serde_json::{Map, Value};

use crate::table::criteria::Criteria;
use crate::tool::Fault;

/// Parameters that say one thing.
const SAME: [(&str, &str); 3] =
    [("data", "input_data"), ("criteria", "operation"), ("operations", "operation")];
/// Keys of operations that say one thing.
const SAME_OF_OPERATIONS: [(&str, &str); 18] = [
    ("columns", "fields"),
    ("mapping", "fields"),
    ("condition", "criteria"),
    ("condition", "field"),
    ("criteria", "field"),
    ("condition", "operator"),
    ("criteria", "operator"),
    ("condition", "value"),
    ("criteria", "value"),
    ("value", "fill_value"),
    ("value", "expression"),
    ("aggregations", "operation"),
    ("aggregations", "field"),
    ("columns", "field"),
    ("field", "name"),
    ("by", "columns"),
    ("by", "field"),
    ("descending", "reverse"),
];

/// Parameters that have something to parse.
const FORMULAS: [&str; 4] = ["operation", "criteria", "operations", "aggregations"];

/// Says what of an input cannot be meant, as far as it is known.
pub(super) fn judged(action: &str, written: &Written) -> Vec<Complaint> {
    let doubled = SAME.into_iter().filter(|(one, other)| written.has(one) && written.has(other));
    let mut complaints: Vec<Complaint> =
        doubled.map(|(one, other)| complaint(other, keep_one(one, other))).collect();
    complaints.extend(too_many_formats(action, written));
    complaints.extend(in_operation(written));
    complaints.extend(super::idle::judged(action, written));
    if action != "merge" && !written.has("data") && !written.has("input_data") {
        complaints.push(complaint("data", "`data` is missing".to_owned()));
    }
    complaints.extend(nothing_to_do(action, written));
    let formulas = FORMULAS.into_iter().filter_map(|name| {
        let error = match (name, written.get(name)?) {
            ("criteria", criteria) => criteria_error(criteria),
            ("aggregations", wanted) => aggregations_error(wanted),
            ("operation", Value::Object(operation)) => operation_error(operation),
            (_, operations) => operations_error(operations),
        };
        Some(complaint(name, format!("`{name}`: {}", error?)))
    });
    complaints.extend(formulas);
    complaints
}

pub(super) fn complaint(parameter: &str, message: String) -> Complaint {
    Complaint { parameter: parameter.to_owned(), message, about: About::Value }
}

fn keep_one(one: &str, other: &str) -> String {
    format!("`{one}` and `{other}` say the same thing; keep one of them")
}

/// Of `convert`, `format` is what the other of the two does not say; of others it is what is read.
fn too_many_formats(action: &str, written: &Written) -> Option<Complaint> {
    if !(written.has("format") && written.has("input_format")) {
        return None;
    }
    if action != "convert" {
        return Some(complaint("input_format", keep_one("format", "input_format")));
    }
    let message = "`input_format` and `output_format` leave nothing for `format` to say; leave it out";
    written.has("output_format").then(|| complaint("format", message.to_owned()))
}

/// What is said of groups stands in the `operation` or beside it.
fn in_operation(written: &Written) -> Option<Complaint> {
    let operation = written.get("operation")?.as_object()?;
    let twice = ["group_by", "aggregations"].into_iter();
    let name = twice.into_iter().find(|name| operation.contains_key(*name) && written.has(name))?;
    Some(complaint(name, keep_one(name, &format!("operation.{name}"))))
}

/// Returns the complaint that an action is not told what to do.
fn nothing_to_do(action: &str, written: &Written) -> Option<Complaint> {
    let (name, what) = match action {
        "filter" => ("criteria", "which rows stay"),
        "aggregate" => ("aggregations", "what is to be made: NAME: {column, function}"),
        "transform" => ("operations", "what is done"),
        _ => return None,
    };
    let operation = written.get("operation").and_then(Value::as_object);
    let is_in_operation = match operation {
        Some(operation) => action != "aggregate" || operation.contains_key("aggregations"),
        None => written.has("operation"),
    };
    let is_said = is_in_operation || written.has(name) || written.has("transform_spec");
    (!is_said).then(|| complaint(name, format!("`{name}` says {what}")))
}

fn criteria_error(criteria: &Value) -> Option<String> {
    Criteria::of(criteria).err().map(message)
}

fn operation_error(operation: &Map<String, Value>) -> Option<String> {
    let criteria = operation.get("criteria").and_then(criteria_error);
    let wanted = || aggregations_error(operation.get("aggregations")?);
    criteria.or_else(wanted).or_else(|| match operation.get("transformations")? {
        formulas @ Value::Object(_) => formulas_error(formulas),
        operations => operations_error(operations),
    })
}

fn operations_error(operations: &Value) -> Option<String> {
    let mut errors = operations.as_array()?.iter().enumerate().filter_map(|(n, operation)| {
        let operation = operation.as_object()?;
        let kind = operation.get("type").and_then(Value::as_str).unwrap_or_default();
        Some(format!("{kind} ({}): {}", n + 1, one_error(operation)?))
    });
    errors.next()
}

fn one_error(operation: &Map<String, Value>) -> Option<String> {
    let doubled = SAME_OF_OPERATIONS.into_iter();
    let mut doubled =
        doubled.filter(|(one, other)| operation.contains_key(*one) && operation.contains_key(*other));
    let doubled = doubled.next().map(|(one, other)| keep_one(one, other));
    let criteria =
        || ["condition", "criteria"].into_iter().find_map(|name| criteria_error(operation.get(name)?));
    let one = || formula_error("expression", operation.get("expression")?);
    let several = || formulas_error(operation.get("expressions")?);
    let wanted = || aggregations_error(operation.get("aggregations")?);
    let idle = || super::idle::of_operation(operation);
    doubled.or_else(idle).or_else(criteria).or_else(wanted).or_else(one).or_else(several)
}

/// What is made of a group is of one column.
fn aggregations_error(wanted: &Value) -> Option<String> {
    let mut each = wanted.as_object()?.iter();
    let (name, _) = each.find(|(_, one)| one.get("column").is_some() && one.get("field").is_some())?;
    Some(format!("`{name}`: {}", keep_one("column", "field")))
}

fn formulas_error(formulas: &Value) -> Option<String> {
    formulas.as_object()?.iter().find_map(|(name, formula)| formula_error(name, formula))
}

fn formula_error(name: &str, formula: &Value) -> Option<String> {
    let error = Formula::parse(formula.as_str()?).err()?;
    Some(format!("`{name}`: {error}"))
}

fn message(fault: Fault) -> String {
    match fault {
        Fault::Reported { message, .. } | Fault::Waiting { message, .. } => message,
        Fault::Raised(error) => error.message,
    }
}
