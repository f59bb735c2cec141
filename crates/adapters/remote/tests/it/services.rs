//! Plain services: what they are sent, and what becomes of what they say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{Agent, AgentError, AgentFactory as _, Blueprint, Draft, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::agent_spec::{AgentSpec, HttpSpec};
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec, EnvValue, HeaderValue, RateLimits};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::pipeline::Declarations;
use refrain_testkit::ask::{json, request, scope};
use refrain_testkit::contract::agent::conforms;
use refrain_testkit::remarks::RecordingRemarks;
use serde_json::{Value, json};

use crate::server::{Canned, Server};
use crate::world::{KEY, endpoint, outputs, remote};

fn http(server: &Server, path: &str) -> HttpSpec {
    HttpSpec { url: format!("{}{path}", server.url), ..HttpSpec::default() }
}

fn templated(server: &Server, body: Value, select: &str) -> HttpSpec {
    HttpSpec { body: Some(body), select: Some(select.to_owned()), ..http(server, "/label") }
}

fn agent(http: HttpSpec, declared: Declarations) -> Arc<dyn Agent> {
    let spec = AgentSpec { http: Some(http), ..AgentSpec::default() };
    let blueprint = Blueprint {
        name: "service".parse().unwrap(),
        spec,
        declared: Arc::new(declared),
        clone: 0,
        remarks: RecordingRemarks::new(),
    };
    remote().services().make(&blueprint).unwrap()
}

async fn ask(http: HttpSpec, request: Request) -> Result<Reply, AgentError> {
    agent(http, Declarations::default()).answer(request, &Cancel::new()).await
}

fn two() -> Request {
    let mut asked = request(7, &[("a", json!({"text": "hi", "n": 3})), ("b", json!({"text": "ho", "n": 4}))]);
    asked.scope = scope(&[("language", "ja")]);
    asked.params = json(&json!({"tone": "formal"}));
    asked.context = json(&json!({"glossary": [1]}));
    asked
}

fn answers() -> Value {
    json!({
        "call": "c7",
        "units": [{"id": "b", "output": {"x": 1}}, {"id": "a", "error": {"kind": "refused", "message": "no"}}],
        "usage": {"input_tokens": 5, "cost_usd": 0.25},
    })
}

#[tokio::test]
async fn a_service_gets_and_answers_what_a_command_does() {
    let server = Server::start([Canned::json(200, &answers())]).await;
    let reply = ask(http(&server, "/ask?x=1"), two()).await.unwrap();
    let expect = [("b", Ok(json!({"x": 1}))), ("a", Err("refused: no".to_owned()))];
    assert_eq!(outputs(&reply), expect.map(|(id, result)| (id.to_owned(), result)));
    assert_eq!((reply.usage.input_tokens, reply.usage.cost_usd), (5, Some(0.25)));
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /ask?x=1");
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    let sent = json!({
        "call": "c7", "phase": "test", "scope": {"language": "ja"}, "params": {"tone": "formal"},
        "context": {"glossary": [1]},
        "units": [
            {"id": "a", "input": {"text": "hi", "n": 3}, "context": {}},
            {"id": "b", "input": {"text": "ho", "n": 4}, "context": {}},
        ],
    });
    assert_eq!(asked[0].body, sent);
    let exchange = &reply.trace.exchanges[0];
    assert_eq!((exchange.status, &exchange.request), (Some(200), &sent));
    assert_eq!(exchange.to, format!("POST {}/ask", server.url));
    assert_eq!(reply.trace.served, None);
}

#[tokio::test]
async fn a_templated_body_is_filled_for_each_unit() {
    let said = |text: &str| Canned::json(200, &json!({"data": [{"label": text, "score": 0.5}]}));
    let server = Server::start([said("one"), said("two")]).await;
    let body = json!({
        "id": "{{ unit.id }}", "n": "{{ unit.n }}", "fixed": [1, null],
        "text": "{{ params.tone }} {{ unit.text }} in {{ scope.language }}", "terms": "{{ context.glossary }}",
    });
    let spec = HttpSpec { method: Some("put".to_owned()), ..templated(&server, body, "response.data[0]") };
    let reply = ask(spec, two()).await.unwrap();
    let label = |text: &str| Ok(json!({"label": text, "score": 0.5}));
    assert_eq!(outputs(&reply), [("a".to_owned(), label("one")), ("b".to_owned(), label("two"))]);
    let asked = server.asked();
    assert_eq!(asked[1].line, "PUT /label");
    let sent = json!({"id": "a", "n": 3, "fixed": [1, null], "text": "formal hi in ja", "terms": [1]});
    assert_eq!(asked[0].body, sent);
    assert_eq!(reply.trace.exchanges.len(), 2);
}

