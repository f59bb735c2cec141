//! The records of a unit.

use std::borrow::Cow;

use refrain_core::ports::agent::AskedUnit;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::{field, scalar_text};
use serde_json::value::RawValue;
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

/// The records of a unit as they stand in its input. To look at two fields of every line of a script, most of it need not
/// be taken apart, nor copied.
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl<'a> Raw<'a> {
    /// Returns the records of a unit.
    pub(crate) fn all(unit: &'a AskedUnit) -> Result<Vec<Self>, Failure> {
        if !unit.input.is_object() {
            return Err(permanent(format!("unit `{}` is no record", unit.id)));
        }
        let Some(records) = unit.input.field("records").filter(|records| records.starts_with('[')) else {
            return Ok(vec![Self(unit.input.as_str())]);
        };
        let records: Vec<&RawValue> = serde_json::from_str(records).unwrap_or_default();
        if records.iter().any(|record| !record.get().starts_with('{')) {
            return Err(permanent(format!("unit `{}` holds something that is no record", unit.id)));
        }
        Ok(records.into_iter().map(|record| Self(record.get())).collect())
    }

    /// Returns the canonical text of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        field(self.0, name)
    }

    /// Returns a field as a value.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Returns the text of a field, as [`text`] does.
    pub(crate) fn text(&self, name: &str) -> Result<Cow<'a, str>, Failure> {
        match self.get(name) {
            Some("null") => Ok(Cow::Borrowed("")),
            Some(value) => scalar_text(value).ok_or_else(|| permanent(format!("field `{name}` is no text"))),
            None => {
                let record: Record = serde_json::from_str(self.0).unwrap_or_default();
                text(&record, name).map(Cow::Owned)
            }
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
