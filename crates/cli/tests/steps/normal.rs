//! Takes out of a text or a document what differs from one run to the next.

use serde_json::Value;

/// Fields whose value says nothing about what a run did.
const FLEETING: [&str; 12] = [
    "execution_id",
    "started_at",
    "completed_at",
    "duration",
    "resources",
    "stored_at",
    "execution_time",
    "timestamp",
    "run_id",
    "digest",
    "revision",
    "id",
];

/// Empties fleeting fields and writes times as `<TS>`.
pub(crate) fn document(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(times(text)),
        Value::Array(items) => items.iter().map(document).collect(),
        Value::Object(fields) => {
            let emptied = fields.iter().map(|(key, value)| {
                let is_fleeting = FLEETING.contains(&key.as_str());
                (key.clone(), if is_fleeting { Value::Null } else { document(value) })
            });
            Value::Object(emptied.collect())
        }
        other => other.clone(),
    }
}

/// Writes times such as `2026-03-01 12:00:00` and `2026-03-01T12:00:00.5Z` as `<TS>`.
pub(crate) fn times(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match time(rest) {
            Some(length) => {
                out.push_str("<TS>");
                rest = &rest[length..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// Returns how long the time is that a text begins with.
fn time(text: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"0000-00-00_00:00:00";
    let head = text.as_bytes().get(..SHAPE.len())?;
    let fits = SHAPE.iter().zip(head).all(|(shape, byte)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'_' => matches!(byte, b' ' | b'T'),
        other => other == byte,
    });
    let is_tail = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'Z');
    let tail = text[SHAPE.len()..].find(|c| !is_tail(c)).unwrap_or(text.len() - SHAPE.len());
    fits.then_some(SHAPE.len() + tail)
}

#[test]
fn times_are_blanked() {
    assert_eq!(times("a 2026-03-01 12:00:00, 2026-03-01T12:00:00.25Z."), "a <TS>, <TS>");
    assert_eq!(times("2026-03-01 é"), "2026-03-01 é");
}