#[tokio::test]
async fn keys_headers_and_limits_come_from_the_endpoint() {
    let server = Server::always(Canned::json(200, &answers())).await;
    let limits = RateLimits { requests_per_minute: Some(60), ..RateLimits::default() };
    let plain = |text: &str| HeaderValue::Text(text.to_owned());
    let secret =
        |prefix: &str| HeaderValue::Env(EnvValue { env: "KEY".to_owned(), prefix: Some(prefix.to_owned()) });
    let here = EndpointSpec {
        limits: Some(limits),
        headers: [("X-A".to_owned(), plain("endpoint")), ("X-B".to_owned(), plain("b"))].into(),
        ..endpoint(&server, EndpointKind::Openai)
    };
    let declared = Declarations { endpoints: [("here".to_owned(), here)].into(), ..Declarations::default() };
    let spec = HttpSpec {
        url: "label".to_owned(),
        endpoint: Some("here".to_owned()),
        headers: [("x-a".to_owned(), plain("own")), ("X-Key".to_owned(), secret("Token "))].into(),
        ..HttpSpec::default()
    };
    let draft_spec = AgentSpec { http: Some(spec.clone()), ..AgentSpec::default() };
    let traits = remote().services().describe(&Draft { spec: &draft_spec, declared: &declared });
    let gate = traits.gate.unwrap();
    assert_eq!((gate.name.as_str(), gate.limits, gate.within), ("here", limits, None));
    assert!(
        !traits.identity.contains("here") && !traits.identity.contains(&server.url),
        "{}",
        traits.identity
    );

    let reply = agent(spec, declared).answer(two(), &Cancel::new()).await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /v1/label");
    assert_eq!(asked.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(asked.header("x-key"), Some(&*format!("Token {KEY}")));
    assert_eq!((asked.header("x-a"), asked.header("x-b")), (Some("own"), Some("b")));
    let served = reply.trace.served.clone().unwrap();
    assert_eq!((served.endpoint.as_str(), served.requests), ("here", 1));
    assert!(!format!("{reply:?}").contains(KEY));
}

#[tokio::test]
async fn a_missing_secret_is_named_before_anything_is_sent() {
    let server = Server::always(Canned::json(200, &answers())).await;
    let header = HeaderValue::Env(EnvValue { env: "GONE".to_owned(), prefix: None });
    let spec = HttpSpec { headers: [("X-Key".to_owned(), header)].into(), ..http(&server, "/") };
    let error = ask(spec, two()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credentials);
    assert!(error.message.contains("`GONE`"), "{error}");
    assert!(server.asked().is_empty());
}

async fn failure(canned: Canned) -> AgentError {
    let server = Server::start([canned]).await;
    let error = ask(http(&server, "/"), two()).await.unwrap_err();
    assert_eq!(server.asked().len(), 1, "nothing is sent twice");
    assert_eq!(error.trace.exchanges.len(), 1);
    error
}

#[tokio::test]
async fn failures_are_told_by_kind() {
    let body = json!({"error": {"message": "as told"}});
    for (status, kind) in [
        (400, FailureKind::Permanent),
        (401, FailureKind::Credentials),
        (403, FailureKind::Credentials),
        (404, FailureKind::Permanent),
        (408, FailureKind::Transient),
        (422, FailureKind::Permanent),
        (429, FailureKind::RateLimited),
        (500, FailureKind::Transient),
        (502, FailureKind::Transient),
        (503, FailureKind::RateLimited),
        (302, FailureKind::Permanent),
    ] {
        let error = failure(Canned::json(status, &body).with("retry-after", "7")).await;
        assert_eq!(error.kind, kind, "{status}: {error}");
        assert!(error.message.contains(&status.to_string()) && error.message.contains("as told"), "{error}");
        let waits = matches!(kind, FailureKind::Transient | FailureKind::RateLimited);
        assert_eq!(error.retry_after, waits.then(|| Duration::from_secs(7)), "{status}");
    }
    let error = failure(Canned::text(200, "<html>hello</html>")).await;
    assert_eq!(error.kind, FailureKind::Transient);
    assert!(error.message.contains("<html>hello</html>"), "{error}");
    assert_eq!(failure(Canned::json(200, &json!({"units": []}))).await.kind, FailureKind::Invalid);
    assert_eq!(
        failure(Canned::json(200, &json!({"call": "c8", "units": []}))).await.kind,
        FailureKind::Invalid
    );
    assert_eq!(failure(Canned::json(200, &answers()).cut()).await.kind, FailureKind::Transient);
}

#[tokio::test]
async fn one_units_failure_costs_no_other_its_reply() {
    let good = || Canned::json(200, &json!({"x": 1}));
    let body = json!("{{ unit.id }}");
    let server = Server::start([Canned::json(422, &json!("bad")), good()]).await;
    let reply = ask(templated(&server, body.clone(), "response"), two()).await.unwrap();
    let said = outputs(&reply);
    assert!(said[0].1.as_ref().unwrap_err().starts_with("permanent: the service answered 422"), "{said:?}");
    assert_eq!(said[1].1, Ok(json!({"x": 1})));

    let server = Server::start([good(), Canned::text(429, ""), good()]).await;
    let mut three = two();
    three.units.push(three.units[1].clone());
    let reply = ask(templated(&server, body.clone(), "response.x"), three).await.unwrap();
    let said = outputs(&reply);
    assert_eq!(said[0].1, Ok(json!(1)));
    assert!(said[1].1.as_ref().unwrap_err().starts_with("rate_limited"), "{said:?}");
    assert_eq!(said[1].1, said[2].1);
    assert_eq!(server.asked().len(), 2, "a service that wants a pause is left alone");

    let server = Server::start([Canned::text(429, "").with("retry-after", "3")]).await;
    let error = ask(templated(&server, body, "response"), two()).await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (FailureKind::RateLimited, Some(Duration::from_secs(3))));
}

