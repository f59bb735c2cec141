//! OpenAI's chat completions.

use serde_json::{Value, json};

use super::{Asked, Ending, Told, Wire, event, pieces, said};

pub(super) fn parse(body: &Value) -> Asked {
    let messages = &body["messages"];
    let tools = body["tools"].as_array().into_iter().flatten();
    let tool = |tool: &Value| {
        let function = &tool["function"];
        (function["name"].as_str().unwrap_or_default().to_owned(), function["parameters"].clone())
    };
    Asked {
        wire: Wire::Openai,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        system: said(messages, &["system", "developer"]).collect::<Vec<_>>().join("\n"),
        user: said(messages, &["user"]).next().unwrap_or_default(),
        schema: body.pointer("/response_format/json_schema/schema").cloned(),
        stream: body["stream"] == true,
        stream_usage: body["stream_options"]["include_usage"] == true,
        max_tokens: body["max_completion_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64()),
        tools: tools.map(tool).collect(),
        has_tool_results: said(messages, &["tool"]).next().is_some(),
    }
}

pub(super) fn document(asked: &Asked, told: &Told) -> Value {
    let mut message = json!({"role": "assistant", "content": told.text, "refusal": null});
    if told.ending == Ending::Refusal {
        message = json!({"role": "assistant", "content": null, "refusal": told.text});
    }
    if let Some(call) = call(told) {
        message = json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]});
    }
    json!({
        "id": format!("chatcmpl-{}", told.id), "object": "chat.completion", "created": 0, "model": asked.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish(told)}],
        "usage": usage(told),
    })
}

pub(super) fn events(asked: &Asked, told: &Told) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let id = format!("chatcmpl-{}", told.id);
        let chunk = json!({"id": id, "object": "chat.completion.chunk", "created": 0, "model": asked.model,
            "choices": choices, "usage": usage});
        event(None, &chunk)
    };
    let delta = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    let field = if told.ending == Ending::Refusal { "refusal" } else { "content" };
    let mut events = vec![chunk(delta(json!({"role": "assistant"}), Value::Null), Value::Null)];
    match call(told) {
        Some(mut call) => {
            call["index"] = json!(0);
            events.push(chunk(delta(json!({"tool_calls": [call]}), Value::Null), Value::Null));
        }
        None => events.extend(
            pieces(&told.text)
                .iter()
                .map(|piece| chunk(delta(json!({field: piece}), Value::Null), Value::Null)),
        ),
    }
    events.push(chunk(delta(json!({}), finish(told).into()), Value::Null));
    if asked.stream_usage {
        events.push(chunk(json!([]), usage(told)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn call(told: &Told) -> Option<Value> {
    let (name, arguments) = told.tool.as_ref()?;
    let function = json!({"name": name, "arguments": arguments.to_string()});
    Some(json!({"id": format!("call_{}", told.id), "type": "function", "function": function}))
}

const fn finish(told: &Told) -> &'static str {
    match told.ending {
        Ending::Stop if told.tool.is_some() => "tool_calls",
        Ending::Stop | Ending::Refusal => "stop",
        Ending::Length => "length",
        Ending::Filter => "content_filter",
    }
}

fn usage(told: &Told) -> Value {
    let usage = told.usage;
    json!({"prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached}})
}
