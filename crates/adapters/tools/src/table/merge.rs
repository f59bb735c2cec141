//! Several tables as one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::change::deduplicated;
use super::{Row, Table, key};
use crate::tool::Fault;

/// The ways to merge.
pub(crate) const STRATEGIES: [&str; 3] = ["join", "concat", "union"];
/// Which rows of a join stay that have no partner.
pub(crate) const JOINS: [&str; 4] = ["inner", "left", "right", "outer"];

/// Merges tables, the first with the second, what comes of it with the third, and so on.
pub(crate) fn merged(tables: Vec<Table>, strategy: &str, on: &[String], join: &str) -> Result<Table, Fault> {
    let mut tables = tables.into_iter();
    let Some(mut merged) = tables.next() else { return Err(Fault::reported("there are no datasets")) };
    for table in tables {
        merged = match strategy {
            "join" => joined(&merged, &table, on, join)?,
            "concat" | "union" => {
                let rows: Vec<Row> = merged.rows.into_iter().chain(table.rows).collect();
                Table::made(merged.columns, rows)
            }
            other => {
                let known = STRATEGIES.join(", ");
                return Err(Fault::reported(format!("`{other}` is no way to merge; there are {known}")));
            }
        };
    }
    if strategy == "union" { deduplicated(merged, &[]) } else { Ok(merged) }
}

/// Joins the rows that are the same in some columns. Other columns that both have are told apart by `_right`.
fn joined(left: &Table, right: &Table, on: &[String], join: &str) -> Result<Table, Fault> {
    if on.is_empty() {
        return Err(Fault::reported("`join_on` says which columns are the same"));
    }
    if !JOINS.contains(&join) {
        return Err(Fault::reported(format!("`{join}` is no join; there are {}", JOINS.join(", "))));
    }
    on.iter().try_for_each(|column| left.needs(column).and_then(|()| right.needs(column)))?;
    let mut partners: BTreeMap<String, Vec<(usize, &Row)>> = BTreeMap::new();
    for (n, row) in right.rows.iter().enumerate() {
        partners.entry(key(row, on)).or_default().push((n, row));
    }
    let name = |column: &String| {
        let is_taken = !on.contains(column) && left.columns.contains(column);
        if is_taken { format!("{column}_right") } else { column.clone() }
    };
    let columns: Vec<String> = left.columns.iter().cloned().chain(right.columns.iter().map(name)).collect();
    let columns = distinct(columns);
    let (mut rows, mut met) = (Vec::new(), BTreeSet::new());
    for row in &left.rows {
        let found = partners.get(&key(row, on));
        for (n, partner) in found.into_iter().flatten() {
            met.insert(*n);
            let mut joined = row.clone();
            joined.extend(
                partner.iter().filter(|(c, _)| !on.contains(c)).map(|(c, value)| (name(c), value.clone())),
            );
            rows.push(joined);
            Table::bounded(rows.len(), columns.len())?;
        }
        if found.is_none() && matches!(join, "left" | "outer") {
            rows.push(row.clone());
        }
    }
    if matches!(join, "right" | "outer") {
        let alone = right.rows.iter().enumerate().filter(|(n, _)| !met.contains(n));
        rows.extend(
            alone.map(|(_, row)| row.iter().map(|(c, value)| (name(c), value.clone())).collect::<Row>()),
        );
    }
    for row in &mut rows {
        for column in &columns {
            row.entry(column.clone()).or_insert(Value::Null);
        }
    }
    Ok(Table { columns, rows })
}

fn distinct(columns: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    columns.into_iter().filter(|column| seen.insert(column.clone())).collect()
}
