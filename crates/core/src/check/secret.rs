//! Secrets that are written where only their names belong, and how they are kept from being shown.

use std::ops::Range;

/// How the keys of well-known services begin.
const PREFIXES: [&str; 13] = [
    "sk-",
    "sk_",
    "pk-",
    "gsk_",
    "AIza",
    "AKIA",
    "xai-",
    "hf_",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
];
/// A word of this many letters and digits is hardly anybody's word.
const LONG: usize = 24;
/// No key is shorter.
const SHORTEST: usize = 10;

/// Whether a text looks like a key itself rather than the name of a variable that holds one.
#[must_use]
pub(super) fn looks_like_key(text: &str) -> bool {
    if PREFIXES.iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix)) {
        return true;
    }
    let is_mixed =
        text.contains(|c: char| c.is_ascii_digit()) && text.contains(|c: char| c.is_ascii_alphabetic());
    // The words of a name are set apart: AZURE_OPENAI_API_KEY_EAST_US_2.
    let is_name =
        text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    // Paths and sentences may be as long as they like.
    let is_other = text.contains(['/', '\\', ' ']);
    text.chars().count() >= LONG && is_mixed && !is_name && !is_other
}

/// Whether a word can hardly be anything but a key: names of models, files and languages (`sk-SK`) have to stay readable.
fn is_surely_key(word: &str) -> bool {
    let is_known = PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    let is_random = word.len() >= LONG
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && word.contains(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.contains(|c: char| c.is_ascii_digit());
    (is_known && word.len() >= SHORTEST) || is_random
}

/// Whether a header of this name holds a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let name = plain(name);
    name.contains("authorization")
        || name.contains("cookie")
        || ["apikey", "token", "secret", "password"].iter().any(|part| name.replace('_', "").contains(part))
}

/// Whether a setting or a variable of this name holds a secret; `max_tokens` does not.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = plain(name);
    let mut words = name.split(['_', '.']);
    name == "key"
        || name.contains("api_key")
        || words.any(|word| {
            ["apikey", "token", "secret", "password", "passwd", "authorization", "cookie"].contains(&word)
        })
}

/// Returns the name of a query parameter of an address that holds a secret as it is written.
pub(super) fn secret_parameter(url: &str) -> Option<&str> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, value)| is_secret_parameter(name) && is_literal(value)).map(|(name, _)| name)
}

fn is_secret_parameter(name: &str) -> bool {
    let name = plain(name);
    is_secret_name(&name) || name.split(['_', '.']).any(|word| ["key", "sig", "signature"].contains(&word))
}

/// Whether a value stands there itself, and is not filled in later.
pub(super) fn is_literal(value: &str) -> bool {
    !value.trim().is_empty() && !crate::template::is_template(value)
}

fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// Returns a text with stars in place of what looks like a secret, of the same length. It knows fields by their
/// names, words by their look, and the passwords and query parameters of addresses; it MUST be used on every line of a
/// pipeline file that is shown.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut hidden = in_words(text);
    hidden.extend(in_fields(text));
    stars(text, &hidden)
}

/// Returns a message with stars in place of words that look like a secret; it may quote what is written.
#[must_use]
pub fn masked_words(text: &str) -> String {
    stars(text, &in_words(text))
}

fn in_words(text: &str) -> Vec<Range<usize>> {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for word in words(text) {
        let written = &text[word.clone()];
        if is_surely_key(written) {
            hidden.push(word.clone());
        }
        hidden.extend(in_address(written).map(|range| range.start + word.start..range.end + word.start));
    }
    hidden
}

/// Returns a text with stars in place of some stretches of it.
fn stars(text: &str, hidden: &[Range<usize>]) -> String {
    let is_hidden = |at: usize| hidden.iter().any(|range| range.contains(&at));
    text.char_indices().map(|(at, c)| if is_hidden(at) { '*' } else { c }).collect()
}

/// Returns the stretches between spaces, quotes and brackets.
fn words(text: &str) -> Vec<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || "\"'`,;{}[]()<>=&?".contains(c);
    let mut words = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_end(*c)) {
        words.push(start..at);
        start = at + c.len_utf8();
    }
    words.push(start..text.len());
    words.retain(|word| !word.is_empty());
    words
}

/// Returns where an address has its user and password.
fn in_address(word: &str) -> Option<Range<usize>> {
    let start = word.find("://")? + 3;
    let authority = word[start..].split('/').next().unwrap_or_default();
    Some(start..start + authority.rfind('@')?)
}

/// Returns where the values of fields and query parameters are whose names say that they are secret.
fn in_fields(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, sign) in text.char_indices().filter(|(_, c)| matches!(c, ':' | '=')) {
        let before = text[..at].trim_end_matches(['"', '\'', ' ']);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let start = before
            .rfind(|c: char| !is_name(c))
            .map_or(0, |n| n + before[n..].chars().next().map_or(1, char::len_utf8));
        let name = &before[start..];
        let is_secret = match sign {
            ':' => is_secret_field(name) && text[at + 1..].starts_with([' ', '"', '\'']),
            _ => is_secret_parameter(name) && text[..start].ends_with(['?', '&']),
        };
        if is_secret {
            found.extend(value_after(text, at + 1, sign == '='));
        }
    }
    found
}

