//! Values as texts, as Python prints them.

use super::error::Outcome;
use super::value::{Text, Value};
use super::work::{Work, nested};

/// Returns the text of a value; of a text, itself.
pub(super) fn printed<'v>(value: &Value<'v>, work: &mut Work) -> Outcome<Text<'v>> {
    if let Value::Text(text) = value {
        return Ok(text.clone());
    }
    let mut print = Print { text: String::new(), work };
    print.value(value, 0)?;
    Ok(Text::Made(print.text.into()))
}

struct Print<'w> {
    text: String,
    work: &'w mut Work,
}

impl Print<'_> {
    fn push(&mut self, text: &str) -> Outcome<()> {
        self.work.write(text)?;
        self.text.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Value<'_>, depth: usize) -> Outcome<()> {
        let depth = nested(depth)?;
        match value {
            Value::None => self.push("None"),
            Value::Bool(true) => self.push("True"),
            Value::Bool(false) => self.push("False"),
            Value::Int(value) => self.push(&value.to_string()),
            Value::Float(value) => self.push(&float(*value)),
            Value::Text(text) => self.quoted(text),
            Value::List(list) => self.row("[", list.iter(), "]", depth),
            Value::Set(set) if set.is_empty() => self.push("set()"),
            Value::Set(set) => self.row("{", set.iter().map(|key| Ok(key.value().clone())), "}", depth),
            Value::Dict(dict) => {
                self.push("{")?;
                for (n, entry) in dict.entries().enumerate() {
                    let (key, value) = entry?;
                    self.push(if n > 0 { ", " } else { "" })?;
                    self.quoted(&key)?;
                    self.push(": ")?;
                    self.value(&value, depth)?;
                }
                self.push("}")
            }
        }
    }

    fn row<'v>(
        &mut self,
        open: &str,
        items: impl Iterator<Item = Outcome<Value<'v>>>,
        close: &str,
        depth: usize,
    ) -> Outcome<()> {
        self.push(open)?;
        for (n, item) in items.enumerate() {
            self.push(if n > 0 { ", " } else { "" })?;
            self.value(&item?, depth)?;
        }
        self.push(close)
    }

    fn quoted(&mut self, text: &str) -> Outcome<()> {
        self.work.write(text)?;
        push_quoted(&mut self.text, text);
        self.work.make(2)
    }
}

/// Adds a text in quotes; double ones are used only where they spare a backslash.
pub(crate) fn push_quoted(into: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    into.push(quote);
    for c in text.chars() {
        match c {
            '\n' => into.push_str("\\n"),
            '\t' => into.push_str("\\t"),
            '\r' => into.push_str("\\r"),
            '\\' => into.push_str("\\\\"),
            c if c == quote => into.extend(['\\', c]),
            c if c.is_control() => into.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => into.push(c),
        }
    }
    into.push(quote);
}

/// Returns the shortest text that is read back as the same number, with an exponent where that is far from 0.
pub(crate) fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
