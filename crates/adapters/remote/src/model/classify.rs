//! What a failure is: the one place that looks into what providers say.

use refrain_core::ports::agent::AgentError;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use serde_json::Value;
use std::time::Duration;

use super::wire::Heard;
use crate::client::{TransportError, TransportErrorKind};

/// The longest message that is passed on.
const MESSAGE_CHARS: usize = 600;

/// A response that is no answer.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// The endpoint.
    pub endpoint: &'a str,
    /// Its status; a good one where the error came in the body of a response that began well.
    pub status: u16,
    /// Its body, as text where it is no JSON.
    pub body: &'a Value,
    /// How long its headers ask for a pause.
    pub retry_after: Option<Duration>,
}

/// Whether a failure says that the endpoint is down.
#[must_use]
pub const fn is_outage(status: u16) -> bool {
    status >= 500
}

/// Says what it is that no response, or no whole one, came.
#[must_use]
pub fn transport(endpoint: &str, error: &TransportError) -> AgentError {
    blamed_transport(error.kind, format!("endpoint `{endpoint}`: {error}"))
}

/// Says with what a failure lies: an endpoint that is down, does not know the model or whom it talks to fails every call
/// alike. A gateway that got no answer in time may get one to a shorter question.
fn blamed(error: AgentError, status: u16) -> AgentError {
    let is_agents = match status {
        404 => error.kind == FailureKind::Permanent,
        504 | 524 => false,
        status => is_outage(status) || error.kind == FailureKind::Credentials,
    };
    if is_agents { error.of_agent() } else { error }
}

/// Says what it is that no response, or no whole one, came. Nobody who cannot be reached has looked at what is asked.
pub(crate) fn blamed_transport(kind: TransportErrorKind, message: String) -> AgentError {
    let error = AgentError::new(transport_kind(kind), message);
    if kind == TransportErrorKind::Connect { error.of_agent() } else { error }
}

/// What it means that no response, or no whole one, came.
pub(crate) const fn transport_kind(kind: TransportErrorKind) -> FailureKind {
    match kind {
        TransportErrorKind::Connect | TransportErrorKind::Timeout | TransportErrorKind::Cut => {
            FailureKind::Transient
        }
        TransportErrorKind::TooLarge | TransportErrorKind::Unsendable => FailureKind::Permanent,
    }
}

/// Whether a request may have been served although no response, or no whole one, came.
pub(super) const fn may_be_served(kind: TransportErrorKind) -> bool {
    !matches!(kind, TransportErrorKind::Connect | TransportErrorKind::Unsendable)
}

/// Whether a request may have been served although the response is an error: a gateway that did not wait for the answer
/// says nothing of it, and an answer that began well is served as far as it came.
pub(super) fn is_in_doubt(status: u16, kind: FailureKind, heard: Option<&Heard>) -> bool {
    if !(200..300).contains(&status) {
        return matches!(status, 408 | 499 | 504 | 524);
    }
    let is_silent = heard.is_none_or(|heard| heard.said.text.is_empty() && heard.said.calls.is_empty());
    !(is_silent && matches!(kind, FailureKind::RateLimited | FailureKind::Credentials))
}

/// Says what a response is that is no answer.
#[must_use]
pub fn response(kind: EndpointKind, failed: &Failed<'_>) -> AgentError {
    let told = Told::of(failed.body);
    let verdict = match kind {
        EndpointKind::Openai | EndpointKind::Responses => openai(failed.status, &told),
        EndpointKind::Anthropic => anthropic(&told),
        EndpointKind::Gemini => gemini(&told, failed.body),
    };
    let kind = verdict.unwrap_or_else(|| by_status(told.status(failed.status)));
    let pause = failed.retry_after.or_else(|| retry_info(failed.body));
    AgentError {
        retry_after: pause.filter(|_| matches!(kind, FailureKind::RateLimited | FailureKind::Transient)),
        ..blamed(AgentError::new(kind, message(kind, failed, &told)), told.status(failed.status))
    }
}

