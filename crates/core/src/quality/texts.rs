//! What is wrong with a text, whatever it is about.

use refrain_schemas::quality::{Category, Severity};

use super::tally::Rule;
use crate::check::masked_words;

/// Marks of templates are hardly longer.
const LONGEST_MARK: usize = 200;
/// Who will not answer says so at once.
const OPENING: usize = 300;
/// A text that is shorter may well end without a stop.
const LONG: usize = 400;

pub(super) const UNRENDERED: Rule =
    Rule { name: "unrendered", severity: Severity::Error, category: Category::Content };
const REFUSED: Rule = Rule { name: "refusal", severity: Severity::Error, category: Category::Content };
const CUT: Rule = Rule { name: "truncated", severity: Severity::Warning, category: Category::Content };
const SECRET: Rule = Rule { name: "secret", severity: Severity::Critical, category: Category::Security };

/// What models say that do not do as they are asked, in small letters.
const REFUSALS: [&str; 14] = [
    "as an ai ",
    "as an ai,",
    "as a language model",
    "as a large language model",
    "i'm sorry, but i can",
    "i am sorry, but i can",
    "i cannot assist",
    "i can't assist",
    "i cannot help with",
    "i can't help with",
    "i'm unable to",
    "i am unable to",
    "i cannot fulfill",
    "i can't fulfill",
];

/// Something wrong with a text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) rule: Rule,
    pub(super) message: &'static str,
    /// Where in the text it shows.
    pub(super) evidence: String,
}

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Model,
    Tool,
    /// It was brought in as it is.
    Elsewhere,
}

/// Returns what is wrong with a text.
pub(super) fn faults(text: &str, writer: Writer) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |rule, message, evidence: Option<String>| {
        faults.extend(evidence.map(|evidence| Fault { rule, message, evidence }));
    };
    add(SECRET, "something in it looks like a secret", secret(text));
    if writer != Writer::Elsewhere {
        add(UNRENDERED, "a template was not filled in", mark(text).map(str::to_owned));
        add(REFUSED, "it reads like a refusal", refusal(text));
    }
    if writer == Writer::Model {
        add(CUT, "it seems to stop in the middle", unfinished(text));
    }
    faults
}

/// Returns the words around what looks like a secret, with stars in its place.
fn secret(text: &str) -> Option<String> {
    let masked = masked_words(text);
    if masked == text {
        return None;
    }
    let at = text.chars().zip(masked.chars()).position(|(a, b)| a != b)?;
    Some(masked.chars().skip(at.saturating_sub(40)).take(120).collect())
}

/// Returns the first mark of a template.
pub(super) fn mark(text: &str) -> Option<&str> {
    let known = [("{{", "}}"), ("{%", "%}"), ("<AUTO", ">")];
    let found = known.into_iter().filter_map(|(open, close)| {
        text.match_indices(open).find_map(|(at, _)| {
            let rest = &text[at + open.len()..];
            let length = rest.find(close).filter(|length| *length <= LONGEST_MARK)?;
            let inner = &rest[..length];
            // Braces of programs hold more than a name and what is made of it.
            let is_name = open == "<AUTO" || is_expression(inner);
            is_name.then(|| (at, &text[at..at + open.len() + length + close.len()]))
        })
    });
    found.min_by_key(|(at, _)| *at).map(|(_, mark)| mark)
}

fn is_expression(inner: &str) -> bool {
    let inner = inner.trim().trim_matches('-').trim();
    inner.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
        && !inner.contains(['{', '}', ';', '\n'])
}

fn refusal(text: &str) -> Option<String> {
    let opening: String = text.chars().take(OPENING).collect();
    let small = opening.to_lowercase().replace('’', "'");
    let found = REFUSALS.iter().find_map(|words| small.find(words))?;
    let before = small[..found].chars().count();
    Some(opening.chars().skip(before).take(120).collect())
}

/// Returns the end of a text that stops in the middle: within a code block, or, where it is long, within a sentence.
fn unfinished(text: &str) -> Option<String> {
    let text = text.trim_end();
    let is_open = text.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1;
    let last = text.chars().last()?;
    let is_broken =
        text.chars().count() >= LONG && (last.is_alphanumeric() || matches!(last, ',' | '(' | '-'));
    let looks_broken =
        is_broken && text.contains(['.', '!', '?']) && !text.trim_start().starts_with(['{', '[']);
    let length = text.chars().count();
    (is_open || looks_broken).then(|| text.chars().skip(length.saturating_sub(80)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, writer: Writer, expect: &[&str]) {
        let found: Vec<&str> = faults(text, writer).iter().map(|fault| fault.rule.name).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn marks_that_were_not_filled_in_are_found() {
        for text in
            ["a {{ name }} b", "{{name|upper}}", "{% if x %}", "<AUTO>a topic</AUTO>", "{{ $item.x }}"]
        {
            check(text, Writer::Tool, &["unrendered"]);
            check(text, Writer::Elsewhere, &[]);
        }
        for text in ["{ a: {b: 1} }", "f({{}})", "{{ {x: 1} }}", "if (a) {{ return; }}", "a < b", "100 %} {{"]
        {
            check(text, Writer::Tool, &[]);
        }
        assert_eq!(mark("x {{ a }} <AUTO>b</AUTO>"), Some("{{ a }}"));
    }

    #[test]
    fn refusals_are_found_where_texts_begin() {
        check("I’m sorry, but I can’t do that.", Writer::Model, &["refusal"]);
        check("As an AI language model, I have no opinion.", Writer::Tool, &["refusal"]);
        check(&format!("{} as an ai ", "word ".repeat(80)), Writer::Tool, &[]);
        check("She works as an aide.", Writer::Model, &[]);
    }

    #[test]
    fn what_stops_in_the_middle_is_found() {
        let long = "A sentence. ".repeat(40);
        check(&format!("{long}And then the"), Writer::Model, &["truncated"]);
        check(&format!("{long}And then the"), Writer::Tool, &[]);
        check(&format!("{long}The end."), Writer::Model, &[]);
        check("Short", Writer::Model, &[]);
        check("```rust\nfn main() {}", Writer::Model, &["truncated"]);
        check("```rust\nfn main() {}\n```", Writer::Model, &[]);
    }

    #[test]
    fn secrets_are_found_and_not_told() {
        let found = faults("the key is sk-abcdef0123456789 here", Writer::Elsewhere);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence, "the key is ******************* here");
    }
}
