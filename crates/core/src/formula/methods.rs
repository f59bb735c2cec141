//! The methods of texts, lists, dicts and sets.

use super::compare;
use super::error::{FormulaErrorKind, Outcome};
use super::functions;
use super::int::Int;
use super::value::{Dict, List, Value};
use super::words::Method;
use super::work::Work;

pub(super) mod format;
mod split;
mod texts;

/// Calls a method; how many arguments there are is known to be right.
pub(super) fn call<'v>(
    method: Method,
    value: &Value<'v>,
    arguments: &[Value<'v>],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    match value {
        Value::Text(text) => texts::call(method, text, arguments, work),
        Value::List(list) => of_list(method, list, arguments, work),
        Value::Dict(dict) => of_dict(method, dict, arguments, work),
        Value::Set(_) => of_set(method, value, arguments, work),
        _ => Err(unknown(method, value.kind())),
    }
}

fn unknown(method: Method, kind: &str) -> FormulaErrorKind {
    FormulaErrorKind::mismatch(format!("{kind} has no method `{}`", method.name()))
}

fn of_list<'v>(
    method: Method,
    list: &List<'v>,
    arguments: &[Value<'v>],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    match (method, arguments) {
        (Method::Index, [sought]) => {
            let position = compare::position(list, sought, work)?;
            let missing = || FormulaErrorKind::value("the value is not in the list");
            position.map(|at| Value::Int(Int::count(at))).ok_or_else(missing)
        }
        (Method::Count, [sought]) => {
            let mut n = 0;
            for item in list.iter() {
                n += usize::from(compare::equal(&item?, sought, work, 0)?);
            }
            Ok(Value::Int(Int::count(n)))
        }
        (Method::Copy, []) => Ok(Value::List(list.clone())),
        _ => Err(unknown(method, "a list")),
    }
}

fn of_dict<'v>(
    method: Method,
    dict: &Dict<'v>,
    arguments: &[Value<'v>],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    match (method, arguments) {
        (Method::Get, [Value::Text(key), rest @ ..]) => {
            work.read(key.len())?;
            let default = || Ok(rest.first().cloned().unwrap_or(Value::None));
            dict.get(key).unwrap_or_else(default)
        }
        (Method::Get, [key, ..]) => {
            Err(FormulaErrorKind::mismatch(format!("a key of a dict is a text, not {}", key.kind())))
        }
        (Method::Keys, []) => {
            work.make(dict.len())?;
            Ok(Value::list(dict.keys().map(Value::Text).collect()))
        }
        (Method::Values, []) => {
            work.make(dict.len())?;
            dict.entries().map(|entry| entry.map(|(_, value)| value)).collect::<Outcome<_>>().map(Value::list)
        }
        (Method::Items, []) => {
            work.make(dict.len().saturating_mul(3))?;
            let pair = |(key, value)| Value::list(vec![Value::Text(key), value]);
            dict.entries().map(|entry| entry.map(pair)).collect::<Outcome<_>>().map(Value::list)
        }
        (Method::Copy, []) => Ok(Value::Dict(dict.clone())),
        _ => Err(unknown(method, "a dict")),
    }
}

fn of_set<'v>(
    method: Method,
    set: &Value<'v>,
    arguments: &[Value<'v>],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    let [other] = arguments else { return Err(unknown(method, set.kind())) };
    let mine = set.items(work)?;
    let other = match other {
        Value::Set(_) => other.clone(),
        other => {
            let elements = other.items(work)?;
            functions::set(elements, work)?
        }
    };
    let picked = match method {
        Method::Union => mine.into_iter().chain(other.items(work)?).collect(),
        Method::Intersection => picked(mine, &other, true, work)?,
        Method::Difference => picked(mine, &other, false, work)?,
        _ => return Err(unknown(method, set.kind())),
    };
    functions::set(picked, work)
}

/// Returns the elements that are in another set, or those that are not.
fn picked<'v>(
    elements: Vec<Value<'v>>,
    other: &Value<'v>,
    wanted: bool,
    work: &mut Work,
) -> Outcome<Vec<Value<'v>>> {
    let mut picked = Vec::new();
    for element in elements {
        if compare::contains(other, &element, work)? == wanted {
            picked.push(element);
        }
    }
    Ok(picked)
}
