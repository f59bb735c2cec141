//! What providers speak, without any I/O: requests from chats, and what was heard from bodies.

pub mod anthropic;
pub mod gemini;
pub mod openai;
pub mod responses;

use refrain_schemas::agent_spec::Effort;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::usage::Usage;
use serde_json::{Map, Value};

/// One request to a model, before it has a provider's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat<'a> {
    /// The model as the endpoint calls it.
    pub model: &'a str,
    /// What it is told about itself; empty for nothing.
    pub system: &'a str,
    /// What was said so far, the last word being ours.
    pub turns: &'a [Turn],
    /// How it is to answer.
    pub settings: &'a Settings,
    /// The shape of its answer, where the provider is told and in the subset it takes.
    pub schema: Option<&'a Value>,
    /// The tools it may use.
    pub tools: &'a [ToolOffer],
    /// Whether it has to use one now.
    pub must_use: bool,
    /// Whether the answer comes piece by piece.
    pub stream: bool,
    /// Whether the longest answer goes by the field that OpenAI itself reads rather than the one everybody else does.
    pub completion_tokens: bool,
}

/// How a model is to answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// How much it varies.
    pub temperature: Option<f64>,
    /// The share of likely words it chooses from.
    pub top_p: Option<f64>,
    /// Where its variation starts.
    pub seed: Option<i64>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// How long it thinks.
    pub reasoning: Option<Effort>,
    /// Fields of the provider's request that go in as they are, over whatever else is there.
    pub extra: Map<String, Value>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// What we said.
    User(String),
    /// What the model said.
    Model(Said),
    /// What its tools said, in the order of its calls.
    Tools(Vec<ToolAnswer>),
}

/// What a model said in one turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// Its words.
    pub text: String,
    /// The tools it wants to use.
    pub calls: Vec<ToolCall>,
    /// The turn in the provider's own shape. A provider gets its own turns back as they came, because what it hid in them
    /// (signatures of its thoughts) it wants to see again.
    pub native: Option<(EndpointKind, Value)>,
}

/// A tool that a model may use.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOffer {
    /// Its name, in letters, digits, `_` and `-`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input: Value,
}

/// A use of a tool that a model wants.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// What the provider calls it; made up from the position where it does not.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments; as text where they are no object.
    pub arguments: Result<Map<String, Value>, String>,
}

/// What a tool said, for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAnswer {
    /// The id of the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it said.
    pub text: String,
    /// Whether that is an error.
    pub is_error: bool,
}

/// What was heard from a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What it said.
    pub said: Said,
    /// How it ended.
    pub end: End,
    /// What it consumed.
    pub usage: Usage,
    /// The model as the provider names it.
    pub model: Option<String>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was finished.
    Done,
    /// The model waits for its tools.
    Tools,
    /// It was cut off at a limit on its length.
    Length,
    /// The model will not answer.
    Refused(String),
    /// A filter withheld it.
    Filtered(String),
    /// The model broke off through a fault of its own; it may work next time.
    Broken(String),
}

/// A body that is not what the provider's protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Odd(pub String);

/// Returns the path of a request behind the endpoint's address.
#[must_use]
pub fn path(kind: EndpointKind, chat: &Chat<'_>) -> String {
    match kind {
        EndpointKind::Openai => "/chat/completions".to_owned(),
        EndpointKind::Responses => "/responses".to_owned(),
        EndpointKind::Anthropic => "/messages".to_owned(),
        EndpointKind::Gemini => gemini::path(chat),
    }
}

/// Returns the query of a request.
#[must_use]
pub const fn query(kind: EndpointKind, stream: bool) -> Option<&'static str> {
    match kind {
        EndpointKind::Gemini if stream => Some("alt=sse"),
        _ => None,
    }
}

/// Returns the headers of a request, with the key where there is one.
#[must_use]
pub fn headers(kind: EndpointKind, key: Option<&str>) -> Vec<(String, String)> {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if kind == EndpointKind::Anthropic {
        headers.push(("anthropic-version".to_owned(), anthropic::VERSION.to_owned()));
    }
    headers.extend(key.map(|key| match kind {
        EndpointKind::Openai | EndpointKind::Responses => {
            ("authorization".to_owned(), format!("Bearer {key}"))
        }
        EndpointKind::Anthropic => ("x-api-key".to_owned(), key.to_owned()),
        EndpointKind::Gemini => ("x-goog-api-key".to_owned(), key.to_owned()),
    }));
    headers
}

/// Returns the body of a request.
#[must_use]
pub fn encode(kind: EndpointKind, chat: &Chat<'_>) -> Value {
    let mut body = match kind {
        EndpointKind::Openai => openai::encode(chat),
        EndpointKind::Responses => responses::encode(chat),
        EndpointKind::Anthropic => anthropic::encode(chat),
        EndpointKind::Gemini => gemini::encode(chat),
    };
    merge(&mut body, &chat.settings.extra);
    Value::Object(body)
}

/// Reads the body of a response that says it is good.
///
/// # Errors
/// Fails where the body is not what the protocol says.
pub fn decode(kind: EndpointKind, body: &Value) -> Result<Heard, Odd> {
    match kind {
        EndpointKind::Openai => openai::decode(body),
        EndpointKind::Responses => responses::decode(body),
        EndpointKind::Anthropic => anthropic::decode(body),
        EndpointKind::Gemini => gemini::decode(body),
    }
}

/// Lays fields over others: objects are joined, anything else is replaced.
fn merge(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(more)) => merge(inner, more),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Sets a field where there is a value for it.
fn set(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

fn count(body: &Value, pointer: &str) -> u64 {
    body.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

fn items<'a>(body: &'a Value, pointer: &str) -> &'a [Value] {
    body.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads arguments that come as JSON in a string, empty for none.
fn arguments(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|_| text.to_owned())
}

/// Returns arguments as JSON in a string.
fn arguments_text(arguments: &Result<Map<String, Value>, String>) -> String {
    match arguments {
        Ok(arguments) => Value::Object(arguments.clone()).to_string(),
        Err(text) => text.clone(),
    }
}

/// Returns arguments as an object; broken ones are shown to the model as they were.
fn arguments_value(arguments: &Result<Map<String, Value>, String>) -> Value {
    match arguments {
        Ok(arguments) => Value::Object(arguments.clone()),
        Err(text) => serde_json::json!({ "broken": text }),
    }
}

/// The name of an effort where a provider takes it as it is.
const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
    }
}
