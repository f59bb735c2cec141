//! Elements of sets: single values, in one order, where equal numbers are one element.

use std::cmp::Ordering;

use super::super::compare::numbers;
use super::super::error::{FormulaErrorKind, Outcome};
use super::Value;

/// An element of a set.
#[derive(Debug, Clone)]
pub(in super::super) struct Key<'v>(Value<'v>);

impl<'v> Key<'v> {
    /// Takes a value that can be an element.
    pub(in super::super) fn new(value: Value<'v>) -> Outcome<Self> {
        match value {
            Value::List(_) | Value::Dict(_) | Value::Set(_) => {
                let message = format!("{} cannot be an element of a set", value.kind());
                Err(FormulaErrorKind::mismatch(message))
            }
            value => Ok(Self(value)),
        }
    }

    pub(in super::super) const fn value(&self) -> &Value<'v> {
        &self.0
    }

    /// Returns what a comparison of the element reads.
    pub(in super::super) fn size(&self) -> usize {
        if let Value::Text(text) = &self.0 { text.len() + 1 } else { 1 }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Value::Text(a), Value::Text(b)) => (**a).cmp(b),
            (a, b) => numbers(a, b).unwrap_or_else(|| rank(a).cmp(&rank(b))),
        }
    }
}

const fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::None => 0,
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => 1,
        _ => 2,
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}
