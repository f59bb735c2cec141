//! OpenAI's responses.

use serde_json::{Value, json};

use super::{Asked, Ending, Told, Wire, event, pieces, said};

pub(super) fn parse(body: &Value) -> Asked {
    let input = &body["input"];
    let system = said(input, &["system", "developer"]);
    let instructions = body["instructions"].as_str().map(str::to_owned);
    let tools = body["tools"].as_array().into_iter().flatten();
    let tool =
        |tool: &Value| (tool["name"].as_str().unwrap_or_default().to_owned(), tool["parameters"].clone());
    let spoken = input.as_str().map(str::to_owned).or_else(|| said(input, &["user"]).next());
    let mut items = input.as_array().into_iter().flatten();
    Asked {
        wire: Wire::Responses,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        system: instructions.into_iter().chain(system).collect::<Vec<_>>().join("\n"),
        user: spoken.unwrap_or_default(),
        schema: body.pointer("/text/format/schema").cloned(),
        stream: body["stream"] == true,
        stream_usage: true,
        max_tokens: body["max_output_tokens"].as_u64(),
        tools: tools.map(tool).collect(),
        has_tool_results: items.any(|item| item["type"] == "function_call_output"),
    }
}

pub(super) fn document(asked: &Asked, told: &Told) -> Value {
    let (status, details) = match told.ending {
        Ending::Stop | Ending::Refusal => ("completed", Value::Null),
        Ending::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Ending::Filter => ("incomplete", json!({"reason": "content_filter"})),
    };
    json!({
        "id": format!("resp_{}", told.id), "object": "response", "created_at": 0, "model": asked.model,
        "status": status, "incomplete_details": details, "error": null, "output": [item(told)], "usage": usage(told),
    })
}

pub(super) fn events(asked: &Asked, told: &Told) -> Vec<String> {
    let typed = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        event(Some(kind), &data)
    };
    let done = document(asked, told);
    let kind = if done["status"] == "completed" { "response.completed" } else { "response.incomplete" };
    let mut events =
        vec![typed("response.created", json!({"response": {"id": done["id"], "status": "in_progress"}}))];
    let text = if told.tool.is_some() || told.ending == Ending::Refusal { "" } else { &told.text };
    let delta = |piece: &String| json!({"output_index": 0, "content_index": 0, "delta": piece});
    events.extend(pieces(text).iter().map(|piece| typed("response.output_text.delta", delta(piece))));
    events.push(typed("response.output_item.done", json!({"output_index": 0, "item": done["output"][0]})));
    events.push(typed(kind, json!({"response": done})));
    events
}

fn item(told: &Told) -> Value {
    if let Some((name, arguments)) = &told.tool {
        let id = format!("call_{}", told.id);
        return json!({"type": "function_call", "id": format!("fc_{}", told.id), "call_id": id, "name": name,
            "arguments": arguments.to_string(), "status": "completed"});
    }
    let part = match told.ending {
        Ending::Refusal => json!({"type": "refusal", "refusal": told.text}),
        _ => json!({"type": "output_text", "text": told.text, "annotations": []}),
    };
    json!({"type": "message", "id": format!("msg_{}", told.id), "role": "assistant", "status": "completed",
        "content": [part]})
}

fn usage(told: &Told) -> Value {
    let usage = told.usage;
    json!({"input_tokens": usage.input, "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input + usage.output})
}