fn message(kind: FailureKind, failed: &Failed<'_>, told: &Told) -> String {
    let (endpoint, status) = (failed.endpoint, told.status(failed.status));
    let what = match kind {
        FailureKind::Credentials if is_spent(told) => "the account has nothing left to spend: ",
        _ => "",
    };
    let said: String = told.message.chars().take(MESSAGE_CHARS).collect();
    format!("endpoint `{endpoint}` answered {status}: {what}{said}")
}

/// What a provider says of an error, wherever in the body it says it.
#[derive(Debug, Default)]
struct Told {
    /// Its word for it: `insufficient_quota`, `overloaded_error`, `RESOURCE_EXHAUSTED`.
    words: Vec<String>,
    /// The status it names in the body.
    status: Option<u16>,
    message: String,
    /// Whether it says why it does not like what it was asked.
    is_moderation: bool,
}

impl Told {
    fn of(body: &Value) -> Self {
        // One provider wraps its errors in a list.
        let body = body.as_array().and_then(|items| items.first()).unwrap_or(body);
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let word = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            words: ["code", "type", "status"].into_iter().filter_map(word).collect(),
            status: error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok()),
            message: message_of(error),
            is_moderation: error.pointer("/metadata/reasons").is_some(),
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.contains(&word.as_str()))
    }

    fn mentions(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    /// Returns the status: that of the response, or what the body names where that one is good.
    fn status(&self, status: u16) -> u16 {
        if status < 300 {
            self.status.filter(|named| (400..600).contains(named)).unwrap_or(status)
        } else {
            status
        }
    }
}

