//! How much work one rendering may do.
//!
//! The engine counts steps, but one step may double a text or sort a list. Whatever costs more than a step is therefore
//! charged by the size of what it works on: filters and tests, what is written, and the operands of operators, which
//! [`guards`](super::guards) leads through filters of this file. What is worked out anew whenever it is looked at, such as
//! a list of two lists, is made a list of its own on the way, so that nothing nests in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{
    Environment, Error, ErrorKind, Output, State, Value, escape_formatter, filters, functions, tests,
};

use super::guards::{COUNT, ENTRY, FACTOR, FEW, FEW_TIMES, OPERAND, SHORT, SLICED};

/// The most work of one rendering or evaluation: bytes of text, and 64 for each value.
const WORK: u64 = 256 << 20;
/// The deepest nesting of a value that is worked on.
const DEEPEST: usize = 128;
/// The largest number that says how wide something is made.
const WIDEST: u64 = 10_000;
/// What one of the values costs that are handed on one by one.
const HANDED: u64 = 16;

/// What a character or value costs besides where a slice is taken, for which they are counted one by one.
const COUNTED: u64 = 8;

/// What is left of the work of one rendering.
struct Left(u64);

/// How much a filter looks at of what it stands behind. Its arguments are always charged whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// At all that is in it, however deep.
    Whole,
    /// At its values one by one, but not into them.
    Items,
    /// At its length or at one of its values.
    Shape,
}

/// Puts the filters and tests in place that charge for what they do.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.set_formatter(written);
    environment
        .add_filter(OPERAND, |state: &mut State<'_, '_>, value: Value| charged(state, value, Looks::Whole));
    environment.add_filter(ENTRY, |state: &mut State<'_, '_>, value: Value| {
        let value = charged(state, value, Looks::Shape)?;
        spend(state, |left| take(left, size(&value)))?;
        Ok::<_, Error>(value)
    });
    environment.add_filter(SLICED, |state: &mut State<'_, '_>, value: Value| {
        let value = charged(state, value, Looks::Whole)?;
        spend(state, |left| take(left, size(&value).saturating_mul(COUNTED)))?;
        Ok::<_, Error>(value)
    });
    environment.add_filter(FACTOR, factor);
    environment.add_filter(COUNT, count);
    environment.add_filter(FEW, few);
    environment.add_filter("chain", chain);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_function("range", range);
    for (name, looks, filter) in charging_filters() {
        environment.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
            let args = prepared(state, args.into_values(), looks)?;
            spend(state, |left| cost(name, &args, left))?;
            filter.call(state, &args)
        });
    }
    for (name, test) in charging_tests() {
        environment.add_test(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
            let args = args.into_values();
            spend(state, |left| all(&args, left))?;
            if name == "divisibleby" && args.get(1).is_some_and(|by| *by == Value::from(0)) {
                return Err(refused("nothing is divisible by 0".to_owned()));
            }
            test.call(state, &args).map(|value| value.is_true())
        });
    }
}

/// The filters of the language, but for those that have a form of their own here.
fn charging_filters() -> Vec<(&'static str, Looks, Value)> {
    macro_rules! filters {
        ($($looks:ident: $($name:literal $filter:ident),+;)+) => {
            vec![$($(($name, Looks::$looks, Value::from_function(filters::$filter))),+),+]
        };
    }
    filters! {
        Whole: "safe" safe, "escape" escape, "e" escape, "lower" lower, "upper" upper, "title" title,
            "capitalize" capitalize, "replace" replace, "dictsort" dictsort, "reverse" reverse, "trim" trim, "join" join,
            "split" split, "lines" lines, "round" round, "abs" abs, "int" int, "float" float, "min" min, "max" max,
            "sort" sort, "list" list, "string" string, "batch" batch, "slice" slice, "sum" sum, "indent" indent,
            "groupby" groupby, "unique" unique, "pprint" pprint, "format" format, "tojson" tojson;
        Items: "items" items, "select" select, "reject" reject, "selectattr" selectattr, "rejectattr" rejectattr,
            "map" map, "zip" zip;
        Shape: "length" length, "count" length, "first" first, "last" last, "attr" attr, "bool" bool;
    }
}