/// A field that names a variable, such as `api_key_env`, holds none.
fn is_secret_field(name: &str) -> bool {
    !name.ends_with("env") && !plain(name).contains("tokens") && is_secret_header(name)
}

/// Returns where the value is that comes after a sign; none where it is a mapping or stands on other lines.
fn value_after(text: &str, at: usize, is_parameter: bool) -> Option<Range<usize>> {
    let start = at + text[at..].len() - text[at..].trim_start().len();
    let rest = &text[start..];
    let first = rest.chars().next()?;
    if matches!(first, '{' | '|' | '>') || rest.starts_with("\"{{") {
        return None;
    }
    if first == '[' {
        return Some(start + 1..start + rest.find(']').unwrap_or(rest.len()));
    }
    if let '"' | '\'' = first {
        return Some(start + 1..start + 1 + quoted(&rest[1..], first));
    }
    let is_end = |c: char| {
        matches!(c, ',' | '}' | ']') || (is_parameter && (c == '&' || c.is_whitespace() || c == '"'))
    };
    let end = rest.find(is_end).unwrap_or(rest.len());
    let value = rest[..end].trim_end();
    (!value.is_empty()).then(|| start..start + value.len())
}

/// Returns how long a quoted text is, up to the quote that ends it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        if c == quote && !is_escaped {
            return at;
        }
        is_escaped = c == '\\' && quote == '"' && !is_escaped;
    }
    rest.len()
}

/// Returns a line with stars from a column on, as far as a value goes that is known to have so many characters at least.
#[must_use]
pub fn masked_at(line: &str, column: usize, length: usize) -> String {
    let Some((start, first)) = line.char_indices().nth(column.saturating_sub(1)) else {
        return line.to_owned();
    };
    let rest = &line[start..];
    let known = rest.char_indices().nth(length).map_or(line.len(), |(at, _)| start + at);
    let end = match first {
        '"' | '\'' => known.max(start + 1 + quoted(&rest[1..], first)),
        _ => known,
    };
    let end = start + line[start..end].trim_end().len();
    stars(line, std::slice::from_ref(&(start..end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_like_keys_and_names_do_not() {
        for key in ["sk-x1", "gsk_abc", "AIzaSyD", "abcdefabcdefabcdefabcd0123", "ABCDEFGHIJKLMNOPQRSTUVW12"]
        {
            assert!(looks_like_key(key), "{key}");
        }
        for name in [
            "OPENAI_API_KEY",
            "AZURE_OPENAI_API_KEY_EAST_US_2",
            "translate",
            "sk-",
            "a-long-name-without-any-number",
            "/var/lib/x4Rx9Qz/memory-of-2026.jsonl",
        ] {
            assert!(!looks_like_key(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_masked_and_the_rest_of_a_line_is_not() {
        for (line, expect) in [
            ("    authorization: Bearer abc", "    authorization: **********"),
            ("  headers: { X-Api-Key: \"abc\", accept: x }", "  headers: { X-Api-Key: \"***\", accept: x }"),
            ("  api_key: hunter2", "  api_key: *******"),
            ("\"token\": \"a\\\"b\", \"x\": 1", "\"token\": \"****\", \"x\": 1"),
            ("  api_key_env: OPENAI_API_KEY", "  api_key_env: OPENAI_API_KEY"),
            ("  limits: { tokens_per_minute: 0 }", "  limits: { tokens_per_minute: 0 }"),
            ("  max_tokens: 100", "  max_tokens: 100"),
            ("  cookie: [a, b], x: y", "  cookie: [****], x: y"),
            ("  see prompts/token.md:3:5", "  see prompts/token.md:3:5"),
            ("  when: params.token == \"x\"", "  when: params.token == \"x\""),
            ("  token: { env: TOKEN }", "  token: { env: TOKEN }"),
            ("url: https://me:word@example.org/v1", "url: https://*******@example.org/v1"),
            ("url: https://example.org/v1?a=b&key=abc&c=d", "url: https://example.org/v1?a=b&key=***&c=d"),
            ("is the text \"sk-abcdef01\", and", "is the text \"***********\", and"),
            ("language: [sk-SK]", "language: [sk-SK]"),
            ("model: anthropic/claude-3-5-sonnet-20241022", "model: anthropic/claude-3-5-sonnet-20241022"),
            ("  日本: x", "  日本: x"),
        ] {
            assert_eq!(masked(line), expect);
            assert_eq!(masked(line).chars().count(), line.chars().count());
        }
    }

    #[test]
    fn what_is_known_to_be_secret_is_masked_whole() {
        assert_eq!(masked_at("a: \"b\\nc\" # d", 4, 3), "a: *****\" # d");
        assert_eq!(masked_at("a: bcd, e: f", 4, 3), "a: ***, e: f");
        assert_eq!(masked_at("a", 9, 9), "a");
    }
}
