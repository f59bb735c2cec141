//! Tables without what does not belong there.

use refrain_core::ports::scratch::number;
use serde_json::Value;

use super::aggregate::median;
use super::change::deduplicated;
use super::{Row, Table, is_empty, numeric};
use crate::tool::Fault;

/// What is done with empty cells.
pub(crate) const MISSING: [&str; 5] = ["keep", "drop", "fill", "mean", "median"];

/// How a table is cleaned.
#[derive(Debug, Default)]
pub(crate) struct Cleaning<'a> {
    pub(crate) removes_duplicates: bool,
    pub(crate) missing: Option<&'a str>,
    pub(crate) fill: Option<&'a Value>,
    pub(crate) removes_outliers: bool,
}

/// Cleans a table.
pub(crate) fn cleaned(mut table: Table, how: &Cleaning<'_>) -> Result<Table, Fault> {
    if how.removes_duplicates {
        table = deduplicated(table, &[])?;
    }
    match how.missing.unwrap_or("keep") {
        "keep" => {}
        "drop" => {
            let columns = table.columns.clone();
            table
                .rows
                .retain(|row| columns.iter().all(|name| row.get(name).is_some_and(|cell| !is_empty(cell))));
        }
        "fill" => {
            let value =
                how.fill.cloned().ok_or_else(|| Fault::reported("`fill_value` says what to fill in"))?;
            filled(&mut table, |_| Some(value.clone()));
        }
        "mean" => filled(&mut table, |numbers| {
            #[expect(clippy::cast_precision_loss, reason = "there are less than 2^53 rows")]
            let n = numbers.len() as f64;
            (n > 0.0).then(|| number(numbers.iter().sum::<f64>() / n))
        }),
        "median" => filled(&mut table, |numbers| (!numbers.is_empty()).then(|| median(numbers.to_vec()))),
        other => {
            let known = MISSING.join(", ");
            return Err(Fault::reported(format!("`{other}` is no way with empty cells; there are {known}")));
        }
    }
    if how.removes_outliers {
        inliers(&mut table);
    }
    Ok(table)
}

/// Fills empty cells with what is made of the numbers of their column.
fn filled(table: &mut Table, make: impl Fn(&[f64]) -> Option<Value>) {
    for column in &table.columns {
        let numbers: Vec<f64> =
            table.rows.iter().filter_map(|row| row.get(column)).filter_map(numeric).collect();
        let Some(value) = make(&numbers) else { continue };
        for row in &mut table.rows {
            let cell = row.entry(column.clone()).or_insert(Value::Null);
            if is_empty(cell) {
                *cell = value.clone();
            }
        }
    }
}

/// Keeps rows whose numbers lie within one and a half times the middle half of their column around it.
fn inliers(table: &mut Table) {
    let mut bounds: Vec<(String, f64, f64)> = Vec::new();
    for column in &table.columns {
        let cells = table.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !is_empty(cell));
        let numbers: Option<Vec<f64>> = cells.map(numeric).collect();
        if let Some((low, high)) = numbers.and_then(usual) {
            bounds.push((column.clone(), low, high));
        }
    }
    let is_in = |row: &Row| {
        bounds.iter().all(|(column, low, high)| {
            row.get(column).and_then(numeric).is_none_or(|value| (*low..=*high).contains(&value))
        })
    };
    table.rows.retain(is_in);
}

/// Returns between what the usual ones of some numbers lie; of few nothing is usual.
pub(crate) fn usual(mut numbers: Vec<f64>) -> Option<(f64, f64)> {
    if numbers.len() < 4 {
        return None;
    }
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&numbers, 0.25), quantile(&numbers, 0.75));
    let reach = (high - low) * 1.5;
    Some((low - reach, high + reach))
}

/// Returns the value below which this share of sorted numbers lies.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a list"
)]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1)) as f64 * share;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    let value = |n: usize| sorted.get(n).copied().unwrap_or(0.0);
    value(below) + (value(above) - value(below)) * at.fract()
}
