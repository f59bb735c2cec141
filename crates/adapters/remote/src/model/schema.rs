//! JSON Schemas of answers: compiled for checking, and cut to what a provider takes.
//!
//! Providers take a part of JSON Schema each. What they do not know and only forbids more is left out, since every
//! answer is checked against the whole schema anyway. Where something is left that shapes answers, such as objects with
//! any fields, the schema cannot be cut to size and the model is asked in its prompt.

use std::collections::BTreeMap;

use jsonschema::Validator;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

/// A schema of answers.
#[derive(Debug)]
pub struct Shape {
    /// The schema.
    pub json: Json,
    /// The schema as a tree.
    pub value: Value,
    /// Its compiled form.
    pub validator: Validator,
}

impl Shape {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Says why it is no schema.
    pub fn new(json: &Json) -> Result<Self, String> {
        let value = json.value();
        let validator = jsonschema::validator_for(&value).map_err(|error| error.to_string())?;
        Ok(Self { json: json.clone(), value, validator })
    }
}

/// Why a schema cannot be sent along.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at `{at}`")]
pub struct Unfit {
    /// What the provider does not take.
    pub what: String,
    /// Where, as a path into the schema.
    pub at: String,
}

/// What a provider takes.
struct Subset {
    /// The keywords besides those that are handled one by one.
    keywords: &'static [&'static str],
    formats: &'static [&'static str],
    /// Whether every property has to be required; optional ones become nullable.
    all_required: bool,
    /// Whether objects may have fields that the schema does not name.
    open_objects: bool,
    recursion: bool,
}

const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

const OPENAI: Subset = Subset {
    keywords: &[
        "description",
        "enum",
        "const",
        "$ref",
        "pattern",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minItems",
        "maxItems",
    ],
    formats: FORMATS,
    all_required: true,
    open_objects: false,
    recursion: true,
};

const ANTHROPIC: Subset = Subset {
    keywords: &["description", "enum", "const", "$ref"],
    formats: FORMATS,
    all_required: false,
    open_objects: false,
    recursion: false,
};

const GEMINI: Subset = Subset {
    keywords: &["description", "title", "enum", "$ref", "minimum", "maximum", "minItems", "maxItems"],
    formats: &["date-time", "date", "time"],
    all_required: false,
    open_objects: true,
    recursion: false,
};

const fn subset(kind: EndpointKind) -> &'static Subset {
    match kind {
        EndpointKind::Openai | EndpointKind::Responses => &OPENAI,
        EndpointKind::Anthropic => &ANTHROPIC,
        EndpointKind::Gemini => &GEMINI,
    }
}

/// Cuts a schema to what a provider takes.
///
/// # Errors
/// Fails where something is left that the provider does not take and that shapes answers.
pub fn fit(kind: EndpointKind, schema: &Value) -> Result<Value, Unfit> {
    let subset = subset(kind);
    if !subset.recursion && is_recursive(schema) {
        return Err(Unfit { what: "a schema that refers to itself".to_owned(), at: "#".to_owned() });
    }
    let mut fitted = subset.fit(schema, "#")?;
    if fitted.get("type") != Some(&json!("object")) && !subset.open_objects {
        return Err(Unfit { what: "an answer that is no object".to_owned(), at: "#".to_owned() });
    }
    for name in ["$defs", "definitions"] {
        if let Some(Value::Object(parts)) = schema.get(name) {
            fitted[name] = Value::Object(subset.fit_each(parts, &format!("#/{name}"))?);
        }
    }
    Ok(fitted)
}

impl Subset {
    fn fit(&self, schema: &Value, at: &str) -> Result<Value, Unfit> {
        let unfit = |what: &str| Unfit { what: what.to_owned(), at: at.to_owned() };
        let Value::Object(fields) = schema else { return Err(unfit("a schema that allows anything")) };
        let mut out = Map::new();
        for keyword in self.keywords {
            if let Some(value) = fields.get(*keyword) {
                out.insert((*keyword).to_owned(), value.clone());
            }
        }
        self.fit_rest(fields, &mut out, at)?;
        let shaped = ["type", "enum", "const", "$ref", "anyOf"];
        if !shaped.iter().any(|keyword| out.contains_key(*keyword)) {
            return Err(unfit("a schema that allows anything"));
        }
        Ok(Value::Object(out))
    }

