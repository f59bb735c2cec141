//! Values while a formula is evaluated: those of the context are borrowed, those made are shared.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::rc::Rc;

use serde_json::Value as Json;

use super::error::{FormulaErrorKind, Outcome};
use super::int::Int;
use super::work::{EXACT, Work, nested};
pub(super) use dict::{Dict, Entries};
pub(super) use key::Key;

mod dict;
mod key;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    None,
    Bool(bool),
    Int(Int),
    Float(f64),
    Text(Text<'v>),
    List(List<'v>),
    Dict(Dict<'v>),
    Set(Rc<BTreeSet<Key<'v>>>),
}

/// A text.
#[derive(Debug, Clone)]
pub(super) enum Text<'v> {
    Given(&'v str),
    Made(Rc<str>),
}

/// A list.
#[derive(Debug, Clone)]
pub(super) enum List<'v> {
    Given(&'v [Json]),
    Made(Rc<Vec<Value<'v>>>),
}

impl<'v> Value<'v> {
    /// Takes a value as it is given.
    pub(super) fn given(json: &'v Json) -> Outcome<Self> {
        Ok(match json {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::number(number)?,
            Json::String(text) => Self::Text(Text::Given(text)),
            Json::Array(items) => Self::List(List::Given(items)),
            Json::Object(entries) => Self::Dict(Dict::Given(entries)),
        })
    }

    fn number(number: &serde_json::Number) -> Outcome<Self> {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        if let Some(whole) = whole {
            return Ok(Self::Int(whole.into()));
        }
        let float = number.as_f64().filter(|value| value.is_finite());
        float.map(Self::Float).ok_or_else(|| FormulaErrorKind::value("the number is too large"))
    }

    /// Makes a value of a document that nobody else holds; the caller has charged its size.
    pub(super) fn made(json: Json) -> Outcome<Self> {
        Ok(match json {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::number(&number)?,
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::list(items.into_iter().map(Self::made).collect::<Outcome<_>>()?),
            Json::Object(entries) => Self::Dict(Dict::made(entries)?),
        })
    }

    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(List::Made(Rc::new(items)))
    }

    pub(super) fn set(items: BTreeSet<Key<'v>>) -> Self {
        Self::Set(Rc::new(items))
    }

    /// Makes a number, which MUST be finite.
    pub(super) fn float(value: f64) -> Outcome<Self> {
        if value.is_finite() {
            Ok(Self::Float(value))
        } else {
            Err(FormulaErrorKind::value("the number is too large"))
        }
    }

    /// Returns what the value is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Set(_) => "a set",
        }
    }

    /// Whether `and`, `or`, `not` and `if` take the value for true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => !value.is_zero(),
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => list.len() > 0,
            Self::Dict(dict) => dict.len() > 0,
            Self::Set(set) => !set.is_empty(),
        }
    }

    /// Returns a whole number, as which true and false count.
    pub(super) fn whole(&self) -> Option<Int> {
        match self {
            Self::Bool(value) => Some(i128::from(*value).into()),
            Self::Int(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Returns the items that one can go through, charging the copies of them.
    pub(super) fn items(&self, work: &mut Work) -> Outcome<Vec<Self>> {
        match self {
            Self::List(list) => {
                work.make(list.len())?;
                list.iter().collect()
            }
            Self::Dict(dict) => {
                work.make(dict.len())?;
                Ok(dict.keys().map(Self::Text).collect())
            }
            Self::Set(set) => {
                work.make(set.len())?;
                Ok(set.iter().map(|key| key.value().clone()).collect())
            }
            Self::Text(text) => {
                work.write(text)?;
                Ok(text.chars().map(|c| Self::text(c.to_string())).collect())
            }
            other => Err(FormulaErrorKind::mismatch(format!("{} has no items", other.kind()))),
        }
    }

    /// Gives the value back, charging its size.
    pub(super) fn leave(&self, work: &mut Work, depth: usize) -> Outcome<Json> {
        let depth = nested(depth)?;
        let size = if let Self::Text(text) = self { text.len() } else { 0 };
        work.leave(size)?;
        Ok(match self {
            Self::None => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => exact(value)?,
            Self::Float(value) => Json::from(*value),
            Self::Text(text) => Json::from(&**text),
            Self::List(list) => {
                Json::Array(list.iter().map(|item| item?.leave(work, depth)).collect::<Outcome<_>>()?)
            }
            Self::Dict(dict) => dict.leave(work, depth)?,
            Self::Set(set) => {
                let items = set.iter().map(|key| key.value().leave(work, depth));
                Json::Array(items.collect::<Outcome<_>>()?)
            }
        })
    }
}

/// Returns a number that every reader of JSON takes for the same one.
fn exact(value: &Int) -> Outcome<Json> {
    let small = value.small().filter(|value| (-EXACT..=EXACT).contains(value));
    let small = small.and_then(|value| i64::try_from(value).ok());
    small
        .map(Json::from)
        .ok_or_else(|| FormulaErrorKind::value("the result is a whole number beyond 2 ** 53"))
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Given(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'v> List<'v> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Given(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<Outcome<Value<'v>>> {
        match self {
            Self::Given(items) => items.get(at).map(Value::given),
            Self::Made(items) => items.get(at).cloned().map(Ok),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Outcome<Value<'v>>> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}