#[tokio::test]
async fn an_output_that_cannot_be_picked_is_invalid() {
    for (select, body) in [("response.gone", json!({"x": 1})), ("response[0].x", json!({}))] {
        let server = Server::start([Canned::json(200, &body)]).await;
        let mut one = two();
        one.units.truncate(1);
        let reply = ask(templated(&server, json!({}), select), one).await.unwrap();
        let said = outputs(&reply)[0].1.clone().unwrap_err();
        assert!(said.starts_with("invalid: `select`: "), "{said}");
    }
    let server = Server::start([Canned::text(200, "plain text"), Canned::text(200, "plain text")]).await;
    let spec = HttpSpec { select: None, ..templated(&server, json!({}), "") };
    assert!(outputs(&ask(spec, two()).await.unwrap())[0].1.as_ref().unwrap_err().contains("no JSON"));
    let server = Server::start([Canned::text(200, "plain text"), Canned::text(200, "plain text")]).await;
    let said = outputs(&ask(templated(&server, json!({}), "{'text': response}"), two()).await.unwrap());
    assert_eq!(said[0].1, Ok(json!({"text": "plain text"})));
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let server = Server::always(Canned::hang()).await;
    let agent = agent(http(&server, "/"), Declarations::default());
    let cancel = Cancel::new();
    let asked = async {
        while server.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.fire();
    };
    let (outcome, ()) = tokio::join!(agent.answer(two(), &cancel), asked);
    assert_eq!(outcome.unwrap_err().kind, FailureKind::Cancelled);
}

#[tokio::test]
async fn services_keep_the_contract() {
    let server = Server::always(Canned::json(200, &json!({"x": 1}))).await;
    let spec = templated(&server, json!({"id": "{{ unit.id }}"}), "response");
    let request = request(1, &[("a", json!({"text": "hi"}))]);
    conforms(|| agent(spec.clone(), Declarations::default()), &request).await;
}

