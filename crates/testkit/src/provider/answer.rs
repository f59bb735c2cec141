//! What the provider's models say: the texts they were given, with accents, in the shape that was asked for.

use serde_json::{Map, Value, json};

use super::wire::Asked;

/// The most levels of a schema that are filled in.
const MAX_DEPTH: usize = 12;

/// What a model says, or the tool it turns to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tool: Option<(String, Value)>,
}

/// Answers a request; an invalid answer lacks what the schema asks for.
pub(super) fn answer(asked: &Asked, is_invalid: bool) -> Answer {
    let texts = marked(&asked.user);
    let first = texts.first().copied().unwrap_or_else(|| asked.user.lines().last().unwrap_or_default());
    let tool = asked.tools.first().filter(|_| !asked.has_tool_results);
    let tool = tool.map(|(name, schema)| (name.clone(), shaped(schema, schema, first, 0)));
    let sent = asked.schema.clone().or_else(|| schema_in(&asked.system)).or_else(|| schema_in(&asked.user));
    let text = match sent {
        None if is_invalid => String::new(),
        None => pseudo(if texts.is_empty() { &asked.user } else { first }),
        Some(_) if is_invalid => json!({"nothing": "of what was asked for"}).to_string(),
        Some(schema) => match packed(&schema) {
            Some(one) => json!({"units": numbered(&schema, one, &texts)}).to_string(),
            None => shaped(&schema, &schema, first, 0).to_string(),
        },
    };
    Answer { text, tool }
}

/// Returns an answer as careless models give it: in a fence, with a comma too many where it is JSON.
pub(super) fn fenced(text: &str) -> String {
    let careless = text.strip_suffix('}').map_or_else(|| text.to_owned(), |head| format!("{head},}}"));
    format!("Here you are:\n```json\n{careless}\n```\n")
}

/// Returns a text with accents on its vowels; what stands in brackets of any kind but round ones stays as it is.
#[must_use]
pub fn pseudo(text: &str) -> String {
    let mut depth = 0_u32;
    let accented = |c: char| match c {
        'a' => 'á',
        'e' => 'é',
        'i' => 'í',
        'o' => 'ó',
        'u' => 'ú',
        'A' => 'Á',
        'E' => 'É',
        'I' => 'Í',
        'O' => 'Ó',
        'U' => 'Ú',
        other => other,
    };
    let keep = |c: char| {
        match c {
            '{' | '<' | '[' => depth += 1,
            '}' | '>' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 { accented(c) } else { c }
    };
    text.chars().map(keep).collect()
}

/// Returns the texts between `<line …>` and `</line>`.
fn marked(text: &str) -> Vec<&str> {
    let piece = |piece: &'static str| piece;
    let (open, close) = (piece("<line"), piece("</line>"));
    let behind = text.split(open).skip(1);
    let one = |rest: &'_ str| -> Option<(usize, usize)> {
        let start = rest.find('>')? + 1;
        Some((start, rest.find(close).filter(|end| *end >= start)?))
    };
    behind.filter_map(|rest| one(rest).and_then(|(start, end)| rest.get(start..end))).collect()
}

/// Returns the schema of one output where the answer carries several units.
fn packed(schema: &Value) -> Option<&Value> {
    let item = schema.pointer("/properties/units/items/properties")?;
    item.get("n").and(item.get("output"))
}

fn numbered(root: &Value, one: &Value, texts: &[&str]) -> Vec<Value> {
    let unit = |(n, text): (usize, &&str)| json!({"n": n + 1, "output": shaped(root, one, text, 0)});
    texts.iter().enumerate().map(unit).collect()
}

/// Returns the last JSON object in a text that is a schema with properties.
fn schema_in(text: &str) -> Option<Value> {
    let starts = text.match_indices('{').map(|(at, _)| at).rev();
    let read = |at: usize| {
        let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<Value>();
        values.next()?.ok()
    };
    let schemas =
        starts.filter_map(read).filter(|value| value.get("properties").is_some_and(Value::is_object));
    schemas.max_by_key(|value| value.to_string().len())
}

