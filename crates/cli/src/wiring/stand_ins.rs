//! Something for inputs without a value, where a pipeline is looked at and not run.

use refrain_schemas::pipeline::{ParamSpec, ParamType};
use serde_json::{Value, json};

use super::{Checked, check_recalling, set_to};
use crate::args::Globals;
use crate::project::Project;
use crate::report::CliError;

/// The longest text that stands for one.
const MOST: u64 = 10_000;

/// Checks a steps file again with something of the right type for each input that has no value, where nothing else is wrong
/// with it. Returns the names of these; none where nothing was put in.
pub(crate) fn with_stand_ins(
    project: &Project,
    globals: &Globals,
    checked: Checked,
) -> Result<(Checked, Vec<String>), CliError> {
    let Some(pipeline) = checked.pipeline.as_ref().filter(|_| checked.lacks_inputs_alone()) else {
        return Ok((checked, Vec::new()));
    };
    let mut set = set_to(globals)?;
    let lacks = |name: &str, spec: &ParamSpec| spec.default.is_none() && !set.contains_key(name);
    let lacking: Vec<(String, Value)> = pipeline
        .params
        .iter()
        .filter(|(name, spec)| lacks(name.as_str(), spec))
        .map(|(name, spec)| (name.clone(), stand_in(spec)))
        .collect();
    let names = lacking.iter().map(|(name, _)| name.clone()).collect();
    set.extend(lacking);
    let other = check_recalling(project, &set)?;
    // What does not do, for a rule of the input for instance, is not what is to be told of.
    Ok(if other.model.is_some() { (other, names) } else { (checked, Vec::new()) })
}

/// Returns something of the type of an input, by the plainest of its rules.
fn stand_in(spec: &ParamSpec) -> Value {
    let rule = |name: &str| spec.schema.as_ref().and_then(|schema| schema.get(name));
    let listed = rule("enum").and_then(|values| values.get(0));
    if let Some(choice) = spec.choices.first().or(listed) {
        return choice.clone();
    }
    match spec.kind {
        Some(ParamType::Number | ParamType::Integer) => {
            rule("minimum").or_else(|| rule("maximum")).cloned().unwrap_or_else(|| json!(1))
        }
        Some(ParamType::Boolean) => json!(false),
        Some(ParamType::List) => json!([]),
        Some(ParamType::Object) => json!({}),
        Some(ParamType::String | ParamType::Any) | None => {
            let least = rule("minLength").and_then(Value::as_u64).unwrap_or(1);
            Value::from("x".repeat(usize::try_from(least.clamp(1, MOST)).unwrap_or(1)))
        }
    }
}
