//! What a table is like.

use std::collections::BTreeMap;

use refrain_core::ports::scratch::number;
use serde_json::{Map, Value, json};

use super::aggregate::{apply, median};
use super::{Table, is_empty, numeric};

/// The most frequent values that are named.
const TOP: usize = 5;

/// Describes a table, column by column.
pub(crate) fn profile(table: &Table) -> Value {
    let columns: Map<String, Value> =
        table.columns.iter().map(|name| (name.clone(), column(table, name))).collect();
    json!({ "row_count": table.rows.len(), "column_count": table.columns.len(), "columns": columns })
}

fn column(table: &Table, name: &str) -> Value {
    let cells: Vec<&Value> = table.rows.iter().map(|row| row.get(name).unwrap_or(&Value::Null)).collect();
    let full: Vec<&Value> = cells.iter().copied().filter(|cell| !is_empty(cell)).collect();
    let mut counts: BTreeMap<String, (usize, &Value)> = BTreeMap::new();
    for cell in &full {
        counts.entry(cell.to_string()).or_insert((0, cell)).0 += 1;
    }
    let mut about = json!({
        "count": full.len(), "missing": cells.len() - full.len(), "unique": counts.len(), "type": kind(&full),
    });
    let numbers: Option<Vec<f64>> = full.iter().map(|cell| numeric(cell)).collect();
    match numbers.filter(|numbers| !numbers.is_empty()) {
        Some(numbers) => {
            let made = |function: &str| apply(function, &full).unwrap_or_default();
            about["min"] = made("min");
            about["max"] = made("max");
            about["mean"] = made("mean");
            about["sum"] = made("sum");
            about["median"] = median(numbers.clone());
            about["std"] = number(deviation(&numbers));
        }
        None => {
            let mut top: Vec<&(usize, &Value)> = counts.values().collect();
            top.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
            let top = top.into_iter().take(TOP).map(|(n, value)| json!({ "value": value, "count": n }));
            about["top"] = top.collect();
        }
    }
    about
}

fn kind(full: &[&Value]) -> &'static str {
    let all = |test: fn(&Value) -> bool| !full.is_empty() && full.iter().all(|cell| test(cell));
    let is_whole = |value: &Value| numeric(value).is_some_and(|number| number.fract() == 0.0);
    if all(Value::is_boolean) {
        "boolean"
    } else if all(is_whole) {
        "integer"
    } else if all(|value| numeric(value).is_some()) {
        "number"
    } else if all(Value::is_string) {
        "string"
    } else if full.is_empty() {
        "empty"
    } else {
        "mixed"
    }
}

/// Returns the deviation of a sample.
#[expect(clippy::cast_precision_loss, reason = "there are less than 2^53 rows")]
fn deviation(numbers: &[f64]) -> f64 {
    let n = numbers.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = numbers.iter().sum::<f64>() / n;
    (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}
