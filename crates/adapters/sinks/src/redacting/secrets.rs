//! The values that must not be seen.

use std::fmt;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";
/// The shortest line of a secret of several lines that is a secret by itself.
const SHORTEST_LINE: usize = 8;

/// Values of secrets; never printed.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest first, so that a secret within another does not leave the rest of it standing.
    values: Vec<String>,
}

impl Secrets {
    /// Takes the values. The lines of a secret of several lines are secrets as well, because logs come in lines; so is
    /// the form that a value has inside of a JSON string. Empty values are none.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for value in values {
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
            all.extend(lines.map(str::to_owned));
            all.push(value);
        }
        let escaped: Vec<String> = all.iter().map(|value| in_json(value)).collect();
        all.extend(escaped);
        all.retain(|value| !value.is_empty());
        all.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self { values: all }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Replaces every secret in a text: the leftmost first, and of several that begin there the longest.
    pub(super) fn redact(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((at, secret)) = self.first_in(rest) {
            out.push_str(&rest[..at]);
            out.push_str(REDACTED);
            rest = &rest[at + secret.len()..];
        }
        out.push_str(rest);
        out
    }

    fn first_in(&self, text: &str) -> Option<(usize, &str)> {
        let found = self.values.iter().filter_map(|value| Some((text.find(value.as_str())?, value.as_str())));
        // Of equal places the first is kept, which is the longest.
        found.min_by_key(|(at, _)| *at)
    }
}

fn in_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], text: &str, expect: &str) {
        let secrets = Secrets::new(secrets.iter().map(ToString::to_string));
        assert_eq!(secrets.redact(text), expect);
        assert!(!format!("{secrets:?}").contains("key"));
    }

    #[test]
    fn secrets_are_replaced() {
        check(&["key"], "a key and a key", "a [redacted] and a [redacted]");
        check(&["key", "key-2"], "key-2 key", "[redacted] [redacted]");
        check(&["key-2", "-2xx"], "key-2xx", "[redacted]xx");
        check(&[""], "text", "text");
        check(&["aa"], "aaa", "[redacted]a");
        check(&["red"], "red", "[redacted]");
        check(&["k\"é"], r#"{"x":"k\"é"} k"é"#, r#"{"x":"[redacted]"} [redacted]"#);
        check(&["BEGIN KEY\nabcdefgh\nxyz\n"], "then abcdefgh", "then [redacted]");
    }
}
