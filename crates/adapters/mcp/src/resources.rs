//! What a server has to be read, as the engine sees it.

use refrain_core::ports::tools::ToolResult;
use refrain_core::redactor::Redactor;
use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents};
use serde_json::{Value, json};

/// Returns what there is: where it is, what it is called and what kind of thing it is.
pub(crate) fn listed(found: Vec<Resource>, scrub: &Redactor) -> ToolResult {
    let entry = |found: Resource| {
        json!({
            "uri": found.uri, "name": found.title.unwrap_or(found.name), "description": found.description,
            "mime_type": found.mime_type, "size": found.size,
        })
    };
    let value = found.into_iter().map(entry).collect();
    ToolResult { value: scrub.value(value), text: String::new(), is_error: false }
}

/// Returns what something holds. That there is no such thing is a result as well.
pub(crate) fn read(answer: Result<ReadResourceResult, ErrorData>, scrub: &Redactor) -> ToolResult {
    match answer {
        Ok(answer) => {
            let texts = answer.contents.iter().filter_map(text).collect::<Vec<_>>().join("\n");
            let value: Value = answer.contents.into_iter().map(piece).collect();
            ToolResult { value: scrub.value(value), text: scrub.text(&texts).into_owned(), is_error: false }
        }
        Err(error) => {
            let text = scrub.text(&error.message).into_owned();
            ToolResult { value: Value::Null, text, is_error: true }
        }
    }
}

fn text(contents: &ResourceContents) -> Option<&str> {
    match contents {
        ResourceContents::TextResourceContents { text, .. } => Some(text),
        _ => None,
    }
}

fn piece(contents: ResourceContents) -> Value {
    match contents {
        ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
            json!({ "uri": uri, "mime_type": mime_type, "text": text })
        }
        ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
            json!({ "uri": uri, "mime_type": mime_type, "blob": blob })
        }
        _ => Value::Null,
    }
}
