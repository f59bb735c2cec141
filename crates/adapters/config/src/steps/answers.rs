//! What a model is to answer with: values by their names, or whatever a schema says.
//!
//! Without either it answers with a text. What it answers stands under `result`.

use refrain_core::check::code::Code;
use refrain_core::check::json_type;
use refrain_core::prompt::enveloped;
use refrain_schemas::agent_spec::SchemaRef;
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

use super::Lowering;
use super::inputs::{self, RULES};
use super::reading::{Fields, Item, Reading, json as value_of, listed};
use super::texts::has_template;
use crate::node::{Entry, Kind};

/// Actions that ask for a value.
const STRUCTURED: [&str; 2] = ["generate_structured", "generate-structured"];
/// What a variable says of itself, besides its rules.
const VARIABLE: [&str; 7] = ["name", "type", "description", "format", "example", "examples", "items"];
/// Formats that JSON Schema knows.
const FORMATS: [&str; 9] =
    ["date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];
/// Keywords that say what a value is like; a schema with none of them lets everything through.
const SHAPES: [&str; 11] = [
    "type",
    "properties",
    "items",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "required",
    "additionalProperties",
];

/// What a model is to answer with.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The schema of the result.
    schema: Value,
    /// The names of its values, where they were named one by one.
    pub(super) variables: Vec<String>,
    /// Where it stands in the file.
    pub(super) path: String,
}

impl Answer {
    /// Returns the schema of a document that has the result, and other things beside it.
    pub(super) fn among_others(&self) -> Option<SchemaRef> {
        around(&self.schema, "result").map(SchemaRef::Inline)
    }

    /// Returns the schema of a document in whose result this stands under a name, among others.
    pub(super) fn within(&self, field: &str) -> Option<Map<String, Value>> {
        around(&Value::Object(around(&self.schema, field)?), "result")
    }

    /// Returns the schema as it is written.
    pub(super) const fn value(&self) -> &Value {
        &self.schema
    }

    /// Returns the schema of the result itself.
    pub(super) fn itself(&self) -> Option<SchemaRef> {
        self.schema.as_object().cloned().map(SchemaRef::Inline)
    }
}

/// Returns the schema of a map that has what a schema is of under a name, and other things beside it.
fn around(schema: &Value, field: &str) -> Option<Map<String, Value>> {
    let Value::Object(mut fields) = enveloped(&Json::of(schema).ok()?, field).value() else { return None };
    fields.remove("additionalProperties");
    Some(fields)
}

/// Returns the schema of the document of a step that asks a model, as far as texts that read it need it.
pub(super) fn gives(answer: Option<&Answer>) -> Value {
    let result = answer.map_or_else(|| json!({ "type": "string" }), |answer| known(&answer.schema));
    json!({ "properties": { "result": result }, "additionalProperties": false })
}

/// A field that is not named may come, but nobody can count on it.
fn known(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let is_open = schema.get("additionalProperties").is_none();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(|inner| *inner = known(inner));
        if is_open {
            schema["additionalProperties"] = Value::Bool(false);
        }
    }
    schema
}

impl Lowering<'_, '_> {
    /// Reads what the model of a step is to answer with; nothing where that is a text.
    pub(super) fn answer(&mut self, fields: &Fields<'_>) -> Option<Answer> {
        let parameters = fields.get("parameters").filter(|item| matches!(item.node.kind, Kind::Map(_)));
        let parameters = parameters.and_then(|item| self.reading.fields(&item));
        let of_action = |key: &str| parameters.as_ref().and_then(|fields| fields.get(key));
        let all = [fields.get("vars"), fields.get("output_schema"), of_action("schema")];
        let mut said = all.into_iter().flatten();
        let first = said.next();
        if let (Some(first), Some(second)) = (&first, said.next()) {
            let message = format!("`{}` and `{}` both say what is answered", first.name(), second.name());
            self.reading.at_key(Code::StepTwo, &second, message, None);
        }
        let format = of_action("output_format").and_then(|item| self.output_format(&item, first.is_some()));
        let action = ["action", "tool"].iter().find_map(|key| fields.get(key)?.text());
        match first {
            Some(item) if item.name() == "vars" => self.variables(&item),
            Some(item) => self.schema(&item),
            None if format.is_none() && action.is_some_and(|action| STRUCTURED.contains(&action)) => {
                let hint = Some("add `schema:` to its parameters, or `vars:` to the step".to_owned());
                let message = "the parameter `schema` is missing";
                self.reading.report(Code::StepMissing, &fields.path, fields.span, message, hint);
                None
            }
            None => format,
        }
    }

