//! The provider answers, fails and limits as it is told, and writes everything down.

use std::time::{Duration, Instant};

use refrain_testkit::loopback::{Answer, ask};
use refrain_testkit::provider::{Fault, FaultMix, Figures, Provider, Settings, UsageFigures};
use serde_json::{Value, json};

fn start(settings: Settings) -> Provider {
    Provider::start(settings).unwrap()
}

fn chat(provider: &Provider, text: &str) -> std::io::Result<Answer> {
    let body = json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": text}]});
    ask(&provider.root(), "POST", "/v1/chat/completions", &body.to_string())
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

#[test]
fn four_ways_to_speak_say_the_same() {
    let provider = start(Settings::default());
    let text = "Say it.\n<line>good</line>";
    let messages = json!([{"role": "user", "content": text}]);
    let parts = json!([{"role": "user", "parts": [{"text": text}]}]);
    let check = |path: &str, body: Value, pointer: &str| {
        let answer = ask(&provider.root(), "POST", path, &body.to_string()).unwrap();
        assert_eq!(json(&answer).pointer(pointer), Some(&json!("góód")), "{path}: {}", answer.body);
    };
    let body = json!({"model": "m", "messages": messages});
    check("/v1/chat/completions", body.clone(), "/choices/0/message/content");
    check("/v1/messages", body, "/content/0/text");
    check("/v1/responses", json!({"model": "m", "input": messages}), "/output/0/content/0/text");
    check(
        "/v1beta/models/m:generateContent",
        json!({"contents": parts}),
        "/candidates/0/content/parts/0/text",
    );
    let journal = provider.journal();
    assert!(journal.iter().all(|entry| entry.model == "m" && entry.prompt == text && entry.status == 200));
    assert_eq!(journal[0].usage, Some(Figures { input: 15, cached: 0, output: 2 }));
}

#[test]
fn a_stream_says_it_in_pieces() {
    let provider = start(Settings::default());
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "<line>a stream of words</line>"}]});
    let answer = ask(&provider.root(), "POST", "/v1/chat/completions", &body.to_string()).unwrap();
    let data = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks: Vec<Value> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
    let piece =
        |chunk: &Value| chunk.pointer("/choices/0/delta/content").and_then(Value::as_str).map(str::to_owned);
    let said: String = chunks.iter().filter_map(piece).collect();
    assert_eq!(said, "á stréám óf wórds");
    assert_eq!(chunks.last().unwrap()["usage"]["prompt_tokens"], 16);
    assert!(answer.body.trim_end().ends_with("0") && answer.body.contains("data: [DONE]"));
}

