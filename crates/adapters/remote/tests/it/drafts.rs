//! Agents as they are written.

use std::time::Duration;

use refrain_core::ports::agent::{AgentFactory as _, AgentTraits, Draft};
use refrain_schemas::agent_spec::{AgentSpec, Effort, Structured};
use refrain_schemas::duration::Span;
use refrain_schemas::endpoint::{EndpointKind, EndpointModel, EndpointSpec, RateLimits};
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use serde_json::json;

use crate::world::remote;

fn model(name: &str) -> AgentSpec {
    AgentSpec { model: Some(name.to_owned()), ..AgentSpec::default() }
}

fn declared<const N: usize>(endpoints: [(&str, EndpointSpec); N]) -> Declarations {
    let endpoints = endpoints.into_iter().map(|(name, spec)| (name.to_owned(), spec)).collect();
    Declarations { endpoints, ..Declarations::default() }
}

fn at(base_url: &str) -> EndpointSpec {
    EndpointSpec { base_url: Some(base_url.to_owned()), ..EndpointSpec::default() }
}

fn describe(spec: &AgentSpec, declared: &Declarations) -> AgentTraits {
    remote().models().describe(&Draft { spec, declared })
}

fn check(spec: &AgentSpec, declared: &Declarations, expect: &[&str]) {
    let problems = remote().models().check(&Draft { spec, declared });
    let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
    assert_eq!(found, expect);
}

#[test]
fn models_are_checked() {
    let none = Declarations::default();
    check(&model("openai/gpt-5-mini"), &none, &[]);
    check(&model("openrouter/meta/llama"), &none, &[]);
    check(&model("gpt-5-mini"), &none, &["model: `gpt-5-mini` does not say where the model is"]);
    check(&model("opnai/x"), &none, &["model: no endpoint is called `opnai`"]);
    check(&model("openai/../x"), &none, &["model: `../x` is no name of a model"]);
    let wrong = declared([
        ("a", EndpointSpec::default()),
        ("b", at("localhost:8000")),
        ("c", at("http://me:secret@localhost/v1")),
        ("d", EndpointSpec { fallback: vec!["anthropic".to_owned()], ..at("http://localhost/v1") }),
    ]);
    check(&model("a/m"), &wrong, &["model: endpoint `a` has no `base_url`"]);
    check(
        &model("b/m"),
        &wrong,
        &["model: the `base_url` of endpoint `b` is not an `http://` or `https://` address"],
    );
    let credentials = "model: the `base_url` of endpoint `c` holds credentials; name a variable in `api_key_env` or `headers` instead";
    check(&model("c/m"), &wrong, &[credentials]);
    let language =
        "model: endpoint `anthropic` cannot stand in for `d`: it speaks another provider's language";
    check(&model("d/m"), &wrong, &[language]);
}

#[test]
fn settings_are_checked() {
    let none = Declarations::default();
    let spec = AgentSpec { temperature: Some(3.0), top_p: Some(-0.1), ..model("openai/m") };
    check(&spec, &none, &["temperature: it lies between 0 and 2", "top_p: it lies between 0 and 1"]);
    let spec = AgentSpec { seed: Some(1), ..model("anthropic/m") };
    check(&spec, &none, &["seed: what is spoken at endpoint `anthropic` knows no seed"]);
    let extra = json!({"messages": [], "user": "me"}).as_object().unwrap().clone();
    check(&AgentSpec { extra, ..model("openai/m") }, &none, &["extra.messages: `messages` is set elsewhere"]);
}

