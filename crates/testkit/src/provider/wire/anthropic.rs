//! Anthropic's messages.

use serde_json::{Value, json};

use super::{Asked, Ending, Told, Wire, event, pieces, said, text_of};

pub(super) fn parse(body: &Value) -> Asked {
    let messages = &body["messages"];
    let tools = body["tools"].as_array().into_iter().flatten();
    let tool =
        |tool: &Value| (tool["name"].as_str().unwrap_or_default().to_owned(), tool["input_schema"].clone());
    let schema =
        body.pointer("/output_config/format/schema").or_else(|| body.pointer("/output_format/schema"));
    let parts = messages.as_array().into_iter().flatten().filter_map(|message| message["content"].as_array());
    Asked {
        wire: Wire::Anthropic,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        system: text_of(&body["system"]),
        user: said(messages, &["user"]).next().unwrap_or_default(),
        schema: schema.cloned(),
        stream: body["stream"] == true,
        stream_usage: true,
        max_tokens: body["max_tokens"].as_u64(),
        tools: tools.map(tool).collect(),
        has_tool_results: parts.flatten().any(|part| part["type"] == "tool_result"),
    }
}

pub(super) fn document(asked: &Asked, told: &Told) -> Value {
    json!({
        "id": format!("msg_{}", told.id), "type": "message", "role": "assistant", "model": asked.model,
        "content": [block(told, false)], "stop_reason": stop(told), "stop_sequence": null, "usage": usage(told),
    })
}

pub(super) fn events(asked: &Asked, told: &Told) -> Vec<String> {
    let typed = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        event(Some(kind), &data)
    };
    let mut start = document(asked, told);
    (start["content"], start["stop_reason"]) = (json!([]), Value::Null);
    start["usage"]["output_tokens"] = json!(1);
    let delta = |delta: Value| typed("content_block_delta", json!({"index": 0, "delta": delta}));
    let mut events = vec![
        typed("message_start", json!({"message": start})),
        typed("content_block_start", json!({"index": 0, "content_block": block(told, true)})),
    ];
    match &told.tool {
        Some((_, input)) => {
            events.push(delta(json!({"type": "input_json_delta", "partial_json": input.to_string()})));
        }
        None => events.extend(
            pieces(&told.text).iter().map(|piece| delta(json!({"type": "text_delta", "text": piece}))),
        ),
    }
    events.push(typed("content_block_stop", json!({"index": 0})));
    let ending = json!({"delta": {"stop_reason": stop(told), "stop_sequence": null},
        "usage": {"output_tokens": told.usage.output}});
    events.push(typed("message_delta", ending));
    events.push(typed("message_stop", json!({})));
    events
}

fn block(told: &Told, is_empty: bool) -> Value {
    match &told.tool {
        Some((name, input)) => {
            let input = if is_empty { json!({}) } else { input.clone() };
            json!({"type": "tool_use", "id": format!("toolu_{}", told.id), "name": name, "input": input})
        }
        None => json!({"type": "text", "text": if is_empty { "" } else { &told.text }}),
    }
}

const fn stop(told: &Told) -> &'static str {
    match told.ending {
        Ending::Stop if told.tool.is_some() => "tool_use",
        Ending::Stop => "end_turn",
        Ending::Length => "max_tokens",
        Ending::Refusal | Ending::Filter => "refusal",
    }
}

/// Returns the usage; what was cached is not part of `input_tokens` here.
fn usage(told: &Told) -> Value {
    let usage = told.usage;
    json!({"input_tokens": usage.input - usage.cached, "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": 0, "output_tokens": usage.output})
}
