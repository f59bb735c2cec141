//! How much work one rendering may do.
//!
//! The engine counts steps, but one step may double a text or sort a list. Whatever costs more than a step is therefore
//! charged by the size of what it works on: filters, tests that compare, and the operands of operators, which
//! [`guards`](super::guards) leads through filters of this file.

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, tests};

use super::guards::{ENTRY, FACTOR, OPERAND};

/// The most work of one rendering or evaluation: bytes of text, and 64 for each value.
const WORK: u64 = 256 << 20;
/// The deepest nesting of a value that is worked on.
const DEEPEST: usize = 128;
/// The largest number that says how wide something is made.
const WIDEST: u64 = 10_000;

/// What is left of the work of one rendering.
struct Left(u64);

/// Puts the filters and tests in place that charge for what they do.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter(OPERAND, |state: &mut State<'_, '_>, value: Value| charged(state, value, whole));
    environment.add_filter(ENTRY, |state: &mut State<'_, '_>, value: Value| {
        charged(state, value, |value, left| take(left, size(value)))
    });
    environment.add_filter(FACTOR, factor);
    for (name, filter) in charging_filters() {
        environment.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
            let args = args.into_values();
            spend(state, |left| cost(name, &args, left))?;
            filter.call(state, &args)
        });
    }
    for (name, test) in charging_tests() {
        environment.add_test(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
            let args = args.into_values();
            spend(state, |left| all(&args, left))?;
            test.call(state, &args).map(|value| value.is_true())
        });
    }
}

/// The filters of the language that look at all of what they are given. The others take a step, or hand on one by one.
fn charging_filters() -> [(&'static str, Value); 24] {
    [
        ("replace", Value::from_function(filters::replace)),
        ("join", Value::from_function(filters::join)),
        ("indent", Value::from_function(filters::indent)),
        ("format", Value::from_function(filters::format)),
        ("batch", Value::from_function(filters::batch)),
        ("slice", Value::from_function(filters::slice)),
        ("tojson", Value::from_function(filters::tojson)),
        ("pprint", Value::from_function(filters::pprint)),
        ("string", Value::from_function(filters::string)),
        ("sort", Value::from_function(filters::sort)),
        ("unique", Value::from_function(filters::unique)),
        ("min", Value::from_function(filters::min)),
        ("max", Value::from_function(filters::max)),
        ("sum", Value::from_function(filters::sum)),
        ("groupby", Value::from_function(filters::groupby)),
        ("dictsort", Value::from_function(filters::dictsort)),
        ("split", Value::from_function(filters::split)),
        ("lines", Value::from_function(filters::lines)),
        ("list", Value::from_function(filters::list)),
        ("upper", Value::from_function(filters::upper)),
        ("lower", Value::from_function(filters::lower)),
        ("title", Value::from_function(filters::title)),
        ("trim", Value::from_function(filters::trim)),
        ("reverse", Value::from_function(filters::reverse)),
    ]
}

/// The tests that compare.
fn charging_tests() -> [(&'static str, Value); 15] {
    let (eq, ne) = (Value::from_function(tests::is_eq), Value::from_function(tests::is_ne));
    let (lt, le) = (Value::from_function(tests::is_lt), Value::from_function(tests::is_le));
    let (gt, ge) = (Value::from_function(tests::is_gt), Value::from_function(tests::is_ge));
    [
        ("eq", eq.clone()),
        ("equalto", eq.clone()),
        ("==", eq),
        ("ne", ne.clone()),
        ("!=", ne),
        ("lt", lt.clone()),
        ("lessthan", lt.clone()),
        ("<", lt),
        ("le", le.clone()),
        ("<=", le),
        ("gt", gt.clone()),
        ("greaterthan", gt.clone()),
        (">", gt),
        ("ge", ge),
        ("in", Value::from_function(tests::is_in)),
    ]
}

/// Charges a filter of Refrain's own for what it is given.
pub(super) fn charge(state: &mut State<'_, '_>, args: &[&Value]) -> Result<(), Error> {
    spend(state, |left| args.iter().try_for_each(|value| whole(value, left)))
}

fn charged(
    state: &mut State<'_, '_>,
    value: Value,
    size: impl FnOnce(&Value, &mut u64) -> Result<(), Error>,
) -> Result<Value, Error> {
    spend(state, |left| size(&value, left))?;
    Ok(value)
}

/// A factor is a number: a text or list that is repeated may be of any size.
fn factor(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            Err(refused(format!("`*` multiplies numbers, not a {}", value.kind())))
        }
        _ => Ok(value),
    }
}

