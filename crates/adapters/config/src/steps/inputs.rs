//! Inputs of a steps file: in a list or a map, plain values or declarations with rules.

use refrain_core::check::article;
use refrain_core::check::code::Code;
use refrain_core::check::json_type;
use refrain_schemas::pipeline::{ParamSpec, ParamType};
use serde_json::{Map, Value, json};

use super::reading::{Fields, Item, Reading, flag_of, json as value_of, listed as listed_words};
use crate::node::{Entry, Kind};

const KEYS: [&str; 7] = ["name", "type", "description", "required", "default", "enum", "validation"];
pub(super) const RULES: [&str; 10] = [
    "pattern",
    "min",
    "max",
    "min_length",
    "max_length",
    "enum",
    "min_items",
    "max_items",
    "item_type",
    "properties",
];
const TYPES: [&str; 13] = [
    "string", "str", "integer", "int", "number", "float", "boolean", "bool", "array", "list", "object",
    "dict", "any",
];

/// An input: its name, where it stands and what it is.
pub(super) struct Input<'n> {
    pub(super) name: String,
    pub(super) item: Item<'n>,
    pub(super) spec: ParamSpec,
}

/// Reads `inputs:` or `parameters:`.
pub(super) fn inputs<'n>(reading: &mut Reading<'_>, section: &Item<'n>) -> Vec<Input<'n>> {
    if matches!(section.node.kind, Kind::List(_)) {
        return section.items().iter().filter_map(|item| listed(reading, item)).collect();
    }
    let Some(fields) = reading.fields(section) else { return Vec::new() };
    let inputs = fields.iter().map(|(name, item)| {
        let spec = if is_declared(&item) { declared(reading, &item) } else { plain(&item, false) };
        let spec = spec.unwrap_or_else(unknown);
        Input { name: name.to_owned(), item, spec }
    });
    inputs.collect()
}

/// Reads an entry of a list: `NAME`, `NAME: default`, where nothing makes it required, or a declaration with a name.
fn listed<'n>(reading: &mut Reading<'_>, item: &Item<'n>) -> Option<Input<'n>> {
    if let Some(name) = item.text() {
        let spec = ParamSpec { kind: Some(ParamType::Any), ..empty() };
        return Some(Input { name: name.to_owned(), item: item.clone(), spec });
    }
    let fields = reading.fields(item)?;
    if let Some(name) = fields.get("name") {
        let name = reading.text(&name)?.to_owned();
        let spec = declared(reading, item).unwrap_or_else(unknown);
        return Some(Input { name, item: item.clone(), spec });
    }
    let [Entry { key, .. }] = fields.entries else {
        let hint = Some("write `- NAME: default`, or `- { name: NAME, type: … }`".to_owned());
        reading.at(Code::WrongType, item, "an input of a list has one key, or a `name`", hint);
        return None;
    };
    let entry = fields.get(key)?;
    let spec = if is_declared(&entry) { declared(reading, &entry) } else { plain(&entry, true) };
    let spec = spec.unwrap_or_else(unknown);
    Some(Input { name: key.clone(), item: entry, spec })
}

const fn empty() -> ParamSpec {
    ParamSpec { kind: None, default: None, choices: Vec::new(), schema: None, description: None }
}

/// One that is declared wrongly is there all the same: texts that read it are not wrong as well.
fn unknown() -> ParamSpec {
    ParamSpec { kind: Some(ParamType::Any), default: Some(Value::Null), ..empty() }
}

/// Whether a value is a declaration rather than a default.
fn is_declared(item: &Item<'_>) -> bool {
    let Kind::Map(entries) = &item.node.kind else { return false };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    let says_nothing_else =
        || entries.iter().all(|entry| ["description", "enum"].contains(&entry.key.as_str()));
    let is_said = ["type", "default", "required", "validation"].into_iter().any(has);
    is_said || (!entries.is_empty() && says_nothing_else())
}

/// Reads a default. Nothing is a required input in a list, and `null` in a map; so is the word `None`.
fn plain(item: &Item<'_>, is_required: bool) -> Option<ParamSpec> {
    match &item.node.kind {
        Kind::Broken => None,
        Kind::Null if is_required => Some(ParamSpec { kind: Some(ParamType::Any), ..empty() }),
        Kind::Text(text) if text == "None" => Some(ParamSpec { kind: Some(ParamType::Any), ..empty() }),
        Kind::Null => Some(ParamSpec { kind: Some(ParamType::Any), default: Some(Value::Null), ..empty() }),
        _ => Some(ParamSpec { default: Some(value_of(item.node)), ..empty() }),
    }
}

fn declared(reading: &mut Reading<'_>, item: &Item<'_>) -> Option<ParamSpec> {
    let before = reading.n_problems();
    let fields = reading.fields(item)?;
    reading.known(&fields, "an input", &KEYS, &[]);
    let kind = fields.get("type").and_then(|item| kind(reading, &item));
    let mut rules = Map::new();
    if let Some(choices) = fields.get("enum") {
        rule(reading, "enum", &choices, &mut rules);
    }
    if let Some(validation) = fields.get("validation") {
        validations(reading, &validation, kind, &mut rules);
    }
    let default = fields.get("default").map(|item| match (kind, flag_of(item.node)) {
        (Some(ParamType::Boolean), Some(flag)) => Value::Bool(flag),
        _ => value_of(item.node),
    });
    let is_required = fields.get("required").map(|item| reading.flag(&item));
    let description = fields.get("description").and_then(|item| reading.text(&item)).map(str::to_owned);
    let is_open = matches!((&default, is_required), (None | Some(Value::Null), Some(Some(false))))
        || default == Some(Value::Null);
    let mut spec = ParamSpec { kind, default, description, ..empty() };
    if is_open {
        may_be_null(&mut spec, &mut rules);
    } else if spec.kind.is_none() && spec.default.is_none() {
        spec.kind = Some(ParamType::Any);
    }
    if !rules.is_empty() {
        spec.schema = Some(Value::Object(rules));
    }
    (reading.n_problems() == before).then_some(spec)
}

