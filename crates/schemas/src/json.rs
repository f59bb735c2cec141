//! Canonical JSON: the one textual form in which values are kept, compared and hashed.

mod scan;

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The largest integer that canonical JSON holds exactly (2^53).
pub const MAX_EXACT_INTEGER: u64 = 1 << 53;

thread_local! {
    /// Where texts are put together.
    static BUFFER: Cell<String> = const { Cell::new(String::new()) };
}

/// A buffer that a text made longer than this is not used again.
const LONGEST_BUFFER: usize = 1 << 16;

/// A JSON value in canonical form: keys sorted, no spaces, numbers in their shortest form.
///
/// Two equal values have the same text, so comparing and hashing the text is comparing and hashing the value.
/// Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Arc<str>);

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// An integer beyond 2^53, which other readers of JSON would round.
    #[error("the integer {number} is beyond 2^53 and would be rounded; write it as a string")]
    InexactInteger {
        /// The number as written.
        number: String,
    },
    /// The text is not JSON.
    #[error("not JSON: {message}")]
    Syntax {
        /// What the parser said.
        message: String,
    },
}

impl Json {
    /// Returns JSON's `null`.
    #[must_use]
    pub fn null() -> Self {
        Self(Arc::from("null"))
    }

    /// Returns the canonical form of a value.
    ///
    /// # Errors
    /// Refuses integers beyond 2^53.
    pub fn of(value: &Value) -> Result<Self, JsonError> {
        Self::built(|text| write_value(text, value))
    }

    /// Returns the canonical form of anything that serialises.
    ///
    /// # Errors
    /// Refuses integers beyond 2^53 and types that JSON cannot hold.
    pub fn from_serialize(value: &impl Serialize) -> Result<Self, JsonError> {
        Self::of(&serde_json::to_value(value).map_err(|e| syntax(&e))?)
    }

    /// Parses any JSON text and brings it into canonical form.
    ///
    /// # Errors
    /// Refuses text that is not JSON, and integers beyond 2^53.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        Self::of(&serde_json::from_str(text).map_err(|e| syntax(&e))?)
    }

    /// Takes text that is already canonical, for instance because it was read back from the store.
    #[must_use]
    pub fn from_canonical(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value as a tree.
    #[must_use]
    pub fn value(&self) -> Value {
        // Canonical text always parses; `null` stands for text that was forged through `from_canonical`.
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// Reads the value into a type.
    ///
    /// # Errors
    /// Fails where the value does not have the type's shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        serde_json::from_str(&self.0).map_err(|e| syntax(&e))
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether this is a list.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.0.starts_with('[')
    }

    /// Returns the canonical text of one field of an object, without parsing the others.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        crate::json::field(&self.0, name)
    }

    /// Returns this object with one field set, or `None` where this is no object.
    #[must_use]
    pub fn with_field(&self, name: &str, value: &Self) -> Option<Self> {
        self.spliced(name, value).unwrap_or_else(|_| self.rebuilt(name, value))
    }

    /// Puts a field into the text where it belongs.
    fn spliced(&self, name: &str, value: &Self) -> Result<Option<Self>, scan::Lost> {
        let mut fields = scan::Fields::of(&self.0)?;
        // Where it goes, what it replaces, and whether something stands before and behind it.
        let (mut place, mut is_first) = (self.0.len() - 1..self.0.len() - 1, true);
        let mut is_found = false;
        while let Some(field) = fields.next()? {
            match field.key.cmp(name) {
                _ if is_found => {}
                Ordering::Less => is_first = false,
                Ordering::Equal => (place, is_found) = (field.start..field.value.end, true),
                Ordering::Greater => (place, is_found) = (field.start..field.start, true),
            }
        }
        let json = Self::made(|text| {
            text.push_str(&self.0[..place.start]);
            if !is_found && !is_first {
                text.push(',');
            }
            write_string(text, name);
            text.push(':');
            text.push_str(&value.0);
            if is_found && place.is_empty() {
                text.push(',');
            }
            text.push_str(&self.0[place.end..]);
        });
        Ok(Some(json))
    }

    /// Writes a text, in a buffer that is used again and again: only what is kept is allocated.
    fn built<E>(write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<Self, E> {
        let mut text = BUFFER.take();
        text.clear();
        let written = write(&mut text).map(|()| Self(Arc::from(text.as_str())));
        if text.capacity() <= LONGEST_BUFFER {
            BUFFER.set(text);
        }
        written
    }

    fn made(write: impl FnOnce(&mut String)) -> Self {
        let Ok(json) = Self::built(|text| {
            write(text);
            Ok::<(), Infallible>(())
        });
        json
    }

    fn rebuilt(&self, name: &str, value: &Self) -> Option<Self> {
        let mut fields: BTreeMap<Cow<'_, str>, &str> = BTreeMap::new();
        for (key, raw) in serde_json::from_str::<BTreeMap<Key<'_>, &RawValue>>(&self.0).ok()? {
            fields.insert(key.0, raw.get());
        }
        fields.insert(Cow::Borrowed(name), value.as_str());
        Some(Self::object(fields.iter().map(|(key, text)| (key.as_ref(), *text))))
    }

    /// Returns this object without a field, or `None` where this is no object.
    #[must_use]
    pub fn without_field(&self, name: &str) -> Option<Self> {
        let mut fields = serde_json::from_str::<BTreeMap<Key<'_>, &RawValue>>(&self.0).ok()?;
        fields.remove(&Key(Cow::Borrowed(name)));
        Some(Self::object(fields.iter().map(|(key, raw)| (key.0.as_ref(), raw.get()))))
    }

    /// Builds an object from fields **sorted by name** whose values are canonical text.
    #[must_use]
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::made(|text| {
            text.push('{');
            for (key, value) in fields {
                separate(text);
                write_string(text, key);
                text.push(':');
                text.push_str(value);
            }
            text.push('}');
        })
    }

    /// Builds a list from canonical texts.
    #[must_use]
    pub fn array<'a>(items: impl IntoIterator<Item = &'a str>) -> Self {
        Self::made(|text| {
            text.push('[');
            for item in items {
                separate(text);
                text.push_str(item);
            }
            text.push(']');
        })
    }

    /// Returns the JSON string that holds this text.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::made(|out| write_string(out, text))
    }
}

