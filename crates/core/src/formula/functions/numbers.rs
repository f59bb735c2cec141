//! Functions of numbers.

use super::super::arithmetic::{DIVISION, as_float};
use super::super::error::{FormulaErrorKind, Outcome};
use super::super::int::Int;
use super::super::value::Value;
use super::super::work::Work;

/// The most digits behind the point that change a number.
const DIGITS: i64 = 340;

pub(super) fn int<'v>(value: &Value<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    match value {
        Value::Float(value) => Int::whole_part(*value).map(Value::Int),
        Value::Text(text) => {
            work.read(Int::reading(text))?;
            let no_number = || FormulaErrorKind::value("the text is no whole number");
            Int::parse(text.trim())?.map(Value::Int).ok_or_else(no_number)
        }
        other => other.whole().map(Value::Int).ok_or_else(|| no_number(other)),
    }
}

pub(super) fn float<'v>(value: &Value<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    let Value::Text(text) = value else {
        return Value::float(as_float(value).unwrap_or_else(|| Err(no_number(value)))?);
    };
    work.read(text.len())?;
    let is_plain = |byte: u8| byte.is_ascii_digit() || b".+-eE".contains(&byte);
    let number = text.trim().bytes().all(is_plain).then(|| text.trim().parse().ok()).flatten();
    Value::float(number.ok_or_else(|| FormulaErrorKind::value("the text is no number"))?)
}

pub(super) fn abs<'v>(value: &Value<'v>) -> Outcome<Value<'v>> {
    match value {
        Value::Float(value) => Ok(Value::Float(value.abs())),
        other => Ok(Value::Int(other.whole().ok_or_else(|| no_number(other))?.abs()?)),
    }
}

/// Rounds to the nearest, to an even digit where two are as near.
pub(super) fn round<'v>(
    value: &Value<'v>,
    digits: Option<&Value<'v>>,
    work: &mut Work,
) -> Outcome<Value<'v>> {
    let digits = match digits {
        None | Some(Value::None) => None,
        Some(digits) => Some(digits.whole().ok_or_else(|| no_number(digits))?.clamped()),
    };
    match (value, digits) {
        (Value::Float(value), None) => Int::whole_part(value.round_ties_even()).map(Value::Int),
        (Value::Float(value), Some(digits)) => round_float(*value, digits),
        (other, digits) => {
            let whole = other.whole().ok_or_else(|| no_number(other))?;
            round_whole(&whole, digits.unwrap_or(0), work).map(Value::Int)
        }
    }
}

fn round_float<'v>(value: f64, digits: i64) -> Outcome<Value<'v>> {
    if digits > DIGITS {
        return Ok(Value::Float(value));
    }
    if digits < 0 {
        let tens = 10_f64.powi(i32::try_from(-digits.max(-DIGITS)).unwrap_or(0));
        let rounded = if tens.is_finite() { (value / tens).round_ties_even() * tens } else { 0.0 };
        return Value::float(rounded);
    }
    let digits = usize::try_from(digits).unwrap_or(0);
    let rounded = format!("{value:.digits$}").parse().unwrap_or(value);
    Value::float(rounded)
}

fn round_whole(value: &Int, digits: i64, work: &mut Work) -> Outcome<Int> {
    if digits >= 0 {
        return Ok(value.clone());
    }
    work.read(if value.is_large() { 2 * DIVISION } else { 20_000 })?;
    // No number has so many digits that more of them would be left.
    let Ok(tens) = Int::from(10).pow(digits.unsigned_abs().min(2_000)) else {
        return Ok(0.into());
    };
    let (quotient, rest) = value.div_mod(&tens)?;
    let is_odd = !quotient.div_mod(&2.into())?.1.is_zero();
    let up = match rest.cmp(&tens.sub(&rest)?) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => is_odd,
        std::cmp::Ordering::Less => false,
    };
    quotient.add(&i128::from(up).into())?.mul(&tens)
}

fn no_number(value: &Value<'_>) -> FormulaErrorKind {
    FormulaErrorKind::mismatch(format!("{} is no number", value.kind()))
}
