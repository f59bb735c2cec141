//! Arithmetic by Python's rules: `/` makes a float, `//` and `%` round down, true counts as 1.

use super::error::{FormulaErrorKind, Outcome};
use super::int::Int;
use super::tree::{Arithmetic, Sign};
use super::value::{List, Text, Value};
use super::work::{EXPONENT, Work};

/// What the division of a large number takes.
pub(super) const DIVISION: usize = 500_000;

/// Applies an operator.
pub(super) fn apply<'v>(
    operator: Arithmetic,
    a: &Value<'v>,
    b: &Value<'v>,
    work: &mut Work,
) -> Outcome<Value<'v>> {
    match (operator, a, b) {
        (Arithmetic::Add, Value::Text(a), Value::Text(b)) => join_texts(a, b, work),
        (Arithmetic::Add, Value::List(a), Value::List(b)) => join_lists(a, b, work),
        (Arithmetic::Mul, Value::Text(text), n) | (Arithmetic::Mul, n, Value::Text(text)) => {
            repeat_text(text, &times(operator, a, b, n)?, work)
        }
        (Arithmetic::Mul, Value::List(list), n) | (Arithmetic::Mul, n, Value::List(list)) => {
            repeat_list(list, &times(operator, a, b, n)?, work)
        }
        _ => match (a.whole(), b.whole()) {
            (Some(whole_a), Some(whole_b)) => whole(operator, &whole_a, &whole_b, work),
            _ => floats(operator, number(operator, a, b, a)?, number(operator, a, b, b)?),
        },
    }
}

/// Applies a sign.
pub(super) fn sign<'v>(sign: Sign, value: &Value<'v>) -> Outcome<Value<'v>> {
    match (sign, value) {
        (Sign::Plus, Value::Float(value)) => Ok(Value::Float(*value)),
        (Sign::Minus, Value::Float(value)) => Ok(Value::Float(-value)),
        (sign, value) => {
            let whole = value
                .whole()
                .ok_or_else(|| FormulaErrorKind::mismatch(format!("{} has no sign", value.kind())))?;
            Ok(Value::Int(if sign == Sign::Minus { whole.neg()? } else { whole }))
        }
    }
}

fn mismatch(operator: Arithmetic, a: &Value<'_>, b: &Value<'_>) -> FormulaErrorKind {
    let (a, b) = (a.kind(), b.kind());
    FormulaErrorKind::mismatch(format!("`{}` is not for {a} and {b}", operator.spelled()))
}

fn number(operator: Arithmetic, a: &Value<'_>, b: &Value<'_>, one: &Value<'_>) -> Outcome<f64> {
    as_float(one).unwrap_or_else(|| Err(mismatch(operator, a, b)))
}

/// Returns a number as a float, where it is one.
pub(super) fn as_float(value: &Value<'_>) -> Option<Outcome<f64>> {
    if let Value::Float(value) = value {
        return Some(Ok(*value));
    }
    let float = value.whole()?.float();
    Some(if float.is_finite() { Ok(float) } else { Err(FormulaErrorKind::value("the number is too large")) })
}

fn whole<'v>(operator: Arithmetic, a: &Int, b: &Int, work: &mut Work) -> Outcome<Value<'v>> {
    work.read(match operator {
        // The largest numbers have 128 words, and they are divided bit by bit.
        Arithmetic::FloorDiv | Arithmetic::Mod if a.is_large() => DIVISION,
        _ if a.is_large() || b.is_large() => 4_096,
        _ => 1,
    })?;
    match operator {
        Arithmetic::Add => a.add(b).map(Value::Int),
        Arithmetic::Sub => a.sub(b).map(Value::Int),
        Arithmetic::Mul => a.mul(b).map(Value::Int),
        Arithmetic::FloorDiv => a.div_mod(b).map(|(quotient, _)| Value::Int(quotient)),
        Arithmetic::Mod => a.div_mod(b).map(|(_, rest)| Value::Int(rest)),
        Arithmetic::Pow if b.clamped() >= 0 => power(a, b, work),
        Arithmetic::Div | Arithmetic::Pow => {
            let (a, b) = (&Value::Int(a.clone()), &Value::Int(b.clone()));
            floats(operator, number(operator, a, b, a)?, number(operator, a, b, b)?)
        }
    }
}

