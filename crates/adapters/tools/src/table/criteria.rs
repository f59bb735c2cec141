//! Which rows are meant.

use std::cmp::Ordering;

use refrain_core::condition::Condition;
use refrain_core::template::{Context, Dialect};
use serde_json::{Map, Value};

use super::{Row, Table, numeric};
use crate::tool::Fault;

/// The comparisons there are.
pub(crate) const OPERATORS: [&str; 19] = [
    "==",
    "!=",
    ">",
    ">=",
    "<",
    "<=",
    "eq",
    "ne",
    "gt",
    "gte",
    "ge",
    "lt",
    "lte",
    "le",
    "in",
    "not_in",
    "contains",
    "startswith",
    "endswith",
];

/// Says which rows are meant.
#[derive(Debug)]
pub(crate) enum Criteria {
    /// Those whose fields compare so.
    Fields(Vec<(String, String, Value)>),
    /// Those for which a formula over their fields holds.
    Formula(Box<Condition>),
}

impl Criteria {
    /// Reads criteria: a formula, or fields with what each is to be, or how each is to compare.
    pub(crate) fn of(value: &Value) -> Result<Self, Fault> {
        let fields = match value {
            Value::String(text) => return Self::formula(text),
            Value::Object(fields) => fields,
            _ => return Err(Fault::reported("criteria are fields with their values, or a formula")),
        };
        if let Some((name, operator)) = spelt_out(fields) {
            let nothing = || Fault::reported(format!("`{name} {operator}` says no value to compare with"));
            return Self::field(name, operator, fields.get("value").ok_or_else(nothing)?);
        }
        let mut all = Vec::new();
        for (name, wanted) in fields {
            match wanted.as_object() {
                Some(comparisons) => {
                    for (operator, value) in comparisons {
                        all.push(Self::one(name, operator, value)?);
                    }
                }
                None => all.push((name.clone(), "==".to_owned(), wanted.clone())),
            }
        }
        Ok(Self::Fields(all))
    }

    /// Makes a criterion of one field.
    pub(crate) fn field(name: &str, operator: &str, value: &Value) -> Result<Self, Fault> {
        Ok(Self::Fields(vec![Self::one(name, operator, value)?]))
    }

    pub(crate) fn formula(text: &str) -> Result<Self, Fault> {
        let condition = Condition::compile(Dialect::Steps, text);
        let condition = condition.map_err(|error| Fault::reported(format!("`{text}`: {error}")))?;
        Ok(Self::Formula(Box::new(condition)))
    }

    fn one(name: &str, operator: &str, value: &Value) -> Result<(String, String, Value), Fault> {
        if !OPERATORS.contains(&operator) {
            let known = OPERATORS.join(", ");
            return Err(Fault::reported(format!("`{operator}` is no comparison; there are {known}")));
        }
        Ok((name.to_owned(), operator.to_owned(), value.clone()))
    }

    /// Returns the rows that are meant.
    pub(crate) fn filter(&self, table: Table) -> Result<Table, Fault> {
        if let Self::Fields(fields) = self
            && !table.rows.is_empty()
        {
            fields.iter().try_for_each(|(name, ..)| table.needs(name))?;
        }
        let mut rows = Vec::new();
        for row in table.rows {
            if self.means(&row)? {
                rows.push(row);
            }
        }
        Ok(Table { columns: table.columns, rows })
    }

    fn means(&self, row: &Row) -> Result<bool, Fault> {
        match self {
            Self::Fields(fields) => Ok(fields.iter().all(|(name, operator, value)| {
                compares(row.get(name).unwrap_or(&Value::Null), operator, value)
            })),
            Self::Formula(condition) => {
                let names = Context::of(&Value::Object(row.clone()));
                condition
                    .holds(&names)
                    .map_err(|error| Fault::reported(format!("`{}`: {error}", condition.text())))
            }
        }
    }
}

/// Returns the field and the operator of `{field, operator, value}`, which no columns are called together.
fn spelt_out(fields: &Map<String, Value>) -> Option<(&str, &str)> {
    let said = |name: &str| fields.get(name).and_then(Value::as_str);
    let is_all = fields.keys().all(|key| matches!(key.as_str(), "field" | "operator" | "value"));
    let is_one = |operator: &&str| is_all && (fields.len() == 3 || OPERATORS.contains(operator));
    said("field").zip(said("operator").filter(is_one))
}

/// Whether two values are the same; a text that is a number is that number beside one.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() || b.is_number()) && numeric(a).zip(numeric(b)).is_some_and(|(a, b)| a == b)
}

fn compares(cell: &Value, operator: &str, value: &Value) -> bool {
    let texts = || Some((cell.as_str()?, value.as_str()?));
    match operator {
        "==" | "eq" => same(cell, value),
        "!=" | "ne" => !same(cell, value),
        ">" | "gt" => order(cell, value) == Some(Ordering::Greater),
        ">=" | "gte" | "ge" => order(cell, value).is_some_and(Ordering::is_ge),
        "<" | "lt" => order(cell, value) == Some(Ordering::Less),
        "<=" | "lte" | "le" => order(cell, value).is_some_and(Ordering::is_le),
        "in" => value.as_array().is_some_and(|items| items.iter().any(|item| same(cell, item))),
        "not_in" => value.as_array().is_some_and(|items| !items.iter().any(|item| same(cell, item))),
        "contains" => {
            let in_list = cell.as_array().is_some_and(|items| items.iter().any(|item| same(item, value)));
            in_list || texts().is_some_and(|(cell, value)| cell.contains(value))
        }
        "startswith" => texts().is_some_and(|(cell, value)| cell.starts_with(value)),
        "endswith" => texts().is_some_and(|(cell, value)| cell.ends_with(value)),
        _ => false,
    }
}

/// Returns which of two values is larger: as numbers where both are, else as texts.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (numeric(a), numeric(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => Some(a.as_str()?.cmp(b.as_str()?)),
    }
}
