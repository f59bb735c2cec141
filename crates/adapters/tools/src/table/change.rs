//! Operations on tables, one after the other.

use std::collections::BTreeSet;

use refrain_core::formula::Formula;
use refrain_core::ports::scratch::number;
use serde_json::{Map, Value};

use super::criteria::Criteria;
use super::{Table, is_empty, key, numeric};
use crate::params::{printed, texts};
use crate::tool::Fault;

/// The types that cells are cast to.
pub(crate) const TYPES: [&str; 9] =
    ["integer", "int", "float", "number", "string", "str", "text", "boolean", "bool"];

/// Carries one operation out.
pub(crate) fn changed(table: Table, operation: &Value) -> Result<Table, Fault> {
    let Value::Object(spec) = operation else { return Err(Fault::reported("an operation is an object")) };
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "filter" => filtered(table, spec),
        "aggregate" => {
            // Of one column, it may be said without a name.
            let one =
                spec.get("operation").and_then(Value::as_str).zip(spec.get("field").and_then(Value::as_str));
            let one = one.map(|(function, column)| {
                let spec = serde_json::json!({ "column": column, "function": function });
                Map::from_iter([(format!("{column}_{function}"), spec)])
            });
            let wanted = if let Some(one) = &one { one } else { map(spec, "aggregations")? };
            super::aggregate::aggregate(&table, &texts(spec.get("group_by")), wanted)
        }
        "rename_fields" => renamed(table, map(spec, "mapping").or_else(|_| map(spec, "fields"))?),
        "add_field" => added(table, spec),
        "deduplicate" => deduplicated(table, &texts(spec.get("columns").or_else(|| spec.get("fields")))),
        "cast" => cast(table, map(spec, "columns").or_else(|_| map(spec, "fields"))?),
        "fill_missing" => filled(table, spec),
        "calculate" => calculated(table, map(spec, "expressions")?),
        "sort" => sorted(table, spec),
        "select" => selected(table, &texts(spec.get("columns").or_else(|| spec.get("fields")))),
        other => Err(Fault::reported(format!(
            "`{other}` is no operation; there are {}",
            super::keys::names().join(", ")
        ))),
    }
    .map_err(|fault| match fault {
        Fault::Reported { message, result } => {
            Fault::Reported { message: format!("{kind}: {message}"), result }
        }
        raised => raised,
    })
}

fn map<'a>(spec: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, Fault> {
    spec.get(name).and_then(Value::as_object).ok_or_else(|| Fault::reported(format!("`{name}` is missing")))
}

fn filtered(table: Table, spec: &Map<String, Value>) -> Result<Table, Fault> {
    let criteria =
        match (spec.get("condition"), spec.get("criteria"), spec.get("field").and_then(Value::as_str)) {
            (Some(condition), _, _) => Criteria::of(condition)?,
            (_, Some(criteria), _) => Criteria::of(criteria)?,
            (_, _, Some(field)) => {
                let operator = spec.get("operator").and_then(Value::as_str).unwrap_or("==");
                let nothing =
                    || Fault::reported(format!("`{field} {operator}` says no value to compare with"));
                Criteria::field(field, operator, spec.get("value").ok_or_else(nothing)?)?
            }
            _ => return Err(Fault::reported("`condition`, `criteria` or `field` says which rows stay")),
        };
    criteria.filter(table)
}

fn renamed(table: Table, mapping: &Map<String, Value>) -> Result<Table, Fault> {
    for (from, to) in mapping {
        table.needs(from)?;
        if !to.is_string() {
            return Err(Fault::reported(format!("the new name of `{from}` is no text")));
        }
    }
    let name = |old: &String| mapping.get(old).and_then(Value::as_str).unwrap_or(old).to_owned();
    let columns: Vec<String> = table.columns.iter().map(name).collect();
    if columns.iter().collect::<BTreeSet<_>>().len() < columns.len() {
        return Err(Fault::reported("two columns would have one name"));
    }
    let rows =
        table.rows.into_iter().map(|row| row.into_iter().map(|(old, value)| (name(&old), value)).collect());
    Ok(Table { columns, rows: rows.collect() })
}

fn added(table: Table, spec: &Map<String, Value>) -> Result<Table, Fault> {
    let field = spec.get("field").or_else(|| spec.get("name")).and_then(Value::as_str);
    let field = field.ok_or_else(|| Fault::reported("`field` is missing"))?;
    if let Some(expression) = spec.get("expression") {
        return calculated(table, &Map::from_iter([(field.to_owned(), expression.clone())]));
    }
    let value = spec.get("value").cloned().unwrap_or_default();
    let Table { mut columns, mut rows } = table;
    rows.iter_mut().for_each(|row| drop(row.insert(field.to_owned(), value.clone())));
    if !columns.iter().any(|name| name == field) {
        columns.push(field.to_owned());
    }
    Ok(Table { columns, rows })
}

