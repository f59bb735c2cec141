//! What goes wrong with a server: the one place that says what kind of failure it is.

use std::time::Duration;

use refrain_core::ports::agent::AgentError;
use refrain_schemas::failure::FailureKind;
use rmcp::model::{ErrorCode, ErrorData};
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

/// The longest piece of what a server said that a message quotes, in characters.
const QUOTE: usize = 500;

/// Why a server did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the connection is of no use any more.
    pub(crate) lost: bool,
}

impl Trouble {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, lost: false }
    }

    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permanent, message)
    }

    pub(crate) fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Transient, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "the call was cancelled")
    }

    pub(crate) fn lost(self) -> Self {
        Self { lost: true, ..self }
    }

    /// Returns the error of a call to a server.
    pub(crate) fn of_server(self, server: &str) -> AgentError {
        let message = match self.kind {
            FailureKind::Cancelled => self.message,
            _ => format!("MCP server `{server}`: {}", self.message),
        };
        AgentError { retry_after: self.retry_after, ..AgentError::new(self.kind, message) }
    }
}

/// Says why a server could not be connected to.
pub(crate) fn of_start(error: &ClientInitializeError) -> Trouble {
    match error {
        ClientInitializeError::JsonRpcError(error) => {
            Trouble::permanent(format!("it refused to begin: {}", said(error)))
        }
        ClientInitializeError::TransportError { error, .. } => of_transport(error),
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
            Trouble::permanent("it speaks no version of the protocol that is known here")
        }
        ClientInitializeError::ConnectionClosed(_) => {
            Trouble::transient("it closed the connection before it had begun")
        }
        _ => Trouble::transient("it answered something that is no beginning of a conversation"),
    }
}

/// Says why a request has no answer.
pub(crate) fn of_service(error: &ServiceError) -> Trouble {
    match error {
        ServiceError::McpError(error) => Trouble::transient(said(error)),
        ServiceError::TransportSend(error) => of_transport(error).lost(),
        ServiceError::TransportClosed | ServiceError::Cancelled { .. } => {
            Trouble::transient("it closed the connection").lost()
        }
        ServiceError::UnexpectedResponse => {
            Trouble::transient("it answered something else than was asked for")
        }
        ServiceError::Timeout { timeout } => {
            Trouble::transient(format!("no answer within {}s", timeout.as_secs_f64()))
        }
        other => Trouble::transient(short(&other.to_string())),
    }
}

/// Whether an error of the protocol is about the tool or its arguments, and so for whoever asked.
pub(crate) fn is_about_the_call(error: &ErrorData) -> bool {
    [ErrorCode::INVALID_PARAMS, ErrorCode::METHOD_NOT_FOUND].contains(&error.code)
}

/// Whether a tool's own words sound like it may work next time.
///
/// MCP has no kinds of errors, so the words are all there is. A wrong guess costs attempts, or a run that has to be
/// started again; never a wrong result.
pub(crate) fn kind_of_tool_error(text: &str) -> FailureKind {
    const LIMITED: [&str; 3] = ["rate limit", "too many requests", "quota exceeded"];
    const TRANSIENT: [&str; 11] = [
        "timed out",
        "timeout",
        "try again",
        "temporarily",
        "service unavailable",
        "overloaded",
        "connection reset",
        "connection refused",
        "econnreset",
        "econnrefused",
        "socket hang up",
    ];
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if says(&LIMITED) => FailureKind::RateLimited,
        () if says(&TRANSIENT) => FailureKind::Transient,
        () => FailureKind::Permanent,
    }
}

fn of_transport(error: &DynamicTransportError) -> Trouble {
    let http = error.error.downcast_ref::<StreamableHttpError<reqwest::Error>>();
    http.map_or_else(|| Trouble::transient("it does not take in what is sent to it"), of_http)
}

