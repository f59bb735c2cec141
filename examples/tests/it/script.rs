//! The script and the glossary of the demo.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use refrain_examples::pseudo::translate;
use refrain_examples::review::review;
use refrain_examples::term::{Term, terms};
use serde_json::{Value, json};

type Row = BTreeMap<String, String>;

fn rows(file: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("game").join(file);
    csv::Reader::from_path(path).unwrap().deserialize().map(|row| row.unwrap()).collect()
}

fn script() -> Vec<Row> {
    ["act1", "act2", "act3"].iter().flat_map(|act| rows(&format!("script/{act}.csv"))).collect()
}

fn glossary(language: &str) -> Vec<Term> {
    let entries: Vec<Value> = rows("glossary.csv").iter().map(|row| json!(row)).collect();
    terms(&json!({ "glossary": entries }), language)
}

#[test]
fn lines_have_ids_of_their_own_and_all_columns() {
    let script = script();
    let ids: BTreeSet<&String> = script.iter().map(|row| &row["line_id"]).collect();
    assert_eq!(ids.len(), script.len(), "ids repeat");
    for row in &script {
        assert_eq!(row.keys().collect::<Vec<_>>(), ["line_id", "scene_id", "speaker", "text"]);
        assert!(row.values().all(|value| value.trim() == value && !value.is_empty()), "{row:?}");
    }
}

#[test]
fn every_term_is_used_and_has_all_languages() {
    let texts: Vec<String> = script().iter().map(|row| row["text"].to_lowercase()).collect();
    for row in rows("glossary.csv") {
        let term = row["term"].to_lowercase();
        assert!(texts.iter().any(|text| text.contains(&term)), "`{term}` does not occur");
        assert!(!row["ja"].is_empty() && !row["fr"].is_empty(), "`{term}` lacks a language");
    }
}

#[test]
fn translations_keep_placeholders_and_differ() {
    for language in ["ja", "fr"] {
        let terms = glossary(language);
        for row in script() {
            let source = &row["text"];
            let text = translate(source, language, &terms).unwrap();
            assert!(review(source, &text, &[]).is_empty(), "{source} → {text}");
            for placeholder in source.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
                assert!(text.contains(&format!("{{{}}}", placeholder.0)), "{source} → {text}");
            }
        }
    }
}
