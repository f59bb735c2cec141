//! Answers that come piece by piece, put together into the body that would have come at once.
//!
//! What is decoded, kept and shown is that body: a wire has one decoder. A stream that ends without its end marker was
//! cut off, whatever it said before.

mod sse;

use refrain_schemas::endpoint::EndpointKind;
use serde_json::{Map, Value, json};

use super::wire::Odd;
use sse::{Event, Sse};

/// A body that is being put together.
#[derive(Debug)]
pub struct Assembly {
    kind: EndpointKind,
    events: Sse,
    body: Value,
    /// Arguments of tools that are still on their way, by the position of their block.
    partial: Vec<(usize, String)>,
    ended: bool,
}

impl Assembly {
    /// Returns one that has nothing yet.
    #[must_use]
    pub fn new(kind: EndpointKind) -> Self {
        Self { kind, events: Sse::default(), body: Value::Null, partial: Vec::new(), ended: false }
    }

    /// Takes the next bytes, wherever they were cut.
    ///
    /// # Errors
    /// Fails where an event is not JSON.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Odd> {
        for event in self.events.push(bytes) {
            self.take(&event)?;
        }
        Ok(())
    }

    /// Whether the end marker has come.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the body as far as it came.
    #[must_use]
    pub fn into_body(self) -> Value {
        self.body
    }

    fn take(&mut self, event: &Event) -> Result<(), Odd> {
        if self.kind == EndpointKind::Openai && event.data.trim() == "[DONE]" {
            self.ended = true;
            return Ok(());
        }
        let data: Value = serde_json::from_str(&event.data)
            .map_err(|_| Odd("an event of the stream is not JSON".to_owned()))?;
        match self.kind {
            EndpointKind::Openai => self.openai(&data),
            EndpointKind::Responses => self.responses(data),
            EndpointKind::Anthropic => self.anthropic(data),
            EndpointKind::Gemini => self.gemini(data),
        }
        Ok(())
    }

    fn openai(&mut self, chunk: &Value) {
        if self.body.is_null() {
            let message = json!({ "role": "assistant", "content": null });
            self.body = json!({ "choices": [{ "message": message, "finish_reason": null }] });
        }
        copy(chunk, &mut self.body, &["id", "model", "usage", "error"]);
        let Some(from) = chunk.pointer("/choices/0") else { return };
        let to = &mut self.body["choices"][0];
        copy(from, to, &["finish_reason", "error"]);
        let Some(delta) = from.get("delta") else { return };
        for field in ["content", "refusal", "reasoning_content"] {
            append(&mut to["message"], field, delta.get(field));
        }
        for (at, call) in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let index = call.get("index").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            openai_call(&mut to["message"], index.unwrap_or(at), call);
        }
    }

    fn responses(&mut self, event: Value) {
        match event["type"].as_str() {
            Some("response.completed" | "response.incomplete" | "response.failed") => {
                self.body = event["response"].clone();
                self.ended = true;
            }
            Some("response.created" | "response.in_progress") => self.body = event["response"].clone(),
            Some("error") => self.error(event),
            _ => {}
        }
    }

    fn anthropic(&mut self, mut event: Value) {
        let index = event["index"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        match event["type"].as_str() {
            Some("message_start") => self.body = take(&mut event, "message"),
            Some("content_block_start") => {
                if let Some(blocks) = self.body.get_mut("content").and_then(Value::as_array_mut) {
                    blocks.push(take(&mut event, "content_block"));
                }
            }
            Some("content_block_delta") => self.anthropic_delta(index, &event["delta"]),
            Some("content_block_stop") => self.anthropic_arguments(index),
            Some("message_delta") => {
                copy(&event["delta"], &mut self.body, &["stop_reason", "stop_sequence", "stop_details"]);
                if let Some(usage) = event["usage"].as_object() {
                    let names: Vec<&str> = usage.keys().map(String::as_str).collect();
                    let mut sum = take(&mut self.body, "usage");
                    copy(&event["usage"], &mut sum, &names);
                    set(&mut self.body, "usage", sum);
                }
            }
            Some("message_stop") => self.ended = true,
            Some("error") => {
                let error = take(&mut event, "error");
                self.error(error);
            }
            _ => {}
        }
    }

    fn anthropic_delta(&mut self, index: usize, delta: &Value) {
        if let Some(json) = delta["partial_json"].as_str() {
            match self.partial.iter_mut().find(|(at, _)| *at == index) {
                Some((_, text)) => text.push_str(json),
                None => self.partial.push((index, json.to_owned())),
            }
        }
        let block = self.body.get_mut("content").and_then(|blocks| blocks.get_mut(index));
        if let Some(block) = block {
            for field in ["text", "thinking", "signature"] {
                append(block, field, delta.get(field));
            }
        }
    }

    /// Puts together the arguments of a tool.
    fn anthropic_arguments(&mut self, index: usize) {
        let Some(position) = self.partial.iter().position(|(at, _)| *at == index) else { return };
        let (_, text) = self.partial.swap_remove(position);
        let block = self.body.get_mut("content").and_then(|blocks| blocks.get_mut(index));
        if let Some(block) = block.filter(|_| !text.trim().is_empty()) {
            set(block, "input", serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
    }

    fn gemini(&mut self, mut chunk: Value) {
        let has = |pointer: &str| chunk.pointer(pointer).is_some_and(Value::is_string);
        self.ended |= has("/candidates/0/finishReason") || has("/promptFeedback/blockReason");
        if self.body.pointer("/candidates/0/content/parts").is_none() {
            let error = self.body.get("error").cloned();
            self.body = chunk;
            copy(&json!({ "error": error }), &mut self.body, &["error"]);
            return;
        }
        copy(&chunk, &mut self.body, &["usageMetadata", "modelVersion", "promptFeedback", "error"]);
        let Some(from) = chunk.pointer_mut("/candidates/0").map(Value::take) else { return };
        let to = &mut self.body["candidates"][0];
        copy(&from, to, &["finishReason", "finishMessage"]);
        let parts = from.pointer("/content/parts").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(all) = to.pointer_mut("/content/parts").and_then(Value::as_array_mut) {
            parts.into_iter().for_each(|part| gemini_part(all, part));
        }
    }

    fn error(&mut self, error: Value) {
        set(&mut self.body, "error", error);
    }
}

/// Copies the fields that are there and not null.
fn copy(from: &Value, to: &mut Value, names: &[&str]) {
    for name in names {
        if let Some(value) = from.get(*name).filter(|value| !value.is_null()) {
            set(to, name, value.clone());
        }
    }
}

/// Appends a piece of text to a field.
fn append(to: &mut Value, field: &str, piece: Option<&Value>) {
    let Some(piece) = piece.and_then(Value::as_str) else { return };
    match to.get_mut(field) {
        Some(Value::String(text)) => text.push_str(piece),
        _ => set(to, field, piece.into()),
    }
}

/// Sets a field; a server may have sent something without fields in its place, which is then left as it is.
fn set(to: &mut Value, name: &str, value: Value) {
    if to.is_null() {
        *to = Value::Object(Map::new());
    }
    if let Some(fields) = to.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Takes a field out.
fn take(from: &mut Value, name: &str) -> Value {
    from.get_mut(name).map(Value::take).unwrap_or_default()
}

fn openai_call(message: &mut Value, index: usize, piece: &Value) {
    if !message["tool_calls"].is_array() {
        message["tool_calls"] = json!([]);
    }
    let Some(calls) = message["tool_calls"].as_array_mut() else { return };
    // A position far out is a fault, and would cost memory.
    let index = index.min(calls.len());
    if index == calls.len() {
        calls.push(json!({ "type": "function", "function": { "name": "", "arguments": "" } }));
    }
    let call = &mut calls[index];
    copy(piece, call, &["id"]);
    if let Some(function) = piece.get("function") {
        append(&mut call["function"], "name", function.get("name"));
        append(&mut call["function"], "arguments", function.get("arguments"));
    }
}

/// Adds a part; a piece of text goes to the text before it.
fn gemini_part(all: &mut Vec<Value>, part: Value) {
    let is_text = |part: &Value| part.get("text").is_some() && part.get("thoughtSignature").is_none();
    match all.last_mut() {
        Some(last) if is_text(last) && is_text(&part) && last.get("thought") == part.get("thought") => {
            append(last, "text", part.get("text"));
        }
        _ => all.push(part),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use refrain_testkit::fuzz;

    use super::*;

    fn assemble(kind: EndpointKind, events: &[Value]) -> (Value, bool) {
        let mut assembly = Assembly::new(kind);
        for event in events {
            assembly.push(format!("event: x\ndata: {event}\n\n").as_bytes()).unwrap();
        }
        (assembly.body.clone(), assembly.ended)
    }

    #[test]
    fn tool_calls_of_openai_are_put_together() {
        let chunk = |calls: Value| json!({"choices": [{"delta": {"tool_calls": calls}}]});
        let (body, ended) = assemble(
            EndpointKind::Openai,
            &[
                chunk(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}])),
                chunk(json!([{"index": 0, "function": {"arguments": "{\"x\":"}}])),
                chunk(json!([{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}])),
                chunk(json!([{"index": 0, "function": {"arguments": "1}"}}])),
                json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
            ],
        );
        let calls = &body["choices"][0]["message"]["tool_calls"];
        assert_eq!(calls[0]["function"], json!({"name": "f", "arguments": "{\"x\":1}"}));
        assert_eq!((calls[0]["id"].as_str(), calls[1]["id"].as_str()), (Some("a"), Some("b")));
        assert!(!ended, "only [DONE] ends it");
    }

    #[test]
    fn tool_calls_of_anthropic_are_put_together() {
        let block = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        let delta = |json: &str| {
            let delta = json!({"type": "input_json_delta", "partial_json": json});
            json!({"type": "content_block_delta", "index": 0, "delta": delta})
        };
        let (body, ended) = assemble(
            EndpointKind::Anthropic,
            &[
                json!({"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 3}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": block}),
                delta(""),
                delta("{\"x\": "),
                json!({"type": "ping"}),
                delta("1}"),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
                json!({"type": "message_stop"}),
            ],
        );
        assert_eq!(body["content"][0]["input"], json!({"x": 1}));
        assert_eq!(body["usage"], json!({"input_tokens": 3, "output_tokens": 9}));
        assert!(ended && body["stop_reason"] == "tool_use");
    }

    #[test]
    fn parts_of_gemini_are_put_together() {
        let chunk = |part: Value| json!({"candidates": [{"content": {"role": "model", "parts": [part]}}]});
        let last = json!({
            "candidates": [{"content": {"parts": [{"text": "!"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 4},
        });
        let (body, ended) = assemble(
            EndpointKind::Gemini,
            &[
                chunk(json!({"text": "hm", "thought": true})),
                chunk(json!({"text": "hal"})),
                chunk(json!({"text": "lo"})),
                last,
            ],
        );
        let parts = json!([{"text": "hm", "thought": true}, {"text": "hallo!"}]);
        assert_eq!(body["candidates"][0]["content"]["parts"], parts);
        assert!(ended && body["usageMetadata"]["promptTokenCount"] == 4);
    }

    #[test]
    fn errors_within_streams_are_kept() {
        let overloaded =
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        let (body, ended) = assemble(EndpointKind::Anthropic, &[overloaded]);
        assert!(!ended && body["error"]["type"] == "overloaded_error");
        let (body, _) = assemble(EndpointKind::Openai, &[json!({"error": {"message": "boom", "code": 502}})]);
        assert_eq!(body["error"]["code"], 502);
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(Assembly::new(EndpointKind::Openai).push(b"data: {oops\n\n").is_err());
    }

    /// What a hostile or broken server may send.
    const WORDS: &[&str] = &[
        "type",
        "index",
        "delta",
        "message",
        "content",
        "content_block",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_start",
        "message_delta",
        "message_stop",
        "text",
        "partial_json",
        "usage",
        "error",
        "response",
        "response.created",
        "response.completed",
        "choices",
        "tool_calls",
        "function",
        "arguments",
        "name",
        "id",
        "candidates",
        "parts",
        "finishReason",
        "finish_reason",
        "functionCall",
        "output",
        "output_text",
        "stop",
        "input",
    ];

    fn typed(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let of = |types: Vec<&'static str>| {
            (prop::sample::select(types), fuzz::json(words), fuzz::json(words), 0..3_u64)
        };
        let anthropic = vec![
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "error",
        ];
        let responses = vec!["response.created", "response.completed", "error"];
        let event = |(kind, a, b, index): (&str, Value, Value, u64)| {
            json!({"type": kind, "index": index, "message": {"content": [a, a], "usage": b}, "delta": {"text": "t", "partial_json": "{", "x": a},
                   "content_block": a, "usage": a, "response": b, "error": b})
        };
        let openai = (fuzz::json(words), 0..3_u64).prop_map(|(a, n)| json!({"choices": [{"delta": {"content": a, "tool_calls": [{"index": n, "function": a, "id": a}]}}], "usage": a}));
        let gemini = fuzz::json(words).prop_map(
            |a| json!({"candidates": [{"content": {"parts": [a, {"text": "x"}]}, "finishReason": a}]}),
        );
        prop_oneof![
            of(anthropic).prop_map(event),
            of(responses).prop_map(event),
            openai,
            gemini,
            fuzz::json(words)
        ]
    }

    proptest! {
        #![proptest_config(fuzz::config(150))]

        #[test]
        fn fuzz_any_events_are_a_body_or_an_error(events in prop::collection::vec(typed(WORDS), 0..8)) {
            use EndpointKind::{Anthropic, Gemini, Openai, Responses};
            for kind in [Openai, Responses, Anthropic, Gemini] {
                let mut assembly = Assembly::new(kind);
                for event in &events {
                    let _ = assembly.push(format!("data: {event}\n\n").as_bytes());
                }
                let _ = crate::model::wire::decode(kind, &assembly.into_body());
                for event in &events {
                    let _ = crate::model::wire::decode(kind, event);
                }
            }
        }

        #[test]
        fn fuzz_any_bytes_are_events_or_an_error(bytes in fuzz::bytes()) {
            let mut assembly = Assembly::new(EndpointKind::Openai);
            let _ = assembly.push(&bytes);
        }
    }
}
