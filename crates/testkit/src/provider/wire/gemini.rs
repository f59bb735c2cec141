//! Google's Gemini.

use serde_json::{Value, json};

use super::{Asked, Ending, Told, Wire, event, pieces, text_of};

pub(super) fn parse(last: &str, body: &Value) -> Option<Asked> {
    let (model, method) = last.split_once(':')?;
    let contents = || body["contents"].as_array().into_iter().flatten();
    let mut users = contents().filter(|content| content["role"].as_str().is_none_or(|role| role == "user"));
    let declared = body["tools"].as_array().into_iter().flatten();
    let declared = declared.filter_map(|tool| tool["functionDeclarations"].as_array()).flatten();
    let tool = |tool: &Value| {
        let schema = tool.get("parametersJsonSchema").or_else(|| tool.get("parameters"));
        (tool["name"].as_str().unwrap_or_default().to_owned(), schema.cloned().unwrap_or_default())
    };
    let config = &body["generationConfig"];
    let schema = config.get("responseJsonSchema").or_else(|| config.get("responseSchema"));
    let mut parts = contents().filter_map(|content| content["parts"].as_array()).flatten();
    Some(Asked {
        wire: Wire::Gemini,
        model: model.to_owned(),
        system: text_of(&body["systemInstruction"]["parts"]),
        user: users.next().map(|content| text_of(&content["parts"])).unwrap_or_default(),
        schema: schema.cloned(),
        stream: method == "streamGenerateContent",
        stream_usage: true,
        max_tokens: config["maxOutputTokens"].as_u64(),
        tools: declared.map(tool).collect(),
        has_tool_results: parts.any(|part| part.get("functionResponse").is_some()),
    })
}

pub(super) fn document(asked: &Asked, told: &Told) -> Value {
    let part = match &told.tool {
        Some((name, arguments)) => json!({"functionCall": {"name": name, "args": arguments}}),
        None => json!({"text": told.text}),
    };
    chunk(asked, told, &[part], true)
}

pub(super) fn events(asked: &Asked, told: &Told) -> Vec<String> {
    if told.tool.is_some() {
        return vec![event(None, &document(asked, told))];
    }
    let texts = pieces(&told.text).into_iter();
    let mut events: Vec<String> =
        texts.map(|piece| event(None, &chunk(asked, told, &[json!({"text": piece})], false))).collect();
    events.push(event(None, &chunk(asked, told, &[], true)));
    events
}

fn chunk(asked: &Asked, told: &Told, parts: &[Value], is_last: bool) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    let mut chunk = json!({"responseId": told.id, "modelVersion": asked.model});
    if is_last {
        candidate["finishReason"] = json!(finish(told));
        let usage = told.usage;
        chunk["usageMetadata"] = json!({"promptTokenCount": usage.input, "candidatesTokenCount": usage.output,
            "cachedContentTokenCount": usage.cached, "totalTokenCount": usage.input + usage.output});
    }
    chunk["candidates"] = json!([candidate]);
    chunk
}

const fn finish(told: &Told) -> &'static str {
    match told.ending {
        Ending::Stop => "STOP",
        Ending::Length => "MAX_TOKENS",
        Ending::Refusal => "PROHIBITED_CONTENT",
        Ending::Filter => "SAFETY",
    }
}

/// Returns the word for a status.
pub(super) const fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}