#[test]
fn where_a_model_is_asked_is_not_who_it_is() {
    let elsewhere = EndpointSpec {
        kind: Some(EndpointKind::Responses),
        api_key_env: Some("OTHER".to_owned()),
        timeout: Some(Span(Duration::from_secs(5))),
        ..at("http://localhost:1/v1")
    };
    let declared = declared([("mine", elsewhere)]);
    let at_home = describe(&model("openai/gpt-5-mini"), &declared);
    let away = describe(&model("mine/gpt-5-mini"), &declared);
    assert_eq!(at_home.identity, r#"{"family":"openai","model":"gpt-5-mini"}"#);
    assert_eq!(away.identity, at_home.identity);
    assert_eq!(away.default_timeout, Some(Duration::from_secs(5)));
    assert_eq!(at_home.default_timeout, Some(Duration::from_secs(120)));
    let streamed =
        AgentSpec { stream: true, structured: Some(Structured::Native), ..model("openai/gpt-5-mini") };
    assert_eq!(describe(&streamed, &declared).identity, at_home.identity);
}

#[test]
fn what_answers_depend_on_is_who_it_is() {
    let spec = AgentSpec {
        temperature: Some(0.5),
        top_p: Some(1.0),
        seed: Some(i64::MAX),
        max_tokens: Some(10),
        reasoning: Some(Effort::High),
        structured: Some(Structured::Prompt),
        extra: json!({"b": 1, "a": 2}).as_object().unwrap().clone(),
        ..model("google/gemini-2.5-pro")
    };
    let identity = describe(&spec, &Declarations::default()).identity;
    let expect = r#"{"extra":{"a":2,"b":1},"family":"google","max_tokens":10,"model":"gemini-2.5-pro","reasoning":"high","seed":"9223372036854775807","structured":"prompt","temperature":0.5,"top_p":1}"#;
    assert_eq!(identity, expect);
}

#[test]
fn the_gate_of_a_model_stands_within_that_of_its_endpoint() {
    let limits = |n| Some(RateLimits { requests_per_minute: Some(n), ..RateLimits::default() });
    let known = EndpointModel { limits: limits(60), name: None };
    let openai = EndpointSpec {
        limits: limits(600),
        models: [("m".to_owned(), known)].into_iter().collect(),
        ..EndpointSpec::default()
    };
    let traits = describe(&model("openai/m"), &declared([("openai", openai)]));
    let gate = traits.gate.unwrap();
    assert_eq!((gate.name.as_str(), gate.limits.requests_per_minute), ("openai/m", Some(60)));
    let within = gate.within.unwrap();
    assert_eq!((within.name.as_str(), within.limits.requests_per_minute), ("openai", Some(600)));
}

#[test]
fn money_is_known_where_the_price_is() {
    let none = Declarations::default();
    let spec = AgentSpec { max_tokens: Some(100), ..model("openai/gpt-5-mini") };
    let traits = describe(&spec, &none).model.unwrap();
    assert_eq!(traits.name, "openai/gpt-5-mini");
    assert_eq!((traits.max_output, traits.requests), (Some(100), 1));
    assert_eq!(traits.price.map(|price| price.output), Some(2.0));
    assert_eq!(describe(&model("ollama/llama3"), &none).model.unwrap().price, None);
}

#[test]
fn an_endpoint_that_stands_in_may_be_dearer() {
    let price = |input, output| PriceSpec { input, output, ..PriceSpec::default() };
    let first = EndpointSpec { fallback: vec!["b".to_owned(), "c".to_owned()], ..at("http://a/v1") };
    let mut declared = declared([("a", first), ("b", at("http://b/v1")), ("c", at("http://c/v1"))]);
    declared.prices.insert("a/m".to_owned(), price(1.0, 4.0));
    let traits = |declared: &Declarations| describe(&model("a/m"), declared).model.unwrap();
    assert_eq!((traits(&declared).price, traits(&declared).dearest), (Some(price(1.0, 4.0)), None));
    declared.prices.insert("b/m".to_owned(), price(3.0, 2.0));
    let dearest = traits(&declared).dearest.unwrap();
    assert_eq!((dearest.input, dearest.output, dearest.cached_input), (3.0, 4.0, Some(3.0)));
    assert_eq!(traits(&declared).price, Some(price(1.0, 4.0)), "what is likely is its own price");
}

#[test]
fn nothing_gets_around_the_longest_answer() {
    let extra = json!({"generationConfig": {"maxOutputTokens": 9, "candidateCount": 2, "topK": 3}});
    let spec = AgentSpec { extra: extra.as_object().unwrap().clone(), ..model("google/gemini-2.5-flash") };
    let expect = [
        "extra.generationConfig.maxOutputTokens: `generationConfig.maxOutputTokens` is set elsewhere",
        "extra.generationConfig.candidateCount: `generationConfig.candidateCount` is set elsewhere",
    ];
    check(&spec, &Declarations::default(), &expect);
}
