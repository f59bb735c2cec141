//! Takes secrets out of what a server says.

use serde_json::Value;

/// Shorter values are no secrets; taking them out would tear words apart.
const SHORTEST: usize = 8;
/// Parts of the names of variables that hold secrets; others, such as a path, may well occur in results.
const NAMES: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"];

/// The secrets that a server was given. It has no `Debug` output of its own that would show them.
#[derive(Clone, Default)]
pub(crate) struct Scrub(Vec<(String, String)>);

impl Scrub {
    /// Remembers a value if, going by the name of its variable, it is a secret.
    pub(crate) fn hide_if_secret(&mut self, name: &str, value: Option<String>) {
        let upper = name.to_uppercase();
        if NAMES.iter().any(|part| upper.contains(part)) {
            self.hide(name, value);
        }
    }

    /// Remembers a value.
    pub(crate) fn hide(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| value.len() >= SHORTEST) {
            self.0.push((value, format!("[{name}]")));
            // Values that hold others go first.
            self.0.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        }
    }

    /// Returns a text with the names of secrets in place of their values.
    pub(crate) fn text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, (value, name)| {
            if text.contains(value.as_str()) { text.replace(value.as_str(), name) } else { text }
        })
    }

    /// Does the same to every text and every key within a value.
    pub(crate) fn value(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, item)| (self.text(key), self.value(item))).collect())
            }
            other => other,
        }
    }
}

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrub({} values)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_replaced_by_their_names() {
        let mut scrub = Scrub::default();
        scrub.hide_if_secret("API_KEY", Some("12345678".to_owned()));
        scrub.hide_if_secret("LONG_TOKEN", Some("x12345678y".to_owned()));
        scrub.hide_if_secret("SHORT_KEY", Some("abc".to_owned()));
        scrub.hide_if_secret("HOME", Some("/home/somebody".to_owned()));
        let said = json!({"12345678": ["a x12345678y b", "abc /home/somebody"], "n": 12_345_678});
        let expect = json!({"[API_KEY]": ["a [LONG_TOKEN] b", "abc /home/somebody"], "n": 12_345_678});
        assert_eq!(scrub.value(said), expect);
        assert!(!format!("{scrub:?}").contains("1234"));
    }
}
