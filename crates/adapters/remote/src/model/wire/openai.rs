//! OpenAI's chat completions, which most servers speak.

use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::usage::Usage;
use serde_json::{Map, Value, json};

use super::{
    Chat, End, Heard, Odd, Said, ToolAnswer, ToolCall, ToolOffer, Turn, arguments, arguments_text, count,
    effort_name, items, set, text,
};

pub(super) fn encode(chat: &Chat<'_>) -> Map<String, Value> {
    let settings = chat.settings;
    let mut body = Map::new();
    body.insert("model".to_owned(), chat.model.into());
    body.insert("messages".to_owned(), messages(chat).into());
    set(&mut body, "temperature", settings.temperature);
    set(&mut body, "top_p", settings.top_p);
    set(&mut body, "seed", settings.seed);
    let longest = if chat.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    set(&mut body, longest, settings.max_tokens);
    set(&mut body, "reasoning_effort", settings.reasoning.map(effort_name));
    set(&mut body, "response_format", chat.schema.map(response_format));
    if !chat.tools.is_empty() {
        body.insert("tools".to_owned(), chat.tools.iter().map(tool).collect());
    }
    set(&mut body, "tool_choice", chat.must_use.then_some("required"));
    if chat.stream {
        body.insert("stream".to_owned(), true.into());
        // Without this a stream says nothing of what it consumed.
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    body
}

fn response_format(schema: &Value) -> Value {
    json!({ "type": "json_schema", "json_schema": { "name": "answer", "strict": true, "schema": schema } })
}

fn tool(offer: &ToolOffer) -> Value {
    let (name, description) = (&offer.name, &offer.description);
    json!({
        "type": "function",
        "function": { "name": name, "description": description, "parameters": offer.input },
    })
}

fn messages(chat: &Chat<'_>) -> Vec<Value> {
    let system = (!chat.system.is_empty()).then(|| json!({ "role": "system", "content": chat.system }));
    system.into_iter().chain(chat.turns.iter().flat_map(turn)).collect()
}

fn turn(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User(text) => vec![json!({ "role": "user", "content": text })],
        Turn::Model(said) => vec![said_again(said)],
        Turn::Tools(answers) => answers.iter().map(tool_answer).collect(),
    }
}

fn said_again(said: &Said) -> Value {
    if let Some((EndpointKind::Openai, native)) = &said.native {
        return native.clone();
    }
    let mut message = json!({ "role": "assistant", "content": said.text });
    if !said.calls.is_empty() {
        message["tool_calls"] = said.calls.iter().map(call_again).collect();
    }
    message
}

fn call_again(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": arguments_text(&call.arguments) });
    json!({ "id": call.id, "type": "function", "function": function })
}

fn tool_answer(answer: &ToolAnswer) -> Value {
    json!({ "role": "tool", "tool_call_id": answer.id, "content": answer.text })
}

pub(super) fn decode(body: &Value) -> Result<Heard, Odd> {
    let message = body.pointer("/choices/0/message").filter(|message| message.is_object());
    let message = message.ok_or_else(|| Odd("the response has no `choices[0].message`".to_owned()))?;
    let said = said(message);
    let end = end(body, message, &said);
    let model = text(body, "/model").map(str::to_owned);
    Ok(Heard { said, end, usage: usage(body), model })
}

fn said(message: &Value) -> Said {
    let calls = items(message, "/tool_calls").iter().enumerate().map(|(at, call)| ToolCall {
        id: text(call, "/id").map_or_else(|| format!("call_{at}"), str::to_owned),
        name: text(call, "/function/name").unwrap_or_default().to_owned(),
        arguments: arguments(text(call, "/function/arguments").unwrap_or_default()),
    });
    Said {
        text: content(message),
        calls: calls.collect(),
        native: Some((EndpointKind::Openai, again(message))),
    }
}

/// Returns the text of a message; some servers send a list of parts, and some put before it what the model thought.
fn content(message: &Value) -> String {
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| text(part, "/text")).collect(),
        _ => String::new(),
    };
    let thought = text.trim_start().strip_prefix("<think>").and_then(|rest| rest.split_once("</think>"));
    thought.map_or(text.clone(), |(_, said)| said.trim_start().to_owned())
}

/// Returns a message as it may be sent back: with the fields that requests know.
fn again(message: &Value) -> Value {
    let mut again = json!({ "role": "assistant", "content": message["content"] });
    for field in ["tool_calls", "reasoning_details", "reasoning_content"] {
        if let Some(value) = message.get(field).filter(|value| !value.is_null()) {
            again[field] = value.clone();
        }
    }
    again
}

fn end(body: &Value, message: &Value, said: &Said) -> End {
    if let Some(refusal) = text(message, "/refusal").filter(|refusal| !refusal.is_empty()) {
        return End::Refused(refusal.to_owned());
    }
    match text(body, "/choices/0/finish_reason") {
        Some("length") => End::Length,
        Some("content_filter") => {
            End::Filtered("the provider's content filter withheld the answer".to_owned())
        }
        Some("error") => End::Broken("the model broke off with an error".to_owned()),
        // Some servers say `stop` although the model wants its tools.
        _ if !said.calls.is_empty() => End::Tools,
        _ => End::Done,
    }
}

fn usage(body: &Value) -> Usage {
    Usage {
        input_tokens: count(body, "/usage/prompt_tokens"),
        cached_input_tokens: count(body, "/usage/prompt_tokens_details/cached_tokens"),
        output_tokens: count(body, "/usage/completion_tokens"),
        cost_usd: None,
    }
}
