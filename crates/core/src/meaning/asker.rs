//! Values that a model is asked for in the middle of a run: by phases of the pipeline itself.

use refrain_schemas::agent_spec::{AgentSpec, SchemaRef};
use refrain_schemas::duration::Span;
use serde_json::{Map, Value, json};

use super::{ATTEMPTS, PATIENCE, TOKENS, prompts, tried};

/// What it is asked, of the input of its phase. A change of this asks anew.
const ASKED: &str = "What is wanted: {{ unit.task }}\n\nIts JSON Schema: {{ unit.schema | json }}\n\n\
What the steps before it made:\n{{ unit.seen | json }}";

/// Returns the agent that asks for a value of such a schema. Its phase has the input `{ task, schema, seen }`, all of which is data.
#[must_use]
pub fn asker(model: &str, schema: &Value) -> AgentSpec {
    AgentSpec {
        model: Some(model.to_owned()),
        system: Some(prompts::SYSTEM.to_owned()),
        prompt: Some(format!("{}\n\n{ASKED}", prompts::VALUE)),
        output: answer_with(schema).map(SchemaRef::Inline),
        max_tokens: Some(TOKENS),
        timeout: Some(Span(PATIENCE)),
        retry: Some(tried(ATTEMPTS)),
        ..AgentSpec::default()
    }
}

/// Returns the schema of an answer that has such a value in it: what models answer is an object.
#[must_use]
pub fn answer_with(schema: &Value) -> Option<Map<String, Value>> {
    match wrapped(schema) {
        Value::Object(schema) => Some(schema),
        _ => None,
    }
}

pub(super) fn wrapped(schema: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["value"],
        "additionalProperties": false,
        "properties": { "value": schema },
    })
}
