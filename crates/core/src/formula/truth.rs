//! What holds: the words of conditions, and the truth of values.

use super::error::{FormulaErrorKind, Outcome};
use super::int::Int;
use super::value::{Text, Value};

/// Returns what a word says, in any case; the empty text says no.
pub(super) fn word(text: &str) -> Option<bool> {
    const YES: [&str; 4] = ["true", "yes", "1", "on"];
    const NO: [&str; 5] = ["false", "no", "0", "off", ""];
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    if is_one_of(&YES) { Some(true) } else { is_one_of(&NO).then_some(false) }
}

/// Reads a text of a template as the number or the word that it is; another one stays a text.
pub(super) fn read(text: &str) -> Outcome<Value<'_>> {
    if let Some(number) = number(text.trim())? {
        return Ok(number);
    }
    let word = word(text).filter(|_| !text.trim().is_empty());
    Ok(word.map_or(Value::Text(Text::Given(text)), Value::Bool))
}

/// Reads a number as one writes it in a formula, with a sign or without.
fn number(text: &str) -> Outcome<Option<Value<'static>>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_numeric = digits.starts_with(|c: char| c == '.' || c.is_ascii_digit());
    let is_padded = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_numeric || is_padded {
        return Ok(None);
    }
    if let Some(whole) = Int::parse(text)? {
        return Ok(Some(Value::Int(whole)));
    }
    let float = text.parse().ok().filter(|value: &f64| value.is_finite());
    Ok(float.map(Value::Float))
}

/// Whether a condition holds that has this value.
pub(super) fn holds(value: &Value<'_>) -> Outcome<bool> {
    match value {
        Value::None => {
            Err(FormulaErrorKind::mismatch("the condition is None, which is neither true nor false"))
        }
        Value::Text(text) => match read(text)? {
            Value::Text(text) => word(&text).ok_or_else(|| unclear(&text)),
            read => Ok(read.is_true()),
        },
        other => Ok(other.is_true()),
    }
}

fn unclear(text: &str) -> FormulaErrorKind {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    FormulaErrorKind::mismatch(format!(
        "the condition is the text '{shown}', which is neither true nor false"
    ))
}
