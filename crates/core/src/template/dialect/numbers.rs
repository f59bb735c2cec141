//! The filters that make numbers.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::refused;

/// The largest power of ten that is kept exactly.
const DIGITS: u32 = 38;

/// Returns the whole number that a value says, or what stands in for it; one that is too large to be kept is neither.
pub(super) fn int(
    value: Value,
    default: Option<Value>,
    base: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    let named: Option<u32> = options.get("base")?;
    let base = base.or(named).unwrap_or(10);
    let default = stand_in(default, &options, Value::from(0))?;
    if base != 0 && !(2..=36).contains(&base) {
        return Err(refused("the base of a number is 0, or 2 to 36"));
    }
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Bool => Value::from(i64::from(value.is_true())),
        ValueKind::Number if value.is_integer() => value,
        ValueKind::Number => truncated(f64::try_from(value)?)?.unwrap_or(default),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            match written(text, base)? {
                Some(number) => whole(number),
                None => text.parse().ok().map(truncated).transpose()?.flatten().unwrap_or(default),
            }
        }
        _ => default,
    })
}

/// Returns the whole number that is written out, if one is.
fn written(text: &str, base: u32) -> Result<Option<i128>, Error> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter();
    let lower = digits.to_ascii_lowercase();
    let mut marked = prefixes
        .filter_map(|(prefix, of)| Some((lower.strip_prefix(prefix)?, of)))
        .filter(|(_, of)| base == 0 || base == *of);
    let (digits, base) = marked.next().unwrap_or((&lower, if base == 0 { 10 } else { base }));
    let groups = || digits.split('_');
    let is_number = groups().all(|group| !group.is_empty() && group.chars().all(|c| c.is_digit(base)));
    if !is_number {
        return Ok(None);
    }
    let digits: String = groups().collect();
    let number = i128::from_str_radix(&digits, base).map_err(|_| too_large(text))?;
    Ok(Some(if is_negative { -number } else { number }))
}

/// Returns a number without its fraction; nothing of one that is none.
fn truncated(number: f64) -> Result<Option<Value>, Error> {
    if !number.is_finite() {
        return Ok(None);
    }
    if number.abs() >= 10_f64.powi(DIGITS.cast_signed()) {
        return Err(too_large(&number.to_string()));
    }
    #[expect(clippy::cast_possible_truncation, reason = "that is what is wanted, and it is small enough")]
    let number = number as i128;
    Ok(Some(whole(number)))
}

fn too_large(text: &str) -> Error {
    let shown: String = text.chars().take(50).collect();
    refused(format!("`{shown}` has more than {DIGITS} digits"))
}

fn whole(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

/// Returns the number that a value says, or what stands in for it.
pub(super) fn float(value: Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let default = stand_in(default, &options, Value::from(0.0))?;
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Bool => Value::from(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value).map_or(default, Value::from),
        ValueKind::String => {
            let number = value.as_str().unwrap_or_default().trim().parse::<f64>();
            number.ok().filter(|number| number.is_finite()).map_or(default, Value::from)
        }
        _ => default,
    })
}

fn stand_in(given: Option<Value>, options: &Kwargs, usual: Value) -> Result<Value, Error> {
    let named: Option<Value> = options.get("default")?;
    options.assert_all_used()?;
    Ok(given.or(named).unwrap_or(usual))
}

/// Rounds to the nearest number with so many places; of two, to the even one. A whole number stays one.
pub(super) fn round(value: Value, places: Option<i32>, method: Option<&str>) -> Result<Value, Error> {
    let places = places.unwrap_or(0);
    let method = method.unwrap_or("common");
    let number =
        f64::try_from(value.clone()).map_err(|_| refused(format!("{} cannot be rounded", value.kind())))?;
    if !(-300..=300).contains(&places) {
        return Err(refused("a number is rounded to at most 300 places"));
    }
    if method == "common" && value.is_integer() {
        return i128::try_from(value).map(|number| whole(rounded(number, places)));
    }
    let scale = 10_f64.powi(places);
    let rounded = match method {
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        "common" if places >= 0 => {
            let places = usize::try_from(places).unwrap_or(0);
            format!("{number:.places$}").parse().unwrap_or(number)
        }
        "common" => (number * scale).round_ties_even() / scale,
        other => {
            return Err(refused(format!("`{other}` is no way to round; there are common, ceil and floor")));
        }
    };
    Ok(Value::from(rounded))
}

/// Rounds a whole number to a power of ten.
fn rounded(number: i128, places: i32) -> i128 {
    let power = if places >= 0 { return number } else { places.unsigned_abs() };
    let Some(unit) = 10_i128.checked_pow(power) else { return 0 };
    let (below, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
    let is_up = match rest.cmp(&(unit - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => below % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    below.saturating_add(i128::from(is_up)).saturating_mul(unit)
}
