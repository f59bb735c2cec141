//! What tools ask of the web.

use std::time::Duration;

use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::fetch::{Fetch as _, WebRequest};
use refrain_remote::WebFetch;
use refrain_schemas::failure::FailureKind;
use serde_json::json;

use crate::server::{Canned, Server};

fn request(method: &str, url: String) -> WebRequest {
    let headers = vec![("x-mine".to_owned(), "1".to_owned())];
    let body = (method == "POST").then(|| "{\"a\":1}".to_owned());
    WebRequest { method: method.to_owned(), url, headers, body, timeout: Duration::from_secs(10) }
}

#[tokio::test]
async fn any_status_is_an_answer() {
    let server = Server::start([
        Canned::json(200, &json!({"ok": true})).with("x-theirs", "2"),
        Canned::text(404, "gone"),
    ])
    .await;
    let web = WebFetch::new().reaching_inside();
    let found = web.fetch(request("POST", format!("{}/a?b=c", server.url)), &Cancel::new()).await.unwrap();
    assert_eq!((found.status, found.body.as_str()), (200, "{\"ok\":true}"));
    assert_eq!(found.headers["x-theirs"], "2");
    let found = web.fetch(request("GET", server.url.clone()), &Cancel::new()).await.unwrap();
    assert_eq!((found.status, found.body.as_str()), (404, "gone"));
    let asked = server.asked();
    assert_eq!((asked[0].line.as_str(), asked[0].header("x-mine")), ("POST /a?b=c", Some("1")));
    assert_eq!(asked[0].body, json!({"a": 1}));
}

#[tokio::test]
async fn it_is_led_on_within_one_place_only() {
    let elsewhere = Server::start([Canned::text(200, "elsewhere")]).await;
    let server = Server::start([
        Canned::text(302, "").with("location", "/next"),
        Canned::text(200, "next"),
        Canned::text(302, "").with("location", &elsewhere.url),
    ])
    .await;
    let web = WebFetch::new().reaching_inside();
    let found = web.fetch(request("POST", server.url.clone()), &Cancel::new()).await.unwrap();
    assert_eq!((found.status, found.body.as_str()), (200, "next"));
    assert_eq!(server.asked()[1].line, "GET /next");
    let found = web.fetch(request("GET", server.url.clone()), &Cancel::new()).await.unwrap();
    assert_eq!(found.status, 302);
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn this_machine_is_out_of_reach() {
    let server = Server::start([Canned::text(200, "secret")]).await;
    let error = WebFetch::new().fetch(request("GET", server.url.clone()), &Cancel::new()).await.unwrap_err();
    assert!(error.kind == FailureKind::Permanent && error.message.contains("not of the web"), "{error}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let server = Server::start([Canned::hang(), Canned::hang()]).await;
    let web = WebFetch::new().reaching_inside();
    let hasty = WebRequest { timeout: Duration::from_millis(200), ..request("GET", server.url.clone()) };
    assert_eq!(web.fetch(hasty, &Cancel::new()).await.unwrap_err().kind, FailureKind::TimedOut);
    let cancel = Cancel::new();
    cancel.fire();
    let error = web.fetch(request("GET", server.url.clone()), &cancel).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Cancelled);
}
