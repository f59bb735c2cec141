//! Actions that name no tool, and say in words what they are to do.

use refrain_core::ports::tool_catalogue::{BareAction, ToolKind};
use serde_json::{Map, json};

use crate::registry::declared;

/// The words that say a text.
const SAYING: [&str; 5] = ["echo", "print", "display", "show", "output"];

/// The words that say what is to be in a file.
const WRITING: [&str; 2] = ["write", "save"];

/// Tools whose name says what is done, without naming an action.
const ALONE: [&str; 6] =
    ["evaluate_condition", "control_flow", "loop_complete", "capture_result", "validate", "process"];

/// Finds what an action stands for.
pub(crate) fn bare(action: &str) -> Option<BareAction> {
    let action = action.trim();
    let (word, rest) = action.split_once(char::is_whitespace).unwrap_or((action, ""));
    if SAYING.contains(&word.to_lowercase().as_str()) {
        let text = rest.trim();
        let parameters =
            if text.is_empty() { Map::new() } else { Map::from_iter([("text".to_owned(), json!(text))]) };
        return Some(made("echo", "execute", parameters));
    }
    if WRITING.contains(&word.to_lowercase().as_str()) && !rest.is_empty() {
        return written(rest.trim());
    }
    if !rest.is_empty() {
        return None;
    }
    let tool = declared(word)?;
    match (tool.kind, tool.actions.as_slice()) {
        (ToolKind::Tool, [only]) if ALONE.contains(&word) => Some(made(tool.name, only.name, Map::new())),
        (ToolKind::Model, _) => Some(made(tool.name, "execute", Map::new())),
        // The input says which action.
        (ToolKind::Tool, _) => {
            Some(made(tool.name, if word == "validate" { "validate" } else { "execute" }, Map::new()))
        }
        _ => None,
    }
}

fn made(tool: &str, action: &str, parameters: Map<String, serde_json::Value>) -> BareAction {
    BareAction { tool: tool.to_owned(), action: action.to_owned(), parameters }
}

/// Takes `TEXT to FILE.ext` apart.
fn written(text: &str) -> Option<BareAction> {
    let (content, path) = text.rsplit_once(" to ")?;
    let path = path.trim();
    let path = path.strip_prefix("file ").unwrap_or(path).trim().trim_matches(['"', '\'', '`']);
    let shape = without_templates(path);
    let is_file = shape.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty() && !ending.is_empty() && ending.chars().all(char::is_alphanumeric)
    });
    if !is_file || shape.contains(char::is_whitespace) {
        return None;
    }
    let parameters =
        Map::from_iter([("path".to_owned(), json!(path)), ("content".to_owned(), json!(content.trim()))]);
    Some(made("filesystem", "write", parameters))
}

/// Returns a path with a letter in the place of each `{{ … }}`.
fn without_templates(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once("{{") {
        shape.push_str(before);
        shape.push('x');
        rest = behind.split_once("}}").map_or("", |(_, rest)| rest);
    }
    shape + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(action: &str, expect: Option<(&str, &str, serde_json::Value)>) {
        let found = bare(action).map(|it| (it.tool, it.action, serde_json::Value::Object(it.parameters)));
        let expect =
            expect.map(|(tool, action, parameters)| (tool.to_owned(), action.to_owned(), parameters));
        assert_eq!(found, expect, "{action}");
    }

    #[test]
    fn words_stand_for_actions() {
        check("echo 'hello' world", Some(("echo", "execute", json!({"text": "'hello' world"}))));
        check("print", Some(("echo", "execute", json!({}))));
        check("evaluate_condition", Some(("evaluate_condition", "execute", json!({}))));
        check(
            "write the {{ x }} to out/a.txt",
            Some(("filesystem", "write", json!({"path": "out/a.txt", "content": "the {{ x }}"}))),
        );
        check(
            "save {{ x }} to file \"out/{{ n | lower }}.txt\"",
            Some(("filesystem", "write", json!({"path": "out/{{ n | lower }}.txt", "content": "{{ x }}"}))),
        );
        check("write it to {{ a file }}", None);
        check("validate", Some(("validation", "validate", json!({}))));
        check("process", Some(("data-processing", "execute", json!({}))));
        check("filesystem", Some(("filesystem", "execute", json!({}))));
        check("generate", Some(("generate", "execute", json!({}))));
        check("gernate", None);
        check("write a poem", None);
        check("filesystem now", None);
    }
}
