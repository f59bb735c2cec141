//! Glossary terms as they come in a unit's context.

use serde_json::Value;

/// A term and what it is called in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The term in the source language.
    pub source: String,
    /// The term in the target language.
    pub target: String,
}

/// Returns the terms of `context.glossary` that have a column for the language, or one called `translation` where there is
/// a glossary for each; longest first, so that `log book` is found before `log`.
#[must_use]
pub fn terms(context: &Value, language: &str) -> Vec<Term> {
    let entries = context.get("glossary").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut terms: Vec<Term> = entries.iter().filter_map(|entry| term(entry, language)).collect();
    terms.sort_by(|a, b| b.source.len().cmp(&a.source.len()).then_with(|| a.source.cmp(&b.source)));
    terms
}

fn term(entry: &Value, language: &str) -> Option<Term> {
    let text = |field: &str| entry.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Term { source: text("term")?, target: text(language).or_else(|| text("translation"))? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn terms_without_a_column_for_the_language_are_left_out() {
        let context = json!({ "glossary": [
            { "term": "log", "ja": "丸太", "fr": "" },
            { "term": "log book", "ja": "航海日誌", "fr": "journal de bord" },
        ]});
        let sources = |language| terms(&context, language).into_iter().map(|t| t.source).collect::<Vec<_>>();
        assert_eq!(sources("ja"), ["log book", "log"]);
        assert_eq!(sources("fr"), ["log book"]);
        assert!(sources("de").is_empty());
        assert!(terms(&json!({}), "ja").is_empty());
        let own = json!({ "glossary": [{ "term": "log", "translation": "bûche" }] });
        assert_eq!(terms(&own, "fr")[0].target, "bûche");
    }
}
