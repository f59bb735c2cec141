//! The records of a unit.

use refrain_core::ports::agent::AskedUnit;
use refrain_schemas::failure::{Failure, FailureKind};
use serde_json::{Map, Value};

/// A record: an object with fields.
pub(crate) type Record = Map<String, Value>;

/// What a unit consists of.
pub(crate) enum Input {
    /// One record.
    One(Record),
    /// The records of a group.
    Group(Vec<Record>),
}

impl Input {
    /// Reads the input of a unit.
    pub(crate) fn of(unit: &AskedUnit) -> Result<Self, Failure> {
        let Value::Object(mut record) = unit.input.value() else {
            return Err(permanent(format!("unit `{}` is no record", unit.id)));
        };
        match record.remove("records") {
            Some(Value::Array(records)) => {
                let records = records.into_iter().map(|record| match record {
                    Value::Object(record) => Ok(record),
                    _ => Err(permanent(format!("unit `{}` holds something that is no record", unit.id))),
                });
                records.collect::<Result<_, _>>().map(Self::Group)
            }
            Some(other) => {
                record.insert("records".to_owned(), other);
                Ok(Self::One(record))
            }
            None => Ok(Self::One(record)),
        }
    }
}

/// Returns the text of a field; numbers and booleans count as text, `null` as empty text.
pub(crate) fn text(record: &Record, field: &str) -> Result<String, Failure> {
    match record.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) => Ok(String::new()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(permanent(format!("field `{field}` is no text"))),
        None => {
            let mut fields: Vec<&str> = record.keys().map(String::as_str).collect();
            fields.sort_unstable();
            Err(permanent(format!("there is no field `{field}`; there are {}", fields.join(", "))))
        }
    }
}

/// Returns a failure that no repetition mends.
pub(crate) const fn permanent(message: String) -> Failure {
    Failure { kind: FailureKind::Permanent, message }
}