/// Keeps the first of rows that are the same in some columns, or in all.
pub(crate) fn deduplicated(table: Table, by: &[String]) -> Result<Table, Fault> {
    by.iter().try_for_each(|column| table.needs(column))?;
    let by = if by.is_empty() { table.columns.clone() } else { by.to_vec() };
    let mut seen = BTreeSet::new();
    let rows = table.rows.into_iter().filter(|row| seen.insert(key(row, &by))).collect();
    Ok(Table { columns: table.columns, rows })
}

fn cast(mut table: Table, columns: &Map<String, Value>) -> Result<Table, Fault> {
    for (column, kind) in columns {
        table.needs(column)?;
        let kind = kind.as_str().unwrap_or_default();
        for (n, row) in table.rows.iter_mut().enumerate() {
            if let Some(cell) = row.get_mut(column).filter(|cell| !is_empty(cell)) {
                let wrong = || Fault::reported(format!("row {}: {cell} is no {kind}", n + 1));
                *cell = cast_cell(cell, kind)?.ok_or_else(wrong)?;
            }
        }
    }
    Ok(table)
}

fn cast_cell(cell: &Value, kind: &str) -> Result<Option<Value>, Fault> {
    Ok(match kind {
        "integer" | "int" => numeric(cell).filter(|value| value.fract() == 0.0).map(number),
        "float" | "number" => numeric(cell).map(Value::from),
        "string" | "str" | "text" => Some(Value::String(printed(cell))),
        "boolean" | "bool" => match printed(cell).trim().to_lowercase().as_str() {
            "true" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        other => {
            let known = "integer, float, string and boolean";
            return Err(Fault::reported(format!("`{other}` is no type; there are {known}")));
        }
    })
}

fn filled(mut table: Table, spec: &Map<String, Value>) -> Result<Table, Fault> {
    // A strategy says it column by column; one that is a word names no columns.
    let by_column = || spec.get("strategy").filter(|strategy| strategy.is_object());
    let each: Vec<(String, Value)> =
        match spec.get("columns").or_else(|| spec.get("fields")).or_else(by_column) {
            Some(Value::Object(columns)) => columns.clone().into_iter().collect(),
            columns => {
                let value = spec.get("value").or_else(|| spec.get("fill_value"));
                let value = value.cloned().ok_or_else(|| Fault::reported("`value` is missing"))?;
                let named = texts(columns);
                let named = if named.is_empty() { table.columns.clone() } else { named };
                named.into_iter().map(|column| (column, value.clone())).collect()
            }
        };
    for (column, value) in each {
        table.needs(&column)?;
        for row in &mut table.rows {
            let cell = row.entry(column.clone()).or_insert(Value::Null);
            if is_empty(cell) {
                *cell = value.clone();
            }
        }
    }
    Ok(table)
}

fn calculated(mut table: Table, expressions: &Map<String, Value>) -> Result<Table, Fault> {
    for (name, text) in expressions {
        let text = text.as_str().ok_or_else(|| Fault::reported(format!("`{name}` is no formula")))?;
        let wrong = |error: String| Fault::reported(format!("`{name}`: {error}"));
        let formula = Formula::parse(text).map_err(|error| wrong(error.to_string()))?;
        for (n, row) in table.rows.iter_mut().enumerate() {
            let value = formula.eval(&*row).map_err(|error| wrong(format!("row {}: {error}", n + 1)))?;
            row.insert(name.clone(), value);
        }
        if !table.columns.contains(name) {
            table.columns.push(name.clone());
        }
    }
    Ok(table)
}

fn sorted(mut table: Table, spec: &Map<String, Value>) -> Result<Table, Fault> {
    let by = texts(spec.get("by").or_else(|| spec.get("columns")).or_else(|| spec.get("field")));
    if by.is_empty() {
        return Err(Fault::reported("`by` is missing"));
    }
    by.iter().try_for_each(|column| table.needs(column))?;
    let falls =
        spec.get("descending").or_else(|| spec.get("reverse")).and_then(Value::as_bool).unwrap_or(false);
    let null = Value::Null;
    table.rows.sort_by(|a, b| {
        let of = |column: &String| {
            super::criteria::order(a.get(column).unwrap_or(&null), b.get(column).unwrap_or(&null))
        };
        let order = by.iter().map(|column| of(column).unwrap_or(std::cmp::Ordering::Equal));
        let order = order.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
        if falls { order.reverse() } else { order }
    });
    Ok(table)
}

fn selected(table: Table, columns: &[String]) -> Result<Table, Fault> {
    if columns.is_empty() {
        return Err(Fault::reported("`columns` is missing"));
    }
    columns.iter().try_for_each(|column| table.needs(column))?;
    let pick = |mut row: super::Row| {
        columns.iter().filter_map(|name| Some((name.clone(), row.remove(name)?))).collect()
    };
    Ok(Table { columns: columns.to_vec(), rows: table.rows.into_iter().map(pick).collect() })
}
