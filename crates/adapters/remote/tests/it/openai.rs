//! OpenAI's chat completions.

use std::sync::Arc;

use refrain_core::ports::agent::{Conversation, RateSignal, Request};
use refrain_schemas::agent_spec::{AgentSpec, Effort};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::exchange::Served;
use refrain_schemas::usage::Usage;
use refrain_testkit::ask::request;
use serde_json::{Value, json};

use crate::server::{Canned, Server};
use crate::world::{KEY, World, ask_one, ask_packed, ask_text, endpoint, outputs, remote, with};

pub(crate) fn answer(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_763_700_000, "model": "m-2026-01-01",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": text, "refusal": null, "annotations": []},
        }],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 80, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        "service_tier": "default", "system_fingerprint": "fp_1",
    })
}

#[tokio::test]
async fn a_text_is_asked_for_and_had() {
    let canned = Canned::json(200, &answer(" hallo\n"))
        .with("x-ratelimit-limit-requests", "600")
        .with("x-ratelimit-remaining-requests", "599");
    let server = Server::start([canned]).await;
    let reply = World::at(&server, EndpointKind::Openai, AgentSpec::default()).ask(ask_text()).await.unwrap();

    assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))]);
    let usage = Usage { input_tokens: 100, cached_input_tokens: 80, output_tokens: 20, cost_usd: None };
    assert_eq!(reply.usage, usage);
    let served = Served {
        endpoint: "here".to_owned(),
        model: Some("m-2026-01-01".to_owned()),
        requests: 1,
        ..Served::default()
    };
    assert_eq!(reply.trace.served, Some(served));
    let signal = RateSignal { requests_per_minute: Some(600), ..RateSignal::default() };
    assert_eq!(reply.trace.signal, signal);

    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /v1/chat/completions");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert!(asked.header("user-agent").unwrap().starts_with("refrain/"));
    let expect = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "You translate."},
            {"role": "user", "content": "Translate: hello"},
        ],
    });
    assert_eq!(asked.body, expect);
}

#[tokio::test]
async fn every_setting_has_its_field() {
    let server = Server::start([Canned::json(200, &answer("{\"text\":\"hallo\",\"note\":null}"))]).await;
    let spec = AgentSpec {
        temperature: Some(0.5),
        top_p: Some(0.9),
        seed: Some(7),
        max_tokens: Some(300),
        reasoning: Some(Effort::Low),
        extra: json!({"user": "u1", "response_format": {"note": 1}}).as_object().unwrap().clone(),
        ..AgentSpec::default()
    };
    let reply = World::at(&server, EndpointKind::Openai, spec).ask(ask_one()).await.unwrap();
    assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))], "null stands for absent");

    let body = &server.asked()[0].body;
    let fields = |name: &str| body[name].clone();
    assert_eq!(
        ["temperature", "top_p", "seed", "max_tokens", "reasoning_effort", "user"].map(fields),
        [json!(0.5), json!(0.9), json!(7), json!(300), json!("low"), json!("u1")]
    );
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "note": {"type": ["string", "null"]}},
        "required": ["note", "text"],
        "additionalProperties": false,
    });
    let format = json!({
        "type": "json_schema", "note": 1,
        "json_schema": {"name": "answer", "strict": true, "schema": schema},
    });
    assert_eq!(body["response_format"], format);
}

#[tokio::test]
async fn a_pack_is_taken_apart() {
    let text = r#"{"units": [{"n": 2, "output": {"text": "zwei"}}, {"n": 1, "output": {"text": ""}}, {"n": 4, "output": {"text": "vier"}}]}"#;
    let server = Server::start([Canned::json(200, &answer(text))]).await;
    let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
    let reply = world.ask(ask_packed(&["a", "b", "c"])).await.unwrap();
    let expect = [
        ("a".to_owned(), Err("invalid: at `/text`: \"\" is shorter than 1 character".to_owned())),
        ("b".to_owned(), Ok(json!({"text": "zwei"}))),
        ("c".to_owned(), Err("invalid: the answer leaves number 3 out".to_owned())),
    ];
    assert_eq!(outputs(&reply), expect);
    assert_eq!(reply.units[0].said.as_deref(), Some("{\"text\":\"\"}"));
}

#[tokio::test]
async fn what_a_model_thought_is_no_part_of_its_answer() {
    let text = "<think>\n{\"text\": \"no\"}?\n</think>\n\nhallo";
    let server = Server::start([Canned::json(200, &answer(text))]).await;
    let reply = World::at(&server, EndpointKind::Openai, AgentSpec::default()).ask(ask_text()).await.unwrap();
    assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))]);
}

#[tokio::test]
async fn only_openai_itself_reads_the_newer_field_for_the_longest_answer() {
    let server = Server::start([Canned::json(200, &answer("hallo"))]).await;
    let spec = AgentSpec { model: Some("openai/m".to_owned()), max_tokens: Some(9), ..AgentSpec::default() };
    let endpoints = [("openai", endpoint(&server, EndpointKind::Openai))];
    World::among(&remote(), endpoints, spec).ask(ask_text()).await.unwrap();
    let body = &server.asked()[0].body;
    assert_eq!((&body["max_completion_tokens"], body.get("max_tokens")), (&json!(9), None));
}

#[tokio::test]
async fn numbers_in_a_pack_count_once() {
    let text = r#"{"units": [{"n": 1.0, "output": {"text": "eins"}}, {"n": 2, "output": {"text": "x"}}, {"n": 2, "output": {"text": "y"}}]}"#;
    let server = Server::start([Canned::json(200, &answer(text))]).await;
    let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
    let reply = world.ask(ask_packed(&["a", "b"])).await.unwrap();
    let expect = [
        ("a".to_owned(), Ok(json!({"text": "eins"}))),
        ("b".to_owned(), Err("invalid: the answer has number 2 more than once".to_owned())),
    ];
    assert_eq!(outputs(&reply), expect);
}

#[tokio::test]
async fn what_was_mended_is_marked() {
    let check = async |text: &str, mended| {
        let server = Server::start([Canned::json(200, &answer(text))]).await;
        let world = World::at(&server, EndpointKind::Openai, AgentSpec::default());
        let reply = world.ask(ask_one()).await.unwrap();
        assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))], "{text}");
        assert_eq!(reply.trace.served.map(|served| served.mended), Some(mended), "{text}");
    };
    check("{\"text\": \"hallo\"}", false).await;
    check("Here:\n```json\n{\"text\": \"hallo\",}\n```", true).await;
}

#[tokio::test]
async fn answers_that_are_no_objects_come_in_one() {
    let schema = json!({"type": "array", "items": {"type": "string"}});
    let wrapped = json!({
        "type": "object", "properties": {"answer": schema}, "required": ["answer"], "additionalProperties": false,
    });
    let ask = async |text: &str| {
        let request = with(request(1, &[("a", json!({}))]), Some(&wrapped), false);
        let conversation = Conversation { wrapped: true, ..(*request.conversation.clone().unwrap()).clone() };
        let request = Request { conversation: Some(Arc::new(conversation)), ..request };
        let server = Server::start([Canned::json(200, &answer(text))]).await;
        let reply =
            World::at(&server, EndpointKind::Openai, AgentSpec::default()).ask(request).await.unwrap();
        outputs(&reply).remove(0).1
    };
    assert_eq!(ask(r#"{"answer": ["a", "b"]}"#).await, Ok(json!(["a", "b"])));
    assert_eq!(
        ask(r#"{"answer": [1]}"#).await,
        Err("invalid: at `/0`: 1 is not of type \"string\"".to_owned())
    );
}