fn of_http(error: &StreamableHttpError<reqwest::Error>) -> Trouble {
    match error {
        StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_) => credentials(),
        StreamableHttpError::HttpStatus(status) => {
            let after = status.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
            Trouble { retry_after: after.map(Duration::from_secs), ..of_status(status.status, "") }
        }
        StreamableHttpError::UnexpectedServerResponse(text) => {
            let status = text.strip_prefix("HTTP ").and_then(|rest| rest.get(..3)?.parse().ok());
            status.map_or_else(|| Trouble::transient(short(text)), |status| of_status(status, text))
        }
        StreamableHttpError::Client(error) => match error.status() {
            Some(status) => of_status(status.as_u16(), ""),
            None => Trouble::transient(unreachable(error)),
        },
        StreamableHttpError::UnexpectedContentType(_) => {
            Trouble::permanent("what answers there does not speak MCP")
        }
        StreamableHttpError::ReservedHeaderConflict(name) => {
            Trouble::permanent(format!("the header `{name}` is the protocol's own"))
        }
        other => Trouble::transient(short(&other.to_string())),
    }
}

fn of_status(status: u16, text: &str) -> Trouble {
    let said = if text.is_empty() { format!("HTTP {status}") } else { short(text) };
    match status {
        401 | 403 => credentials(),
        429 => Trouble::new(FailureKind::RateLimited, said),
        408 | 409 | 425 | 500.. => Trouble::transient(said),
        // A session that the server has forgotten.
        400 | 404 if text.to_lowercase().contains("session") => Trouble::transient(said),
        _ => Trouble::permanent(said),
    }
}

fn credentials() -> Trouble {
    Trouble::new(FailureKind::Credentials, "it wants credentials, or others; see its `headers:`")
}

/// Says why nobody was reached, without the address: that may hold what nobody should see.
fn unreachable(error: &reqwest::Error) -> String {
    let why = match () {
        () if error.is_timeout() => "it cannot be reached in time",
        () if error.is_connect() => "it cannot be reached",
        () => "the connection broke",
    };
    let mut source = std::error::Error::source(error);
    let mut last = None;
    while let Some(error) = source {
        last = Some(error.to_string());
        source = error.source();
    }
    last.map_or_else(|| why.to_owned(), |last| format!("{why}: {}", short(&last)))
}

fn said(error: &ErrorData) -> String {
    format!("{} ({})", short(&error.message), error.code.0)
}

fn short(text: &str) -> String {
    let plain = crate::ears::plain(text);
    match plain.char_indices().nth(QUOTE) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use rmcp::transport::streamable_http_client::HttpStatusError;

    use super::*;

    #[test]
    fn http_errors_are_classified() {
        let status = |status, after: Option<&str>| {
            StreamableHttpError::HttpStatus(HttpStatusError::new(status, after.map(str::to_owned)))
        };
        let text = |text: &str| StreamableHttpError::UnexpectedServerResponse(text.to_owned().into());
        let table = [
            (status(429, Some("7")), FailureKind::RateLimited, Some(7)),
            (status(503, None), FailureKind::Transient, None),
            (status(500, Some("soon")), FailureKind::Transient, None),
            (text("HTTP 401 Unauthorized: no"), FailureKind::Credentials, None),
            (text("HTTP 403 Forbidden: no"), FailureKind::Credentials, None),
            (text("HTTP 404 Not Found: "), FailureKind::Permanent, None),
            (text("HTTP 400 Bad Request: No valid session ID"), FailureKind::Transient, None),
            (text("HTTP 405 Method Not Allowed: "), FailureKind::Permanent, None),
            (text("could not parse"), FailureKind::Transient, None),
            (StreamableHttpError::UnexpectedContentType(None), FailureKind::Permanent, None),
            (StreamableHttpError::UnexpectedEndOfStream, FailureKind::Transient, None),
        ];
        for (error, kind, after) in table {
            let trouble = of_http(&error);
            assert_eq!(
                (trouble.kind, trouble.retry_after),
                (kind, after.map(Duration::from_secs)),
                "{error:?}"
            );
        }
    }

    #[test]
    fn tools_own_errors_are_classified() {
        let check = |text: &str, kind| assert_eq!(kind_of_tool_error(text), kind, "{text}");
        check("Error: ETIMEDOUT, request timed out", FailureKind::Transient);
        check("connect ECONNREFUSED 127.0.0.1:5432", FailureKind::Transient);
        check("The service is temporarily out of order", FailureKind::Transient);
        check("429 Too Many Requests", FailureKind::RateLimited);
        check("Entity with name x not found", FailureKind::Permanent);
        check("line 429: unexpected token", FailureKind::Permanent);
        check("", FailureKind::Permanent);
    }
}