/// The tests of the language that look at more than what kind of value there is.
fn charging_tests() -> Vec<(&'static str, Value)> {
    macro_rules! tests {
        ($($name:literal $test:ident),+ $(,)?) => { vec![$(($name, Value::from_function(tests::$test))),+] };
    }
    tests! {
        "eq" is_eq, "equalto" is_eq, "==" is_eq, "ne" is_ne, "!=" is_ne, "lt" is_lt, "lessthan" is_lt, "<" is_lt,
        "le" is_le, "<=" is_le, "gt" is_gt, "greaterthan" is_gt, ">" is_gt, "ge" is_ge, ">=" is_ge, "in" is_in,
        "odd" is_odd, "even" is_even, "divisibleby" is_divisibleby, "iterable" is_iterable, "startingwith" is_startingwith,
        "endingwith" is_endingwith, "lower" is_lower, "upper" is_upper, "sameas" is_sameas,
    }
}

/// Writes a value; lists and the like are charged, texts count as what the rendering makes.
fn written(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if !matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None) {
        spend(state, |left| whole(value, left))?;
    }
    escape_formatter(out, state, value)
}

/// Joins lists, or maps, of which later ones count.
fn chain(state: &mut State<'_, '_>, value: Value, others: Rest<Value>) -> Result<Value, Error> {
    let values = prepared(state, std::iter::once(value).chain(others.0).collect(), Looks::Whole)?;
    if values.iter().any(|value| value.kind() != ValueKind::Map) {
        let mut items = Vec::new();
        for value in &values {
            items.extend(value.try_iter()?);
        }
        return Ok(Value::from(items));
    }
    let mut merged = BTreeMap::new();
    for value in &values {
        for key in value.try_iter()? {
            let item = value.get_item(&key)?;
            merged.insert(key, item);
        }
    }
    Ok(Value::from_iter(merged))
}

/// Hands on a value, or else what stands in for it: it looks at neither.
fn default(state: &mut State<'_, '_>, value: Value, args: Rest<Value>) -> Result<Value, Error> {
    filters::default(state, &value, args)
}

/// Counts, within numbers whose differences are numbers.
fn range(lower: i64, upper: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let narrow = |n: i64| {
        let n = isize::try_from(n).ok().filter(|n| n.unsigned_abs() < 1 << 30);
        n.ok_or_else(|| refused("`range` counts with numbers of less than 10 digits".to_owned()))
    };
    functions::range(narrow(lower)?, upper.map(narrow).transpose()?, step.map(narrow).transpose()?)
}

/// Charges a filter of Refrain's own for what it is given.
pub(super) fn charge(state: &mut State<'_, '_>, args: &[&Value]) -> Result<(), Error> {
    spend(state, |left| args.iter().try_for_each(|value| whole(value, left)))
}

/// Charges a filter of Refrain's own for what it is about to make.
pub(super) fn charge_bytes(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    spend(state, |left| take(left, bytes as u64))
}

/// Charges for a value that is about to be written with so much space in front of each of its values, at each depth.
pub(super) fn charge_indented(state: &mut State<'_, '_>, value: &Value, width: usize) -> Result<(), Error> {
    spend(state, |left| walk(value, left, 0, width as u64))
}

/// Charges for what a filter is given, and lays out what is worked out anew at each look.
fn prepared(state: &mut State<'_, '_>, args: Vec<Value>, looks: Looks) -> Result<Vec<Value>, Error> {
    let looks = std::iter::once(looks).chain(std::iter::repeat(Looks::Whole));
    args.into_iter().zip(looks).map(|(value, looks)| charged(state, value, looks)).collect()
}

fn charged(state: &mut State<'_, '_>, value: Value, looks: Looks) -> Result<Value, Error> {
    spend(state, |left| match looks {
        Looks::Whole => whole(&value, left),
        Looks::Items => take(left, 64 + size(&value).saturating_mul(HANDED)),
        Looks::Shape => take(left, 64 + value.as_str().map_or(0, str::len) as u64),
    })?;
    if value.kind() != ValueKind::Iterable {
        return Ok(value);
    }
    let mut items = Vec::new();
    for item in value.try_iter()? {
        spend(state, |left| take(left, HANDED))?;
        items.push(item);
    }
    Ok(Value::from(items))
}

