//! Requests for tests.

use std::sync::Arc;

use refrain_core::ports::agent::{AskedUnit, Request};
use refrain_schemas::json::Json;
use refrain_schemas::name::{CallId, DimensionName, PhaseName, UnitId};
use refrain_schemas::scope::Scope;
use serde_json::Value;

/// Returns a request about some units, given by id and input; it has no params, context or scope.
///
/// # Panics
/// Where an input holds an integer beyond 2^53.
#[must_use]
pub fn request(call: u64, units: &[(&str, Value)]) -> Request {
    Request {
        call: CallId(call),
        phase: phase("test"),
        scope: Arc::new(Scope::none()),
        turns: Scope::none(),
        params: Json::object([]),
        vars: Json::object([]),
        context: Json::object([]),
        units: units.iter().map(|(id, input)| unit(id, input)).collect(),
        conversation: None,
        repairs: Vec::new(),
    }
}

/// Returns a unit without context.
///
/// # Panics
/// Where the input holds an integer beyond 2^53.
#[must_use]
pub fn unit(id: &str, input: &Value) -> AskedUnit {
    AskedUnit { id: UnitId::new(id), input: json(input), context: Json::object([]) }
}

/// Returns the canonical form of a value.
///
/// # Panics
/// Where it holds an integer beyond 2^53.
#[must_use]
#[expect(clippy::panic, reason = "a test's own data is wrong")]
pub fn json(value: &Value) -> Json {
    Json::of(value).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a scope.
///
/// # Panics
/// Where the name of a dimension is no name.
#[must_use]
#[expect(clippy::panic, reason = "a test's own data is wrong")]
pub fn scope(values: &[(&str, &str)]) -> Arc<Scope> {
    let name = |text: &str| text.parse::<DimensionName>().unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Scope::new(values.iter().map(|(dimension, value)| (name(dimension), (*value).to_owned()))))
}

/// Returns the name of a phase.
///
/// # Panics
/// Where it is no name.
#[must_use]
#[expect(clippy::panic, reason = "a test's own data is wrong")]
pub fn phase(name: &str) -> PhaseName {
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}
