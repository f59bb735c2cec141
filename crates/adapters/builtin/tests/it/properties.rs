//! What holds for every text, hostile ones included.

use proptest::prelude::*;
use refrain_builtin::BuiltinAgents;
use refrain_core::ports::cancel::Cancel;
use serde_json::{Value, json};

use crate::{ask, make, spec};

/// Answers one unit without a runtime: built-ins wait for nothing.
fn answer(name: &str, params: &Value, input: Value) -> Value {
    let agent = make(&BuiltinAgents::new(), &spec(name, params.clone())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let reply = runtime.block_on(agent.answer(ask(params, input), &Cancel::new())).unwrap();
    reply.units[0].result.as_ref().unwrap().value()
}

/// Texts with many ends of sentences, spaces, marks, escapes and scripts in them.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(". "),
        Just("…"),
        Just("。"),
        Just("「"),
        Just("」"),
        Just("Mr. "),
        Just("\u{301}"),
        Just("\0"),
        Just("\u{202e}"),
        Just("\r\n"),
        Just("{a}"),
        Just("%s"),
        Just("１2,3"),
        Just("竜"),
        Just("Ab"),
        Just("  "),
    ];
    let pieces =
        proptest::collection::vec(prop_oneof![piece.prop_map(str::to_owned), any::<String>()], 0..12);
    pieces.prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_summary_of_all_sentences_leaves_nothing_out(text in texts()) {
        let all = answer("summary", &json!({"sentences": 100_000}), json!({"text": text}));
        let solid = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(solid(all["summary"].as_str().unwrap()), solid(&text));
    }

    #[test]
    fn issues_lie_within_the_text_and_have_ids_of_their_own(text in texts(), source in texts()) {
        let params = json!({
            "max_length": 5, "count": "width", "untouched": true, "placeholders": true, "numbers": true,
            "allowed": "[a-z]+", "forbid": ["竜", "ab"],
        });
        let issues = answer("checks", &params, json!({"text": text, "source": source}));
        let issues = issues.as_array().unwrap();
        let length = text.chars().count() as u64;
        for issue in issues {
            let (start, end) = (issue["span"][0].as_u64().unwrap(), issue["span"][1].as_u64().unwrap());
            prop_assert!(start <= end && end <= length, "{issue}");
        }
        let ids: std::collections::BTreeSet<_> = issues.iter().map(|issue| issue["issue_id"].as_str()).collect();
        prop_assert_eq!(ids.len(), issues.len());
    }

    #[test]
    fn a_suggestion_has_no_whitespace_issue_left(text in texts()) {
        let issues = answer("checks", &json!({}), json!({"text": text}));
        for issue in issues.as_array().unwrap().iter().filter(|issue| issue.get("suggestion").is_some()) {
            let again = answer("checks", &json!({"not_empty": false}), json!({"text": issue["suggestion"]}));
            prop_assert_eq!(again, json!([]), "{:?}", issue["suggestion"]);
        }
    }
}
