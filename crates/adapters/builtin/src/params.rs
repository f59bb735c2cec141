//! Reads an agent's params and gathers everything that is wrong with them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use refrain_core::ports::agent::SpecProblem;
use serde_json::{Map, Value};

use crate::nearest::nearest;

/// Reads params one by one; what is not read in the end is unknown.
pub(crate) struct Params<'a> {
    map: &'a Map<String, Value>,
    read: RefCell<BTreeSet<&'static str>>,
    problems: RefCell<Vec<SpecProblem>>,
    /// Whether strings with `{{` in them will be filled before the agent works and fit every type until then.
    unfilled: Cell<bool>,
}

impl<'a> Params<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, read: RefCell::default(), problems: RefCell::default(), unfilled: Cell::new(false) }
    }

    /// Lets strings that are templates pass for any type.
    pub(crate) fn unfilled(self) -> Self {
        self.unfilled.set(true);
        self
    }

    /// Returns a param as it is.
    pub(crate) fn get(&self, name: &'static str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(name);
        self.map.get(name).filter(|value| !value.is_null() && !self.is_unfilled(value))
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<&'a str> {
        self.typed(name, "text", Value::as_str)
    }

    pub(crate) fn flag(&self, name: &'static str, default: bool) -> bool {
        self.typed(name, "true or false", Value::as_bool).unwrap_or(default)
    }

    pub(crate) fn count(&self, name: &'static str) -> Option<usize> {
        self.typed(name, "a whole number", |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    pub(crate) fn object(&self, name: &'static str) -> Option<&'a Map<String, Value>> {
        self.typed(name, "an object", Value::as_object)
    }

    /// Returns a list of texts; one text stands for a list of one.
    pub(crate) fn texts(&self, name: &'static str) -> Option<Vec<&'a str>> {
        self.typed(name, "a list of texts", |value| match value {
            Value::String(text) => Some(vec![text.as_str()]),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        })
    }

    /// Returns one of a few words, the first where none is given.
    pub(crate) fn word(&self, name: &'static str, words: &[&'static str]) -> &'static str {
        let default = words.first().copied().unwrap_or_default();
        let Some(text) = self.text(name) else { return default };
        words.iter().find(|word| **word == text).copied().unwrap_or_else(|| {
            self.problem(name, &format!("`{text}` is none of {}", words.join(", ")), None);
            default
        })
    }

    /// Reports a problem with a param.
    pub(crate) fn problem(&self, name: &str, message: &str, hint: Option<String>) {
        let field = if name.is_empty() { "params".to_owned() } else { format!("params.{name}") };
        self.problems.borrow_mut().push(SpecProblem { field, message: message.to_owned(), hint });
    }

    /// Returns what was built if nothing was wrong, and all problems otherwise.
    pub(crate) fn finish<T>(self, built: Option<T>) -> Result<T, Vec<SpecProblem>> {
        let known: Vec<&str> = self.read.borrow().iter().copied().collect();
        for name in self.map.keys().filter(|name| !known.contains(&name.as_str())) {
            let hint = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let all = || format!("there are {}", known.join(", "));
            self.problem(name, "there is no such param", Some(hint.unwrap_or_else(all)));
        }
        let problems = self.problems.into_inner();
        built.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn typed<T>(&self, name: &'static str, what: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.get(name)?;
        let typed = read(value);
        if typed.is_none() {
            self.problem(name, &format!("must be {what}, not {value}"), None);
        }
        typed
    }

    fn is_unfilled(&self, value: &Value) -> bool {
        self.unfilled.get() && value.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
    }
}
