//! Actions that name no tool, and say in words what they are to do.

use refrain_core::ports::tool_catalogue::{BareAction, ToolKind};
use serde_json::{Map, json};

use crate::registry::declared;

/// The words that say a text.
const SAYING: [&str; 5] = ["echo", "print", "display", "show", "output"];

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
    if word.eq_ignore_ascii_case("write") && !rest.is_empty() {
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
    let path = path.trim().trim_matches(['"', '\'', '`']);
    let is_file = path.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty() && !ending.is_empty() && ending.chars().all(char::is_alphanumeric)
    });
    if !is_file || path.contains(char::is_whitespace) {
        return None;
    }
    let parameters =
        Map::from_iter([("path".to_owned(), json!(path)), ("content".to_owned(), json!(content.trim()))]);
    Some(made("filesystem", "write", parameters))
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
        check("validate", Some(("validation", "validate", json!({}))));
        check("process", Some(("data-processing", "execute", json!({}))));
        check("filesystem", Some(("filesystem", "execute", json!({}))));
        check("generate", Some(("generate", "execute", json!({}))));
        check("gernate", None);
        check("write a poem", None);
        check("filesystem now", None);
    }
}
