//! What a tool answered, as the engine and a model see it.

use refrain_core::ports::tools::ToolResult;
use refrain_core::redactor::Redactor;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Map, Value, json};

use crate::connection::Answer;

/// Returns the result of a call. That there is no such tool is a result as well: some servers say so in an answer, and
/// some in an error of the protocol.
pub(crate) fn result(answer: Answer, scrub: &Redactor) -> ToolResult {
    match answer {
        Ok(answer) => of_answer(answer, scrub),
        Err(error) => {
            let text = scrub.text(&error.message).into_owned();
            ToolResult { value: json!({ "text": text }), text, is_error: true }
        }
    }
}

fn of_answer(answer: CallToolResult, scrub: &Redactor) -> ToolResult {
    let text = answer.content.iter().map(block_text).collect::<Vec<_>>().join("\n");
    let is_error = answer.is_error.unwrap_or(false);
    let value = answer.structured_content.filter(|value| !value.is_null());
    let value = value.unwrap_or_else(|| plain_value(&text, &answer.content));
    let text = if text.is_empty() && !is_empty(&value) { value.to_string() } else { text };
    ToolResult { value: scrub.value(value), text: scrub.text(&text).into_owned(), is_error }
}

/// Texts are one value; whatever else there is stands beside them as it came.
fn plain_value(text: &str, content: &[ContentBlock]) -> Value {
    let others: Vec<Value> = content
        .iter()
        .filter(|block| !matches!(block, ContentBlock::Text(_)))
        .filter_map(|block| serde_json::to_value(block).ok())
        .collect();
    if others.is_empty() {
        return match serde_json::from_str(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            _ => json!({ "text": text }),
        };
    }
    let texts = content.iter().filter(|block| matches!(block, ContentBlock::Text(_))).map(block_text);
    json!({ "text": texts.collect::<Vec<_>>().join("\n"), "content": others })
}

/// What a model reads of a piece of content.
fn block_text(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => media("image", &image.mime_type, image.data.len()),
        ContentBlock::Audio(audio) => media("audio", &audio.mime_type, audio.data.len()),
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                format!("{uri} {}", media("file", mime_type.as_deref().unwrap_or("unknown"), blob.len()))
            }
            _ => String::new(),
        },
        ContentBlock::ResourceLink(link) => link.uri.clone(),
        _ => String::new(),
    }
}

fn media(what: &str, kind: &str, base64: usize) -> String {
    format!("[{what} of type {kind}, {} bytes]", base64 / 4 * 3)
}

fn is_empty(value: &Value) -> bool {
    value.get("text") == Some(&Value::from("")) && value.as_object().map(Map::len) == Some(1)
}

#[cfg(test)]
mod tests {
    use rmcp::model::ErrorData;

    use super::*;

    fn check(answer: Value, value: Value, text: &str) {
        let answer: CallToolResult = serde_json::from_value(answer).unwrap();
        let result = result(Ok(answer), &Redactor::default());
        assert_eq!((result.value, result.text.as_str()), (value, text));
    }

    #[test]
    fn structured_then_json_then_text() {
        let text = |text: &str| json!({"type": "text", "text": text});
        check(json!({"content": [text("x")], "structuredContent": {"a": 1}}), json!({"a": 1}), "x");
        check(json!({"content": [], "structuredContent": {"a": 1}}), json!({"a": 1}), "{\"a\":1}");
        check(json!({"content": [text("{\"a\": [1]}")]}), json!({"a": [1]}), "{\"a\": [1]}");
        check(json!({"content": [text("[1,"), text("2]")]}), json!([1, 2]), "[1,\n2]");
        check(json!({"content": [text("42")]}), json!({"text": "42"}), "42");
        check(json!({"content": [text("a"), text("b")]}), json!({"text": "a\nb"}), "a\nb");
        check(json!({"content": [], "structuredContent": null}), json!({"text": ""}), "");
    }

    #[test]
    fn other_content_stands_beside_the_text() {
        let image = json!({"type": "image", "data": "AAAA", "mimeType": "image/png"});
        let value = json!({"text": "see", "content": [image]});
        check(
            json!({"content": [{"type": "text", "text": "see"}, image]}),
            value,
            "see\n[image of type image/png, 3 bytes]",
        );
        let link = json!({"type": "resource_link", "uri": "file:///a", "name": "a"});
        check(json!({"content": [link]}), json!({"text": "", "content": [link]}), "file:///a");
    }

    #[test]
    fn both_ways_of_not_knowing_a_tool_are_results() {
        let error = ErrorData::invalid_params("unknown tool: x", None);
        let said = result(Err(error), &Redactor::default());
        assert_eq!((said.text.as_str(), said.is_error), ("unknown tool: x", true));
        let scrub = Redactor::new(["swordfish!".to_owned()]);
        let answer = json!({"content": [{"type": "text", "text": "swordfish!"}], "isError": true});
        let said = result(Ok(serde_json::from_value(answer).unwrap()), &scrub);
        assert_eq!(
            (said.text.as_str(), said.value, said.is_error),
            ("[redacted]", json!({"text": "[redacted]"}), true)
        );
    }
}
