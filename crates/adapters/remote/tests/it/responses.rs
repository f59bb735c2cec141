//! OpenAI's responses.

use refrain_schemas::agent_spec::{AgentSpec, Effort};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::usage::Usage;
use serde_json::{Value, json};

use crate::server::{Canned, Server};
use crate::world::{World, ask_one, ask_text, outputs};

pub(crate) fn answer(content: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "error": null, "incomplete_details": null,
        "model": "gpt-5-mini-2025-08-07",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [content]},
        ],
        "usage": {
            "input_tokens": 100, "input_tokens_details": {"cached_tokens": 80}, "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 13}, "total_tokens": 120,
        },
    })
}

#[tokio::test]
async fn an_object_is_asked_for_and_had() {
    let content =
        json!({"type": "output_text", "text": "{\"text\":\"hallo\",\"note\":null}", "annotations": []});
    let server = Server::start([Canned::json(200, &answer(&content))]).await;
    let spec = AgentSpec { max_tokens: Some(300), reasoning: Some(Effort::Minimal), ..AgentSpec::default() };
    let reply = World::at(&server, EndpointKind::Responses, spec).ask(ask_one()).await.unwrap();
    assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))]);
    let usage = Usage { input_tokens: 100, cached_input_tokens: 80, output_tokens: 20, cost_usd: None };
    assert_eq!(reply.usage, usage);

    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /v1/responses");
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "note": {"type": ["string", "null"]}},
        "required": ["note", "text"],
        "additionalProperties": false,
    });
    let expect = json!({
        "model": "m", "instructions": "You translate.", "store": false, "max_output_tokens": 300,
        "input": [{"role": "user", "content": "Translate: hello"}],
        "reasoning": {"effort": "minimal"},
        "text": {"format": {"type": "json_schema", "name": "answer", "strict": true, "schema": schema}},
    });
    assert_eq!(asked.body, expect);
}

#[tokio::test]
async fn answers_that_are_none_are_no_success() {
    let check = async |change: Value, kind| {
        let mut body = answer(&json!({"type": "output_text", "text": "hal"}));
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let server = Server::start([Canned::json(200, &body)]).await;
        let world = World::at(&server, EndpointKind::Responses, AgentSpec::default());
        let error = world.ask(ask_text()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{change}: {error}");
    };
    let incomplete = |reason: &str| json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
    check(incomplete("max_output_tokens"), FailureKind::Truncated).await;
    check(incomplete("content_filter"), FailureKind::Filtered).await;
    let refusal = json!({"type": "refusal", "refusal": "I won't."});
    check(json!({"output": [{"type": "message", "content": [refusal]}]}), FailureKind::Refused).await;
    let error = json!({"code": "server_error", "message": "The model failed"});
    check(json!({"status": "failed", "error": error, "output": []}), FailureKind::Transient).await;
    let error = json!({"code": "rate_limit_exceeded", "message": "slow down"});
    check(json!({"status": "failed", "error": error, "output": []}), FailureKind::RateLimited).await;
}
