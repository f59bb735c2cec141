//! Answers that come piece by piece.

use refrain_core::ports::agent::{AgentError, Reply};
use refrain_remote::RemoteAgents;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::usage::Usage;
use serde_json::{Value, json};

use crate::server::{Asked, Canned, Server};
use crate::world::{World, ask_text, endpoint, outputs, remote};

/// The events of an answer `hallo`, as each provider sends them.
fn events(kind: EndpointKind) -> Vec<Value> {
    match kind {
        EndpointKind::Openai => {
            let chunk = |delta: Value, finish: Value| json!({"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
            let usage = json!({"prompt_tokens": 10, "completion_tokens": 2});
            vec![
                chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
                chunk(json!({"content": "hal"}), Value::Null),
                chunk(json!({"content": "lo"}), Value::Null),
                chunk(json!({}), "stop".into()),
                json!({"model": "m-1", "choices": [], "usage": usage}),
            ]
        }
        EndpointKind::Responses => {
            let whole = crate::responses::answer(&json!({"type": "output_text", "text": "hallo"}));
            vec![
                json!({"type": "response.created", "response": {"status": "in_progress", "model": "m-1", "output": []}}),
                json!({"type": "response.output_text.delta", "delta": "hallo"}),
                json!({"type": "response.completed", "response": whole}),
            ]
        }
        EndpointKind::Anthropic => {
            let delta = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
            let usage = json!({"input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 1});
            let message = json!({"role": "assistant", "model": "m-1", "content": [], "usage": usage});
            vec![
                json!({"type": "message_start", "message": message}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                delta("hal"),
                delta("lo"),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
                json!({"type": "message_stop"}),
            ]
        }
        EndpointKind::Gemini => {
            let part = |text: &str| json!({"content": {"role": "model", "parts": [{"text": text}]}});
            let mut last = part("lo");
            last["finishReason"] = "STOP".into();
            let usage = json!({"promptTokenCount": 10, "candidatesTokenCount": 2});
            vec![json!({"candidates": [part("hal")]}), json!({"candidates": [last], "usageMetadata": usage})]
        }
    }
}

fn stream(kind: EndpointKind, events: &[Value]) -> Canned {
    let mut text = ": hello\n\n".to_owned();
    for event in events {
        text.push_str(&format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message")));
    }
    if kind == EndpointKind::Openai && events.last().is_some_and(|last| last.get("usage").is_some()) {
        text.push_str("data: [DONE]\n\n");
    }
    // Pieces that have nothing to do with the events.
    let pieces = text.as_bytes().chunks(37).map(<[u8]>::to_vec).collect();
    Canned { pieces, ..Canned::text(200, "") }.with("content-type", "text/event-stream")
}

async fn ask(kind: EndpointKind, canned: Canned) -> (Result<Reply, AgentError>, Asked) {
    ask_by(&remote(), kind, canned).await
}

async fn ask_by(
    remote: &RemoteAgents,
    kind: EndpointKind,
    canned: Canned,
) -> (Result<Reply, AgentError>, Asked) {
    let server = Server::start([canned]).await;
    let spec = AgentSpec { stream: true, ..AgentSpec::default() };
    let reply = World::among(remote, [("here", endpoint(&server, kind))], spec).ask(ask_text()).await;
    (reply, server.asked().remove(0))
}

const KINDS: [EndpointKind; 4] =
    [EndpointKind::Openai, EndpointKind::Responses, EndpointKind::Anthropic, EndpointKind::Gemini];

#[tokio::test]
async fn pieces_make_a_whole() {
    for kind in KINDS {
        let (reply, asked) = ask(kind, stream(kind, &events(kind))).await;
        let reply = reply.unwrap();
        assert_eq!(outputs(&reply), [("a".to_owned(), Ok(json!({"text": "hallo"})))], "{kind:?}");
        let usage = match kind {
            EndpointKind::Responses => {
                Usage { input_tokens: 100, cached_input_tokens: 80, output_tokens: 20, cost_usd: None }
            }
            EndpointKind::Anthropic => {
                Usage { input_tokens: 10, cached_input_tokens: 6, output_tokens: 2, cost_usd: None }
            }
            _ => Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() },
        };
        assert_eq!(reply.usage, usage, "{kind:?}");
        match kind {
            EndpointKind::Gemini => assert_eq!(asked.line, "POST /v1/models/m:streamGenerateContent?alt=sse"),
            EndpointKind::Openai => assert_eq!(asked.body["stream_options"], json!({"include_usage": true})),
            _ => assert_eq!(asked.body["stream"], true),
        }
    }
}

#[tokio::test]
async fn a_stream_without_its_end_is_no_answer() {
    let remote = remote();
    for kind in KINDS {
        let events = events(kind);
        for length in 0..events.len() {
            for broken in [false, true] {
                let canned = stream(kind, &events[..length]);
                let canned = if broken { canned.cut() } else { canned };
                let (reply, _) = ask_by(&remote, kind, canned).await;
                let error = reply.expect_err(&format!("{kind:?}, {length} events"));
                assert_eq!(error.kind, FailureKind::Transient, "{kind:?}, {length} events: {error}");
                assert!(error.trace.exchanges[0].error.is_some());
            }
        }
    }
}

#[tokio::test]
async fn what_a_broken_stream_cost_is_known() {
    let (reply, _) =
        ask(EndpointKind::Anthropic, stream(EndpointKind::Anthropic, &events(EndpointKind::Anthropic)[..4]))
            .await;
    assert_eq!(reply.unwrap_err().usage.input_tokens, 10);
}

#[tokio::test]
async fn errors_come_in_streams_and_instead_of_them() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let mut begun = events(EndpointKind::Anthropic);
    begun.truncate(3);
    begun.push(error.clone());
    let (reply, _) = ask(EndpointKind::Anthropic, stream(EndpointKind::Anthropic, &begun)).await;
    assert_eq!(reply.unwrap_err().kind, FailureKind::RateLimited);

    let canned = Canned::json(429, &error).with("retry-after", "3");
    let (reply, _) = ask(EndpointKind::Anthropic, canned).await;
    let error = reply.unwrap_err();
    assert_eq!(error.kind, FailureKind::RateLimited);
    assert_eq!(error.retry_after, Some(std::time::Duration::from_secs(3)));
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let (reply, _) = ask(EndpointKind::Openai, Canned::json(200, &crate::openai::answer("hallo"))).await;
    assert_eq!(outputs(&reply.unwrap()), [("a".to_owned(), Ok(json!({"text": "hallo"})))]);
}