/// An object key, borrowed from the text where it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Returns the text of one top-level field of a JSON object.
#[must_use]
pub fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    scanned_field(object, name).unwrap_or_else(|_| parsed_field(object, name))
}

/// Keys are sorted, so what is not there is known to be missing at the first key behind its place.
fn scanned_field<'a>(object: &'a str, name: &str) -> Result<Option<&'a str>, scan::Lost> {
    let mut fields = scan::Fields::of(object)?;
    while let Some(field) = fields.next()? {
        match field.key.cmp(name) {
            Ordering::Less => {}
            Ordering::Equal => return Ok(Some(&object[field.value])),
            Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

fn parsed_field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    struct Find<'n>(&'n str);
    impl<'de> serde::de::Visitor<'de> for Find<'_> {
        type Value = Option<&'de str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<Key<'de>>()? {
                if key.0 == self.0 {
                    found = Some(map.next_value::<&'de RawValue>()?.get());
                } else {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    serde::de::Deserializer::deserialize_map(&mut reader, Find(name)).ok().flatten()
}

/// Returns the plain text of a scalar's canonical text: strings lose their quotes, other scalars stay as they are.
/// Objects, lists and `null` have none.
#[must_use]
pub fn scalar_text(canonical: &str) -> Option<Cow<'_, str>> {
    match canonical.as_bytes().first()? {
        b'"' => match canonical.get(1..canonical.len() - 1) {
            Some(plain) if canonical.ends_with('"') && !plain.contains(['\\', '"']) => {
                Some(Cow::Borrowed(plain))
            }
            _ => serde_json::from_str::<Key<'_>>(canonical).ok().map(|key| key.0),
        },
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(canonical)),
    }
}

fn syntax(error: &serde_json::Error) -> JsonError {
    JsonError::Syntax { message: error.to_string() }
}

/// Puts a comma before every item but the first, which stands right behind the opening bracket.
fn separate(text: &mut String) {
    if text.len() > 1 {
        text.push(',');
    }
}

fn write_value(out: &mut String, value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number)?,
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_value(out, item)?;
            }
            out.push(']');
        }
        Value::Object(map) => write_object(out, map)?,
    }
    Ok(())
}

fn write_object(out: &mut String, map: &serde_json::Map<String, Value>) -> Result<(), JsonError> {
    // The map may keep insertion order, depending on features another crate turns on.
    let mut fields: Vec<(&String, &Value)> = map.iter().collect();
    fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
    out.push('{');
    for (n, (key, value)) in fields.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_value(out, value)?;
    }
    out.push('}');
    Ok(())
}

