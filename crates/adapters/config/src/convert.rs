//! Writes a pipeline out as a native file.

use refrain_schemas::pipeline::Pipeline;

use crate::node::{Kind, Node};
use crate::source::Source;
use crate::{json, yaml};

/// Returns a pipeline as YAML, in the order that its fields are declared in; `None` where it cannot be written.
pub(crate) fn text(pipeline: &Pipeline) -> Option<String> {
    let written = json::as_yaml(&serde_json::to_string(pipeline).ok()?);
    let (tree, _) = yaml::read(&Source::new("", &written));
    let mut out = String::new();
    fields(&tree?, 0, &mut out);
    Some(out)
}

/// Writes the fields of a map, a line each.
fn fields(node: &Node, depth: usize, out: &mut String) {
    let Kind::Map(entries) = &node.kind else { return };
    for entry in entries {
        out.push_str(&"  ".repeat(depth));
        out.push_str(&word(&entry.key));
        out.push(':');
        value(&entry.value, depth, out);
    }
}

/// Writes what stands behind a key or a dash, and the end of its line.
fn value(node: &Node, depth: usize, out: &mut String) {
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            fields(node, depth + 1, out);
        }
        Kind::List(items) if items.iter().any(|item| !item.is_scalar()) => {
            out.push('\n');
            for item in items {
                out.push_str(&"  ".repeat(depth + 1));
                out.push_str("- ");
                out.push_str(&flow(item));
                out.push('\n');
            }
        }
        _ => {
            out.push(' ');
            out.push_str(&flow(node));
            out.push('\n');
        }
    }
}

/// Returns a value on one line.
fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Null | Kind::Broken => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Integer(value) => value.to_string(),
        Kind::Unsigned(value) => value.to_string(),
        Kind::Float(value) => format!("{value:?}"),
        Kind::Text(text) => word(text),
        Kind::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Kind::Map(entries) => {
            let fields = entries.iter().map(|entry| format!("{}: {}", word(&entry.key), flow(&entry.value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Returns a text, quoted unless every reader of YAML reads it as a text.
fn word(text: &str) -> String {
    const BOOLEANS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !BOOLEANS.contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
