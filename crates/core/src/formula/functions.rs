//! The functions.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::arithmetic;
use super::compare;
use super::error::{FormulaErrorKind, Outcome};
use super::int::Int;
use super::print;
use super::sequence::Stretch;
use super::tree::Arithmetic;
use super::value::{Entries, Key, Text, Value};
use super::words::Function;
use super::work::{RANGE, Work};

mod numbers;

/// Calls a function; how many arguments there are is known to be right.
pub(super) fn call<'v>(function: Function, arguments: &[Value<'v>], work: &mut Work) -> Outcome<Value<'v>> {
    let Some(first) = arguments.first() else {
        return Ok(empty(function));
    };
    let second = arguments.get(1);
    match function {
        Function::Len => len(first, work).map(|n| Value::Int(Int::count(n))),
        Function::Str => print::printed(first, work).map(Value::Text),
        Function::Int => numbers::int(first, work),
        Function::Float => numbers::float(first, work),
        Function::Bool => Ok(Value::Bool(first.is_true())),
        Function::Abs => numbers::abs(first),
        Function::Round => numbers::round(first, second, work),
        Function::Min => extreme(function, arguments, Ordering::Less, work),
        Function::Max => extreme(function, arguments, Ordering::Greater, work),
        Function::Sorted => compare::sorted(first.items(work)?, work).map(Value::list),
        Function::Sum => sum(first, second, work),
        Function::Any => Ok(Value::Bool(first.items(work)?.iter().any(Value::is_true))),
        Function::All => Ok(Value::Bool(first.items(work)?.iter().all(Value::is_true))),
        Function::List => first.items(work).map(Value::list),
        Function::Dict => dict(first, work),
        Function::Set => {
            let elements = first.items(work)?;
            set(elements, work)
        }
        Function::Range => range(arguments, work),
        Function::Loads => loads(first, work),
    }
}

/// Returns what a function without arguments makes.
fn empty<'v>(function: Function) -> Value<'v> {
    match function {
        Function::Str => Value::Text(Text::Given("")),
        Function::Int => Value::Int(0.into()),
        Function::Float => Value::Float(0.0),
        Function::Bool => Value::Bool(false),
        Function::Dict => Entries::default().finish(),
        Function::Set => Value::set(BTreeSet::new()),
        _ => Value::list(Vec::new()),
    }
}

fn len(value: &Value<'_>, work: &mut Work) -> Outcome<usize> {
    match value {
        Value::Text(text) => {
            work.read(text.len())?;
            Ok(text.chars().count())
        }
        Value::List(list) => Ok(list.len()),
        Value::Dict(dict) => Ok(dict.len()),
        Value::Set(set) => Ok(set.len()),
        other => Err(FormulaErrorKind::mismatch(format!("{} has no length", other.kind()))),
    }
}

/// Returns the least or the largest, the first one of equal ones.
fn extreme<'v>(
    function: Function,
    arguments: &[Value<'v>],
    wanted: Ordering,
    work: &mut Work,
) -> Outcome<Value<'v>> {
    let items = match arguments {
        [only] => only.items(work)?,
        several => several.to_vec(),
    };
    let mut items = items.into_iter();
    let empty = || FormulaErrorKind::value(format!("`{}` of nothing", function.name()));
    let mut best = items.next().ok_or_else(empty)?;
    for item in items {
        if compare::order(&item, &best, work, 0)? == wanted {
            best = item;
        }
    }
    Ok(best)
}

fn sum<'v>(value: &Value<'v>, start: Option<&Value<'v>>, work: &mut Work) -> Outcome<Value<'v>> {
    let mut total = start.cloned().unwrap_or_else(|| Value::Int(0.into()));
    for item in value.items(work)? {
        if let Some(other) = [&total, &item].into_iter().find(|value| arithmetic::as_float(value).is_none()) {
            return Err(FormulaErrorKind::mismatch(format!("`sum` is of numbers, not of {}", other.kind())));
        }
        total = arithmetic::apply(Arithmetic::Add, &total, &item, work)?;
    }
    Ok(total)
}

fn dict<'v>(value: &Value<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    let mut made = Entries::default();
    if let Value::Dict(dict) = value {
        for entry in dict.entries() {
            let (key, value) = entry?;
            made.insert(Value::Text(key), value, work)?;
        }
        return Ok(made.finish());
    }
    for pair in value.items(work)? {
        let Ok([key, value]) = <[Value<'v>; 2]>::try_from(pair.items(work)?) else {
            return Err(FormulaErrorKind::value("`dict` is of pairs"));
        };
        made.insert(key, value, work)?;
    }
    Ok(made.finish())
}

/// Makes a set.
pub(super) fn set<'v>(elements: Vec<Value<'v>>, work: &mut Work) -> Outcome<Value<'v>> {
    let mut made = BTreeSet::new();
    for element in elements {
        insert(&mut made, element, work)?;
    }
    Ok(Value::set(made))
}

/// Puts an element in, charging it and the search for its place.
pub(super) fn insert<'v>(made: &mut BTreeSet<Key<'v>>, element: Value<'v>, work: &mut Work) -> Outcome<()> {
    let key = Key::new(element)?;
    work.make(1)?;
    let levels = usize::try_from(made.len().checked_ilog2().unwrap_or(0)).unwrap_or(0) + 1;
    work.read(key.size().saturating_mul(levels))?;
    made.insert(key);
    Ok(())
}

fn range<'v>(arguments: &[Value<'v>], work: &mut Work) -> Outcome<Value<'v>> {
    let mut ends = Vec::with_capacity(3);
    for argument in arguments {
        let whole = argument.whole().and_then(|whole| whole.small());
        let no_end = || FormulaErrorKind::mismatch(format!("{} is no end of a range", argument.kind()));
        ends.push(whole.ok_or_else(no_end)?);
    }
    let (first, end, step) = match *ends {
        [end] => (0, end, 1),
        [first, end] => (first, end, 1),
        [first, end, step, ..] => (first, end, step),
        [] => (0, 0, 1),
    };
    if step == 0 {
        return Err(FormulaErrorKind::value("the step of a range is 0"));
    }
    let stretch = Stretch::new(first, end, step);
    if stretch.count > RANGE {
        return Err(FormulaErrorKind::Limit { most: RANGE, what: "numbers in a range" });
    }
    work.make(usize::try_from(stretch.count).unwrap_or(usize::MAX))?;
    Ok(Value::list(stretch.numbers().map(|number| Value::Int(number.into())).collect()))
}

fn loads<'v>(value: &Value<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    let Value::Text(text) = value else {
        let message = format!("`json.loads` reads a text, not {}", value.kind());
        return Err(FormulaErrorKind::mismatch(message));
    };
    work.write(text)?;
    let json: Json = serde_json::from_str(text)
        .map_err(|error| FormulaErrorKind::value(format!("the text is no JSON: {error}")))?;
    Value::made(json)
}