fn write_number(out: &mut String, number: &serde_json::Number) -> Result<(), JsonError> {
    let exact = match (number.as_u64(), number.as_i64()) {
        (Some(n), _) => n <= MAX_EXACT_INTEGER,
        (None, Some(n)) => n.unsigned_abs() <= MAX_EXACT_INTEGER,
        (None, None) => {
            let float = number.as_f64().unwrap_or(0.0);
            // A whole float beyond 2^53 may have been written as a longer integer; the parser does not tell.
            if float.abs() > 9_007_199_254_740_992.0 {
                return Err(JsonError::InexactInteger { number: number.to_string() });
            }
            out.push_str(ryu_js::Buffer::new().format(float));
            return Ok(());
        }
    };
    if !exact {
        return Err(JsonError::InexactInteger { number: number.to_string() });
    }
    use fmt::Write as _;
    let _infallible = write!(out, "{number}");
    Ok(())
}

/// Appends the canonical JSON string that holds this text.
pub fn write_string(out: &mut String, text: &str) {
    use fmt::Write as _;
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            let _infallible = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Value> for Json {
    type Error = JsonError;

    fn try_from(value: Value) -> Result<Self, JsonError> {
        Self::of(&value)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.value().serialize(serializer)
        } else {
            serializer.serialize_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Self::of(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
        } else {
            Ok(Self(Arc::from(String::deserialize(deserializer)?)))
        }
    }
}

impl schemars::JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "any JSON value" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, canonical: &str) {
        let json = Json::parse(text).unwrap();
        assert_eq!(json.as_str(), canonical);
        assert_eq!(Json::parse(json.as_str()).unwrap(), json, "canonical form is a fixed point");
    }

    #[test]
    fn canonical_form_sorts_keys_and_shortens_numbers() {
        check(r#"{"b": 1.0, "a": [ 1e2, -0.0, 0.10 ], "": null}"#, r#"{"":null,"a":[100,0,0.1],"b":1}"#);
        check("\"a\\u0001\\u00e9\\/\"", "\"a\\u0001é/\"");
    }

    #[test]
    fn integers_beyond_two_to_the_53_are_refused() {
        assert!(Json::parse("9007199254740992").is_ok());
        for text in ["9007199254740993", "-9007199254740993", "123456789012345678901234567890"] {
            assert!(matches!(Json::parse(text), Err(JsonError::InexactInteger { .. })), "{text}");
        }
    }

    #[test]
    fn fields_are_read_and_set_without_a_tree() {
        let json = Json::of(&json!({"b": {"x": 1}, "d": "é\""})).unwrap();
        assert_eq!(json.field("b"), Some(r#"{"x":1}"#));
        assert_eq!(json.field("x"), None);
        let set = json.with_field("c", &Json::string("y")).unwrap();
        assert_eq!(set.as_str(), r#"{"b":{"x":1},"c":"y","d":"é\""}"#);
        assert_eq!(Json::array([]).with_field("a", &Json::null()), None);
        assert_eq!(Json::object([]).as_str(), "{}");
        assert_eq!(Json::array(["{}", "[]"]).as_str(), "[{},[]]");
    }

    #[test]
    fn fields_are_found_as_the_parser_finds_them() {
        let objects = [
            json!({}),
            json!({"a": 1}),
            json!({"a": "x,}", "b": [1, {"c": "]\\\""}], "d": {"a": {}}, "e": -1.5e-3, "f": null, "é": true}),
            json!({"a\"b": 1, "c": 2}),
            json!([1]),
            json!("a"),
        ];
        for object in &objects {
            let json = Json::of(object).unwrap();
            for name in ["", "a", "a\"b", "b", "bb", "c", "d", "e", "f", "z", "é", "\u{1}"] {
                assert_eq!(json.field(name), parsed_field(json.as_str(), name), "{name} of {json}");
                let value = Json::string("new");
                assert_eq!(json.with_field(name, &value), json.rebuilt(name, &value), "{name} into {json}");
            }
        }
        assert_eq!(field("{ \"a\" : 1 }", "a"), Some("1"), "whatever is not canonical is parsed");
        for torn in ["{", "{\"a", "{\"a\":", "{\"a\":1", "{\"a\":[}", "{\"a\":tr ue}"] {
            assert_eq!(field(torn, "b"), None, "{torn}");
        }
    }

    #[test]
    fn scalars_have_a_plain_text() {
        assert_eq!(scalar_text("\"a\\n\"").as_deref(), Some("a\n"));
        assert_eq!(scalar_text("12").as_deref(), Some("12"));
        assert_eq!(scalar_text("null"), None);
        assert_eq!(scalar_text("[1]"), None);
    }
}
