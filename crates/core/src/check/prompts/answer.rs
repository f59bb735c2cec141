//! The shape of a model's answer about one unit.

use std::sync::Arc;

use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::MergeSpec;
use serde_json::{Value, json};

use super::super::Checker;
use crate::model::{AgentModel, AskWork, OutputSchema, OutputShape, Split};

impl Checker<'_> {
    /// Returns the shape of an agent's answers: its own, else the phase's; text where there is neither. `None` where a
    /// schema cannot be used.
    pub(super) fn answer(
        &mut self,
        agent: &AgentModel,
        work: &AskWork,
        path: &str,
    ) -> Option<Option<Arc<OutputSchema>>> {
        if let Some(written) = &agent.spec.output {
            return self.schema(written, &format!("{path}.output")).map(|schema| Some(Arc::new(schema)));
        }
        Some(work.output.schema.as_ref().map(|schema| Arc::new(of_phase(schema, work))))
    }
}

/// Makes the shape of an answer of what each record of a phase must fulfil: without what the engine stamps on, and a list
/// where each unit brings several records.
fn of_phase(schema: &OutputSchema, work: &AskWork) -> OutputSchema {
    let is_group = work.output.aligned && work.units.split != Split::Record;
    if is_group {
        // Each record says which one of the group it is.
        return compiled(schema, crate::prompt::shape::list(&schema.json), None);
    }
    let stamped = stamped(work);
    if stamped.is_empty() {
        return schema.clone();
    }
    let mut sent = schema.json.value();
    let mut lenient = schema.json.value();
    for name in stamped {
        leave_out(&mut sent, name, true);
        leave_out(&mut lenient, name, false);
    }
    compiled(schema, canonical(&sent), Some(lenient))
}

/// Returns the fields that the engine puts on a single record of a unit.
fn stamped(work: &AskWork) -> Vec<&str> {
    let OutputShape::Records { key } = &work.output.shape else { return Vec::new() };
    let is_made = matches!(work.merge, MergeSpec::Union(_));
    let id = work.units.id_field.as_deref();
    let key = Some(key.as_str()).filter(|key| is_made && id != Some(*key));
    let carried = work.output.carry.iter().map(|(field, _)| field.as_str());
    id.into_iter().chain(key).chain(carried).collect()
}

/// Leaves a field of an object out of what is asked for. A reply that has it all the same is not refused for that: the
/// engine looks at what it says.
fn leave_out(schema: &mut Value, name: &str, whole: bool) {
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|field| field != name);
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        if whole {
            properties.remove(name);
        } else {
            properties.insert(name.to_owned(), json!(true));
        }
    }
}

/// The schema that replies are checked by is `lenient` where there is one, else the one that is sent.
fn compiled(of: &OutputSchema, sent: Json, lenient: Option<Value>) -> OutputSchema {
    let checked = lenient.unwrap_or_else(|| sent.value());
    let validator = jsonschema::validator_for(&checked).map_or_else(|_| of.validator.clone(), Arc::new);
    OutputSchema { path: of.path.clone(), json: sent, validator }
}

fn canonical(value: &Value) -> Json {
    Json::of(value).unwrap_or_else(|_| Json::object([]))
}
