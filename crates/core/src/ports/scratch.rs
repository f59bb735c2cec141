//! What tools remember while a pipeline is carried out.

use std::fmt::Debug;

use async_trait::async_trait;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value};

use super::store::StoreError;

/// Keeps values by name, in spaces.
///
/// A change is made once for each `by`: made again, after a kill for instance, it changes nothing and gives what it gave.
#[async_trait]
pub trait Scratch: Debug + Send + Sync + 'static {
    /// Makes a change in a space; returns what is in the space after it.
    async fn change(
        &self,
        space: &str,
        by: &Digest,
        change: Change,
    ) -> Result<Map<String, Value>, StoreError>;

    /// Returns what is in a space.
    async fn look(&self, space: &str) -> Result<Map<String, Value>, StoreError>;
}

/// A change of a space.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Sets a value.
    Put(String, Value),
    /// Adds to a number, which is 0 where there is none.
    Add(String, f64),
    /// Takes everything out.
    Clear,
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, space: &mut Map<String, Value>) {
        match self {
            Self::Put(name, value) => {
                space.insert(name.clone(), value.clone());
            }
            Self::Add(name, amount) => {
                let before = space.get(name).and_then(Value::as_f64).unwrap_or(0.0);
                space.insert(name.clone(), number(before + amount));
            }
            Self::Clear => space.clear(),
        }
    }
}

/// Returns a number as it is written: whole where it is.
#[must_use]
pub fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
        return Value::from(value as i64);
    }
    Value::from(value)
}