    /// Any JSON is something else than a text.
    fn output_format(&mut self, item: &Item<'_>, has_schema: bool) -> Option<Answer> {
        let is_json = self.reading.word(item, &["text", "markdown", "json"])? == "json";
        if has_schema && !is_json {
            let message = "a text is wanted, and a schema says what is answered";
            self.reading.at(Code::StepTwo, item, message, None);
        }
        let schema = json!({ "type": ["object", "array"] });
        is_json.then(|| Answer { schema, variables: Vec::new(), path: item.path.clone() })
    }

    /// Reads a JSON Schema: a map, or a text that is one, such as a file that was read in.
    pub(super) fn schema(&mut self, item: &Item<'_>) -> Option<Answer> {
        let schema = match item.text() {
            Some(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            None => value_of(item.node),
        };
        let wrong = match &schema {
            Value::Object(_) if has_template(&schema) => Some("a schema is not filled in"),
            Value::Object(fields) if !SHAPES.iter().any(|word| fields.contains_key(*word)) => {
                Some("the schema says nothing of what is answered")
            }
            Value::Object(_) if Json::of(&schema).is_err() => {
                Some("the schema has a number that cannot be kept")
            }
            Value::Object(_) => None,
            _ => Some("a JSON Schema is a mapping"),
        };
        if let Some(message) = wrong {
            let hint =
                Some("write `{ type: object, properties: { … } }`, or name values with `vars:`".to_owned());
            self.reading.at_key(Code::StepType, item, message, hint);
            return None;
        }
        Some(Answer { schema, variables: Vec::new(), path: item.path.clone() })
    }

    /// Reads `vars:`, all of which have to be answered.
    fn variables(&mut self, section: &Item<'_>) -> Option<Answer> {
        let mut properties = Map::new();
        let named = self.named_variables(section);
        let is_empty = named.is_empty();
        for (name, item) in named {
            let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_word || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                let hint = Some("use letters, digits and `_`".to_owned());
                self.reading.at_key(Code::BadName, &item, format!("`{name}` cannot be a variable"), hint);
            } else if properties.contains_key(&name) {
                self.reading.at_key(Code::StepTwo, &item, format!("there are two variables `{name}`"), None);
            } else {
                let schema = variable(&mut self.reading, &item);
                properties.insert(name, Value::Object(schema));
            }
        }
        if properties.is_empty() {
            if is_empty && section.items().is_empty() {
                let hint = Some("write `- NAME: what it is`, or leave `vars` out".to_owned());
                self.reading.at_key(Code::StepType, section, "no variable is named", hint);
            }
            return None;
        }
        let variables: Vec<String> = properties.keys().cloned().collect();
        let schema = json!({
            "type": "object", "properties": properties, "required": variables, "additionalProperties": false,
        });
        Some(Answer { schema, variables, path: section.path.clone() })
    }

    /// Returns the variables with what is said of each: a list, or a map.
    fn named_variables<'n>(&mut self, section: &Item<'n>) -> Vec<(String, Item<'n>)> {
        if let Kind::Map(_) = section.node.kind {
            let fields = self.reading.fields(section);
            return fields
                .iter()
                .flat_map(Fields::iter)
                .map(|(name, item)| (name.to_owned(), item))
                .collect();
        }
        let items = self.reading.list(section).unwrap_or_default();
        items.into_iter().filter_map(|item| self.listed_variable(item)).collect()
    }

    /// `NAME`, `NAME: description`, `NAME: { … }` or `{ name: NAME, … }`.
    fn listed_variable<'n>(&mut self, item: Item<'n>) -> Option<(String, Item<'n>)> {
        if let Some(name) = item.text() {
            return Some((name.to_owned(), item));
        }
        let fields = self.reading.fields(&item)?;
        if let Some(name) = fields.get("name") {
            return Some((self.reading.text(&name)?.to_owned(), item));
        }
        let [Entry { key, .. }] = fields.entries else {
            let hint = Some("write `- NAME: what it is`, or `- { name: NAME, type: … }`".to_owned());
            self.reading.at(Code::WrongType, &item, "a variable has one key, or a `name`", hint);
            return None;
        };
        Some((key.clone(), fields.get(key)?))
    }
}

