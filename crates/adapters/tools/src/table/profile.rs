//! What a table is like.

use std::collections::{BTreeMap, BTreeSet};

use refrain_core::ports::scratch::number;
use serde_json::{Map, Value, json};

use super::aggregate::{apply, median};
use super::clean::usual;
use super::{Table, is_empty, key, numeric};

/// The most frequent values that are named.
const TOP: usize = 5;

/// What may be asked for, and the fields of a column that tell it.
const ASKED: [(&str, &[&str]); 5] = [
    ("missing_values", &["count", "missing"]),
    ("data_types", &["type"]),
    ("statistical_summary", &["unique", "min", "max", "mean", "sum", "median", "std", "top"]),
    ("outlier_detection", &["outliers"]),
    ("duplicate_detection", &[]),
];
/// Returns what may be asked for, by name.
pub(crate) fn options() -> [&'static str; 5] {
    ASKED.map(|(name, _)| name)
}

/// Describes a table, column by column: what is asked for, or where nothing is, all.
pub(crate) fn profile(table: &Table, asked: &[String]) -> Value {
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    let is_wanted =
        |field: &str| ASKED.iter().any(|(name, fields)| is_asked(name) && fields.contains(&field));
    let about = |name: &String| {
        let mut about = column(table, name);
        if let Some(fields) = about.as_object_mut() {
            fields.retain(|field, _| is_wanted(field));
        }
        (name.clone(), about)
    };
    let columns: Map<String, Value> = table.columns.iter().map(about).collect();
    let mut profile =
        json!({ "row_count": table.rows.len(), "column_count": table.columns.len(), "columns": columns });
    if is_asked("duplicate_detection") {
        let different: BTreeSet<String> = table.rows.iter().map(|row| key(row, &table.columns)).collect();
        profile["duplicate_rows"] = Value::from(table.rows.len() - different.len());
    }
    profile
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
            let is_out =
                |(low, high): (f64, f64)| numbers.iter().filter(|n| !(low..=high).contains(*n)).count();
            about["outliers"] = Value::from(usual(numbers.clone()).map_or(0, is_out));
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