#[test]
fn every_fault_is_what_it_is_called() {
    let check = |fault: Fault, expect: fn(&std::io::Result<Answer>) -> bool| {
        let faults = FaultMix { share: 1.0, kinds: vec![fault], in_a_row: Some(1) };
        let provider = start(Settings { faults, ..Settings::default() });
        let answer = chat(&provider, "<line>good</line>");
        assert!(expect(&answer), "{fault:?}: {answer:?}");
        let again = chat(&provider, "<line>good</line>").unwrap();
        assert_eq!(json(&again)["choices"][0]["message"]["content"], "góód", "{fault:?} passes");
        let faults: Vec<_> = provider.journal().iter().map(|entry| entry.fault).collect();
        assert_eq!(faults, [Some(fault), None]);
    };
    check(Fault::RateLimited, |answer| {
        answer.as_ref().is_ok_and(|answer| answer.status == 429 && answer.head.contains("retry-after: 1"))
    });
    check(Fault::ServerError, |answer| answer.as_ref().is_ok_and(|answer| answer.status == 500));
    check(Fault::Overloaded, |answer| answer.as_ref().is_ok_and(|answer| answer.status == 503));
    check(Fault::Malformed, |answer| answer.as_ref().is_ok_and(|answer| answer.body.ends_with("<<")));
    check(Fault::Cut, |answer| answer.as_ref().is_ok_and(|answer| !answer.body.ends_with('}')));
    check(Fault::Hangup, Result::is_err);
    check(Fault::Truncated, |answer| answer.as_ref().is_ok_and(|answer| answer.body.contains(r#""length""#)));
    check(Fault::Filtered, |answer| {
        answer.as_ref().is_ok_and(|answer| answer.body.contains("content_filter"))
    });
    check(Fault::Refused, |answer| answer.as_ref().is_ok_and(|answer| answer.body.contains("I will not")));
    check(Fault::Fenced, |answer| answer.as_ref().is_ok_and(|answer| answer.body.contains("```json")));
}

#[test]
fn the_share_of_faults_is_what_was_asked_for() {
    let kinds = vec![Fault::ServerError];
    let faults = FaultMix { share: 0.2, kinds, in_a_row: None };
    let provider = start(Settings { faults, ..Settings::default() });
    let failed = (0..500).filter(|n| chat(&provider, &format!("{n}")).unwrap().status == 500).count();
    assert!((70..=130).contains(&failed), "{failed}");
    assert_eq!(provider.journal().iter().filter(|entry| entry.fault.is_some()).count(), failed);
}

#[test]
fn random_usage_stays_below_what_was_sent_and_allowed() {
    let provider = start(Settings { usage: UsageFigures::Random, ..Settings::default() });
    let text = "a line of forty bytes, more or less, yes";
    (0..50).for_each(|n| assert_eq!(chat(&provider, &format!("{n} {text}")).unwrap().status, 200));
    let usages: Vec<Figures> = provider.journal().iter().filter_map(|entry| entry.usage).collect();
    let fits = |usage: &Figures| usage.input <= 44 && usage.cached <= usage.input && usage.output <= 64;
    assert!(usages.len() == 50 && usages.iter().all(fits), "{usages:?}");
    assert!(usages.iter().any(|usage| usage.cached > 0) && usages.iter().any(|usage| usage.cached == 0));
}

#[test]
fn a_limit_turns_away_and_can_be_changed_on_the_way() {
    let settings = Settings { requests_per_minute: Some(60), tells_limits: true, ..Settings::default() };
    let provider = start(settings);
    let answer = chat(&provider, "one").unwrap();
    assert!(answer.head.contains("x-ratelimit-limit-requests: 60"), "{}", answer.head);
    let answer = chat(&provider, "two").unwrap();
    assert!(answer.status == 429 && answer.head.contains("retry-after-ms: "), "{}", answer.head);
    let changed = ask(&provider.root(), "POST", "/control", r#"{"requests_per_minute": null}"#).unwrap();
    assert_eq!(json(&changed)["requests_per_minute"], Value::Null);
    assert_eq!(chat(&provider, "three").unwrap().status, 200);
    let statuses: Vec<u16> = provider.journal().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [200, 429, 200]);
    let refused = ask(&provider.root(), "POST", "/control", r#"{"request_per_minute": 3}"#).unwrap();
    assert!(refused.status == 400 && refused.body.contains("unknown field"), "{}", refused.body);
}

#[test]
fn keys_and_models_are_looked_at() {
    let settings =
        Settings { key: Some("right".to_owned()), models: vec!["m".to_owned()], ..Settings::default() };
    let provider = start(settings);
    assert_eq!(chat(&provider, "hello").unwrap().status, 401);
    let models = |provider: &Provider| ask(&provider.root(), "GET", "/v1/models", "").unwrap();
    assert_eq!(models(&provider).status, 401);
    provider.set(|settings| (settings.key, settings.models) = (None, vec!["other".to_owned()]));
    assert_eq!(json(&models(&provider))["data"][0]["id"], "other");
    assert_eq!(chat(&provider, "hello").unwrap().status, 404);
}

#[test]
fn answers_are_kept_back_and_written_down_before_they_leave() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let provider = start(Settings { journal: Some(file.clone()), ..Settings::default() });
    provider.hold();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| chat(&provider, "held"));
        let patience = Instant::now() + Duration::from_secs(20);
        while provider.arrived() == 0 {
            assert!(Instant::now() < patience);
            std::thread::yield_now();
        }
        assert_eq!(provider.journal()[0].answered_ms, None);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
        provider.release();
        assert_eq!(asking.join().unwrap().unwrap().status, 200);
    });
    let line: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&line["status"], &line["prompt"]), (&json!(200), &json!("held")));
}
