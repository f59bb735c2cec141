//! The input of an action, as its schema has it.

use std::collections::BTreeSet;

use refrain_core::formula::python_text;
use refrain_core::ports::tool_catalogue::Written;
use serde_json::{Map, Value};

use crate::tool::Fault;

/// The input of an action, which fits its schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    pub(crate) const fn new(input: Map<String, Value>) -> Self {
        Self(input)
    }

    /// Returns a value; none where there is none, or null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Returns all of it.
    pub(crate) fn whole(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// Returns it as it is judged before anything is done.
    pub(crate) fn written(&self) -> Written {
        Written { literals: self.0.clone(), made: BTreeSet::new() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Returns a text that the schema requires.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Fault> {
        self.text(name).ok_or_else(|| Fault::reported(format!("`{name}` is missing")))
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_f64)
    }

    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Value::as_u64)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    pub(crate) fn map(&self, name: &str) -> Option<&Map<String, Value>> {
        self.get(name).and_then(Value::as_object)
    }

    pub(crate) fn list(&self, name: &str) -> Option<&Vec<Value>> {
        self.get(name).and_then(Value::as_array)
    }

    /// Returns one text or several as several.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        texts(self.get(name))
    }
}

/// Returns one text or several as several.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns a value as templates print it.
pub(crate) fn printed(value: &Value) -> String {
    python_text(value).map_or_else(|_| value.to_string(), std::borrow::Cow::into_owned)
}

/// Brings the values of an input into the types that the schema names, where they say the same: what a template printed
/// is a text, and what is to be a text is printed.
pub(crate) fn fitted(mut input: Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return input };
    for (name, value) in &mut input {
        if let Some(types) = properties.get(name).and_then(|schema| schema.get("type"))
            && let Some(other) = cast(value, types)
        {
            *value = other;
        }
    }
    input
}

fn cast(value: &Value, types: &Value) -> Option<Value> {
    let wants = |word: &str| match types {
        Value::String(one) => one == word,
        Value::Array(several) => several.iter().any(|one| one == word),
        _ => false,
    };
    match value {
        Value::Null => None,
        Value::String(_) if wants("string") => None,
        Value::String(text) => read(text.trim(), &wants),
        Value::Array(_) if wants("array") => None,
        Value::Object(_) if wants("object") => None,
        Value::Bool(_) if wants("boolean") => None,
        Value::Number(number) if wants("integer") || wants("number") => {
            let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9e15);
            whole.filter(|_| wants("integer") && number.is_f64()).map(refrain_core::ports::scratch::number)
        }
        other if wants("string") => Some(Value::String(printed(other))),
        _ => None,
    }
}

/// Reads what a text says.
fn read(text: &str, wants: &dyn Fn(&str) -> bool) -> Option<Value> {
    if wants("boolean") {
        return match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        };
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let fits = match &value {
        Value::Number(number) => wants("number") || wants("integer") && !number.is_f64(),
        Value::Array(_) => wants("array"),
        Value::Object(_) => wants("object"),
        _ => false,
    };
    fits.then_some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: Value, types: Value, expect: Value) {
        let input = Map::from_iter([("a".to_owned(), value.clone())]);
        let fitted = fitted(input, &json!({"properties": {"a": {"type": types}}}));
        assert_eq!(fitted["a"], expect, "{value} as {types}");
    }

    #[test]
    fn values_take_the_type_that_is_wanted_where_they_say_the_same() {
        check(json!(5), json!("string"), json!("5"));
        check(json!([1, "b"]), json!("string"), json!("[1, 'b']"));
        check(json!(true), json!("string"), json!("True"));
        check(json!("30"), json!("number"), json!(30));
        check(json!("1.5"), json!("integer"), json!("1.5"));
        check(json!(2.0), json!("integer"), json!(2));
        check(json!("True"), json!("boolean"), json!(true));
        check(json!("maybe"), json!("boolean"), json!("maybe"));
        for (text, flag) in [("yes", true), ("1", true), ("No", false), ("0", false), (" FALSE ", false)] {
            check(json!(text), json!("boolean"), json!(flag));
        }
        check(json!(1), json!("boolean"), json!(1));
        check(json!(" 5 "), json!("integer"), json!(5));
        check(json!("1.5"), json!("number"), json!(1.5));
        check(json!("five"), json!("number"), json!("five"));
        check(json!("true"), json!("number"), json!("true"));
        check(json!(2.5), json!("integer"), json!(2.5));
        check(json!(2.0), json!("number"), json!(2.0));
        check(json!("{\"x\": 1}"), json!("object"), json!({"x": 1}));
        check(json!("{\"x\": 1}"), json!("array"), json!("{\"x\": 1}"));
        check(json!({"x": 1}), json!(["object", "string"]), json!({"x": 1}));
        check(json!(false), json!(["string", "boolean"]), json!(false));
        check(json!("[1]"), json!("array"), json!([1]));
        check(json!("[1]"), json!(["string", "array"]), json!("[1]"));
        check(json!(null), json!("string"), json!(null));
    }
}
