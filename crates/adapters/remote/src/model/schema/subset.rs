//! What each provider takes of JSON Schema.

use refrain_schemas::endpoint::EndpointKind;
use serde_json::{Map, Value, json};

use super::{Unfit, has_type, required};

/// What a provider takes.
pub(super) struct Subset {
    /// The keywords besides those that are handled one by one.
    keywords: &'static [&'static str],
    formats: &'static [&'static str],
    /// Whether every property has to be required; optional ones become nullable.
    all_required: bool,
    /// Whether objects may have fields that the schema does not name.
    pub(super) open_objects: bool,
    pub(super) recursion: bool,
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

pub(super) const fn subset(kind: EndpointKind) -> &'static Subset {
    match kind {
        EndpointKind::Openai | EndpointKind::Responses => &OPENAI,
        EndpointKind::Anthropic => &ANTHROPIC,
        EndpointKind::Gemini => &GEMINI,
    }
}

impl Subset {
    pub(super) fn fit(&self, schema: &Value, at: &str) -> Result<Value, Unfit> {
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

    pub(super) fn fit_each(&self, parts: &Map<String, Value>, at: &str) -> Result<Map<String, Value>, Unfit> {
        parts
            .iter()
            .map(|(name, part)| Ok((name.clone(), self.fit(part, &format!("{at}/{name}"))?)))
            .collect()
    }

    fn knows_format(&self, format: &Value) -> bool {
        format.as_str().is_some_and(|format| self.formats.contains(&format))
    }
}

/// Returns the type of a schema, said or implied by what it says of it.
fn implied_type(fields: &Map<String, Value>) -> Option<Value> {
    let implied = || {
        let has = |name: &str| fields.contains_key(name);
        if has("properties") { Some("object".into()) } else { has("items").then(|| "array".into()) }
    };
    fields.get("type").cloned().or_else(implied)
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
