//! The proofreading: what got lost on the way.

use serde_json::{Value, json};

use crate::pieces::{Piece, split};
use crate::term::Term;

/// Returns the issues of a translated line; an empty list where there are none.
#[must_use]
pub fn review(source: &str, text: &str, terms: &[Term]) -> Vec<Value> {
    let mut issues: Vec<Value> = Vec::new();
    if text == source && has_words(source) {
        issues.push(issue(text, "untranslated", "the text is the source, unchanged"));
    }
    let lost: Vec<String> = terms.iter().filter(|term| !text.contains(&term.target)).map(wanted).collect();
    if !lost.is_empty() {
        issues.push(issue(text, "glossary", &format!("not found: {}", lost.join(", "))));
    }
    issues
}

/// Whether there is anything to translate besides placeholders, tags and numbers.
fn has_words(text: &str) -> bool {
    let word = |piece: &Piece<'_>| matches!(piece, Piece::Plain(text) if text.contains(char::is_alphabetic));
    split(text, &[]).is_ok_and(|pieces| pieces.iter().any(word))
}

fn wanted(term: &Term) -> String {
    format!("`{}` for `{}`", term.target, term.source)
}

/// Returns an issue with the text as a whole.
fn issue(text: &str, rule: &str, message: &str) -> Value {
    json!({ "rule": rule, "severity": "warning", "message": message, "span": [0, text.chars().count()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_terms_and_untouched_texts_are_issues() {
        let terms = [Term { source: "bell".into(), target: "cloche".into() }];
        let rules = |source: &str, text: &str| {
            let rule = |issue: &Value| issue["rule"].as_str().unwrap().to_owned();
            review(source, text, &terms).iter().map(rule).collect::<Vec<_>>()
        };
        assert!(rules("A bell.", "Une cloche.").is_empty());
        assert_eq!(rules("Two bells.", "Twô bélls."), ["glossary"]);
        assert_eq!(rules("A bell.", "A bell."), ["untranslated", "glossary"]);
        assert_eq!(review("Bell", "Béll", &terms)[0]["span"], json!([0, 4]));
        assert!(rules("{bell} 1741", "{bell} 1741 cloche").is_empty());
        assert_eq!(rules("{bell}.", "{bell}."), ["glossary"]);
    }
}
