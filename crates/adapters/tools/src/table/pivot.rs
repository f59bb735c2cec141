//! Rows turned into columns.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

use super::aggregate::apply;
use super::criteria::order;
use super::{Row, Table, is_empty, key};
use crate::params::printed;
use crate::tool::Fault;

/// How a table is turned.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) index: &'a [String],
    pub(crate) columns: &'a [String],
    pub(crate) values: &'a [String],
    pub(crate) function: &'a str,
    pub(crate) fill: Value,
}

/// Makes a row of each value of the index, with a column for each value of the columns.
pub(crate) fn pivoted(table: &Table, turn: &Turn<'_>) -> Result<Table, Fault> {
    let Turn { index, columns, values, function, fill } = turn;
    for (name, given) in [("index", index), ("columns", columns), ("values", values)] {
        if given.is_empty() {
            return Err(Fault::reported(format!("`{name}` is missing")));
        }
        given.iter().try_for_each(|column| table.needs(column))?;
    }
    let mut groups: BTreeMap<(String, String), Vec<&Value>> = BTreeMap::new();
    let (mut left, mut top) = (firsts(table, index), BTreeMap::new());
    for row in &table.rows {
        let name: Vec<String> = columns.iter().map(|c| row.get(c).map(printed).unwrap_or_default()).collect();
        for value in *values {
            let name = if values.len() > 1 { format!("{value}_{}", name.join("_")) } else { name.join("_") };
            let cell = row.get(value).filter(|cell| !is_empty(cell));
            groups.entry((key(row, index), name.clone())).or_default().extend(cell);
            top.insert(name, ());
        }
    }
    Table::bounded(left.len(), top.len() + index.len())?;
    left.sort_by(|a, b| compared(a, b, index));
    let mut rows = Vec::new();
    for first in left {
        let mut row: Row =
            index.iter().map(|c| (c.clone(), first.get(c).cloned().unwrap_or_default())).collect();
        let place = key(first, index);
        for name in top.keys() {
            let value = match groups.get(&(place.clone(), name.clone())).filter(|cells| !cells.is_empty()) {
                Some(cells) => apply(function, cells)
                    .map_err(|message| Fault::reported(format!("`{name}`: {message}")))?,
                None => fill.clone(),
            };
            row.insert(name.clone(), value);
        }
        rows.push(row);
    }
    Ok(Table { columns: index.iter().cloned().chain(top.into_keys()).collect(), rows })
}

/// Returns the first row of each value of some columns.
fn firsts<'a>(table: &'a Table, by: &[String]) -> Vec<&'a Row> {
    let mut seen = std::collections::BTreeSet::new();
    table.rows.iter().filter(|row| seen.insert(key(row, by))).collect()
}

fn compared(a: &Row, b: &Row, by: &[String]) -> Ordering {
    let null = Value::Null;
    let one =
        |c: &String| order(a.get(c).unwrap_or(&null), b.get(c).unwrap_or(&null)).unwrap_or(Ordering::Equal);
    by.iter().map(one).fold(Ordering::Equal, Ordering::then)
}
