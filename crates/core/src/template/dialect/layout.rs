//! Values laid out for people, as Python's `pprint` does: on one line where they are short.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::print;
use crate::template::work::charge;

/// How wide a line is.
const WIDTH: usize = 80;

/// Returns a value, which MUST have been charged, as Python writes it; lists and maps that are wider than a line have
/// one for each of their entries.
pub(super) fn laid_out(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    lay(state, value, (0, 0), &mut text)?;
    Ok(text)
}

/// Adds a value that stands so far in, with so many signs behind it on its last line.
fn lay(
    state: &mut State<'_, '_>,
    value: &Value,
    (indent, behind): (usize, usize),
    into: &mut String,
) -> Result<(), Error> {
    let mut line = String::new();
    print::nested(value, &mut line)?;
    let is_map = value.kind() == ValueKind::Map;
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if line.chars().count() + indent + behind <= WIDTH || !(is_map || is_list) {
        into.push_str(&line);
        return Ok(());
    }
    // Its entries are looked at once more, each by itself.
    charge(state, &[value])?;
    let entries: Vec<Value> = value.try_iter()?.collect();
    into.push(if is_map { '{' } else { '[' });
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 {
            into.push_str(",\n");
            into.push_str(&" ".repeat(indent + 1));
        }
        // A comma, or the bracket and what stands behind that.
        let behind = if n + 1 < entries.len() { 1 } else { behind + 1 };
        if is_map {
            let mut key = String::new();
            print::nested(entry, &mut key)?;
            key.push_str(": ");
            into.push_str(&key);
            lay(state, &value.get_item(entry)?, (indent + 1 + key.chars().count(), behind), into)?;
        } else {
            lay(state, entry, (indent + 1, behind), into)?;
        }
    }
    into.push(if is_map { '}' } else { ']' });
    Ok(())
}
