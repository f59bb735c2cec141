//! Values as YAML: maps and lists in lines of their own, texts in quotes where they could be read as something else.

use std::fmt::Write as _;

use serde_json::Value;

/// Words that YAML reads as something other than a text.
const WORDS: [&str; 11] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"];

/// Returns the YAML of a value, with a newline at its end.
pub(crate) fn written(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => lines(value, 0, &mut out),
        _ => {
            out.push_str(&scalar(value));
            out.push('\n');
        }
    }
    out
}

/// Writes the entries of a map or list that has some; the cursor stands where the first one begins.
fn lines(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let mut is_first = true;
    let mut begin = |out: &mut String| {
        if !std::mem::take(&mut is_first) {
            out.push_str(&indent);
        }
    };
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                begin(out);
                let _ = write!(out, "{}:", text(key));
                if is_empty(value) || !(value.is_object() || value.is_array()) {
                    let _ = writeln!(out, " {}", scalar(value));
                } else {
                    // Lists stand below their key, maps one step further in.
                    let depth = depth + usize::from(value.is_object());
                    let _ = write!(out, "\n{}", "  ".repeat(depth));
                    lines(value, depth, out);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                begin(out);
                out.push_str("- ");
                if is_empty(item) || !(item.is_object() || item.is_array()) {
                    let _ = writeln!(out, "{}", scalar(item));
                } else {
                    lines(item, depth + 1, out);
                }
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(plain) => text(plain),
        Value::Number(number) => power(number.to_string()),
        // An empty map or list, true, false and null are the same in JSON.
        other => other.to_string(),
    }
}

/// Older readers of YAML take a power of ten for a number only where there is a point before it, and its sign.
fn power(number: String) -> String {
    let Some((digits, power)) = number.split_once('e') else { return number };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if power.starts_with(['-', '+']) { "" } else { "+" };
    format!("{digits}{point}e{sign}{power}")
}

/// A text stands without quotes where nobody takes it for anything else; quoted, it is that of JSON.
fn text(text: &str) -> String {
    let is_letter =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '(' | ')' | ',');
    let is_plain = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !text.ends_with(' ')
        && text.chars().all(is_letter)
        && !WORDS.contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Returns a text as JSON has it, but for what no reader of YAML takes as it is, or which ends a line there.
fn quoted(text: &str) -> String {
    let is_special = |c: &char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let mut out = String::new();
    for c in Value::from(text).to_string().chars() {
        if is_special(&c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_as_yaml() {
        let value = json!({
            "a": [1, "x y", [2, []], {"k": null, "l": {"m": 1.5}}], "b": {"c": "no", "d": "a: b", "e": {}}, "f g": "two\nlines",
        });
        let expect = "a:\n- 1\n- x y\n- - 2\n  - []\n- k: null\n  l:\n    m: 1.5\nb:\n  c: \"no\"\n  d: \"a: b\"\n  e: {}\n\
                      f g: \"two\\nlines\"\n";
        assert_eq!(written(&value), expect);
        assert_eq!(
            (written(&json!([])), written(&json!("007"))),
            ("[]\n".to_owned(), "\"007\"\n".to_owned())
        );
        let odd = json!("a\u{7f}\u{85}\u{90}\u{2028}\u{feff}\té");
        assert_eq!(written(&odd), "\"a\\u007f\\u0085\\u0090\\u2028\\ufeff\\té\"\n");
        assert_eq!(written(&json!([1e-7, 1.5e300, 0.25])), "- 1.0e-7\n- 1.5e+300\n- 0.25\n");
    }
}
