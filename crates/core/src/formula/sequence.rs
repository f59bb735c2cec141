//! Positions: indexes and slices of texts and lists, which count from the end where they are negative.

use super::error::{FormulaErrorKind, Outcome};
use super::value::{List, Text, Value};
use super::work::{Work, wide};

/// Positions with a fixed distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    first: i128,
    step: i128,
    /// How many there are.
    pub(super) count: u64,
}

impl Stretch {
    /// Returns the numbers from one to another, the latter left out.
    pub(super) fn new(first: i128, end: i128, step: i128) -> Self {
        let distance = if step > 0 { end.saturating_sub(first) } else { first.saturating_sub(end) };
        let size = step.saturating_abs().max(1);
        let count = if distance > 0 { (distance - 1) / size + 1 } else { 0 };
        Self { first, step, count: u64::try_from(count).unwrap_or(u64::MAX) }
    }

    /// Returns the positions of a slice of what is so long.
    pub(super) fn slice(n: usize, from: Option<i64>, to: Option<i64>, step: i64) -> Self {
        let (n, step) = (i128::from(wide(n)), i128::from(step));
        let (least, most) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let end = |position: Option<i64>, default| {
            let position = position.map(i128::from);
            let counted = position.map(|position| if position < 0 { position + n } else { position });
            counted.map_or(default, |position| position.clamp(least, most))
        };
        let (begin, finish) = if step > 0 { (least, most) } else { (most, least) };
        Self::new(end(from, begin), end(to, finish), step)
    }

    /// Returns the numbers themselves.
    pub(super) fn numbers(self) -> impl Iterator<Item = i128> {
        (0..self.count).map(move |n| self.first.saturating_add(self.step.saturating_mul(i128::from(n))))
    }

    fn positions(self) -> impl Iterator<Item = usize> {
        self.numbers().filter_map(|position| usize::try_from(position).ok())
    }
}

/// Returns what stands at an index or under a key; the caller says how that was written.
pub(super) fn at<'v>(
    value: &Value<'v>,
    index: &Value<'v>,
    work: &mut Work,
    missing: impl Fn() -> FormulaErrorKind,
) -> Outcome<Value<'v>> {
    let outside = || FormulaErrorKind::value(format!("the index is outside of {}", value.kind()));
    match (value, index) {
        (Value::Dict(dict), Value::Text(key)) => {
            work.read(key.len())?;
            dict.get(key).unwrap_or_else(|| Err(missing()))
        }
        (Value::List(list), index) => {
            let position = position(list.len(), value, index)?;
            position.and_then(|position| list.get(position)).unwrap_or_else(|| Err(outside()))
        }
        (Value::Text(text), index) => {
            work.read(text.len())?;
            let position = position(text.chars().count(), value, index)?;
            let c = position.and_then(|position| text.chars().nth(position)).ok_or_else(outside)?;
            work.make(1)?;
            Ok(Value::text(c.to_string()))
        }
        (value, index) => Err(no_index(value, index)),
    }
}

fn no_index(value: &Value<'_>, index: &Value<'_>) -> FormulaErrorKind {
    FormulaErrorKind::mismatch(format!("{} is no index of {}", index.kind(), value.kind()))
}

fn position(n: usize, value: &Value<'_>, index: &Value<'_>) -> Outcome<Option<usize>> {
    let position = index.whole().ok_or_else(|| no_index(value, index))?.clamped();
    let counted = if position < 0 { i128::from(position) + i128::from(wide(n)) } else { position.into() };
    Ok(usize::try_from(counted).ok())
}

/// Returns a slice.
pub(super) fn slice<'v>(
    value: &Value<'v>,
    ends: [Option<Value<'v>>; 3],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    let [from, to, step] = ends;
    let (from, to) = (end(from)?, end(to)?);
    let step = end(step)?.unwrap_or(1);
    if step == 0 {
        return Err(FormulaErrorKind::value("the step of a slice is 0"));
    }
    match value {
        Value::List(list) => slice_list(list, Stretch::slice(list.len(), from, to, step), work),
        Value::Text(text) => {
            work.read(text.len())?;
            slice_text(text, Stretch::slice(text.chars().count(), from, to, step), work)
        }
        other => Err(FormulaErrorKind::mismatch(format!("{} has no slices", other.kind()))),
    }
}

fn end(value: Option<Value<'_>>) -> Outcome<Option<i64>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => {
            let whole = value.whole().ok_or_else(|| {
                FormulaErrorKind::mismatch(format!("{} is no end of a slice", value.kind()))
            })?;
            Ok(Some(whole.clamped()))
        }
    }
}

fn slice_list<'v>(list: &List<'v>, stretch: Stretch, work: &mut Work) -> Outcome<Value<'v>> {
    work.make(usize::try_from(stretch.count).unwrap_or(usize::MAX))?;
    let items = stretch.positions().filter_map(|position| list.get(position));
    items.collect::<Outcome<_>>().map(Value::list)
}

fn slice_text<'v>(text: &Text<'v>, stretch: Stretch, work: &mut Work) -> Outcome<Value<'v>> {
    let count = usize::try_from(stretch.count).unwrap_or(usize::MAX);
    work.make(count)?;
    if stretch.step == 1 {
        let first = usize::try_from(stretch.first).unwrap_or(0);
        return Ok(Value::text(text.chars().skip(first).take(count).collect::<String>()));
    }
    work.write(text)?;
    let chars: Vec<char> = text.chars().collect();
    let picked = stretch.positions().filter_map(|position| chars.get(position));
    Ok(Value::text(picked.collect::<String>()))
}
