//! Requests to the web.

use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::fetch::WebRequest;
use serde_json::{Value, json};

use crate::declare::{Field, action, any, integer, map, positive, text};
use crate::params::printed;
use crate::tool::{Act, Acted, Action, Declared, Fault, Tool};

/// How long an answer may take where nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Web;

pub(super) fn declared() -> Declared {
    let mut actions: Vec<Action> = [
        ("get", "Gets what is behind an address"),
        ("post", "Sends something to an address"),
        ("put", "Puts something behind an address"),
        ("patch", "Changes what is behind an address"),
        ("delete", "Removes what is behind an address"),
        ("head", "Gets what is said of an address"),
    ]
    .into_iter()
    .map(|(name, description)| action(name, description, &input(false), &result()).volatile())
    .collect();
    actions.push(action("request", "Sends a request", &input(true), &result()).volatile().or(&["execute"]));
    super::tool(
        "web-request",
        &["web", "http", "http-request", "web_request"],
        "Asks services of the web",
        actions,
        Web,
    )
}

fn input(names_method: bool) -> Vec<Field> {
    let mut input = vec![
        ("url!", text(), "where it goes"),
        ("headers", map(), "what is sent along"),
        ("body", any(), "what is sent: a text, or JSON"),
        ("timeout", positive(), "how many seconds it may take (30)"),
    ];
    if names_method {
        input.push(("method", text(), "GET where absent"));
    }
    input
}

fn result() -> Vec<Field> {
    vec![
        ("url", text(), "where it went"),
        ("status", integer(), "the status"),
        ("headers", map(), "what was sent along, by name in small letters"),
        ("body", text(), "what was answered"),
        ("json", any(), "that as JSON, where it is that"),
    ]
}

#[async_trait]
impl Tool for Web {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let params = &act.params;
        let url = params.needed("url")?;
        let method =
            if act.action == "request" { params.text("method").unwrap_or("GET") } else { act.action };
        let mut headers: Vec<(String, String)> = params
            .map("headers")
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), printed(value)))
            .collect();
        let body = params.get("body").map(|body| match body {
            Value::String(text) => text.clone(),
            other => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                other.to_string()
            }
        });
        let seconds = params.number("timeout").map(Duration::try_from_secs_f64);
        let timeout = seconds.and_then(Result::ok).unwrap_or(PATIENCE);
        let request =
            WebRequest { method: method.to_uppercase(), url: url.to_owned(), headers, body, timeout };
        let response = act.ports.fetch.fetch(request, act.cancel).await.map_err(Fault::Raised)?;
        let read: Option<Value> = serde_json::from_str(&response.body).ok();
        let result = json!({
            "url": url, "status": response.status, "headers": response.headers, "body": response.body, "json": read,
        });
        if response.status >= 400 {
            return Err(
                Fault::reported(format!("{url} answered with status {}", response.status)).with(result)
            );
        }
        Ok(Acted::new(result))
    }
}
