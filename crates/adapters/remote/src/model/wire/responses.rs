//! OpenAI's responses.

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
    set(&mut body, "instructions", (!chat.system.is_empty()).then_some(chat.system));
    body.insert("input".to_owned(), chat.turns.iter().flat_map(turn).collect());
    // What is asked is nobody's business to keep; the ledger keeps it here.
    body.insert("store".to_owned(), false.into());
    set(&mut body, "temperature", settings.temperature);
    set(&mut body, "top_p", settings.top_p);
    set(&mut body, "max_output_tokens", settings.max_tokens);
    set(&mut body, "reasoning", settings.reasoning.map(|effort| json!({ "effort": effort_name(effort) })));
    set(&mut body, "text", chat.schema.map(text_format));
    if !chat.tools.is_empty() {
        body.insert("tools".to_owned(), chat.tools.iter().map(tool).collect());
        // What is not stored there has to come along, or the model forgets what it thought before it used its tools.
        body.insert("include".to_owned(), json!(["reasoning.encrypted_content"]));
    }
    set(&mut body, "tool_choice", chat.must_use.then_some("required"));
    set(&mut body, "stream", chat.stream.then_some(true));
    body
}

fn text_format(schema: &Value) -> Value {
    json!({ "format": { "type": "json_schema", "name": "answer", "strict": true, "schema": schema } })
}

fn tool(offer: &ToolOffer) -> Value {
    let (name, description) = (&offer.name, &offer.description);
    json!({
        "type": "function",
        "name": name,
        "description": description,
        "parameters": offer.input,
        "strict": false,
    })
}

fn turn(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User(text) => vec![json!({ "role": "user", "content": text })],
        Turn::Model(said) => said_again(said),
        Turn::Tools(answers) => answers.iter().map(tool_answer).collect(),
    }
}

fn said_again(said: &Said) -> Vec<Value> {
    if let Some((EndpointKind::Responses, Value::Array(native))) = &said.native {
        return native.clone();
    }
    let words = (!said.text.is_empty()).then(|| json!({ "role": "assistant", "content": said.text }));
    words.into_iter().chain(said.calls.iter().map(call_again)).collect()
}

fn call_again(call: &ToolCall) -> Value {
    let (id, name) = (&call.id, &call.name);
    json!({
        "type": "function_call",
        "call_id": id,
        "name": name,
        "arguments": arguments_text(&call.arguments),
    })
}

fn tool_answer(answer: &ToolAnswer) -> Value {
    json!({ "type": "function_call_output", "call_id": answer.id, "output": answer.text })
}

pub(super) fn decode(body: &Value) -> Result<Heard, Odd> {
    if text(body, "/status") == Some("failed") {
        return Err(Odd("the provider failed to answer".to_owned()));
    }
    let output = body.get("output").and_then(Value::as_array);
    let output = output.ok_or_else(|| Odd("the response has no `output`".to_owned()))?;
    let parts = || {
        output
            .iter()
            .filter(|item| text(item, "/type") == Some("message"))
            .flat_map(|item| items(item, "/content"))
    };
    let of_type = |kind: &'static str| parts().filter(move |part| text(part, "/type") == Some(kind));
    let said = Said {
        text: of_type("output_text").filter_map(|part| text(part, "/text")).collect(),
        calls: output.iter().filter(|item| text(item, "/type") == Some("function_call")).map(call).collect(),
        native: Some((EndpointKind::Responses, output.clone().into())),
    };
    let refusal: String = of_type("refusal").filter_map(|part| text(part, "/refusal")).collect();
    let end = end(body, refusal, &said);
    let model = text(body, "/model").map(str::to_owned);
    Ok(Heard { said, end, usage: usage(body), model })
}

fn call(item: &Value) -> ToolCall {
    ToolCall {
        id: text(item, "/call_id").unwrap_or_default().to_owned(),
        name: text(item, "/name").unwrap_or_default().to_owned(),
        arguments: arguments(text(item, "/arguments").unwrap_or_default()),
    }
}

fn end(body: &Value, refusal: String, said: &Said) -> End {
    if !refusal.is_empty() {
        return End::Refused(refusal);
    }
    match (text(body, "/status"), text(body, "/incomplete_details/reason")) {
        (Some("incomplete"), Some("content_filter")) => {
            End::Filtered("the provider's content filter withheld the answer".to_owned())
        }
        (Some("incomplete"), _) => End::Length,
        (Some("cancelled"), _) => End::Broken("the provider cancelled the answer".to_owned()),
        _ if !said.calls.is_empty() => End::Tools,
        _ => End::Done,
    }
}

fn usage(body: &Value) -> Usage {
    Usage {
        input_tokens: count(body, "/usage/input_tokens"),
        cached_input_tokens: count(body, "/usage/input_tokens_details/cached_tokens"),
        output_tokens: count(body, "/usage/output_tokens"),
        cost_usd: None,
    }
}