/// An input that need not be there is `null` then, or what its type says.
fn may_be_null(spec: &mut ParamSpec, rules: &mut Map<String, Value>) {
    let named = spec.kind.and_then(json_type);
    let own = std::mem::take(rules);
    let mut some = own;
    if let Some(named) = named {
        some.insert("type".to_owned(), Value::from(named));
    }
    if !some.is_empty() {
        rules.insert("anyOf".to_owned(), json!([{ "type": "null" }, some]));
    }
    spec.kind = Some(ParamType::Any);
    spec.default = Some(Value::Null);
}

/// Reads the name of a type.
pub(super) fn kind(reading: &mut Reading<'_>, item: &Item<'_>) -> Option<ParamType> {
    Some(match reading.word(item, &TYPES)? {
        "string" | "str" => ParamType::String,
        "integer" | "int" => ParamType::Integer,
        "number" | "float" => ParamType::Number,
        "boolean" | "bool" => ParamType::Boolean,
        "array" | "list" => ParamType::List,
        "object" | "dict" => ParamType::Object,
        _ => ParamType::Any,
    })
}

fn validations(
    reading: &mut Reading<'_>,
    item: &Item<'_>,
    kind: Option<ParamType>,
    rules: &mut Map<String, Value>,
) {
    let Some(fields) = reading.fields(item) else { return };
    reading.known(&fields, "`validation`", &RULES, &[]);
    for (name, item) in fields.iter().filter(|(name, _)| RULES.contains(name)) {
        if let Some((kind, wanted)) = kind.zip(kinds(name)).filter(|(kind, wanted)| !wanted.contains(kind)) {
            let wanted: Vec<&str> = wanted.iter().copied().filter_map(json_type).collect();
            let hint = Some(format!("it is for {}", listed_words(&wanted)));
            let message = format!("`{name}` is no rule for {}", article(kind));
            reading.at_key(Code::StepTwo, &item, message, hint);
        }
        rule(reading, name, &item, rules);
    }
}

/// Returns the types that a rule is for; nothing where that is any.
fn kinds(rule: &str) -> Option<&'static [ParamType]> {
    let kinds: &'static [ParamType] = match rule {
        "pattern" | "min_length" | "max_length" => &[ParamType::String, ParamType::Any],
        "min" | "max" => &[ParamType::Integer, ParamType::Number, ParamType::Any],
        "min_items" | "max_items" | "item_type" => &[ParamType::List, ParamType::Any],
        "properties" => &[ParamType::Object, ParamType::Any],
        _ => return None,
    };
    Some(kinds)
}

/// Turns a rule into its keyword of JSON Schema.
pub(super) fn rule(reading: &mut Reading<'_>, name: &str, item: &Item<'_>, rules: &mut Map<String, Value>) {
    let value = match name {
        "pattern" => reading.text(item).map(|text| Value::from(format!("^(?:{text})"))),
        "enum" => reading.list(item).map(|_| value_of(item.node)),
        "min" | "max" => number(reading, item),
        "item_type" => kind(reading, item)
            .map(|kind| json_type(kind).map_or_else(|| json!({}), |t| json!({ "type": t }))),
        "properties" => reading.fields(item).map(|fields| properties(reading, &fields, rules)),
        _ => reading.whole(item).map(Value::from),
    };
    let keyword = match name {
        "min" => "minimum",
        "max" => "maximum",
        "min_length" => "minLength",
        "max_length" => "maxLength",
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "item_type" => "items",
        other => other,
    };
    if let Some(value) = value {
        rules.insert(keyword.to_owned(), value);
    }
}

fn number(reading: &mut Reading<'_>, item: &Item<'_>) -> Option<Value> {
    if matches!(item.node.kind, Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_)) {
        return Some(value_of(item.node));
    }
    let message = format!("`{}` is {}, and a number is expected", item.name(), item.node.describe());
    reading.at(Code::WrongType, item, message, None);
    None
}

/// Reads the fields of an object: each a type, or JSON Schema with the words of inputs.
fn properties(reading: &mut Reading<'_>, fields: &Fields<'_>, rules: &mut Map<String, Value>) -> Value {
    let mut out = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for (name, item) in fields.iter() {
        let schema = match &item.node.kind {
            Kind::Map(_) => reading.fields(&item).map(|inner| {
                if inner.get("required").is_some_and(|flag| matches!(flag.node.kind, Kind::Bool(true))) {
                    required.push(Value::from(name));
                }
                property(reading, &inner)
            }),
            _ => kind(reading, &item)
                .map(|kind| json_type(kind).map_or_else(|| json!({}), |t| json!({ "type": t }))),
        };
        out.extend(schema.map(|schema| (name.to_owned(), schema)));
    }
    if !required.is_empty() {
        rules.insert("required".to_owned(), Value::Array(required));
    }
    Value::Object(out)
}

/// Reads what is said of one field.
fn property(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Value {
    let mut schema = Map::new();
    for (name, item) in fields.iter() {
        match (name, &item.node.kind) {
            ("required", Kind::Bool(_)) => {}
            ("type", Kind::Text(text)) if text != "null" => {
                let kind = kind(reading, &item).and_then(json_type);
                schema.extend(kind.map(|kind| ("type".to_owned(), json!(kind))));
            }
            (name, _) if RULES.contains(&name) => rule(reading, name, &item, &mut schema),
            (name, _) => drop(schema.insert(name.to_owned(), value_of(item.node))),
        }
    }
    Value::Object(schema)
}