/// A factor is a number: a text or list that is repeated may be of any size.
fn factor(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            let hint = "a text or list is multiplied by a number that is written out, up to 100";
            Err(refused(format!("`*` multiplies numbers, not a {}; {hint}", value.kind())))
        }
        _ => Ok(value),
    }
}

/// Says how often a short text is repeated, which is charged here: less than once is not at all.
fn count(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    let is_negative = value.kind() == ValueKind::Number && value.as_i64().is_some_and(|times| times < 0);
    if is_negative && value.is_integer() {
        return Ok(Value::from(0));
    }
    let times = value.as_usize().map(|times| times as u64).filter(|times| *times <= WIDEST);
    let refuse = || refused(format!("a text is repeated a whole number of times, {WIDEST} at most"));
    let times = times.ok_or_else(refuse)?;
    spend(state, |left| take(left, times.saturating_mul(SHORT as u64)))?;
    Ok(value)
}

/// Charges for what is repeated a few times; a number costs nothing.
fn few(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    if matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable) {
        let value = charged(state, value, Looks::Whole)?;
        spend(state, |left| {
            let before = *left;
            whole(&value, left)?;
            take(left, (before - *left).saturating_mul(FEW_TIMES))
        })?;
        return Ok(value);
    }
    factor(value)
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
    walk(value, left, 0, 0)
}

/// Charges for a value that is written with so much space in front of each of its values, at each depth.
fn walk(value: &Value, left: &mut u64, depth: usize, width: u64) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(refused(format!("a value nests more than {DEEPEST} deep")));
    }
    take(left, width.saturating_mul(depth as u64 + 1).saturating_add(64))?;
    match value.kind() {
        ValueKind::String => take(left, value.as_str().map_or(0, str::len) as u64),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.try_for_each(|item| walk(&item, left, depth + 1, width))
        }
        ValueKind::Map => value.try_iter()?.try_for_each(|key| {
            walk(&key, left, depth + 1, width)?;
            walk(&value.get_item(&key)?, left, depth + 1, width)
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

/// Charges for what a filter makes of what it reads.
fn cost(name: &str, args: &[Value], left: &mut u64) -> Result<(), Error> {
    match name {
        "replace" => {
            let found = text(args, 0).matches(&*text(args, 1)).count() as u64;
            take(left, found.saturating_mul(text(args, 2).len() as u64))
        }
        "join" => take(left, size_of(args, 0).saturating_mul(text(args, 1).len() as u64)),
        "indent" => take(left, (text(args, 0).lines().count() as u64 + 1).saturating_mul(width(args)?)),
        "tojson" => args.first().map_or(Ok(()), |value| walk(value, left, 0, width(args)?)),
        "pprint" => args.first().map_or(Ok(()), |value| walk(value, left, 0, 4)),
        "batch" | "slice" => take(left, args.get(1).map_or(0, number).saturating_mul(16)),
        "format" => formatted(&text(args, 0), args, left),
        // Texts and lists are copied at each step.
        "sum" if sums_up(args)? => {
            let before = *left;
            all(args, left)?;
            take(left, (before - *left).saturating_mul(size_of(args, 0) / 32))
        }
        _ => Ok(()),
    }
}

/// Returns an argument as the text that the filter sees.
fn text(args: &[Value], n: usize) -> Cow<'_, str> {
    let value = args.get(n);
    value.map_or_else(Default::default, |value| {
        value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed)
    })
}

/// Whether a sum begins with a text or a list.
fn sums_up(args: &[Value]) -> Result<bool, Error> {
    let is_large =
        |value: &Value| matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable);
    Ok(match args.last() {
        Some(named) if named.kind() == ValueKind::Map => is_large(&named.get_attr("start")?),
        _ => args.get(2).is_some_and(is_large),
    })
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

/// Refuses widths beyond reason, in the format or as an argument that `*` takes from there, and charges for the others.
fn formatted(format: &str, args: &[Value], left: &mut u64) -> Result<(), Error> {
    let widths = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    for digits in widths {
        take(left, narrow(digits.parse().unwrap_or(u64::MAX))?)?;
    }
    match format.matches('*').count() as u64 {
        0 => Ok(()),
        stars => take(left, stars.saturating_mul(width(args)?)),
    }
}
