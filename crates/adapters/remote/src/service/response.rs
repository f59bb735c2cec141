//! What a service said, and what that means.

use std::time::Duration;

use refrain_core::expression::Expression;
use refrain_core::ports::agent::{AgentError, Reply};
use refrain_core::protocol::reply;
use refrain_core::template::Context;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::protocol::AnswerLine;
use serde_json::{Value, json};

use crate::client::TransportError;
use crate::model::classify::{blamed_transport, by_status};

/// The longest piece of a response that a message quotes.
const QUOTED_CHARS: usize = 300;

/// A whole response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// How long its headers ask for a pause.
    pub(super) retry_after: Option<Duration>,
    /// JSON, or else the text as it is.
    pub(super) body: Value,
    /// Whether the body is JSON.
    pub(super) is_json: bool,
}

impl Response {
    /// Returns the response where it is a good one.
    ///
    /// # Errors
    /// Says what it is else.
    pub(super) fn good(self, service: &str) -> Result<Self, AgentError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let kind = by_status(self.status);
        let said = said(&self.body);
        let hint = if (300..400).contains(&self.status) { " (redirects are not followed)" } else { "" };
        let error = AgentError::new(kind, format!("{service} answered {}{hint}: {said}", self.status));
        let pauses = matches!(kind, FailureKind::RateLimited | FailureKind::Transient);
        Err(AgentError { retry_after: self.retry_after.filter(|_| pauses), ..error })
    }

    /// Reads the answer to a call.
    ///
    /// # Errors
    /// Fails where it is none.
    pub(super) fn answer(self, call: &str, service: &str) -> Result<Reply, AgentError> {
        if !self.is_json {
            let message = format!("{service} answered something that is no JSON: {}", said(&self.body));
            return Err(AgentError::new(FailureKind::Transient, message));
        }
        let invalid = |message: String| AgentError::new(FailureKind::Invalid, message);
        let answer: AnswerLine = serde_json::from_value(self.body)
            .map_err(|error| invalid(format!("the answer has the wrong shape: {error}")))?;
        if answer.call != call {
            return Err(invalid("the answer names another call".to_owned()));
        }
        Ok(reply(answer))
    }

    /// Returns the output that the response is, or that an expression picks out of it.
    pub(super) fn output(self, select: Option<&Expression>) -> Result<Json, Failure> {
        let invalid = |message: String| Failure { kind: FailureKind::Invalid, message };
        let value = match select {
            Some(select) => {
                let context = Context::of(&json!({ "response": self.body }));
                select.eval(&context).map_err(|error| invalid(format!("`select`: {error}")))?
            }
            None if self.is_json => self.body,
            None => return Err(invalid(format!("the response is no JSON: {}", said(&self.body)))),
        };
        Json::of(&value).map_err(|error| invalid(error.to_string()))
    }
}

/// Says what it is that no response, or no whole one, came.
pub(super) fn transport(service: &str, error: &TransportError) -> AgentError {
    blamed_transport(error.kind, format!("{service}: {error}"))
}

/// Returns what a body says of an error, on one line that is short enough for a message.
fn said(body: &Value) -> String {
    let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
    let field = ["message", "detail", "error"].iter().find_map(|name| error.get(name)?.as_str());
    let text = match (field, error) {
        (Some(text), _) => text.to_owned(),
        (None, Value::String(text)) => text.clone(),
        (None, Value::Null) => String::new(),
        (None, other) => other.to_string(),
    };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() { "nothing".to_owned() } else { words.chars().take(QUOTED_CHARS).collect() }
}
