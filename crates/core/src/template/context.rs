//! What templates and expressions can see.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::Serde;

use crate::formula::Names;

/// What templates and expressions can see: named values, converted once and shared by every rendering.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Value>);

impl Context {
    /// Makes a context that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a context of the fields of an object; of anything else, an empty one.
    #[must_use]
    pub fn of(value: &serde_json::Value) -> Self {
        let fields = value.as_object().into_iter().flatten();
        Self(fields.map(|(name, value)| (name.clone(), Value::from(Serde(value)))).collect())
    }

    /// Adds a value under a name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &serde_json::Value) -> Self {
        self.set(name, value);
        self
    }

    /// Sets the value under a name.
    pub fn set(&mut self, name: &str, value: &serde_json::Value) {
        self.0.insert(name.to_owned(), Value::from(Serde(value)));
    }

    /// Sets a value that has been converted already.
    pub(crate) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(crate) fn value(&self) -> Value {
        Value::from_pairs(self.0.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

impl Names for Context {
    fn get(&self, name: &str) -> Option<Cow<'_, serde_json::Value>> {
        let value = self.0.get(name).filter(|value| !value.is_undefined())?;
        serde_json::to_value(value).ok().map(Cow::Owned)
    }
}