fn power<'v>(base: &Int, exponent: &Int, work: &mut Work) -> Outcome<Value<'v>> {
    let exponent = u64::try_from(exponent.clamped()).unwrap_or(u64::MAX);
    if exponent > EXPONENT {
        return Err(FormulaErrorKind::Limit { most: EXPONENT, what: "as an exponent" });
    }
    work.read(20_000)?;
    base.pow(exponent).map(Value::Int)
}

fn floats<'v>(operator: Arithmetic, a: f64, b: f64) -> Outcome<Value<'v>> {
    let divides = matches!(operator, Arithmetic::Div | Arithmetic::FloorDiv | Arithmetic::Mod);
    if b == 0.0 && divides {
        return Err(FormulaErrorKind::value("division by zero"));
    }
    Value::float(match operator {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::FloorDiv => floor_div(a, b),
        Arithmetic::Mod => floor_mod(a, b),
        Arithmetic::Pow => return float_power(a, b),
    })
}

fn floor_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        return 0.0_f64.copysign(b);
    }
    if (rest < 0.0) == (b < 0.0) { rest } else { rest + b }
}

/// Divides what is left without the rest, so that quotient and rest fit together.
fn floor_div(a: f64, b: f64) -> f64 {
    let rest = a % b;
    let quotient = (a - rest) / b - if rest != 0.0 && (rest < 0.0) != (b < 0.0) { 1.0 } else { 0.0 };
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

fn float_power<'v>(a: f64, b: f64) -> Outcome<Value<'v>> {
    if b.abs() > 1_024.0 {
        return Err(FormulaErrorKind::Limit { most: EXPONENT, what: "as an exponent" });
    }
    if a == 0.0 && b < 0.0 {
        return Err(FormulaErrorKind::value("division by zero"));
    }
    if a < 0.0 && b.fract() != 0.0 {
        return Err(FormulaErrorKind::value("a root of a negative number"));
    }
    Value::float(a.powf(b))
}

fn join_texts<'v>(a: &Text<'v>, b: &Text<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    work.write(a)?;
    work.write(b)?;
    Ok(Value::text([&**a, &**b].concat()))
}

fn join_lists<'v>(a: &List<'v>, b: &List<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    work.make(a.len().saturating_add(b.len()))?;
    a.iter().chain(b.iter()).collect::<Outcome<_>>().map(Value::list)
}

/// Returns how often something is repeated.
fn times(operator: Arithmetic, a: &Value<'_>, b: &Value<'_>, n: &Value<'_>) -> Outcome<Int> {
    n.whole().ok_or_else(|| mismatch(operator, a, b))
}

/// Nothing longer than what may be made is repeated, whatever the number.
fn repetitions(n: &Int) -> usize {
    usize::try_from(n.clamped().max(0)).unwrap_or(usize::MAX)
}

fn repeat_text<'v>(text: &str, n: &Int, work: &mut Work) -> Outcome<Value<'v>> {
    if text.is_empty() || repetitions(n) == 0 {
        return Ok(Value::Text(Text::Given("")));
    }
    work.make(text.chars().count().saturating_mul(repetitions(n)))?;
    Ok(Value::text(text.repeat(repetitions(n))))
}

fn repeat_list<'v>(list: &List<'v>, n: &Int, work: &mut Work) -> Outcome<Value<'v>> {
    if list.len() == 0 || repetitions(n) == 0 {
        return Ok(Value::list(Vec::new()));
    }
    work.make(list.len().saturating_mul(repetitions(n)))?;
    let items: Vec<Value<'v>> = list.iter().collect::<Outcome<_>>()?;
    Ok(Value::list(items.into_iter().cycle().take(list.len() * repetitions(n)).collect()))
}
