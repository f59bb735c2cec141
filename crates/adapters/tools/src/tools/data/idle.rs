//! What would do nothing beside what else is said.

use refrain_core::ports::tool_catalogue::{Complaint, Written};
use serde_json::{Map, Value};

use super::intent::complaint;

/// What stands beside `transform_spec`: what is read, and what it becomes.
const BESIDE_SPEC: [&str; 8] = [
    "transform_spec",
    "data",
    "input_data",
    "format",
    "input_format",
    "output_format",
    "column_order",
    "action",
];

/// Says what of an input would do nothing, as far as it is known.
pub(super) fn judged(action: &str, written: &Written) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if written.has("transform_spec") {
        complaints.extend(beside_spec(action, written));
    } else if action == "profile" && said(written, "output_format") == Some("csv") {
        let message = "a profile is no table, and cannot become CSV";
        complaints.push(complaint("output_format", message.to_owned()));
    }
    complaints.extend(match action {
        "clean" => fill_of_nothing(written),
        "merge" => join_of_nothing(written),
        _ => None,
    });
    complaints
}

/// Says that columns are put in order where there are none.
pub(super) fn order_of_nothing(action: &str, written: &Written) -> Option<Complaint> {
    let makes_columns = action != "profile" && !written.has("transform_spec");
    let message = "`column_order` is for CSV, and this makes none";
    (written.has("column_order") && !makes_columns).then(|| complaint("column_order", message.to_owned()))
}

fn said<'w>(written: &'w Written, name: &str) -> Option<&'w str> {
    written.get(name).and_then(Value::as_str)
}

/// The formulas of `transform_spec` read the data as it is, and are all that is made.
fn beside_spec(action: &str, written: &Written) -> Vec<Complaint> {
    let names = written.literals.keys().chain(&written.made);
    let idle = names.filter(|name| written.has(name) && !BESIDE_SPEC.contains(&name.as_str()));
    let message = |name| format!("beside `transform_spec`, `{name}` would do nothing; keep one of them");
    let mut complaints: Vec<Complaint> = idle.map(|name| complaint(name, message(name))).collect();
    let is_made = |name: &&str| said(written, name) == Some("csv");
    let makes_csv = match action {
        "convert" if !written.has("output_format") => Some("format").filter(is_made),
        _ => Some("output_format").filter(is_made),
    };
    let message = "`transform_spec` makes values by name, which cannot become CSV";
    complaints.extend(makes_csv.map(|name| complaint(name, message.to_owned())));
    complaints
}

fn fill_of_nothing(written: &Written) -> Option<Complaint> {
    let is_filled =
        written.made.contains("handle_missing") || said(written, "handle_missing") == Some("fill");
    let message = "`fill_value` does nothing without `handle_missing: fill`";
    (written.has("fill_value") && !is_filled).then(|| complaint("fill_value", message.to_owned()))
}

fn join_of_nothing(written: &Written) -> Option<Complaint> {
    let strategy = said(written, "merge_strategy");
    let is_said = written.made.contains("merge_strategy");
    let is_joined = is_said || strategy == Some("join") || strategy.is_none() && written.has("join_on");
    let name = ["join_on", "join_type"].into_iter().find(|name| written.has(name))?;
    let message = || format!("`{name}` does nothing without `merge_strategy: join`");
    (!is_joined).then(|| complaint(name, message()))
}

/// Says which keys of an operation would do nothing beside another.
pub(super) fn of_operation(operation: &Map<String, Value>) -> Option<String> {
    let is_map = |name: &str| operation.get(name).is_some_and(Value::is_object);
    let rivals = |names: &[&'static str]| names.iter().find(|name| operation.contains_key(**name)).copied();
    let filling = || operation.get("type").and_then(Value::as_str) == Some("fill_missing");
    let (chosen, rival) = if !filling() {
        return None;
    } else if is_map("strategy") {
        ("strategy", rivals(&["columns", "fields", "value", "fill_value"])?)
    } else {
        let columns = ["columns", "fields"].into_iter().find(|name| is_map(name))?;
        (columns, rivals(&["value", "fill_value"])?)
    };
    Some(format!(
        "`{chosen}` says what each column is filled with, and `{rival}` would do nothing; keep one of them"
    ))
}
