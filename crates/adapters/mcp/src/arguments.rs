//! The arguments of a tool, for one unit.

use refrain_core::fill::{FillError, Pattern};
use refrain_core::ports::agent::{AskedUnit, Request};
use refrain_core::protocol::{TEMPLATE_ROOTS, template_context};
use refrain_schemas::agent_spec::McpSpec;
use serde_json::{Map, Value};

/// The most complaints of a schema that a message quotes.
const COMPLAINTS: usize = 5;

/// Makes the arguments of a unit: a filled pattern, or its input.
#[derive(Debug)]
pub(crate) struct Arguments(Option<Pattern>);

impl Arguments {
    /// Compiles the pattern of a spec.
    pub(crate) fn compile(spec: &McpSpec) -> Result<Self, FillError> {
        let pattern = spec.arguments.as_ref();
        let compile =
            |map: &Map<String, Value>| Pattern::compile(&Value::Object(map.clone()), "mcp.arguments");
        pattern.map(compile).transpose().map(Self)
    }

    /// Returns what its templates refer to that nothing is known of, as paths.
    pub(crate) fn strangers(&self) -> Vec<String> {
        let variables = self.0.as_ref().map(Pattern::variables).unwrap_or_default();
        let known =
            |path: &String| TEMPLATE_ROOTS.contains(&path.split(['.', '[']).next().unwrap_or_default());
        variables.into_iter().filter(|path| !known(path)).collect()
    }

    /// Returns the arguments of a unit.
    pub(crate) fn of(&self, unit: &AskedUnit, request: &Request) -> Result<Map<String, Value>, String> {
        let value = match &self.0 {
            Some(pattern) => {
                pattern.fill(&template_context(request, unit)).map_err(|error| error.to_string())?
            }
            None => unit.input.value(),
        };
        match value {
            Value::Object(arguments) => Ok(arguments),
            _ => Err("the unit's input is no object; say what goes in by `arguments:`".to_owned()),
        }
    }
}

/// Says what about arguments does not fit a tool's schema; a schema that is none has nothing to say.
pub(crate) fn complaint(schema: &Value, arguments: &Value) -> Option<String> {
    let validator = jsonschema::validator_for(schema).ok()?;
    let all: Vec<String> = validator
        .iter_errors(arguments)
        .take(COMPLAINTS)
        .map(|error| {
            let (path, text) = (error.instance_path().to_string(), error.to_string());
            if path.is_empty() { text } else { format!("{path}: {text}") }
        })
        .collect();
    (!all.is_empty()).then(|| all.join("; "))
}
