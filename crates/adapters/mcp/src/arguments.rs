//! The arguments of a tool, for one unit.

use refrain_core::fill::{FillError, Pattern};
use refrain_core::ports::agent::{AskedUnit, Request};
use refrain_core::template::Context;
use refrain_schemas::agent_spec::McpSpec;
use serde_json::{Map, Value, json};

/// What templates in arguments may refer to.
pub(crate) const ROOTS: [&str; 4] = ["unit", "context", "scope", "params"];
/// The most complaints of a schema that a message quotes.
const COMPLAINTS: usize = 5;

/// Makes the arguments of a unit: a filled pattern, or its input.
#[derive(Debug)]
pub(crate) struct Arguments(Option<Pattern>);

/// What all units of a call see.
pub(crate) struct View {
    shared: Map<String, Value>,
    fixed: Context,
}

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
        let known = |path: &String| ROOTS.contains(&path.split(['.', '[']).next().unwrap_or_default());
        variables.into_iter().filter(|path| !known(path)).collect()
    }

    /// Returns the arguments of a unit.
    pub(crate) fn of(&self, unit: &AskedUnit, view: &View) -> Result<Map<String, Value>, String> {
        let value = match &self.0 {
            Some(pattern) => pattern.fill(&view.unit(unit)).map_err(|error| error.to_string())?,
            None => unit.input.value(),
        };
        match value {
            Value::Object(arguments) => Ok(arguments),
            _ => Err("the unit's input is no object; say what goes in by `arguments:`".to_owned()),
        }
    }
}

impl View {
    pub(crate) fn of(request: &Request) -> Self {
        let scope = request.scope.iter().map(|(name, value)| (name.to_string(), Value::from(value)));
        let mut params = object(request.vars.value());
        params.extend(object(request.params.value()));
        let fixed = json!({ "scope": Value::Object(scope.collect()), "params": Value::Object(params) });
        Self { shared: object(request.context.value()), fixed: Context::of(&fixed) }
    }

    fn unit(&self, unit: &AskedUnit) -> Context {
        let mut fields = object(unit.input.value());
        fields.insert("id".to_owned(), Value::from(unit.id.as_str()));
        let mut context = self.shared.clone();
        context.extend(object(unit.context.value()));
        let fixed = self.fixed.clone();
        fixed.with("unit", &Value::Object(fields)).with("context", &Value::Object(context))
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

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
