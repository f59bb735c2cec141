//! Many rows as one.

use std::collections::{BTreeMap, BTreeSet};

use refrain_core::ports::scratch::number;
use serde_json::{Map, Value};

use super::criteria::order;
use super::{Row, Table, is_empty, key, numeric};
use crate::tool::Fault;

/// The functions there are.
pub(crate) const FUNCTIONS: [&str; 9] =
    ["sum", "avg", "mean", "count", "count_distinct", "min", "max", "median", "first"];

/// Makes one row of each group of rows, in the order in which groups are met.
pub(crate) fn aggregate(table: &Table, by: &[String], wanted: &Map<String, Value>) -> Result<Table, Fault> {
    if wanted.is_empty() {
        return Err(Fault::reported("`aggregations` says what is to be made: NAME: {column, function}"));
    }
    by.iter().try_for_each(|column| table.needs(column))?;
    let wanted: Vec<(&String, Option<String>, String)> =
        wanted.iter().map(|(name, spec)| one(table, name, spec)).collect::<Result<_, _>>()?;
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for row in &table.rows {
        let at = *known.entry(key(row, by)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    if by.is_empty() && groups.is_empty() {
        groups.push(Vec::new());
    }
    let mut rows = Vec::new();
    for group in &groups {
        let mut row = Row::new();
        for column in by {
            let value = group.first().and_then(|row| row.get(column)).cloned().unwrap_or_default();
            row.insert(column.clone(), value);
        }
        for (name, column, function) in &wanted {
            let cells: Vec<&Value> = match column {
                Some(column) => {
                    group.iter().filter_map(|row| row.get(column)).filter(|cell| !is_empty(cell)).collect()
                }
                None => group.iter().map(|_| &Value::Bool(true)).collect(),
            };
            let value =
                apply(function, &cells).map_err(|message| Fault::reported(format!("`{name}`: {message}")))?;
            row.insert((*name).clone(), value);
        }
        rows.push(row);
    }
    let columns = by.iter().cloned().chain(wanted.iter().map(|(name, ..)| (*name).clone())).collect();
    Ok(Table { columns, rows })
}

/// Reads `{column, function}`, or the function alone, of the column of this name.
fn one<'a>(
    table: &Table,
    name: &'a String,
    spec: &Value,
) -> Result<(&'a String, Option<String>, String), Fault> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str).map(str::to_owned);
    let function = spec.as_str().map(str::to_owned).or_else(|| text("function"));
    let function = function.ok_or_else(|| Fault::reported(format!("`{name}` names no function")))?;
    let named = text("column").or_else(|| text("field"));
    let column = match named {
        Some(column) => Some(column),
        None if function == "count" => None,
        None => Some(name.clone()),
    };
    if let Some(column) = &column {
        table.needs(column)?;
    }
    Ok((name, column, function))
}

/// Makes one value of many.
pub(crate) fn apply(function: &str, cells: &[&Value]) -> Result<Value, String> {
    let numbers = || -> Result<Vec<f64>, String> {
        let number = |cell: &&Value| numeric(cell).ok_or_else(|| format!("{cell} is no number"));
        cells.iter().map(number).collect()
    };
    let mean = |numbers: &[f64]| {
        #[expect(clippy::cast_precision_loss, reason = "there are less than 2^53 rows")]
        let n = numbers.len() as f64;
        if numbers.is_empty() { Value::Null } else { number(numbers.iter().sum::<f64>() / n) }
    };
    Ok(match function {
        "sum" => number(numbers()?.iter().sum()),
        "avg" | "mean" => mean(&numbers()?),
        "count" => Value::from(cells.len()),
        "count_distinct" => {
            Value::from(cells.iter().map(|cell| cell.to_string()).collect::<BTreeSet<_>>().len())
        }
        "min" | "max" => extreme(cells, function == "max")?,
        "median" => median(numbers()?),
        "first" => cells.first().map_or(Value::Null, |cell| (*cell).clone()),
        other => return Err(format!("`{other}` is no function; there are {}", FUNCTIONS.join(", "))),
    })
}

fn extreme(cells: &[&Value], wants_largest: bool) -> Result<Value, String> {
    let mut cells = cells.iter();
    let Some(mut best) = cells.next() else { return Ok(Value::Null) };
    for cell in cells {
        let order = order(cell, best).ok_or_else(|| format!("{cell} and {best} have no order"))?;
        if if wants_largest { order.is_gt() } else { order.is_lt() } {
            best = cell;
        }
    }
    // What is a number counts as one.
    Ok(numeric(best).map_or_else(|| (*best).clone(), number))
}

pub(crate) fn median(mut numbers: Vec<f64>) -> Value {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (numbers.get(middle), numbers.len() % 2) {
        (None, _) => Value::Null,
        (Some(value), 1) => number(*value),
        (Some(value), _) => number(f64::midpoint(numbers[middle - 1], *value)),
    }
}