/// Returns a value that fits a schema, made from a text.
fn shaped(root: &Value, schema: &Value, text: &str, depth: usize) -> Value {
    let schema = resolved(root, schema);
    if let Some(value) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    let options = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|word| schema.get(word)?.get(0));
    if let Some(option) = options.filter(|_| depth < MAX_DEPTH) {
        return shaped(root, option, text, depth + 1);
    }
    match kind(schema) {
        "object" => object(root, schema, text, depth),
        "array" => array(root, schema, text, depth),
        "integer" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "number" => {
            schema.get("maximum").or_else(|| schema.get("minimum")).cloned().unwrap_or_else(|| json!(1))
        }
        "boolean" => Value::Bool(true),
        "null" => Value::Null,
        _ => string(schema, text),
    }
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    target.and_then(|to| root.pointer(to)).unwrap_or(schema)
}

/// Returns the type of a schema, in lower case; Gemini writes it in upper case elsewhere.
fn kind(schema: &Value) -> &'static str {
    let named = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        other => other.and_then(Value::as_str),
    };
    let known = ["object", "array", "integer", "number", "boolean", "null", "string"];
    let named = named.unwrap_or(if schema.get("properties").is_some() { "object" } else { "string" });
    known.into_iter().find(|word| word.eq_ignore_ascii_case(named)).unwrap_or("string")
}

fn object(root: &Value, schema: &Value, text: &str, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = schema.get("required").and_then(Value::as_array);
    let wanted = |name: &str| required.is_none_or(|names| names.iter().any(|known| known == name));
    let fields = properties.filter(|(name, _)| wanted(name));
    let filled = |(name, field): (&String, &Value)| {
        let value = if depth < MAX_DEPTH { shaped(root, field, text, depth + 1) } else { Value::Null };
        (name.clone(), value)
    };
    Value::Object(fields.map(filled).collect::<Map<_, _>>())
}

fn array(root: &Value, schema: &Value, text: &str, depth: usize) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
    let item = schema.get("items").filter(|_| depth < MAX_DEPTH);
    let one = || item.map_or(Value::Null, |item| shaped(root, item, text, depth + 1));
    Value::Array((0..least.min(64)).map(|_| one()).collect())
}

fn string(schema: &Value, text: &str) -> Value {
    let said = pseudo(text);
    let most = schema.get("maxLength").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    Value::String(match most {
        Some(most) => said.chars().take(most).collect(),
        None => said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(user: &str, schema: Option<Value>) -> Asked {
        Asked { user: user.to_owned(), schema, ..Asked::default() }
    }

    fn check(user: &str, schema: Option<Value>, expect: &str) {
        assert_eq!(answer(&asked(user, schema), false).text, expect);
    }

    #[test]
    fn texts_come_back_with_accents() {
        check("Translate.\n<line>Hello {name}, <b>well</b></line>", None, "Hélló {name}, <b>wéll</b>");
        check("what", None, "whát");
        check("<line>Go, [player]</line>", None, "Gó, [player]");
    }

    #[test]
    fn a_schema_gives_the_shape() {
        let line = json!({"type": "object", "required": ["text", "tone", "sure"], "properties": {
            "text": {"type": "string"}, "tone": {"enum": ["dry", "warm"]}, "sure": {"$ref": "#/$defs/sure"},
            "note": {"type": "string"}}, "$defs": {"sure": {"type": "number", "minimum": 0, "maximum": 1}}});
        let expect = r#"{"sure":1,"text":"Hó","tone":"dry"}"#;
        check("<line id=\"1\">Ho</line>", Some(line.clone()), expect);
        check(&format!("<line>Ho</line> Answer as {line}"), None, expect);
    }

    #[test]
    fn packed_units_are_numbered() {
        let schema = json!({"type": "object", "properties": {"units": {"type": "array", "items": {
            "type": "object", "properties": {"n": {"type": "integer"}, "output": {
                "type": "object", "properties": {"text": {"type": "string"}}}}}}}});
        let expect = r#"{"units":[{"n":1,"output":{"text":"ónë"}},{"n":2,"output":{"text":"twó"}}]}"#;
        check("<line>one</line>\n<line>two</line>", Some(schema), &expect.replace('ë', "é"));
    }

    #[test]
    fn an_invalid_answer_lacks_what_was_asked_for() {
        let schema =
            json!({"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}});
        assert_eq!(answer(&asked("x", Some(schema)), true).text, r#"{"nothing":"of what was asked for"}"#);
    }
}
