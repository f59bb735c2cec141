//! The project's params: their types, their defaults, and what `--set` makes of them.

use refrain_schemas::json::Json;
use refrain_schemas::pipeline::{ParamSpec, ParamType};
use serde_json::{Map, Value, json};

use super::Checker;
use super::code::Code;
use super::suggest;

/// How many broken rules of one value are told.
const LISTED: usize = 5;

impl Checker<'_> {
    /// Returns the params with their values.
    pub(super) fn params(&mut self) -> Map<String, Value> {
        let pipeline = self.pipeline;
        self.unknown_sets();
        let mut values = Map::new();
        for (name, spec) in &pipeline.params {
            if let Some(value) = self.param(name, spec) {
                values.insert(name.clone(), value);
            }
        }
        values
    }

    fn unknown_sets(&mut self) {
        for name in self.around.set.keys() {
            let known = self.pipeline.params.contains_key(name)
                || self.broken.may_have("params", &self.broken.params, name);
            if !known {
                let hint = suggest::suggestion(name, self.pipeline.params.keys().map(String::as_str));
                let message = format!("`--set {name}=…` names no param of the pipeline");
                self.problems.add_with(Code::SetUnknown, "params", message, hint);
            }
        }
    }

    fn param(&mut self, name: &str, spec: &ParamSpec) -> Option<Value> {
        let path = format!("params.{name}");
        let Some(kind) = spec.kind.or_else(|| spec.default.as_ref().and_then(type_of)) else {
            let message = format!("param `{name}` has neither a type nor a default that tells it");
            self.problems.add(Code::ParamType, path, message);
            return None;
        };
        self.declared_values(spec, kind, &path);
        match self.around.set.get(name) {
            Some(value) => {
                let value = self.set_value(name, value, kind, spec)?;
                self.rules(spec, &value, path, &format!("`--set {name}={}`", plain(&value)));
                Some(value)
            }
            None if spec.default.is_some() => spec.default.clone(),
            None => {
                let hint = Some(format!("set it with `--set {name}=VALUE`, or give a default"));
                let message = format!("param `{name}` has no value");
                self.problems.add_with(Code::ParamMissing, path, message, hint);
                None
            }
        }
    }

    fn declared_values(&mut self, spec: &ParamSpec, kind: ParamType, path: &str) {
        for (n, choice) in spec.choices.iter().enumerate() {
            if !fits(choice, kind) {
                let message = format!("the choice {}", misfit(&choice.to_string(), choice, kind));
                self.problems.add(Code::ParamDefault, format!("{path}.choices[{n}]"), message);
            }
        }
        let Some(default) = &spec.default else { return };
        let path = format!("{path}.default");
        if !fits(default, kind) {
            let message = format!("the default {}", misfit(&default.to_string(), default, kind));
            self.problems.add(Code::ParamDefault, path, message);
        } else if !spec.choices.is_empty() && !spec.choices.contains(default) {
            let message = format!("the default {default} is not among the choices");
            self.problems.add(Code::ParamDefault, path, message);
        } else {
            self.rules(spec, default, path, &format!("the default {default}"));
        }
    }

    /// Holds a value to the schema of its param.
    fn rules(&mut self, spec: &ParamSpec, value: &Value, path: String, called: &str) {
        let Some(schema) = &spec.schema else { return };
        match jsonschema::validator_for(schema) {
            Err(error) => {
                let message = format!("the rules of the param cannot be read: {error}");
                self.problems.add(Code::SchemaInvalid, path, message);
            }
            Ok(validator) => {
                for error in validator.iter_errors(value).take(LISTED) {
                    self.problems.add(Code::InputRule, &path, format!("{called} breaks a rule: {error}"));
                }
            }
        }
    }

    fn set_value(&mut self, name: &str, value: &Value, kind: ParamType, spec: &ParamSpec) -> Option<Value> {
        let path = format!("params.{name}");
        let read = match value {
            Value::String(text) => read(text, kind),
            other => fits(other, kind).then(|| other.clone()),
        };
        let Some(read) = read else {
            let written = value.as_str().and_then(|text| serde_json::from_str(text.trim()).ok());
            let message = match written.and_then(|written| inexact(&written, kind)) {
                Some(why) => format!("`--set {name}={}` cannot be kept: {why}", plain(value)),
                None => format!("`--set {name}={}` is not {}", plain(value), article(kind)),
            };
            self.problems.add(Code::SetType, path, message);
            return None;
        };
        if !spec.choices.is_empty() && !spec.choices.contains(&read) {
            let choices: Vec<String> = spec.choices.iter().map(plain).collect();
            let hint = suggest::listing(choices.iter().map(String::as_str))
                .map(|names| format!("use one of {names}"));
            let message = format!("`--set {name}={}` is not among the choices", plain(value));
            self.problems.add_with(Code::SetType, path, message, hint);
            return None;
        }
        Some(read)
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the value that a param has, as far as there is one: what it is set to, else its default.
#[must_use]
pub fn input_value(spec: &ParamSpec, set: Option<&Value>) -> Option<Value> {
    let kind = spec.kind.or_else(|| spec.default.as_ref().and_then(type_of));
    match (set, kind) {
        (Some(Value::String(text)), Some(kind)) => read(text, kind),
        (Some(value), _) => Some(value.clone()),
        (None, _) => spec.default.clone(),
    }
}

/// Says what is wrong with a value for a param.
#[must_use]
pub fn input_problems(spec: &ParamSpec, value: &Value) -> Vec<String> {
    let kind = spec.kind.or_else(|| spec.default.as_ref().and_then(type_of));
    if let Some(kind) = kind.filter(|kind| !fits(value, *kind)) {
        return vec![misfit(&plain(value), value, kind)];
    }
    if !spec.choices.is_empty() && !spec.choices.contains(value) {
        return vec![format!("{} is not among the choices", plain(value))];
    }
    let validator = spec.schema.as_ref().and_then(|schema| jsonschema::validator_for(schema).ok());
    let told = validator.as_ref().map(|validator| validator.iter_errors(value).take(LISTED));
    told.into_iter().flatten().map(|error| error.to_string()).collect()
}

/// Returns the JSON Schema of the values of a param; nothing where all are.
#[must_use]
pub fn input_schema(spec: &ParamSpec) -> Option<Value> {
    let kind = spec.kind.or_else(|| spec.default.as_ref().and_then(type_of)).and_then(json_type);
    let may_be_null = spec.default == Some(Value::Null);
    let mut schema = Map::new();
    if let Some(kind) = kind {
        schema.insert("type".to_owned(), if may_be_null { json!([kind, "null"]) } else { json!(kind) });
    }
    if !spec.choices.is_empty() {
        schema.insert("enum".to_owned(), json!(spec.choices));
    }
    if let Some(rules) = spec.schema.as_ref().filter(|_| !may_be_null) {
        schema.insert("allOf".to_owned(), json!([rules]));
    }
    (!schema.is_empty()).then_some(Value::Object(schema))
}

/// Returns what JSON Schema calls a type; nothing where it is any.
#[must_use]
pub const fn json_type(kind: ParamType) -> Option<&'static str> {
    match kind {
        ParamType::String => Some("string"),
        ParamType::Number => Some("number"),
        ParamType::Integer => Some("integer"),
        ParamType::Boolean => Some("boolean"),
        ParamType::List => Some("array"),
        ParamType::Object => Some("object"),
        ParamType::Any => None,
    }
}

