//! Puts something harmless in the place of secrets.
//!
//! A secret travels in more forms than its own: inside of JSON strings, in addresses, in base64. What is looked for is each
//! value in each of these forms; what is found becomes `[redacted]`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use refrain_schemas::json::Json;
use serde_json::{Map, Value};

mod forms;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";
/// Shorter values are not looked for: they would be found within ordinary words, and tear replies apart.
pub const SHORTEST_SECRET: usize = 8;

/// Knows the values that nobody may see. Cloning is cheap; values are never printed.
#[derive(Clone, Default)]
pub struct Redactor(Option<Arc<Known>>);

struct Known {
    finder: AhoCorasick,
    values: usize,
}

impl Redactor {
    /// Takes the values; those shorter than [`SHORTEST_SECRET`] bytes are left out. The lines of a secret of several lines
    /// are secrets as well, because logs come in lines.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut patterns = Vec::new();
        let mut n_values = 0;
        for value in values {
            let lines = value.lines().map(str::trim).chain([value.as_str(), value.trim()]);
            let long = lines.filter(|line| line.len() >= SHORTEST_SECRET);
            let before = patterns.len();
            long.for_each(|line| forms::push_forms(&mut patterns, line));
            n_values += usize::from(patterns.len() > before);
        }
        patterns.sort_unstable();
        patterns.dedup();
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns).ok();
        let known = finder.filter(|_| n_values > 0).map(|finder| Known { finder, values: n_values });
        Self(known.map(Arc::new))
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a text holds a secret.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|known| known.finder.is_match(text))
    }

    /// Replaces every secret in a text: the leftmost first, and of several that begin there the longest.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(known) = self.0.as_ref().filter(|known| known.finder.is_match(text)) else {
            return Cow::Borrowed(text);
        };
        let mut out = String::with_capacity(text.len());
        known.finder.replace_all_with(text, &mut out, |_, _, out| {
            out.push_str(REDACTED);
            true
        });
        Cow::Owned(out)
    }

    /// Replaces every secret in a text.
    pub fn hide(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
    }

    /// Replaces every secret in the texts of a value, the names of fields included.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(fields) => {
                let clean = |(name, item): (String, _)| (self.text(&name).into_owned(), self.value(item));
                Value::Object(fields.into_iter().map(clean).collect::<Map<_, _>>())
            }
            // A secret that is all digits may stand in JSON as a number.
            Value::Number(number) if self.finds(&number.to_string()) => REDACTED.into(),
            other => other,
        }
    }

    /// Replaces every secret in canonical JSON.
    #[must_use]
    pub fn json(&self, json: &Json) -> Json {
        if !self.finds(json.as_str()) {
            return json.clone();
        }
        Json::of(&self.value(json.value())).unwrap_or_else(|_| Json::string(REDACTED))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({})", self.0.as_ref().map_or(0, |known| known.values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(secrets: &[&str], text: &str, expect: &str) {
        let redactor = Redactor::new(secrets.iter().map(ToString::to_string));
        assert_eq!(redactor.text(text), expect);
        assert_eq!(redactor.finds(text), text != expect);
        let debug = format!("{redactor:?}");
        assert!(secrets.iter().all(|secret| secret.is_empty() || !debug.contains(secret)), "{debug}");
    }

    #[test]
    fn secrets_are_replaced() {
        check(&["the-long-key"], "a the-long-key and the-long-key", "a [redacted] and [redacted]");
        check(&["long-key", "long-key-2"], "long-key-2 long-key", "[redacted] [redacted]");
        check(&["long-key-2", "key-2-key-3"], "long-key-2-key-3", "[redacted]-key-3");
        check(&["redacted"], "redacted", "[redacted]");
        check(&["BEGIN KEY\nabcdefgh\nxyz\n"], "then abcdefgh", "then [redacted]");
        check(&[" padded-key\n"], "is padded-key.", "is [redacted].");
    }

    #[test]
    fn short_values_tear_no_words_apart() {
        check(&["", "1", "true", "ja", "sevenls"], "1 true ja sevenls", "1 true ja sevenls");
        assert!(Redactor::new([String::new(), "short".to_owned()]).is_empty());
    }

    #[test]
    fn values_keep_their_shape() {
        let redactor = Redactor::new(["s3cret-key".to_owned(), "12345678".to_owned()]);
        let value = json!({"a s3cret-key": ["s3cret-key!", 1, null, 12345678, {"b": true}]});
        let clean = json!({"a [redacted]": ["[redacted]!", 1, null, "[redacted]", {"b": true}]});
        assert_eq!(redactor.value(value.clone()), clean);
        assert_eq!(redactor.json(&Json::of(&value).unwrap()).value(), clean);
    }
}