/// Returns the schema of a variable; a text where nothing is said.
fn variable(reading: &mut Reading<'_>, item: &Item<'_>) -> Map<String, Value> {
    let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
    match &item.node.kind {
        Kind::Null => {}
        // Its name stands alone, or this is what it is.
        Kind::Text(_) if item.key.is_none() => {}
        Kind::Text(text) => drop(schema.insert("description".to_owned(), json!(text))),
        Kind::Map(_) => declared(reading, item, &mut schema),
        _ => {
            let hint = Some("say what it is: a text, or `{ type: …, description: … }`".to_owned());
            let message = format!("`{}` cannot be {}", item.name(), item.node.describe());
            reading.at(Code::WrongType, item, message, hint);
        }
    }
    schema
}

fn declared(reading: &mut Reading<'_>, item: &Item<'_>, schema: &mut Map<String, Value>) {
    let Some(fields) = reading.fields(item) else { return };
    let known: Vec<&str> = VARIABLE.into_iter().chain(RULES).collect();
    reading.known(&fields, "a variable", &known, &[]);
    if let Some(kind) = fields.get("type").and_then(|item| inputs::kind(reading, &item)) {
        match json_type(kind) {
            Some(kind) => drop(schema.insert("type".to_owned(), json!(kind))),
            None => drop(schema.remove("type")),
        }
    }
    if fields.get("type").is_none()
        && let Some(kind) = ["example", "examples"].iter().find_map(|key| kind_of_example(&fields.get(key)?))
    {
        schema.insert("type".to_owned(), json!(kind));
    }
    for (name, item) in fields.iter().filter(|(name, _)| RULES.contains(name)) {
        inputs::rule(reading, name, &item, schema);
    }
    if let Some(items) = fields.get("items") {
        schema.insert("items".to_owned(), items_of(reading, &items));
    }
    let description = described(reading, &fields, schema);
    if !description.is_empty() {
        schema.insert("description".to_owned(), json!(description));
    }
}

/// An example shows its type where nobody says one.
fn kind_of_example(item: &Item<'_>) -> Option<&'static str> {
    let value = value_of(item.node);
    let one = match &value {
        Value::Array(examples) if item.name() == "examples" => examples.first()?,
        other => other,
    };
    Some(match one {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}

/// The items of a list: their type, or JSON Schema.
fn items_of(reading: &mut Reading<'_>, item: &Item<'_>) -> Value {
    if matches!(item.node.kind, Kind::Map(_)) {
        return value_of(item.node);
    }
    let kind = inputs::kind(reading, item).and_then(json_type);
    kind.map_or_else(|| json!({}), |kind| json!({ "type": kind }))
}

/// Returns what the model is told of a variable.
fn described(reading: &mut Reading<'_>, fields: &Fields<'_>, schema: &mut Map<String, Value>) -> String {
    let mut lines = Vec::new();
    if let Some(item) = fields.get("description") {
        lines.extend(reading.text(&item).map(str::to_owned));
    }
    if let Some(format) = fields.get("format").and_then(|item| reading.text(&item)) {
        if FORMATS.contains(&format) {
            schema.insert("format".to_owned(), json!(format));
        }
        lines.push(format!("Format: {format}"));
    }
    for item in ["example", "examples"].iter().filter_map(|key| fields.get(key)) {
        let examples = match value_of(item.node) {
            Value::Array(examples) if item.name() == "examples" => examples,
            one => vec![one],
        };
        let shown = examples.iter().map(|example| match example {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let shown: Vec<String> = shown.collect();
        lines.push(format!("For example: {}", listed(&shown.iter().map(String::as_str).collect::<Vec<_>>())));
    }
    lines.join("\n")
}
