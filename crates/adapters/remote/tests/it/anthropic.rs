//! Anthropic's messages.

use refrain_schemas::agent_spec::{AgentSpec, Effort};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::usage::Usage;
use serde_json::{Value, json};

use crate::server::{Canned, Server};
use crate::world::{KEY, World, ask_one, ask_text, outputs};

pub(crate) fn answer(text: &str, stop: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": text}], "stop_reason": stop, "stop_sequence": null,
        "usage": {
            "input_tokens": 20, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 50, "output_tokens": 7,
        },
    })
}

fn spec(model: &str) -> AgentSpec {
    AgentSpec { model: Some(format!("here/{model}")), ..AgentSpec::default() }
}

#[tokio::test]
async fn an_object_is_asked_for_and_had() {
    let server = Server::start([Canned::json(200, &answer(r#"{"text": "hallo"}"#, "end_turn"))]).await;
    let spec = AgentSpec { temperature: Some(0.0), max_tokens: Some(100), ..spec("claude-sonnet-4-5") };
    let reply = World::at(&server, EndpointKind::Anthropic, spec).ask(ask_one()).await.unwrap();
    assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))]);
    let usage = Usage { input_tokens: 100, cached_input_tokens: 50, output_tokens: 7, cost_usd: None };
    assert_eq!(reply.usage, usage, "what was read from and written to the cache was sent, too");
    let served = reply.trace.served.unwrap();
    assert_eq!(served.model.as_deref(), Some("claude-sonnet-4-5-20250929"));

    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /v1/messages");
    assert_eq!(asked.header("x-api-key"), Some(KEY));
    assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(asked.header("authorization"), None);
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "note": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": false,
    });
    let expect = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 100, "temperature": 0.0, "system": "You translate.",
        "messages": [{"role": "user", "content": "Translate: hello"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    });
    assert_eq!(asked.body, expect);
}

#[tokio::test]
async fn models_that_take_no_schema_are_told_it_in_words() {
    let server = Server::start([Canned::json(200, &answer(r#"{"text": "hallo"}"#, "end_turn"))]).await;
    let world = World::at(&server, EndpointKind::Anthropic, spec("claude-3-5-haiku-20241022"));
    world.ask(ask_one()).await.unwrap();
    let body = &server.asked()[0].body;
    assert_eq!(body.get("output_config"), None);
    let system = body["system"].as_str().unwrap();
    assert!(system.starts_with("You translate.\n\nAnswer with one JSON value"), "{system}");
    assert!(system.contains(r#""minLength":1"#), "all of it: {system}");
}

async fn thinking(model: &str, effort: Effort, max_tokens: Option<u32>) -> Value {
    let server = Server::start([Canned::json(200, &answer("x", "end_turn"))]).await;
    let spec = AgentSpec { reasoning: Some(effort), max_tokens, ..spec(model) };
    World::at(&server, EndpointKind::Anthropic, spec).ask(ask_text()).await.unwrap();
    let body = &server.asked()[0].body;
    json!([body["thinking"], body["output_config"], body["max_tokens"]])
}

#[tokio::test]
async fn efforts_are_said_as_the_model_takes_them() {
    let budget = |n: u32| json!({"type": "enabled", "budget_tokens": n});
    let check = |found: Value, expect: Value| assert_eq!(found, expect);
    check(thinking("claude-haiku-4-5", Effort::Medium, None).await, json!([budget(8192), null, 16384]));
    check(thinking("claude-haiku-4-5", Effort::High, Some(4000)).await, json!([budget(2000), null, 4000]));
    let adaptive = json!([{"type": "adaptive"}, {"effort": "low"}, 8192]);
    check(thinking("claude-opus-4-6", Effort::Minimal, None).await, adaptive);
    check(thinking("claude-opus-4-6", Effort::None, None).await, json!([{"type": "disabled"}, null, 8192]));
}

#[tokio::test]
async fn answers_that_are_none_are_no_success() {
    let check = async |stop: &str, kind| {
        let server = Server::start([Canned::json(200, &answer("I won't.", stop))]).await;
        let error = World::at(&server, EndpointKind::Anthropic, spec("m")).ask(ask_text()).await.unwrap_err();
        assert_eq!((error.kind, error.usage.output_tokens), (kind, 7), "{stop}: {error}");
        assert_eq!(error.trace.exchanges.len(), 1);
    };
    check("max_tokens", FailureKind::Truncated).await;
    check("model_context_window_exceeded", FailureKind::Truncated).await;
    check("refusal", FailureKind::Refused).await;
}
