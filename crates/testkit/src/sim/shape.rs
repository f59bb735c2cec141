//! Values that a JSON Schema describes.

use serde_json::{Map, Number, Value};

use super::seed::Chance;

/// How deep values are nested before they are left as small as they may be.
const DEEPEST: usize = 12;

/// Makes a value that fits a schema, as far as that can be told from its usual words; whoever needs to be sure checks it.
///
/// `hint` is what a property may be taken from: the value of the field of the same name, where there is one.
pub(crate) fn value(
    schema: &Value,
    root: &Value,
    hint: &dyn Fn(&str) -> Option<Value>,
    chance: &mut Chance,
) -> Value {
    Maker { root, hint, chance }.make(schema, "", 0)
}

struct Maker<'a> {
    root: &'a Value,
    hint: &'a dyn Fn(&str) -> Option<Value>,
    chance: &'a mut Chance,
}

impl Maker<'_> {
    fn make(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        if let Some(path) = schema.get("$ref").and_then(Value::as_str).filter(|_| depth < DEEPEST) {
            let target = path.strip_prefix('#').and_then(|path| self.root.pointer(path)).cloned();
            return target.map_or(Value::Null, |target| self.make(&target, name, depth + 1));
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty())
        {
            return self.pick(values).clone();
        }
        for word in ["oneOf", "anyOf"] {
            if let Some(ways) = schema.get(word).and_then(Value::as_array).filter(|ways| !ways.is_empty()) {
                let way = self.pick(ways).clone();
                return self.make(&merged(schema, &[way], word), name, depth + 1);
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.make(&merged(schema, parts, "allOf"), name, depth + 1);
        }
        self.typed(schema, name, depth)
    }

    fn pick<'v>(&mut self, values: &'v [Value]) -> &'v Value {
        let at = self.chance.below(values.len() as u64);
        &values[usize::try_from(at).unwrap_or(0)]
    }

    fn typed(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "integer" => self.integer(schema),
            "number" => self.number(schema),
            "boolean" => Value::Bool(self.chance.happens(0.5)),
            "null" => Value::Null,
            _ => self.text(schema, name),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut fields = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, property) in properties.into_iter().flatten() {
            if depth < DEEPEST || required.contains(&name.as_str()) {
                fields.insert(name.clone(), self.make(property, name, depth + 1));
            }
        }
        for name in required {
            if !fields.contains_key(name) {
                let text = self.text(&Value::Null, name);
                fields.insert(name.to_owned(), text);
            }
        }
        Value::Object(fields)
    }

    fn array(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(least.max(2)).max(least);
        let n = if depth > DEEPEST { least } else { least + self.chance.below((most - least).min(2) + 1) };
        let items = schema.get("items").cloned().unwrap_or(Value::Bool(true));
        (0..n).map(|_| self.make(&items, name, depth + 1)).collect()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        let least = bound("minimum")
            .map_or_else(|| bound("exclusiveMinimum").map_or(0.0, |x| x.floor() + 1.0), f64::ceil);
        let most = bound("maximum")
            .map_or_else(|| bound("exclusiveMaximum").map_or(least + 100.0, |x| x.ceil() - 1.0), f64::floor);
        whole(least + (self.chance.unit() * (most - least + 1.0)).floor().min(most - least))
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound =
            |word: &str, other: &str| schema.get(word).or_else(|| schema.get(other)).and_then(Value::as_f64);
        let least = bound("minimum", "exclusiveMinimum").unwrap_or(0.0);
        let most = bound("maximum", "exclusiveMaximum").unwrap_or(least + 1.0);
        // Three digits are enough, and never an end of the range.
        let at = least + (most - least) * (1.0 + (self.chance.unit() * 998.0).floor()) / 1000.0;
        Number::from_f64(at).map_or(Value::Null, Value::Number)
    }

    fn text(&mut self, schema: &Value, name: &str) -> Value {
        let bound =
            |word: &str| schema.get(word).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let (least, most) = (bound("minLength").unwrap_or(0), bound("maxLength").unwrap_or(usize::MAX));
        let text = match (self.hint)(name) {
            Some(Value::String(text)) => text,
            _ => match schema.get("format").and_then(Value::as_str) {
                Some("date") => "2026-01-01".to_owned(),
                Some("date-time") => "2026-01-01T00:00:00Z".to_owned(),
                Some("uri") => "https://example.org/".to_owned(),
                Some("email") => "ana@example.org".to_owned(),
                _ => format!("{name} {:04x}", self.chance.next() & 0xffff),
            },
        };
        let mut text: String = text.chars().take(most).collect();
        while text.chars().count() < least {
            text.push('x');
        }
        Value::String(text)
    }
}

fn whole(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "bounds of schemas are far below 2^53")]
    let number = number as i64;
    Value::from(number)
}

/// Returns the type that a value is to have.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() || schema.get("required").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ if schema.get("minimum").is_some() || schema.get("maximum").is_some() => "number",
        _ => "string",
    }
}

/// Puts several schemas that all hold into one.
fn merged(schema: &Value, parts: &[Value], without: &str) -> Value {
    let mut all = schema.as_object().cloned().unwrap_or_default();
    all.remove(without);
    for part in parts {
        for (word, value) in part.as_object().into_iter().flatten() {
            match (all.get_mut(word), value) {
                (Some(Value::Object(known)), Value::Object(more)) => {
                    known.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                (Some(Value::Array(known)), Value::Array(more)) if word == "required" => {
                    known.extend(more.iter().cloned());
                }
                _ => drop(all.insert(word.clone(), value.clone())),
            }
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_their_schemas() {
        let schemas = [
            json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 5}, "b": {"type": "string", "minLength": 4, "maxLength": 6}},
                "required": ["a", "b", "c"], "additionalProperties": true}),
            json!({"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 1, "maxItems": 3}),
            json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": false}),
            json!({"$defs": {"score": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}}, "type": "object",
                "properties": {"s": {"$ref": "#/$defs/score"}}, "required": ["s"]}),
            json!({"anyOf": [{"type": "null"}, {"type": "string"}]}),
            json!({"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}]}),
            json!({"type": ["integer", "null"], "exclusiveMinimum": 2, "exclusiveMaximum": 4}),
            json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "object", "properties": {"m": {"type": "array", "items": {"type": "integer"}}}}}}),
        ];
        for schema in &schemas {
            let validator = jsonschema::validator_for(schema).unwrap();
            for n in 0..200 {
                let made = value(schema, schema, &|_| None, &mut Chance::of(n));
                assert!(validator.is_valid(&made), "{made} does not fit {schema}");
            }
        }
    }

    #[test]
    fn a_field_of_the_same_name_is_taken_over() {
        let schema = json!({"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}});
        let hint = |name: &str| (name == "text").then(|| json!("hello"));
        assert_eq!(value(&schema, &schema, &hint, &mut Chance::of(1)), json!({"text": "hel"}));
    }
}
