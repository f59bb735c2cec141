//! Comparisons: equal is of any types, less is of like types only.

use std::cmp::Ordering;

use super::error::{FormulaErrorKind, Outcome};
use super::int::Int;
use super::value::{Dict, Key, List, Text, Value};
use super::work::{Work, nested};

/// Compares numbers, as which true and false count; `None` where one is no number.
pub(super) fn numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Float(a), b) => b.whole().map(|b| with_float(&b, *a).reverse()),
        (a, Value::Float(b)) => a.whole().map(|a| with_float(&a, *b)),
        (Value::Bool(_) | Value::Int(_), Value::Bool(_) | Value::Int(_)) => Some(a.whole()?.cmp(&b.whole()?)),
        _ => None,
    }
}

/// Compares without rounding the whole number.
fn with_float(whole: &Int, float: f64) -> Ordering {
    let Ok(part) = Int::whole_part(float) else {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    };
    whole.cmp(&part).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

/// Whether two values are equal; values of different types never are.
pub(super) fn equal(a: &Value<'_>, b: &Value<'_>, work: &mut Work, depth: usize) -> Outcome<bool> {
    let depth = nested(depth)?;
    work.read(1)?;
    match (a, b) {
        (Value::None, Value::None) => Ok(true),
        (Value::Text(a), Value::Text(b)) => texts(a, b, work),
        (Value::List(a), Value::List(b)) => lists(a, b, work, depth),
        (Value::Dict(a), Value::Dict(b)) => dicts(a, b, work, depth),
        (Value::Set(a), Value::Set(b)) => {
            work.read(a.iter().map(Key::size).sum())?;
            Ok(a == b)
        }
        (a, b) => Ok(numbers(a, b) == Some(Ordering::Equal)),
    }
}

fn texts(a: &Text<'_>, b: &Text<'_>, work: &mut Work) -> Outcome<bool> {
    if a.len() == b.len() {
        work.read(a.len())?;
    }
    Ok(**a == **b)
}

fn lists(a: &List<'_>, b: &List<'_>, work: &mut Work, depth: usize) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b.iter()) {
        if !equal(&a?, &b?, work, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn dicts(a: &Dict<'_>, b: &Dict<'_>, work: &mut Work, depth: usize) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for entry in a.entries() {
        let (key, value) = entry?;
        work.read(key.len())?;
        let Some(other) = b.get(&key) else { return Ok(false) };
        if !equal(&value, &other?, work, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells which of two like values is less.
pub(super) fn order(a: &Value<'_>, b: &Value<'_>, work: &mut Work, depth: usize) -> Outcome<Ordering> {
    let depth = nested(depth)?;
    work.read(1)?;
    if let Some(ordering) = numbers(a, b) {
        return Ok(ordering);
    }
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            work.read(a.len().min(b.len()))?;
            Ok((**a).cmp(b))
        }
        (Value::List(a), Value::List(b)) => list_order(a, b, work, depth),
        (a, b) => {
            let message = format!("{} and {} have no order", a.kind(), b.kind());
            Err(FormulaErrorKind::mismatch(message))
        }
    }
}

fn list_order(a: &List<'_>, b: &List<'_>, work: &mut Work, depth: usize) -> Outcome<Ordering> {
    for (left, right) in a.iter().zip(b.iter()) {
        let (left, right) = (left?, right?);
        if !equal(&left, &right, work, depth)? {
            return order(&left, &right, work, depth);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// Whether a value holds another one: an element, a key or a stretch of text.
pub(super) fn contains(holder: &Value<'_>, sought: &Value<'_>, work: &mut Work) -> Outcome<bool> {
    match (holder, sought) {
        (Value::Text(holder), Value::Text(sought)) => {
            work.read(holder.len())?;
            Ok(holder.contains(&**sought))
        }
        (Value::List(list), sought) => Ok(position(list, sought, work)?.is_some()),
        (Value::Dict(dict), Value::Text(key)) => {
            work.read(key.len())?;
            Ok(dict.get(key).is_some())
        }
        (Value::Dict(_), _) => Ok(false),
        (Value::Set(set), sought) => {
            let key = Key::new(sought.clone())?;
            work.read(key.size())?;
            Ok(set.contains(&key))
        }
        (holder, sought) => {
            let message =
                format!("{} is not in {}: that has no elements for it", sought.kind(), holder.kind());
            Err(FormulaErrorKind::mismatch(message))
        }
    }
}

/// Returns where the first element stands that equals a value.
pub(super) fn position(list: &List<'_>, sought: &Value<'_>, work: &mut Work) -> Outcome<Option<usize>> {
    for (at, item) in list.iter().enumerate() {
        if equal(&item?, sought, work, 0)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Sorts, keeping the order of equal values; a comparison may fail at any time.
pub(super) fn sorted<'v>(mut items: Vec<Value<'v>>, work: &mut Work) -> Outcome<Vec<Value<'v>>> {
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for run in items.chunks(width * 2) {
            let (left, right) = run.split_at(width.min(run.len()));
            merge(left, right, &mut merged, work)?;
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}

fn merge<'v>(
    mut left: &[Value<'v>],
    mut right: &[Value<'v>],
    merged: &mut Vec<Value<'v>>,
    work: &mut Work,
) -> Outcome<()> {
    while let ([a, rest_left @ ..], [b, rest_right @ ..]) = (left, right) {
        if order(b, a, work, 0)? == Ordering::Less {
            merged.push(b.clone());
            right = rest_right;
        } else {
            merged.push(a.clone());
            left = rest_left;
        }
    }
    merged.extend(left.iter().chain(right).cloned());
    Ok(())
}