/// Returns what a value of a type is called.
#[must_use]
pub const fn article(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "a string",
        ParamType::Number => "a number",
        ParamType::Integer => "a whole number",
        ParamType::Boolean => "`true` or `false`",
        ParamType::List => "a list",
        ParamType::Object => "an object",
        ParamType::Any => "JSON",
    }
}

fn type_of(value: &Value) -> Option<ParamType> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => ParamType::Boolean,
        Value::Number(number) if number.is_f64() => ParamType::Number,
        Value::Number(_) => ParamType::Integer,
        Value::String(_) => ParamType::String,
        Value::Array(_) => ParamType::List,
        Value::Object(_) => ParamType::Object,
    })
}

/// Says of a value that does not fit why that is.
fn misfit(shown: &str, value: &Value, kind: ParamType) -> String {
    match inexact(value, kind) {
        Some(why) => format!("{shown} cannot be kept: {why}"),
        None => format!("{shown} is not {}", article(kind)),
    }
}

/// Says why canonical JSON cannot hold a value that has a type otherwise.
fn inexact(value: &Value, kind: ParamType) -> Option<String> {
    let is_whole = kind == ParamType::Integer && value.is_number();
    let error = Json::of(value).err().filter(|_| is_whole || is_shaped(value, kind))?;
    Some(error.to_string())
}

/// Whether a value has a type; one that canonical JSON cannot hold has none.
#[must_use]
pub fn fits(value: &Value, kind: ParamType) -> bool {
    is_shaped(value, kind) && Json::of(value).is_ok()
}

fn is_shaped(value: &Value, kind: ParamType) -> bool {
    match kind {
        ParamType::String => value.is_string(),
        ParamType::Number => value.is_number(),
        ParamType::Integer => value.is_i64() || value.is_u64(),
        ParamType::Boolean => value.is_boolean(),
        ParamType::List => value.is_array(),
        ParamType::Object => value.is_object(),
        ParamType::Any => true,
    }
}

/// Reads the text of `--set` as a type.
fn read(text: &str, kind: ParamType) -> Option<Value> {
    let value = match kind {
        ParamType::String => Value::String(text.to_owned()),
        ParamType::Any => {
            serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        _ => serde_json::from_str(text.trim()).ok()?,
    };
    fits(&value, kind).then_some(value)
}
