//! What holds for the built-ins of localisation, whatever the lines are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use refrain_builtin::BuiltinAgents;
use refrain_core::ports::agent::{Agent, AgentFactory as _};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::rules::{RecordRules, RecordView, Reviewed};
use refrain_schemas::scope::Scope;
use refrain_testkit::ask::json as canonical;
use serde_json::{Value, json};

use crate::{ask, draft, make, spec};

thread_local! {
    /// Agents by their names: they keep what they read of their params, which takes longer than to answer.
    static AGENTS: RefCell<BTreeMap<String, Arc<dyn Agent>>> = RefCell::default();
}

thread_local! {
    static RULES: std::cell::OnceCell<Arc<dyn RecordRules>> = const { std::cell::OnceCell::new() };
}

fn answer(name: &str, params: &Value, input: Value, context: &Value) -> Value {
    let made = || make(&BuiltinAgents::new(), &spec(name, params.clone())).unwrap();
    let agent =
        AGENTS.with_borrow_mut(|agents| Arc::clone(agents.entry(name.to_owned()).or_insert_with(made)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut request = ask(params, input);
    request.units[0].context = canonical(context);
    let reply = runtime.block_on(agent.answer(request, &Cancel::new())).unwrap();
    reply.units[0].result.as_ref().unwrap().value()
}

fn rules(params: &Value) -> Arc<dyn RecordRules> {
    let spec = spec("checks", params.clone());
    BuiltinAgents::new().rules(&draft(&spec), &canonical(params)).unwrap().unwrap()
}

fn review(rules: &dyn RecordRules, input: &Value, shared: &Value, record: &Value) -> Reviewed {
    rules.review(&RecordView {
        input: &canonical(input),
        context: &canonical(&json!({})),
        shared: &canonical(shared),
        scope: &Scope::none(),
        record: &canonical(record),
    })
}

/// Everything that can be on without settings of its own, and some that cannot.
fn everything() -> Value {
    json!({
        "all": true, "digits": "half", "names": ["Mira", "Bo"], "max_length": 40,
        "wrap": {"width": 12, "lines": 4, "breaks": "written"},
        "allowed": {"pattern": r"[^‘’—]+", "replace": {"‘": "'", "’": "'", "—": "-"}},
        "forbid": ["colour"],
    })
}

fn glossary() -> Value {
    json!({
        "glossary": [
            {"term": "Dark Knight", "translation": "黒騎士"}, {"term": "knight", "translation": "Ritter|Recke", "forbidden": "Springer"},
            {"term": "rope", "translation": "縄"}, {"term": "竜", "translation": "dragon"},
        ],
        "terms": [{"term": "Oskar", "translation": "オスカー"}, {"term": "knight", "translation": "Held"}],
    })
}

/// Lines as scripts have them, and as translators get them wrong.
fn lines() -> impl Strategy<Value = String> {
    let pieces = [
        "Hello",
        " ",
        "  ",
        "　",
        ". ",
        "…",
        "!?",
        "「",
        "」",
        "(",
        ")",
        "{name}",
        "{ Name }",
        "｛name｝",
        "{b}",
        "{/b}",
        "%s",
        "％s",
        "%1$d",
        "\\n",
        "\n",
        "\\C[2]",
        "\\C[0]",
        "\\.",
        "<b>",
        "</b>",
        "[player!t]",
        "12",
        "１２",
        "3,5",
        "1.000",
        "三",
        "竜",
        "は",
        "Dark Knight",
        "knight",
        "Ritter",
        "Springer",
        "rope",
        "Mira",
        "Oskar",
        "e\u{301}",
        "\u{202e}",
        "\u{0}",
        "\u{feff}",
        "’",
        "—",
        "colour",
        "שלום",
        "안나",
        "👩\u{200d}👧",
        "don't",
        "¿",
        "«",
        "”",
        "\"",
    ];
    let piece = proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned);
    let pieces = proptest::collection::vec(prop_oneof![9 => piece, 1 => any::<String>()], 0..9);
    pieces.prop_map(|pieces| pieces.concat())
}

/// How often each rule is broken: an issue says of what is missing several times how often.
fn broken(params: &Value, text: &str, source: &str) -> BTreeMap<String, usize> {
    let issues = answer("checks", params, json!({"text": text, "source": source}), &glossary());
    let mut counts = BTreeMap::new();
    for issue in issues.as_array().unwrap() {
        let times = issue["message"].as_str().unwrap().rsplit_once(" (").map(|(_, times)| times);
        let times = times.and_then(|times| times.split(' ').next()?.parse().ok()).unwrap_or(1);
        *counts.entry(issue["rule"].as_str().unwrap().to_owned()).or_insert(0) += times;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn mending_is_mending_once_and_breaks_nothing(text in lines(), source in lines()) {
        let params = everything();
        let rules = RULES.with(|kept| Arc::clone(kept.get_or_init(|| rules(&params))));
        let (input, record) = (json!({"text": source}), json!({"line_id": "l1", "text": text, "note": 3}));
        let first = review(&*rules, &input, &glossary(), &record);
        let mended = first.record.map_or(record, |record| record.value());
        prop_assert_eq!((&mended["line_id"], &mended["note"]), (&json!("l1"), &json!(3)));
        let again = review(&*rules, &input, &glossary(), &mended);
        prop_assert_eq!(again.record, None, "{:?}", mended);
        prop_assert_eq!(again.refused, first.refused);
        let (before, after) = (broken(&params, &text, &source), broken(&params, mended["text"].as_str().unwrap(), &source));
        for (rule, count) in after {
            prop_assert!(before.get(&rule).is_some_and(|before| *before >= count), "{rule}: {mended}");
        }
    }

    #[test]
    fn a_reply_is_refused_for_what_the_agent_finds(text in lines(), source in lines()) {
        let params = json!({"all": true, "severity": {"numbers": "error", "pairs": "error"}});
        let reviewed = review(&*rules(&params), &json!({"text": source}), &glossary(), &json!({"text": text}));
        let text = reviewed.record.map_or(text, |record| record.value()["text"].as_str().unwrap().to_owned());
        let issues = answer("checks", &params, json!({"text": text, "source": source}), &glossary());
        let errors = issues.as_array().unwrap().iter().filter(|issue| issue["severity"] == "error");
        let errors: Vec<String> = errors.map(|issue| format!("text: {}", issue["message"].as_str().unwrap())).collect();
        prop_assert_eq!(reviewed.refused, errors);
    }

    #[test]
    fn issues_lie_in_the_text_and_suggestions_are_better(text in lines(), source in lines()) {
        let params = everything();
        let issues = answer("checks", &params, json!({"text": text, "source": source}), &glossary());
        let before = broken(&params, &text, &source);
        let length = text.chars().count() as u64;
        let mut places = BTreeSet::new();
        for issue in issues.as_array().unwrap() {
            // Panels take issues of one line, rule and place for one.
            let place = (issue["rule"].to_string(), issue["span"].to_string());
            prop_assert!(length < 20 || places.insert(place), "{issue}");
            let (start, end) = (issue["span"][0].as_u64().unwrap(), issue["span"][1].as_u64().unwrap());
            prop_assert!(start <= end && end <= length, "{issue}");
            if let Some(suggestion) = issue["suggestion"].as_str() {
                let rule = issue["rule"].as_str().unwrap();
                let after = broken(&params, suggestion, &source);
                prop_assert!(after.get(rule).copied().unwrap_or(0) < before[rule], "{issue}");
            }
        }
    }

    #[test]
    fn pseudo_passes_every_check(
        source in script_lines(), language in proptest::sample::select(vec!["de", "ja", "ar"]), brackets in any::<bool>(),
    ) {
        let names = json!(["Mira", "Bo"]);
        let params = json!({"language": language, "brackets": brackets, "names": names});
        let line = answer("pseudo", &params, json!({"line_id": "l1", "text": source}), &glossary());
        prop_assert_eq!(&line["source"], &json!(source));
        let params = json!({"all": true, "names": names, "forbid": ["colour"]});
        let issues = answer("checks", &params, line.clone(), &glossary());
        prop_assert_eq!(issues, json!([]), "{}", line["text"]);
    }

    #[test]
    fn applying_what_checks_suggest_leaves_less_to_do(text in lines(), source in lines()) {
        let params = everything();
        let record = json!({"line_id": "l1", "text": text, "source": source});
        let issues = answer("checks", &params, record.clone(), &glossary());
        let edited = answer("apply", &json!({}), record, &json!({"issues": issues}));
        let mut replayed = text.clone();
        for change in edited["changes"].as_array().unwrap() {
            prop_assert_eq!(change["before"].as_str(), Some(replayed.as_str()));
            replayed = change["after"].as_str().unwrap().to_owned();
        }
        prop_assert_eq!(edited["text"].as_str(), Some(replayed.as_str()));
        let sure = issues.as_array().unwrap().iter().any(|issue| issue.get("suggestion").is_some());
        prop_assert_eq!(sure, replayed != text, "{}", edited);
    }
}

/// Lines of a script that is in order: what is opened is closed, and spaces are single.
fn script_lines() -> impl Strategy<Value = String> {
    let words = [
        "Hello",
        "the",
        "Dark Knight",
        "knight",
        "rope",
        "Mira",
        "Oskar",
        "12",
        "3.5",
        "1,000",
        "{name}",
        "[player!t]",
        "%s",
        "\\n[1]",
        "\\.",
        "{b}bold{/b}",
        "<i>x</i>",
        "\\C[2]red\\C[0]",
        "don't",
        "竜",
        "竜は",
        "(aside)",
        "「縄」",
        "“so”",
        "—",
        "OK",
        "Café",
        "안나",
    ];
    let word = proptest::sample::select(words.to_vec());
    let ends = proptest::sample::select(vec!["", ".", "!", "?!", "…", "...", "。", "！」", "\n", " "]);
    (proptest::collection::vec(word, 0..8), ends, proptest::sample::select(vec!["", " ", "　"])).prop_map(
        |(words, end, start)| {
            let text = format!("{start}{}{end}", words.join(" "));
            // A bracket that closes was opened.
            if end.contains('」') { text.replacen(start, &format!("{start}「"), 1) } else { text }
        },
    )
}

#[test]
fn replies_are_mended_and_refused_with_reasons() {
    let rules = rules(
        &json!({"placeholders": true, "digits": "half", "severity": {"whitespace": "error"}, "max_length": 20}),
    );
    let check = |source: &str, text: &str, mended: Option<&str>, refused: &[&str]| {
        let record = json!({"line_id": "l1", "text": text});
        let reviewed = review(&*rules, &json!({"line_id": "l1", "text": source}), &json!({}), &record);
        let text = reviewed.record.map(|record| record.value()["text"].as_str().unwrap().to_owned());
        assert_eq!(
            (text.as_deref(), reviewed.refused),
            (mended, refused.iter().map(|r| (*r).to_owned()).collect())
        );
    };
    check("Hi {name}.", "Hallo {name}.", None, &[]);
    check(" Hi {name}.", "Hallo  ｛name｝\u{0} １２. ", Some(" Hallo {name} 12."), &[]);
    check(
        "Hi {name}.",
        "Hallo {nom}.",
        None,
        &["text: `{name}` of the source is missing", "text: `{nom}` is not in the source"],
    );
    check("Hi.", "", None, &["text: the text is empty"]);
    check("", "", None, &[]);
    check(
        "Hi.",
        "ein viel zu langer Text ",
        Some("ein viel zu langer Text"),
        &["text: the text has 23 characters, 20 are allowed"],
    );
}

#[test]
fn replies_about_groups_find_their_line() {
    let rules = rules(&json!({"numbers": true, "severity": {"numbers": "error"}}));
    let group = json!({"records": [{"line_id": "a", "text": "1"}, {"line_id": "b", "text": "2"}]});
    let refused =
        |id: &str| review(&*rules, &group, &json!({}), &json!({"line_id": id, "text": "2"})).refused.len();
    assert_eq!((refused("a"), refused("b")), (2, 0));
    // What the reply itself calls its source counts where nothing else is known.
    let reviewed = review(&*rules, &json!({}), &json!({}), &json!({"text": "2", "source": "1"}));
    assert_eq!(reviewed.refused.len(), 2);
    let none = review(&*rules, &json!({}), &json!({}), &json!({"translation": "2"}));
    assert_eq!(none.refused, ["there is no field `text`; there are translation"]);
}

#[test]
fn only_checks_have_rules() {
    let agents = BuiltinAgents::new();
    let of = |name: &str, params: Value| agents.rules(&draft(&spec(name, json!({}))), &canonical(&params));
    assert!(of("summary", json!({})).unwrap().is_none());
    let error = of("checks", json!({"wrap": {}})).unwrap_err();
    assert_eq!(error.message, "params.wrap: neither `width` nor `lines` nor `table` is there");
}
