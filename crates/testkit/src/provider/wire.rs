//! What the usual providers speak, as far as a client of Refrain speaks it.

mod anthropic;
mod gemini;
mod openai;
mod responses;

use std::time::Duration;

use serde_json::{Value, json};

use super::http::Request;
use super::journal::Figures;

/// One way to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Wire {
    /// OpenAI's chat completions.
    #[default]
    Openai,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Asked {
    pub(super) wire: Wire,
    pub(super) model: String,
    pub(super) system: String,
    /// The first thing the user said.
    pub(super) user: String,
    pub(super) schema: Option<Value>,
    pub(super) stream: bool,
    /// Whether a stream ends with the usage; some providers tell it only when asked.
    pub(super) stream_usage: bool,
    pub(super) max_tokens: Option<u64>,
    /// The tools there are: name and schema.
    pub(super) tools: Vec<(String, Value)>,
    pub(super) has_tool_results: bool,
}

/// What the model says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) tool: Option<(String, Value)>,
    pub(super) ending: Ending,
    pub(super) usage: Figures,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Stop,
    Length,
    Refusal,
    Filter,
}

/// Makes out what a request asks, by its path.
pub(super) fn parse(request: &Request) -> Option<Asked> {
    let body: Value = serde_json::from_str(&request.body).ok()?;
    let path = request.path.split('?').next()?;
    match path.rsplit_once('/')? {
        (before, "completions") if before.ends_with("/chat") => Some(openai::parse(&body)),
        (_, "responses") => Some(responses::parse(&body)),
        (_, "messages") => Some(anthropic::parse(&body)),
        (before, last) if before.ends_with("/models") => gemini::parse(last, &body),
        _ => None,
    }
}

/// Returns the list of models there are, or one of them; `None` where there is no such model. A provider with any model
/// has every one that is asked about.
pub(super) fn models(path: &str, models: &[String]) -> Option<Value> {
    let (before, last) = path.rsplit_once('/')?;
    if last == "models" {
        return Some(list(path, models));
    }
    let is_there = models.is_empty() || models.iter().any(|model| model == last);
    (before.ends_with("/models") && is_there)
        .then(|| json!({"id": last, "type": "model", "name": format!("models/{last}")}))
}

fn list(path: &str, models: &[String]) -> Value {
    if path.starts_with("/v1beta") {
        let model = |name: &String| json!({"name": format!("models/{name}")});
        return json!({"models": models.iter().map(model).collect::<Vec<_>>()});
    }
    let model =
        |name: &String| json!({"id": name, "object": "model", "type": "model", "owned_by": "testkit"});
    json!({"object": "list", "has_more": false, "data": models.iter().map(model).collect::<Vec<_>>()})
}

impl Wire {
    /// Returns the body of a whole response.
    pub(super) fn document(self, asked: &Asked, told: &Told) -> Value {
        match self {
            Self::Openai => openai::document(asked, told),
            Self::Responses => responses::document(asked, told),
            Self::Anthropic => anthropic::document(asked, told),
            Self::Gemini => gemini::document(asked, told),
        }
    }

    /// Returns the events of a stream.
    pub(super) fn events(self, asked: &Asked, told: &Told) -> Vec<String> {
        match self {
            Self::Openai => openai::events(asked, told),
            Self::Responses => responses::events(asked, told),
            Self::Anthropic => anthropic::events(asked, told),
            Self::Gemini => gemini::events(asked, told),
        }
    }

    /// Returns the body of a failure.
    pub(super) fn error(self, status: u16, message: &str) -> Value {
        let kind = match status {
            401 => "authentication_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        match self {
            Self::Openai | Self::Responses => {
                json!({"error": {"message": message, "type": kind, "code": null}})
            }
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::Gemini => {
                json!({"error": {"code": status, "message": message, "status": gemini::status(status)}})
            }
        }
    }

    /// Returns the usage that the first event of a stream reports, where it does.
    pub(super) const fn first_figures(self, usage: Figures) -> Option<Figures> {
        if matches!(self, Self::Anthropic) { Some(Figures { output: 1, ..usage }) } else { None }
    }

    /// Returns the status that says there is too much to do.
    pub(super) const fn overloaded(self) -> u16 {
        if matches!(self, Self::Anthropic) { 529 } else { 503 }
    }

    /// Returns the headers that tell the limits.
    pub(super) fn limits(self, most: u32, left: u32, reset: Duration) -> Vec<(&'static str, String)> {
        let reset = format!("{}ms", reset.as_millis());
        let (most, left) = (most.to_string(), left.to_string());
        match self {
            Self::Openai | Self::Responses => vec![
                ("x-ratelimit-limit-requests", most),
                ("x-ratelimit-remaining-requests", left),
                ("x-ratelimit-reset-requests", reset),
            ],
            Self::Anthropic => vec![
                ("anthropic-ratelimit-requests-limit", most),
                ("anthropic-ratelimit-requests-remaining", left),
            ],
            Self::Gemini => Vec::new(),
        }
    }
}

/// Returns the text of a message, which is text or a list of parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// Returns the texts of the messages of a role, the first one or all.
fn said<'a>(messages: &'a Value, roles: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let messages = messages.as_array().into_iter().flatten();
    let of_role =
        messages.filter(|message| message["role"].as_str().is_some_and(|role| roles.contains(&role)));
    of_role.map(|message| text_of(&message["content"]))
}

/// Returns a text in pieces, so that a stream has several.
fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(chars.len().div_ceil(4).max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Returns one event of a stream.
fn event(name: Option<&str>, data: &Value) -> String {
    let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
    format!("{name}data: {data}\n\n")
}
