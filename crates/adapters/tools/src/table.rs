//! Rows with named columns, and how they are read and written.

use indexmap::{IndexMap, IndexSet};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::params::printed;
use crate::tool::Fault;

pub(crate) mod aggregate;
pub(crate) mod change;
pub(crate) mod clean;
pub(crate) mod criteria;
pub(crate) mod keys;
pub(crate) mod merge;
pub(crate) mod pivot;
pub(crate) mod profile;

/// The most cells of a table.
pub(crate) const CELLS: usize = 5_000_000;

/// A row.
pub(crate) type Row = Map<String, Value>;

/// Rows, and their columns in the order in which they are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// Makes a table of a list of objects; one object is one row.
    pub(crate) fn of(value: &Value) -> Result<Self, Fault> {
        let rows: Vec<Row> = match value {
            Value::Object(row) => vec![row.clone()],
            Value::Array(items) => {
                let row = |(n, item): (usize, &Value)| {
                    item.as_object()
                        .cloned()
                        .ok_or_else(|| Fault::reported(format!("row {} is no object", n + 1)))
                };
                items.iter().enumerate().map(row).collect::<Result<_, _>>()?
            }
            _ => return Err(Fault::reported("rows are a list of objects")),
        };
        Ok(Self::made(Vec::new(), rows))
    }

    /// Makes a table of rows; columns that are not named come behind those that are.
    pub(crate) fn made(mut columns: Vec<String>, rows: Vec<Row>) -> Self {
        let mut known: std::collections::BTreeSet<String> = columns.iter().cloned().collect();
        for row in &rows {
            for name in row.keys() {
                if known.insert(name.clone()) {
                    columns.push(name.clone());
                }
            }
        }
        Self { columns, rows }
    }

    /// Reads CSV; every cell is a text.
    pub(crate) fn from_csv(text: &str) -> Result<Self, Fault> {
        let bad = |error: csv::Error| Fault::reported(format!("the data is no CSV: {error}"));
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let columns: Vec<String> = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let cells = columns.iter().zip(record.iter());
            rows.push(cells.map(|(name, cell)| (name.clone(), Value::from(cell))).collect());
        }
        Ok(Self { columns, rows })
    }

    /// Writes CSV, with CRLF at the end of each line.
    pub(crate) fn csv(&self) -> Result<String, Fault> {
        let bad = |error: String| Fault::reported(format!("the rows cannot be written as CSV: {error}"));
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        if !self.columns.is_empty() {
            writer.write_record(&self.columns).map_err(|error| bad(error.to_string()))?;
        }
        for row in &self.rows {
            let cells = self.columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default());
            writer.write_record(cells).map_err(|error| bad(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| bad(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| bad(error.to_string()))
    }

    /// Returns the rows as a list of objects.
    pub(crate) fn json(&self) -> Value {
        Value::Array(self.rows.iter().cloned().map(Value::Object).collect())
    }

    /// Fails where there is no such column.
    pub(crate) fn needs(&self, column: &str) -> Result<(), Fault> {
        if self.columns.iter().any(|name| name == column) {
            return Ok(());
        }
        let known = self.columns.join("`, `");
        Err(Fault::reported(format!("there is no column `{column}`; there are `{known}`")))
    }

    /// Fails where a table of this size would be too large.
    pub(crate) fn bounded(rows: usize, columns: usize) -> Result<(), Fault> {
        if rows.saturating_mul(columns.max(1)) > CELLS {
            return Err(Fault::reported(format!("the result would have more than {CELLS} cells")));
        }
        Ok(())
    }
}

/// Returns the columns of rows in the order in which a text of JSON names them first.
pub(crate) fn columns_of_json(text: &str) -> Vec<String> {
    type Names<'t> = IndexMap<String, &'t RawValue>;
    let rows = serde_json::from_str::<Vec<Names<'_>>>(text);
    let rows = rows.or_else(|_| serde_json::from_str(text).map(|row| vec![row])).unwrap_or_default();
    let columns: IndexSet<String> = rows.into_iter().flat_map(IndexMap::into_keys).collect();
    columns.into_iter().collect()
}

fn cell(value: &Value) -> String {
    if value.is_null() { String::new() } else { printed(value) }
}

/// Returns what a cell counts as.
pub(crate) fn numeric(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Whether there is nothing in a cell.
pub(crate) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Tells the values of some columns of a row from those of others.
pub(crate) fn key(row: &Row, columns: &[String]) -> String {
    let cells: Vec<&Value> = columns.iter().map(|name| row.get(name).unwrap_or(&Value::Null)).collect();
    serde_json::to_string(&cells).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_is_read_and_written() {
        let table = Table::from_csv("name,dept\nann,ops\n\"b,c\",\"d\"\"e\"\n").unwrap();
        assert_eq!(table.json(), json!([{"name": "ann", "dept": "ops"}, {"name": "b,c", "dept": "d\"e"}]));
        assert_eq!(table.csv().unwrap(), "name,dept\r\nann,ops\r\n\"b,c\",\"d\"\"e\"\r\n");
        assert!(Table::from_csv("a,b\n1\n").is_err());
    }

    #[test]
    fn cells_are_printed() {
        let table = Table::of(&json!([{"a": null, "b": true}, {"a": 1.5, "c": [1, "x"]}])).unwrap();
        assert_eq!(table.csv().unwrap(), "a,b,c\r\n,True,\r\n1.5,,\"[1, 'x']\"\r\n");
        assert!(Table::of(&json!([1])).is_err() && Table::of(&json!("x")).is_err());
    }
}
