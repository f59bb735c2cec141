//! Keys go to their service and nowhere else.

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec, EnvValue, HeaderValue};
use refrain_schemas::failure::FailureKind;
use serde_json::json;

use crate::openai::answer;
use crate::server::{Canned, Server};
use crate::world::{KEY, World, ask_text, endpoint, remote};

#[tokio::test]
async fn a_key_that_comes_back_goes_no_further() {
    let echo = format!("your key is {KEY}");
    for kind in [EndpointKind::Openai, EndpointKind::Responses, EndpointKind::Anthropic, EndpointKind::Gemini]
    {
        for status in [200, 400, 401, 429, 500] {
            let body =
                json!({"error": {"message": echo}, "choices": [{"message": {"content": echo}}], KEY: 1});
            let server = Server::start([Canned::json(status, &body)]).await;
            let error = World::at(&server, kind, AgentSpec::default()).ask(ask_text()).await.unwrap_err();
            assert!(!format!("{error:?}").contains(KEY), "{kind:?} {status}: {error:?}");
        }
    }
    for body in [answer(&echo).to_string(), echo.clone()] {
        let server = Server::start([Canned::text(200, &body)]).await;
        let reply = World::at(&server, EndpointKind::Openai, AgentSpec::default()).ask(ask_text()).await;
        assert!(!format!("{reply:?}").contains(KEY), "{reply:?}");
    }
}

#[tokio::test]
async fn a_key_in_a_declared_header_stands_for_the_usual_one() {
    let server = Server::start([Canned::json(200, &answer("hallo"))]).await;
    let env = EnvValue { env: "KEY".to_owned(), prefix: Some("Token ".to_owned()) };
    let headers = [
        ("Authorization".to_owned(), HeaderValue::Env(env)),
        ("X-Team".to_owned(), HeaderValue::Text("loc".to_owned())),
    ];
    let spec =
        EndpointSpec { headers: headers.into_iter().collect(), ..endpoint(&server, EndpointKind::Openai) };
    let world = World::among(&remote(), [("here", spec)], AgentSpec::default());
    let reply = world.ask(ask_text()).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.header("authorization"), Some(format!("Token {KEY}").as_str()));
    assert_eq!(asked.headers.iter().filter(|(name, _)| name == "authorization").count(), 1);
    assert_eq!(asked.header("x-team"), Some("loc"));
    assert!(!format!("{reply:?}{:?}", world.agent).contains(KEY));
}

#[tokio::test]
async fn a_key_that_is_missing_is_named_before_anything_is_sent() {
    let server = Server::start([]).await;
    let spec =
        EndpointSpec { api_key_env: Some("NO_KEY".to_owned()), ..endpoint(&server, EndpointKind::Openai) };
    let world = World::among(&remote(), [("here", spec)], AgentSpec::default());
    let error = world.agent.open().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credentials);
    assert!(error.message.contains("`NO_KEY`"), "{error}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn addresses_are_kept_without_their_queries() {
    let server = Server::start([Canned::json(200, &answer("hallo"))]).await;
    let base_url = Some(format!("{}/v1?token={KEY}", server.url));
    let spec = EndpointSpec { base_url, ..endpoint(&server, EndpointKind::Openai) };
    let world = World::among(&remote(), [("here", spec)], AgentSpec::default());
    let reply = world.ask(ask_text()).await.unwrap();
    assert_eq!(server.asked()[0].line, format!("POST /v1/chat/completions?token={KEY}"));
    assert_eq!(reply.trace.exchanges[0].to, format!("POST {}/v1/chat/completions", server.url));
}