    fn fit_rest(
        &self,
        fields: &Map<String, Value>,
        out: &mut Map<String, Value>,
        at: &str,
    ) -> Result<(), Unfit> {
        for shaping in ["allOf", "patternProperties", "prefixItems", "$dynamicRef", "dependentSchemas"] {
            if fields.contains_key(shaping) {
                return Err(Unfit { what: format!("`{shaping}`"), at: at.to_owned() });
            }
        }
        if let Some(constant) = fields.get("const").filter(|_| !self.keywords.contains(&"const")) {
            out.insert("enum".to_owned(), json!([constant]));
        }
        if let Some(format) = fields.get("format").filter(|format| self.knows_format(format)) {
            out.insert("format".to_owned(), format.clone());
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(choices)) = fields.get(name) {
                let fit = |(n, choice)| self.fit(choice, &format!("{at}/{name}/{n}"));
                let choices: Result<Vec<Value>, Unfit> = choices.iter().enumerate().map(fit).collect();
                out.insert("anyOf".to_owned(), choices?.into());
            }
        }
        let Some(kind) = implied_type(fields) else { return Ok(()) };
        if has_type(&kind, "object") {
            self.fit_object(fields, out, at)?;
        }
        if has_type(&kind, "array") {
            let items = fields.get("items").unwrap_or(&Value::Null);
            out.insert("items".to_owned(), self.fit(items, &format!("{at}/items"))?);
        }
        out.insert("type".to_owned(), kind);
        Ok(())
    }

    fn fit_object(
        &self,
        fields: &Map<String, Value>,
        out: &mut Map<String, Value>,
        at: &str,
    ) -> Result<(), Unfit> {
        let unfit = |what: &str| Unfit { what: what.to_owned(), at: at.to_owned() };
        let additional = fields.get("additionalProperties");
        if !self.open_objects && additional.is_some_and(Value::is_object) {
            return Err(unfit("`additionalProperties` with a schema"));
        }
        let none = Map::new();
        let properties = fields.get("properties").and_then(Value::as_object).unwrap_or(&none);
        if !self.open_objects && properties.is_empty() && additional != Some(&Value::Bool(false)) {
            return Err(unfit("an object with any fields"));
        }
        let mut properties = self.fit_each(properties, &format!("{at}/properties"))?;
        let required = required(fields);
        if self.all_required {
            for (name, property) in &mut properties {
                if !required.contains(&name.as_str()) {
                    *property = nullable(property);
                }
            }
        }
        let required: Vec<Value> = properties
            .keys()
            .filter(|name| self.all_required || required.contains(&name.as_str()))
            .map(|name| name.as_str().into())
            .collect();
        out.insert("required".to_owned(), required.into());
        out.insert("properties".to_owned(), properties.into());
        if !self.open_objects {
            out.insert("additionalProperties".to_owned(), false.into());
        } else if let Some(additional) = additional {
            out.insert("additionalProperties".to_owned(), additional.clone());
        }
        Ok(())
    }

    fn fit_each(&self, parts: &Map<String, Value>, at: &str) -> Result<Map<String, Value>, Unfit> {
        parts
            .iter()
            .map(|(name, part)| Ok((name.clone(), self.fit(part, &format!("{at}/{name}"))?)))
            .collect()
    }

    fn knows_format(&self, format: &Value) -> bool {
        format.as_str().is_some_and(|format| self.formats.contains(&format))
    }
}

