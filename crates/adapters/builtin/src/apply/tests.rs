//! Suggestions on texts.

use proptest::prelude::*;
use refrain_testkit::ask::{json as canonical, request};

use super::*;

fn apply(params: &Value, record: &Value, issues: &Value) -> Value {
    let mut request = request(1, &[("l1", record.clone())]);
    request.units[0].context = canonical(&json!({"issues": issues}));
    let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
    work.prepare(&request)(&request.units[0]).unwrap()
}

fn issue(id: &str, severity: &str, span: [u64; 2], suggestion: &str) -> Value {
    json!({"issue_id": id, "rule": "r", "severity": severity, "span": span, "suggestion": suggestion})
}

fn check(text: &str, issues: &[Value], expect: &str, changed: &[&str], left: &[&str]) {
    let answer = apply(&json!({}), &json!({"line_id": "l1", "text": text}), &json!(issues));
    assert_eq!(answer["text"], json!(expect));
    let lines = |name: &str, show: fn(&Value) -> String| -> Vec<String> {
        answer[name].as_array().into_iter().flatten().map(show).collect()
    };
    let change = |change: &Value| format!("{} {}", change["issue_id"].as_str().unwrap(), change["after"]);
    assert_eq!(lines("changes", change), changed, "{answer}");
    let reason =
        |left: &Value| format!("{} {}", left["issue_id"].as_str().unwrap(), left["reason"].as_str().unwrap());
    assert_eq!(lines("unapplied", reason), left, "{answer}");
}

#[test]
fn suggestions_that_fit_together_are_all_applied() {
    let issues = [
        issue("b", "warning", [7, 8], "the cat"),
        issue("a", "warning", [4, 7], "the dog "),
        issue("c", "error", [0, 1], "The cat "),
    ];
    let changed = ["c \"The cat \"", "a \"The dog \"", "b \"The dog\""];
    check("the cat ", &issues, "The dog", &changed, &[]);
}

#[test]
fn contradictions_and_strays_are_left_out_and_listed() {
    let text = "the cat";
    let mut stale = issue("s", "error", [0, 1], "a dog");
    stale["before"] = json!("a cat");
    let mut unsure = issue("u", "error", [0, 1], "The cat");
    unsure["sure"] = json!(false);
    let issues = [
        issue("a", "warning", [4, 7], "the dog"),
        issue("b", "warning", [4, 7], "the cow"),
        issue("far", "info", [4, 70], "the dogs"),
        issue("none", "info", [0, 0], text),
        stale,
        unsure,
        json!({"issue_id": "silent", "rule": "r", "severity": "error"}),
        issue("same", "info", [4, 7], "the dog"),
    ];
    check(
        text,
        &issues,
        "the dog",
        &["a \"the dog\""],
        &[
            "s was made for another text",
            "u is not sure",
            "b contradicts a",
            "none changes nothing",
            "far is about the characters 4 to 70 of a text that has 7",
        ],
    );
    let answer = apply(&json!({}), &json!({"text": text}), &json!(issues));
    assert_eq!(answer["changes"][0]["also"], json!(["same"]));
}

#[test]
fn markup_is_guarded() {
    let record = json!({"text": "Hallo {name}", "source": "Hello {name}"});
    let issues = json!([issue("a", "error", [0, 5], "Hallo "), issue("b", "warning", [0, 5], "Hej {name}")]);
    let answer = apply(&json!({}), &record, &issues);
    assert_eq!(
        (&answer["text"], &answer["unapplied"][0]["reason"]),
        (&json!("Hej {name}"), &json!("would break the rule placeholders"),)
    );
    assert_eq!(apply(&json!({"guard": false}), &record, &issues)["text"], json!("Hej "));
}

#[test]
fn rules_and_severities_can_be_chosen() {
    let record = json!({"text": "a"});
    let issues = json!([issue("a", "info", [0, 1], "b")]);
    let text = |params: Value| apply(&params, &record, &issues)["text"].clone();
    assert_eq!(text(json!({"least": "warning"})), json!("a"));
    assert_eq!(text(json!({"only": "r"})), json!("b"));
    assert_eq!(text(json!({"except": ["r"]})), json!("a"));
    assert_eq!(apply(&json!({}), &record, &json!([])), json!({"text": "a", "changes": []}));
}

#[test]
fn groups_find_their_own_issues() {
    let group = json!({"records": [{"line_id": "1", "text": "a"}, {"line_id": "2", "text": "a"}]});
    let mut issue = issue("i", "info", [0, 1], "b");
    issue["line_id"] = json!("2");
    let answer = apply(&json!({}), &group, &json!([issue]));
    assert_eq!((&answer[0]["text"], &answer[1]["text"]), (&json!("a"), &json!("b")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn replaying_the_changes_gives_the_text(
        text in "[ab é\u{301}竜{}]{0,10}",
        suggestions in proptest::collection::vec(("[ab é\u{301}竜{}]{0,10}", 0_u64..12, 0_u64..12, 0..3_usize), 0..6),
        whole in any::<bool>(),
    ) {
        let issues: Vec<Value> = suggestions.iter().enumerate().map(|(n, (suggestion, from, to, severity))| {
            let mut issue = issue(&format!("i{n}"), ["info", "warning", "error"][*severity], [*from, *to], suggestion);
            if whole {
                issue["before"] = json!(text);
            }
            issue
        }).collect();
        let answer = apply(&json!({}), &json!({"text": text, "source": text}), &json!(issues));
        let mut replayed = text.clone();
        let mut settled = 0;
        for change in answer["changes"].as_array().unwrap() {
            prop_assert_eq!(&change["before"], &json!(replayed));
            replayed = change["after"].as_str().unwrap().to_owned();
            prop_assert_ne!(&change["before"], &change["after"]);
            settled += 1 + change["also"].as_array().map_or(0, Vec::len);
        }
        prop_assert_eq!(&answer["text"], &json!(replayed));
        // Every issue is accounted for.
        prop_assert_eq!(settled + answer["unapplied"].as_array().map_or(0, Vec::len), issues.len());
        // The order in which issues come does not matter.
        let turned: Vec<Value> = issues.into_iter().rev().collect();
        let again = apply(&json!({}), &json!({"text": text, "source": text}), &json!(turned));
        prop_assert_eq!(again, answer);
    }
}

#[test]
fn what_is_left_to_deal_with_is_listed_where_that_is_asked_for() {
    let silent = |rule: &str, severity: &str| json!({"issue_id": rule, "rule": rule, "severity": severity});
    let record = json!({"line_id": "l1", "text": "the cat"});
    let open = |params: Value, issues: &[Value]| apply(&params, &record, &json!(issues))["open"].clone();
    let issues = [
        issue("a", "warning", [4, 7], "the dog"),
        issue("b", "warning", [4, 7], "the cow"),
        silent("voice", "error"),
        silent("style", "info"),
    ];
    assert_eq!(open(json!({}), &issues), Value::Null);
    assert_eq!(open(json!({"open": true}), &issues), json!(["b", "style", "voice"]));
    assert_eq!(open(json!({"open": true, "least": "warning"}), &issues), json!(["b", "voice"]));
    assert_eq!(open(json!({"open": true, "only": ["voice"]}), &issues), json!(["voice"]));
    assert_eq!(open(json!({"open": true, "except": ["voice", "style"]}), &issues), json!(["b"]));
    assert_eq!(open(json!({"open": true}), &issues[..1]), Value::Null, "what is applied is dealt with");
}