fn problems(http: HttpSpec) -> Vec<String> {
    let declared = Declarations {
        endpoints: BTreeMap::from([(
            "here".to_owned(),
            EndpointSpec { base_url: Some("http://x/v1".to_owned()), ..EndpointSpec::default() },
        )])
        .into_iter()
        .collect(),
        ..Declarations::default()
    };
    let spec = AgentSpec { http: Some(http), ..AgentSpec::default() };
    let problems = remote().services().check(&Draft { spec: &spec, declared: &declared });
    problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
}

#[test]
fn specs_are_checked() {
    let check = |http: HttpSpec, expect: &[&str]| assert_eq!(problems(http), expect);
    let at = |url: &str| HttpSpec { url: url.to_owned(), ..HttpSpec::default() };
    let asks = |body: Value, select: &str| HttpSpec {
        body: Some(body),
        select: Some(select.to_owned()),
        ..at("http://x")
    };
    check(at("http://localhost:8080/ask"), &[]);
    check(at("/ask"), &["http.url: this is no `http://` or `https://` address"]);
    check(at("ftp://x"), &["http.url: this is no `http://` or `https://` address"]);
    check(at("http://me:hidden@x"), &["http.url: the address holds credentials"]);
    check(at("http://x/{{ unit.id }}"), &["http.url: an address is no template"]);
    let behind = |endpoint: &str, url: &str| HttpSpec { endpoint: Some(endpoint.to_owned()), ..at(url) };
    check(behind("here", "/ask"), &[]);
    check(behind("gone", "/ask"), &["http.endpoint: no endpoint is called `gone`"]);
    check(behind("here", "http://x/ask"), &["http.url: behind an endpoint this is a path"]);
    let method = HttpSpec { method: Some("GET".to_owned()), ..at("http://x") };
    check(method, &["http.method: `GET` is no method that sends a body"]);
    check(asks(json!({"a": "{{ unit.a }} {{ scope.b }}"}), "response.a"), &[]);
    check(
        asks(json!({"a": ["{{ unit. }}"]}), "response"),
        &["http.body.a[0]: unexpected end of input, expected identifier or integer"],
    );
    check(asks(json!("{{ record.a }}"), "response"), &["http.body: the template reads `record`"]);
    check(asks(json!({}), "reply.a"), &["http.select: the expression reads `reply.a`"]);
    let select = HttpSpec { select: Some("response".to_owned()), ..at("http://x") };
    check(select, &["http.select: without a `body` the service answers as a command does"]);
    let header = |name: &str, value: HeaderValue| HttpSpec {
        headers: [(name.to_owned(), value)].into(),
        ..at("http://x")
    };
    let env = |name: &str| HeaderValue::Env(EnvValue { env: name.to_owned(), prefix: None });
    check(header("X Key", env("KEY")), &["http.headers.X Key: this is no name of a header"]);
    check(header("X-Key", env("sk-key")), &["http.headers.X-Key.env: this is no name of a variable"]);
    check(
        header("X-Key", HeaderValue::Text("a\nb".to_owned())),
        &["http.headers.X-Key: the value has characters that no header may have"],
    );
}

#[test]
fn the_identity_is_what_is_asked_and_taken() {
    let of = |http: HttpSpec| {
        let spec = AgentSpec { http: Some(http), ..AgentSpec::default() };
        remote().services().describe(&Draft { spec: &spec, declared: &Declarations::default() }).identity
    };
    let base = HttpSpec { url: "http://x".to_owned(), body: Some(json!({"a": 1})), ..HttpSpec::default() };
    let same = HttpSpec {
        method: Some("post".to_owned()),
        headers: [("X-A".to_owned(), HeaderValue::Text("1".to_owned()))].into(),
        ..base.clone()
    };
    assert_eq!(of(base.clone()), of(same));
    let others = [
        HttpSpec { url: "http://y".to_owned(), ..base.clone() },
        HttpSpec { method: Some("PUT".to_owned()), ..base.clone() },
        HttpSpec { body: Some(json!({"a": 2})), ..base.clone() },
        HttpSpec { body: None, ..base.clone() },
        HttpSpec { select: Some("response".to_owned()), ..base.clone() },
    ];
    for other in others {
        assert_ne!(of(base.clone()), of(other));
    }
}