fn required(fields: &Map<String, Value>) -> Vec<&str> {
    let names = fields.get("required").and_then(Value::as_array);
    names.map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Returns the type of a schema, said or implied by what it says of it.
fn implied_type(fields: &Map<String, Value>) -> Option<Value> {
    let implied = || {
        let has = |name: &str| fields.contains_key(name);
        if has("properties") { Some("object".into()) } else { has("items").then(|| "array".into()) }
    };
    fields.get("type").cloned().or_else(implied)
}

fn has_type(kind: &Value, name: &str) -> bool {
    match kind {
        Value::String(kind) => kind == name,
        Value::Array(kinds) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

/// Returns a schema that allows `null` besides.
fn nullable(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let is_simple = schema.get("anyOf").is_none() && schema.get("const").is_none();
    match schema.get("type").cloned().filter(|_| is_simple) {
        Some(Value::String(kind)) if kind != "null" => schema["type"] = json!([kind, "null"]),
        Some(Value::Array(mut kinds)) if !kinds.contains(&json!("null")) => {
            kinds.push("null".into());
            schema["type"] = kinds.into();
        }
        Some(_) => {}
        None => return json!({ "anyOf": [schema, { "type": "null" }] }),
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    schema
}

/// Takes out the `null`s that stand for optional fields which are not there: the provider made every field required.
pub fn drop_nulls(schema: &Value, value: &mut Value) {
    drop_nulls_within(schema, schema, value, 0);
}

fn drop_nulls_within(root: &Value, schema: &Value, value: &mut Value, depth: usize) {
    if depth > 64 {
        return;
    }
    let schema = resolve(root, schema);
    for choice in ["anyOf", "oneOf"].iter().filter_map(|name| schema.get(*name)?.as_array()).flatten() {
        drop_nulls_within(root, choice, value, depth + 1);
    }
    match value {
        Value::Object(fields) => {
            let none = Map::new();
            let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
            let required = schema.as_object().map(required).unwrap_or_default();
            fields.retain(|name, field| {
                let Some(property) = properties.get(name) else { return true };
                !field.is_null() || required.contains(&name.as_str()) || allows_null(root, property, 0)
            });
            for (name, field) in fields {
                if let Some(property) = properties.get(name) {
                    drop_nulls_within(root, property, field, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls_within(root, schema, item, depth + 1));
            }
        }
        _ => {}
    }
}

fn allows_null(root: &Value, schema: &Value, depth: usize) -> bool {
    if depth > 64 {
        return true;
    }
    let schema = resolve(root, schema);
    let holds =
        |name: &str| schema.get(name).and_then(Value::as_array).is_some_and(|all| all.contains(&Value::Null));
    let mut choices = ["anyOf", "oneOf"].iter().filter_map(|name| schema.get(*name)?.as_array()).flatten();
    schema.get("type").is_some_and(|kind| has_type(kind, "null"))
        || holds("enum")
        || schema.get("const") == Some(&Value::Null)
        || choices.any(|choice| allows_null(root, choice, depth + 1))
}

/// Follows a reference within the document.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    target.and_then(|path| root.pointer(path)).unwrap_or(schema)
}

fn is_recursive(schema: &Value) -> bool {
    let mut graph: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in ["$defs", "definitions"] {
        for (part, schema) in schema.get(name).and_then(Value::as_object).into_iter().flatten() {
            graph.insert(format!("#/{name}/{part}"), references(schema));
        }
    }
    let mut whole = schema.clone();
    if let Value::Object(fields) = &mut whole {
        fields.remove("$defs");
        fields.remove("definitions");
    }
    references(&whole).contains(&"#".to_owned()) || graph.keys().any(|start| reaches(&graph, start))
}

fn reaches(graph: &BTreeMap<String, Vec<String>>, start: &String) -> bool {
    let (mut seen, mut open) = (Vec::new(), graph.get(start).cloned().unwrap_or_default());
    while let Some(next) = open.pop() {
        if &next == start || next == "#" {
            return true;
        }
        if !seen.contains(&next) {
            open.extend(graph.get(&next).cloned().unwrap_or_default());
            seen.push(next);
        }
    }
    false
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Whether a model is one that takes schemas. Older models of a provider that does may not.
#[must_use]
pub fn is_known_to_model(kind: EndpointKind, model: &str) -> bool {
    match kind {
        EndpointKind::Openai | EndpointKind::Responses => {
            !["gpt-3.5", "gpt-4-", "o1-mini", "o1-preview"].iter().any(|old| model.starts_with(old))
                && model != "gpt-4"
        }
        EndpointKind::Anthropic => {
            let version = super::wire::anthropic::version(model);
            version.is_none_or(|version| version >= (4, 5) || (version == (4, 1) && model.contains("opus")))
        }
        EndpointKind::Gemini => !model.contains("gemini-1"),
    }
}
