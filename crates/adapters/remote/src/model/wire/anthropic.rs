//! Anthropic's messages.

use refrain_schemas::agent_spec::Effort;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::usage::Usage;
use serde_json::{Map, Value, json};

use super::{
    Chat, End, Heard, Odd, Said, ToolAnswer, ToolCall, ToolOffer, Turn, arguments_value, count, set, text,
};

/// The version of the protocol.
pub(super) const VERSION: &str = "2023-06-01";

/// The longest answer where nobody says; the provider insists on a number.
const MAX_TOKENS: u32 = 8192;

pub(super) fn encode(chat: &Chat<'_>) -> Map<String, Value> {
    let settings = chat.settings;
    let thinking = settings.reasoning.map(|effort| thinking(chat.model, effort));
    let mut body = Map::new();
    body.insert("model".to_owned(), chat.model.into());
    let thinks = thinking.as_ref().map_or(0, |thinking| thinking.budget);
    body.insert("max_tokens".to_owned(), settings.max_tokens.unwrap_or(MAX_TOKENS + thinks).into());
    set(&mut body, "system", (!chat.system.is_empty()).then_some(chat.system));
    body.insert("messages".to_owned(), chat.turns.iter().map(turn).collect());
    set(&mut body, "temperature", settings.temperature);
    set(&mut body, "top_p", settings.top_p);
    set(&mut body, "thinking", thinking.as_ref().map(|thinking| thinking.field(settings.max_tokens)));
    let output = output_config(chat.schema, thinking.as_ref().and_then(|thinking| thinking.effort));
    set(&mut body, "output_config", (!output.is_empty()).then_some(output));
    if !chat.tools.is_empty() {
        body.insert("tools".to_owned(), chat.tools.iter().map(tool).collect());
    }
    set(&mut body, "tool_choice", chat.must_use.then(|| json!({ "type": "any" })));
    set(&mut body, "stream", chat.stream.then_some(true));
    body
}

fn output_config(schema: Option<&Value>, effort: Option<&'static str>) -> Map<String, Value> {
    let mut config = Map::new();
    set(&mut config, "effort", effort);
    set(&mut config, "format", schema.map(|schema| json!({ "type": "json_schema", "schema": schema })));
    config
}

/// How a model is told to think.
struct Thinking {
    /// By itself, with this effort; by a budget where absent.
    effort: Option<&'static str>,
    /// In tokens; 0 for not at all or for as much as the model likes.
    budget: u32,
}

impl Thinking {
    fn field(&self, max_tokens: Option<u32>) -> Value {
        match (self.effort, self.budget) {
            (Some(_), _) => json!({ "type": "adaptive" }),
            (None, 0) => json!({ "type": "disabled" }),
            // The budget has to stay below the longest answer, and cannot be less than 1024.
            (None, budget) => {
                let most = max_tokens.map_or(budget, |most| (most / 2).max(1024));
                json!({ "type": "enabled", "budget_tokens": budget.min(most) })
            }
        }
    }
}

fn thinking(model: &str, effort: Effort) -> Thinking {
    let by_effort = version(model).is_none_or(|version| version >= (4, 6));
    match effort {
        Effort::None => Thinking { effort: None, budget: 0 },
        Effort::Minimal | Effort::Low if by_effort => Thinking { effort: Some("low"), budget: 0 },
        Effort::Medium if by_effort => Thinking { effort: Some("medium"), budget: 0 },
        Effort::High if by_effort => Thinking { effort: Some("high"), budget: 0 },
        Effort::Minimal => Thinking { effort: None, budget: 1024 },
        Effort::Low => Thinking { effort: None, budget: 2048 },
        Effort::Medium => Thinking { effort: None, budget: 8192 },
        Effort::High => Thinking { effort: None, budget: 16_384 },
    }
}

/// Returns the version that a model's name tells: `claude-opus-4-6`, `claude-3-5-haiku-20241022`.
pub(crate) fn version(model: &str) -> Option<(u32, u32)> {
    let mut numbers = model.split(['-', '.', '@']).map(str::parse::<u32>).skip_while(Result::is_err);
    let major = numbers.next()?.ok()?;
    // A date is no version.
    let minor = numbers.next().and_then(Result::ok).filter(|minor| *minor < 100).unwrap_or(0);
    Some((major, minor))
}

fn tool(offer: &ToolOffer) -> Value {
    json!({ "name": offer.name, "description": offer.description, "input_schema": offer.input })
}

fn turn(turn: &Turn) -> Value {
    match turn {
        Turn::User(text) => json!({ "role": "user", "content": text }),
        Turn::Model(said) => json!({ "role": "assistant", "content": said_again(said) }),
        Turn::Tools(answers) => {
            json!({ "role": "user", "content": answers.iter().map(tool_answer).collect::<Vec<_>>() })
        }
    }
}

fn said_again(said: &Said) -> Value {
    if let Some((EndpointKind::Anthropic, native)) = &said.native {
        return native.clone();
    }
    // An empty block of text is refused.
    let words = (!said.text.is_empty()).then(|| json!({ "type": "text", "text": said.text }));
    words.into_iter().chain(said.calls.iter().map(call_again)).collect()
}

fn call_again(call: &ToolCall) -> Value {
    let input = arguments_value(&call.arguments);
    json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
}

fn tool_answer(answer: &ToolAnswer) -> Value {
    let (id, text, is_error) = (&answer.id, &answer.text, answer.is_error);
    json!({ "type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error })
}

pub(super) fn decode(body: &Value) -> Result<Heard, Odd> {
    let content = body.get("content").and_then(Value::as_array);
    let content = content.ok_or_else(|| Odd("the response has no `content`".to_owned()))?;
    let of_type = |kind: &'static str| content.iter().filter(move |block| text(block, "/type") == Some(kind));
    let said = Said {
        text: of_type("text").filter_map(|block| text(block, "/text")).collect(),
        calls: of_type("tool_use").map(call).collect(),
        native: Some((EndpointKind::Anthropic, content.clone().into())),
    };
    let end = end(body, &said);
    let model = text(body, "/model").map(str::to_owned);
    Ok(Heard { said, end, usage: usage(body), model })
}

fn call(block: &Value) -> ToolCall {
    ToolCall {
        id: text(block, "/id").unwrap_or_default().to_owned(),
        name: text(block, "/name").unwrap_or_default().to_owned(),
        arguments: match &block["input"] {
            Value::Object(input) => Ok(input.clone()),
            Value::Null => Ok(Map::new()),
            Value::String(text) => Err(text.clone()),
            other => Err(other.to_string()),
        },
    }
}

fn end(body: &Value, said: &Said) -> End {
    match text(body, "/stop_reason") {
        Some("max_tokens" | "model_context_window_exceeded") => End::Length,
        Some("refusal") => {
            let words = if said.text.is_empty() { "the model refuses to answer" } else { &said.text };
            End::Refused(words.to_owned())
        }
        Some("pause_turn") => End::Broken("the provider paused the answer".to_owned()),
        _ if !said.calls.is_empty() => End::Tools,
        _ => End::Done,
    }
}

fn usage(body: &Value) -> Usage {
    let cached = count(body, "/usage/cache_read_input_tokens");
    Usage {
        // The provider counts apart what it read from and wrote to its cache.
        input_tokens: count(body, "/usage/input_tokens")
            + cached
            + count(body, "/usage/cache_creation_input_tokens"),
        cached_input_tokens: cached,
        output_tokens: count(body, "/usage/output_tokens"),
        cost_usd: None,
    }
}
