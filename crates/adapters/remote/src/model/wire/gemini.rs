//! Google's Gemini.

use refrain_schemas::agent_spec::Effort;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::usage::Usage;
use serde_json::{Map, Value, json};

use super::{
    Chat, End, Heard, Odd, Said, ToolAnswer, ToolCall, ToolOffer, Turn, arguments_value, count, items, set,
    text,
};

pub(super) fn path(chat: &Chat<'_>) -> String {
    let method = if chat.stream { "streamGenerateContent" } else { "generateContent" };
    // Tuned models are named with the folder they are in.
    let folder = if chat.model.contains('/') { "" } else { "models/" };
    format!("/{folder}{}:{method}", chat.model)
}

pub(super) fn encode(chat: &Chat<'_>) -> Map<String, Value> {
    let mut body = Map::new();
    let system = (!chat.system.is_empty()).then(|| json!({ "parts": [{ "text": chat.system }] }));
    set(&mut body, "systemInstruction", system);
    body.insert("contents".to_owned(), chat.turns.iter().map(turn).collect());
    let config = config(chat);
    set(&mut body, "generationConfig", (!config.is_empty()).then_some(config));
    if !chat.tools.is_empty() {
        let tools: Vec<Value> = chat.tools.iter().map(tool).collect();
        body.insert("tools".to_owned(), json!([{ "functionDeclarations": tools }]));
    }
    let must = chat.must_use.then(|| json!({ "functionCallingConfig": { "mode": "ANY" } }));
    set(&mut body, "toolConfig", must);
    body
}

fn config(chat: &Chat<'_>) -> Map<String, Value> {
    let settings = chat.settings;
    let mut config = Map::new();
    set(&mut config, "temperature", settings.temperature);
    set(&mut config, "topP", settings.top_p);
    set(&mut config, "seed", settings.seed);
    set(&mut config, "maxOutputTokens", settings.max_tokens);
    set(&mut config, "thinkingConfig", settings.reasoning.map(|effort| thinking(chat.model, effort)));
    if let Some(schema) = chat.schema {
        config.insert("responseMimeType".to_owned(), "application/json".into());
        config.insert("responseJsonSchema".to_owned(), schema.clone());
    }
    config
}

/// Models up to 2.5 take a budget in tokens, later ones a level.
fn thinking(model: &str, effort: Effort) -> Value {
    let is_old = ["gemini-1", "gemini-2"].iter().any(|old| model.contains(old));
    let (budget, level) = match effort {
        // The least that later models know is `minimal`.
        Effort::None => (0, "MINIMAL"),
        Effort::Minimal => (512, "MINIMAL"),
        Effort::Low => (2048, "LOW"),
        Effort::Medium => (8192, "MEDIUM"),
        Effort::High => (24_576, "HIGH"),
    };
    if is_old { json!({ "thinkingBudget": budget }) } else { json!({ "thinkingLevel": level }) }
}

fn tool(offer: &ToolOffer) -> Value {
    let (name, description) = (&offer.name, &offer.description);
    json!({ "name": name, "description": description, "parametersJsonSchema": offer.input })
}

fn turn(turn: &Turn) -> Value {
    match turn {
        Turn::User(text) => json!({ "role": "user", "parts": [{ "text": text }] }),
        Turn::Model(said) => said_again(said),
        Turn::Tools(answers) => {
            json!({ "role": "user", "parts": answers.iter().map(tool_answer).collect::<Vec<_>>() })
        }
    }
}

fn said_again(said: &Said) -> Value {
    if let Some((EndpointKind::Gemini, native)) = &said.native {
        return native.clone();
    }
    let words = (!said.text.is_empty()).then(|| json!({ "text": said.text }));
    let parts: Vec<Value> = words.into_iter().chain(said.calls.iter().map(call_again)).collect();
    json!({ "role": "model", "parts": parts })
}

fn call_again(call: &ToolCall) -> Value {
    json!({ "functionCall": { "name": call.name, "args": arguments_value(&call.arguments) } })
}

fn tool_answer(answer: &ToolAnswer) -> Value {
    let field = if answer.is_error { "error" } else { "output" };
    json!({ "functionResponse": { "name": answer.name, "response": { field: answer.text } } })
}

pub(super) fn decode(body: &Value) -> Result<Heard, Odd> {
    let (usage, model) = (usage(body), text(body, "/modelVersion").map(str::to_owned));
    if let Some(reason) = text(body, "/promptFeedback/blockReason") {
        let end = End::Filtered(format!("the provider blocked the prompt: {reason}"));
        return Ok(Heard { said: Said::default(), end, usage, model });
    }
    let candidate = body.pointer("/candidates/0");
    let candidate = candidate.ok_or_else(|| Odd("the response has no `candidates[0]`".to_owned()))?;
    let said = said(candidate);
    let end = end(candidate, &said);
    Ok(Heard { said, end, usage, model })
}

fn said(candidate: &Value) -> Said {
    let parts = items(candidate, "/content/parts");
    let is_thought = |part: &&Value| part.get("thought") == Some(&Value::Bool(true));
    let words = parts.iter().filter(|part| !is_thought(part)).filter_map(|part| text(part, "/text"));
    let calls = parts.iter().filter_map(|part| part.get("functionCall")).enumerate();
    Said {
        text: words.collect(),
        calls: calls.map(|(at, call)| tool_call(at, call)).collect(),
        native: candidate.get("content").map(|content| (EndpointKind::Gemini, content.clone())),
    }
}

fn tool_call(at: usize, call: &Value) -> ToolCall {
    ToolCall {
        id: text(call, "/id").map_or_else(|| format!("call_{at}"), str::to_owned),
        name: text(call, "/name").unwrap_or_default().to_owned(),
        arguments: match call.get("args") {
            Some(Value::Object(arguments)) => Ok(arguments.clone()),
            None | Some(Value::Null) => Ok(Map::new()),
            Some(other) => Err(other.to_string()),
        },
    }
}

fn end(candidate: &Value, said: &Said) -> End {
    match text(candidate, "/finishReason") {
        Some("MAX_TOKENS") => End::Length,
        Some(
            reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "IMAGE_SAFETY"),
        ) => End::Filtered(format!("the provider withheld the answer: {reason}")),
        Some("STOP" | "FINISH_REASON_UNSPECIFIED") | None if !said.calls.is_empty() => End::Tools,
        Some("STOP" | "FINISH_REASON_UNSPECIFIED") | None => End::Done,
        Some(reason) => End::Broken(format!("the model broke off: {reason}")),
    }
}

fn usage(body: &Value) -> Usage {
    let of = |field: &str| count(body, &format!("/usageMetadata/{field}"));
    Usage {
        input_tokens: of("promptTokenCount") + of("toolUsePromptTokenCount"),
        cached_input_tokens: of("cachedContentTokenCount"),
        output_tokens: of("candidatesTokenCount") + of("thoughtsTokenCount"),
        cost_usd: None,
    }
}
