//! Reads an agent's params and gathers everything that is wrong with them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::LazyLock;

use refrain_core::ports::agent::SpecProblem;
use serde_json::{Map, Value};

use crate::nearest::nearest;

static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// Reads params one by one; what is not read in the end is unknown.
pub(crate) struct Params<'a> {
    map: &'a Map<String, Value>,
    /// Where they stand, such as `params.wrap`.
    path: String,
    read: RefCell<BTreeSet<&'static str>>,
    problems: RefCell<Vec<SpecProblem>>,
    /// Whether strings with `{{` in them will be filled before the agent works and fit every type until then.
    unfilled: Cell<bool>,
}

impl<'a> Params<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self::at("params".to_owned(), map, false)
    }

    fn at(path: String, map: &'a Map<String, Value>, unfilled: bool) -> Self {
        Self {
            map,
            path,
            read: RefCell::default(),
            problems: RefCell::default(),
            unfilled: Cell::new(unfilled),
        }
    }

    /// Returns the params within a param: all by default where it is `true` or, with `default`, not given; `None` where
    /// it is `false` or not given. [`Params::end`] MUST follow.
    pub(crate) fn switch(&self, name: &'static str, default: bool) -> Option<Self> {
        let within = |map| Some(Self::at(format!("{}.{name}", self.path), map, self.unfilled.get()));
        match self.get(name) {
            None if default && !self.map.contains_key(name) => within(&NONE),
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => within(&NONE),
            Some(Value::Object(map)) => within(map),
            Some(value) => {
                let message = format!("must be true, false or an object of settings, not {value}");
                self.problem(name, &message, None);
                None
            }
        }
    }

    /// Returns the params within a param that is an object.
    pub(crate) fn within(&self, name: &'static str) -> Option<Self> {
        let map = self.object(name)?;
        Some(Self::at(format!("{}.{name}", self.path), map, self.unfilled.get()))
    }

    /// Ends the reading of params within params; what was wrong with them is wrong with these.
    pub(crate) fn end(&self, within: Self) {
        if let Err(problems) = within.finish(Some(())) {
            self.problems.borrow_mut().extend(problems);
        }
    }

    /// Whether nothing is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether a param is given, as what it may be or not.
    pub(crate) fn has(&self, name: &'static str) -> bool {
        self.read.borrow_mut().insert(name);
        self.map.get(name).is_some_and(|value| !value.is_null())
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

    /// Returns a number that may have a fraction.
    pub(crate) fn number(&self, name: &'static str) -> Option<f64> {
        self.typed(name, "a number", Value::as_f64)
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
        let path = &self.path;
        let field = if name.is_empty() { path.clone() } else { format!("{path}.{name}") };
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