fn spend(state: &mut State<'_, '_>, size: impl FnOnce(&mut u64) -> Result<(), Error>) -> Result<(), Error> {
    size(&mut state.get_or_insert_extension_with(|| Left(WORK)).0)
}

fn take(left: &mut u64, amount: u64) -> Result<(), Error> {
    match left.checked_sub(amount) {
        Some(rest) => *left = rest,
        None => {
            *left = 0;
            return Err(refused(format!("more work than on {} MiB of text", WORK >> 20)));
        }
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Charges for a value and all that is in it.
fn whole(value: &Value, left: &mut u64) -> Result<(), Error> {
    walk(value, left, 0)
}

fn walk(value: &Value, left: &mut u64, depth: usize) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(refused(format!("a value nests more than {DEEPEST} deep")));
    }
    take(left, 64)?;
    match value.kind() {
        ValueKind::String => take(left, value.as_str().map_or(0, str::len) as u64),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.try_for_each(|item| walk(&item, left, depth + 1))
        }
        ValueKind::Map => value.try_iter()?.try_for_each(|key| {
            walk(&key, left, depth + 1)?;
            walk(&value.get_item(&key)?, left, depth + 1)
        }),
        _ => Ok(()),
    }
}

fn all(args: &[Value], left: &mut u64) -> Result<(), Error> {
    args.iter().try_for_each(|value| whole(value, left))
}

/// Returns how long a text is, or how many entries a value has, whatever is in them.
fn size(value: &Value) -> u64 {
    value.as_str().map(str::len).or_else(|| value.len()).unwrap_or(1) as u64
}

/// Charges for what a filter reads and for what it makes of that.
fn cost(name: &str, args: &[Value], left: &mut u64) -> Result<(), Error> {
    all(args, left)?;
    let text = |n: usize| args.get(n).and_then(Value::as_str).unwrap_or_default();
    match name {
        "replace" => {
            let found = text(0).matches(text(1)).count() as u64;
            take(left, found.saturating_mul(text(2).len() as u64))
        }
        "join" => take(left, size_of(args, 0).saturating_mul(text(1).len() as u64)),
        "indent" => take(left, (text(0).lines().count() as u64 + 1).saturating_mul(width(args)?)),
        "tojson" => take(left, size_of(args, 0).saturating_mul(width(args)?)),
        "batch" | "slice" => take(left, args.get(1).map_or(0, number).saturating_mul(16)),
        "format" => formatted(text(0), args),
        _ => Ok(()),
    }
}

fn size_of(args: &[Value], n: usize) -> u64 {
    args.get(n).map_or(0, size)
}

fn number(value: &Value) -> u64 {
    value.as_usize().map_or(0, |n| n as u64)
}

/// Returns the largest number among the arguments behind the first, named ones included.
fn width(args: &[Value]) -> Result<u64, Error> {
    let mut widest = 0;
    for arg in args.iter().skip(1) {
        widest = widest.max(number(arg));
        if arg.kind() == ValueKind::Map {
            for name in arg.try_iter()? {
                widest = widest.max(number(&arg.get_item(&name)?));
            }
        }
    }
    narrow(widest)
}

fn narrow(width: u64) -> Result<u64, Error> {
    if width > WIDEST { Err(refused(format!("a width is at most {WIDEST}"))) } else { Ok(width) }
}

/// Refuses widths beyond reason, in the format or as an argument that `*` takes from there.
fn formatted(format: &str, args: &[Value]) -> Result<(), Error> {
    let widths = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    for digits in widths {
        narrow(digits.parse().unwrap_or(u64::MAX))?;
    }
    if format.contains('*') {
        width(args)?;
    }
    Ok(())
}