fn message_of(error: &Value) -> String {
    let fields = ["message", "detail", "error"];
    let field = fields.iter().find_map(|name| error.get(name).filter(|value| !value.is_null()));
    match field.unwrap_or(error) {
        Value::String(text) if text.trim().is_empty() => "nothing".to_owned(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// What a status means where the body says nothing more exact.
pub(crate) const fn by_status(status: u16) -> FailureKind {
    match status {
        401..=403 => FailureKind::Credentials,
        429 | 503 | 529 => FailureKind::RateLimited,
        // A response that began well, and then did not go on.
        200..=299 | 408 | 409 | 425 | 500.. => FailureKind::Transient,
        _ => FailureKind::Permanent,
    }
}

const SPENT: [&str; 5] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "insufficient_balance",
];

/// An account that is spent stops the run, as a wrong key does: no other call will do better.
fn is_spent(told: &Told) -> bool {
    told.says(&SPENT)
        || told.mentions(&["credit balance is too low", "insufficient balance", "insufficient credits"])
}

fn openai(status: u16, told: &Told) -> Option<FailureKind> {
    if is_spent(told) {
        return Some(FailureKind::Credentials);
    }
    if told.says(&["content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"])
        || (status == 403 && told.is_moderation)
    {
        return Some(FailureKind::Filtered);
    }
    // A request beyond what is allowed per minute is never let in, however long it waits.
    if told.says(&["context_length_exceeded"])
        || told.mentions(&["maximum context length", "request too large", "context window"])
    {
        return Some(FailureKind::Permanent);
    }
    if told.says(&["invalid_api_key", "authentication_error"]) {
        return Some(FailureKind::Credentials);
    }
    if told.says(&["rate_limit_exceeded", "rate_limit_error", "overloaded_error", "engine_overloaded"]) {
        return Some(FailureKind::RateLimited);
    }
    told.says(&["server_error"]).then_some(FailureKind::Transient).filter(|_| status < 300)
}

fn anthropic(told: &Told) -> Option<FailureKind> {
    if is_spent(told) || told.says(&["authentication_error", "permission_error"]) {
        return Some(FailureKind::Credentials);
    }
    if told.says(&["rate_limit_error", "overloaded_error"]) {
        return Some(FailureKind::RateLimited);
    }
    if told.says(&["api_error", "timeout_error"]) {
        return Some(FailureKind::Transient);
    }
    told.says(&["invalid_request_error", "not_found_error", "request_too_large"])
        .then_some(FailureKind::Permanent)
}

fn gemini(told: &Told, body: &Value) -> Option<FailureKind> {
    let details = body.to_string();
    if told.says(&["UNAUTHENTICATED", "PERMISSION_DENIED"]) || details.contains("API_KEY_INVALID") {
        return Some(FailureKind::Credentials);
    }
    if told.says(&["RESOURCE_EXHAUSTED"]) {
        // What is spent for the day does not come back while anybody waits.
        let is_daily = details.contains("PerDay");
        return Some(if is_daily { FailureKind::Credentials } else { FailureKind::RateLimited });
    }
    if told.says(&["UNAVAILABLE"]) {
        return Some(FailureKind::RateLimited);
    }
    if told.says(&["INTERNAL", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "UNKNOWN"]) {
        return Some(FailureKind::Transient);
    }
    told.says(&["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE"])
        .then_some(FailureKind::Permanent)
}

/// Reads the pause that Google asks for in the body: `"retryDelay": "17s"`.
fn retry_info(body: &Value) -> Option<Duration> {
    let body = body.as_array().and_then(|items| items.first()).unwrap_or(body);
    let details = body.pointer("/error/details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use EndpointKind::{Anthropic, Gemini, Openai};
    use FailureKind::{Credentials, Filtered, Permanent, RateLimited, Transient};
    use serde_json::json;

    fn check(kind: EndpointKind, status: u16, body: &Value, expect: FailureKind) {
        let failed = Failed { endpoint: "e", status, body, retry_after: None };
        let error = response(kind, &failed);
        assert_eq!(error.kind, expect, "{kind:?} {status} {body}: {error}");
    }

    #[test]
    fn failures_lie_with_the_endpoint_or_with_what_is_asked() {
        use refrain_core::ports::agent::Blame;
        let check = |status: u16, expect: Blame| {
            let body = json!({"error": {"message": "no"}});
            let failed = Failed { endpoint: "e", status, body: &body, retry_after: None };
            assert_eq!(response(Openai, &failed).blame, expect, "{status}");
        };
        [401, 403, 404, 500, 502, 503, 520].map(|status| check(status, Blame::Agent));
        [200, 400, 408, 413, 422, 504, 524].map(|status| check(status, Blame::Units));
        let blame = |kind| blamed_transport(kind, String::new()).blame;
        assert_eq!(blame(TransportErrorKind::Connect), Blame::Agent);
        assert_eq!([TransportErrorKind::Timeout, TransportErrorKind::Cut].map(blame), [Blame::Units; 2]);
    }

    #[test]
    fn openai_and_its_kin() {
        let error = |kind: &str, code: Value, message: &str| json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
        let check = |status, body: Value, expect| check(Openai, status, &body, expect);
        check(
            401,
            error("invalid_request_error", json!("invalid_api_key"), "Incorrect API key"),
            Credentials,
        );
        check(
            403,
            error("invalid_request_error", json!("unsupported_country_region_territory"), "no"),
            Credentials,
        );
        check(429, error("requests", json!("rate_limit_exceeded"), "Rate limit reached for m"), RateLimited);
        check(
            429,
            error("tokens", json!("rate_limit_exceeded"), "Request too large for m on tokens per min"),
            Permanent,
        );
        check(
            429,
            error("insufficient_quota", json!("insufficient_quota"), "You exceeded your quota"),
            Credentials,
        );
        check(
            400,
            error(
                "invalid_request_error",
                json!("context_length_exceeded"),
                "This model's maximum context length is 8192 tokens",
            ),
            Permanent,
        );
        check(
            400,
            error("invalid_request_error", json!("content_filter"), "The response was filtered"),
            Filtered,
        );
        check(
            400,
            error("invalid_request_error", json!(null), "Invalid schema for response_format"),
            Permanent,
        );
        check(
            404,
            error("invalid_request_error", json!("model_not_found"), "The model `m` does not exist"),
            Permanent,
        );
        check(500, error("server_error", json!(null), "The server had an error"), Transient);
        check(503, error("server_error", json!(null), "The engine is currently overloaded"), RateLimited);
        check(
            402,
            json!({"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}),
            Credentials,
        );
        check(402, json!({"error": {"message": "Insufficient credits", "code": 402}}), Credentials);
        check(
            403,
            json!({"error": {"message": "flagged", "code": 403, "metadata": {"reasons": ["x"]}}}),
            Filtered,
        );
        check(200, json!({"error": {"message": "Provider returned error", "code": 502}}), Transient);
        check(200, json!({"error": {"message": "slow down", "code": 429}}), RateLimited);
        check(404, json!({"detail": "Not Found"}), Permanent);
        check(
            400,
            json!({"object": "error", "message": "This model's maximum context length is 4096 tokens", "code": 400}),
            Permanent,
        );
        check(404, json!({"error": "model 'x' not found"}), Permanent);
    }

    #[test]
    fn statuses_where_the_body_says_nothing() {
        for kind in [Openai, Anthropic, Gemini] {
            let check = |status, expect| check(kind, status, &json!("<html>oops</html>"), expect);
            for status in [408, 409, 425, 500, 502, 504, 520, 522, 524] {
                check(status, Transient);
            }
            for status in [429, 503, 529] {
                check(status, RateLimited);
            }
            for status in [301, 400, 404, 405, 413, 422] {
                check(status, Permanent);
            }
            for status in [401, 402, 403] {
                check(status, Credentials);
            }
        }
    }

    #[test]
    fn anthropic() {
        let check = |status, kind: &str, message: &str, expect| {
            let body =
                json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"});
            check(Anthropic, status, &body, expect);
        };
        check(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", Permanent);
        check(
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            Credentials,
        );
        check(401, "authentication_error", "invalid x-api-key", Credentials);
        check(402, "billing_error", "There's an issue with your billing", Credentials);
        check(403, "permission_error", "no", Credentials);
        check(404, "not_found_error", "model: claude-x", Permanent);
        check(413, "request_too_large", "Request exceeds the maximum size", Permanent);
        check(429, "rate_limit_error", "Number of requests has exceeded your limit", RateLimited);
        check(500, "api_error", "Internal server error", Transient);
        check(504, "timeout_error", "took too long", Transient);
        check(529, "overloaded_error", "Overloaded", RateLimited);
        // In the middle of a stream.
        check(200, "overloaded_error", "Overloaded", RateLimited);
        check(200, "api_error", "Internal server error", Transient);
    }

    #[test]
    fn gemini() {
        let body = |code: u16, status: &str, details: Value| json!({"error": {"code": code, "message": "m", "status": status, "details": details}});
        let check =
            |code, status: &str, details, expect| check(Gemini, code, &body(code, status, details), expect);
        check(400, "INVALID_ARGUMENT", json!([]), Permanent);
        check(400, "INVALID_ARGUMENT", json!([{"reason": "API_KEY_INVALID"}]), Credentials);
        check(400, "FAILED_PRECONDITION", json!([]), Permanent);
        check(403, "PERMISSION_DENIED", json!([]), Credentials);
        check(404, "NOT_FOUND", json!([]), Permanent);
        check(429, "RESOURCE_EXHAUSTED", json!([]), RateLimited);
        check(
            429,
            "RESOURCE_EXHAUSTED",
            json!([{"violations": [{"quotaId": "RequestsPerDay-FreeTier"}]}]),
            Credentials,
        );
        check(500, "INTERNAL", json!([]), Transient);
        check(503, "UNAVAILABLE", json!([]), RateLimited);
        check(504, "DEADLINE_EXCEEDED", json!([]), Transient);

        let details = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}]);
        let body = json!([body(429, "RESOURCE_EXHAUSTED", details)]);
        let failed = Failed { endpoint: "e", status: 429, body: &body, retry_after: None };
        assert_eq!(response(Gemini, &failed).retry_after, Some(Duration::from_millis(17_500)));
    }

    #[test]
    fn messages_say_who_said_what() {
        let body =
            json!({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}});
        let failed = Failed { endpoint: "openai", status: 429, body: &body, retry_after: None };
        assert_eq!(
            response(Openai, &failed).message,
            "endpoint `openai` answered 429: the account has nothing left to spend: You exceeded your current quota"
        );
    }
}
