//! Google's Gemini.

use refrain_schemas::agent_spec::{AgentSpec, Effort};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::usage::Usage;
use serde_json::{Value, json};

use crate::server::{Canned, Server};
use crate::world::{KEY, World, ask_one, ask_text, outputs};

fn answer(parts: &Value, finish: &str) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 100, "cachedContentTokenCount": 80, "candidatesTokenCount": 7,
            "thoughtsTokenCount": 13, "totalTokenCount": 120,
        },
        "modelVersion": "gemini-2.5-flash", "responseId": "r",
    })
}

fn spec(model: &str) -> AgentSpec {
    AgentSpec { model: Some(format!("here/{model}")), ..AgentSpec::default() }
}

#[tokio::test]
async fn an_object_is_asked_for_and_had() {
    let parts = json!([{"text": "hm", "thought": true}, {"text": "{\"text\": "}, {"text": "\"hallo\"}"}]);
    let server = Server::start([Canned::json(200, &answer(&parts, "STOP"))]).await;
    let spec = AgentSpec {
        temperature: Some(0.5),
        top_p: Some(0.9),
        seed: Some(7),
        max_tokens: Some(300),
        reasoning: Some(Effort::Low),
        ..spec("gemini-2.5-flash")
    };
    let reply = World::at(&server, EndpointKind::Gemini, spec).ask(ask_one()).await.unwrap();
    assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))]);
    let usage = Usage { input_tokens: 100, cached_input_tokens: 80, output_tokens: 20, cost_usd: None };
    assert_eq!(reply.usage, usage, "thoughts are paid for");

    let asked = &server.asked()[0];
    assert_eq!(
        asked.line, "POST /v1/models/gemini-2.5-flash:generateContent",
        "the key is not in the address"
    );
    assert_eq!(asked.header("x-goog-api-key"), Some(KEY));
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "note": {"type": "string"}},
        "required": ["text"],
    });
    let expect = json!({
        "systemInstruction": {"parts": [{"text": "You translate."}]},
        "contents": [{"role": "user", "parts": [{"text": "Translate: hello"}]}],
        "generationConfig": {
            "temperature": 0.5, "topP": 0.9, "seed": 7, "maxOutputTokens": 300,
            "thinkingConfig": {"thinkingBudget": 2048},
            "responseMimeType": "application/json", "responseJsonSchema": schema,
        },
    });
    assert_eq!(asked.body, expect);
}

#[tokio::test]
async fn answers_that_are_none_are_no_success() {
    let check = async |body: Value, kind| {
        let server = Server::start([Canned::json(200, &body)]).await;
        let error = World::at(&server, EndpointKind::Gemini, spec("m")).ask(ask_text()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{body}: {error}");
    };
    let text = json!([{"text": "x"}]);
    check(answer(&text, "MAX_TOKENS"), FailureKind::Truncated).await;
    check(answer(&text, "SAFETY"), FailureKind::Filtered).await;
    check(answer(&text, "RECITATION"), FailureKind::Filtered).await;
    check(answer(&text, "MALFORMED_FUNCTION_CALL"), FailureKind::Transient).await;
    check(json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), FailureKind::Filtered).await;
    check(json!({"usageMetadata": {}}), FailureKind::Transient).await;
}
