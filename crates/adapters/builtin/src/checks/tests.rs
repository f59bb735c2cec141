//! Rules on texts.

use super::*;
use refrain_testkit::ask::request;
use serde_json::json;

fn issues(params: &Value, input: Value) -> Result<Vec<Value>, String> {
    let request = request(1, &[("u", input)]);
    let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
    let answer = work.prepare(&request)(&request.units[0]).map_err(|failure| failure.message);
    answer.map(|issues| issues.as_array().unwrap().clone())
}

fn check(params: Value, text: &str, source: &str, expect: &[&str]) {
    let mut record = json!({"text": text});
    if !source.is_empty() {
        record["source"] = json!(source);
    }
    let found = issues(&params, record).unwrap();
    let show = |issue: &Value| {
        let suggestion = issue.get("suggestion").map_or(String::new(), |text| format!(" -> {text}"));
        let (rule, message) = (issue["rule"].as_str().unwrap(), issue["message"].as_str().unwrap());
        format!("{rule} {} {message}{suggestion}", issue["span"])
    };
    assert_eq!(found.iter().map(show).collect::<Vec<_>>(), expect, "{params} {text:?}");
}

#[test]
fn empty_text_and_stray_whitespace_are_found_by_default() {
    check(json!({}), "All is well.", "", &[]);
    check(json!({}), "", "", &["not_empty [0,0] the text is empty"]);
    check(json!({}), " \t", "", &["not_empty [0,2] the text is empty"]);
    check(
        json!({}),
        " a  b\0 ",
        "",
        &[
            "whitespace [0,1] there is a space at the start -> \"a b\"",
            "whitespace [2,4] there are several spaces in a row -> \"a b\"",
            "whitespace [5,6] there is a control character -> \"a b\"",
            "whitespace [6,7] there is a space at the end -> \"a b\"",
        ],
    );
    check(json!({}), "a\nb\u{3000}c", "", &[]);
    check(json!({"not_empty": false}), "", "", &[]);
}

#[test]
fn lengths_are_counted_as_told() {
    let family = "👩\u{200d}👩\u{200d}👧e\u{301}竜";
    check(json!({"max_length": 3}), family, "", &[]);
    check(
        json!({"max_length": 2}),
        family,
        "",
        &["max_length [7,8] the text has 3 characters, 2 are allowed"],
    );
    check(
        json!({"max_length": 3, "count": "width"}),
        "竜竜",
        "",
        &["max_length [1,2] the text has a width of 4, 3 is allowed"],
    );
    check(
        json!({"max_length": 5, "count": "bytes"}),
        "竜竜",
        "",
        &["max_length [1,2] the text has 6 bytes, 5 are allowed"],
    );
    check(json!({"max_length": 0}), "a", "", &["max_length [0,1] the text has 1 characters, 0 are allowed"]);
}

#[test]
fn translations_are_compared_with_their_source() {
    check(
        json!({"untouched": true}),
        "Hello",
        "Hello",
        &["untouched [0,5] the text is the same as its source"],
    );
    check(json!({"untouched": true}), "42!", "42!", &[]);
    let params = json!({"placeholders": true, "numbers": true});
    check(params.clone(), "{name}さん、%d回 <b>", "<b>%d times, {name}", &[]);
    check(
        params.clone(),
        "{nom} 12",
        "{name} %s 3 {name}",
        &[
            "placeholders [0,0] `%s` of the source is missing",
            "placeholders [0,0] `{name}` of the source is missing (2 of 2)",
            "placeholders [0,5] `{nom}` is not in the source",
            "numbers [0,0] the number 3 of the source is missing",
            "numbers [6,8] the number 12 is not in the source",
        ],
    );
    check(params, "１２ und 3,5", "3,5 and 12", &[]);
}

#[test]
fn characters_and_terms_can_be_ruled_out() {
    check(json!({"allowed": "[a-z ]"}), "abc Déf", "", &["allowed [4,6] `Dé` is not allowed"]);
    check(
        json!({"forbid": ["Colour", "a.b"]}),
        "The COLOUR aXb a.b",
        "",
        &["forbid [4,10] `COLOUR` is not wanted", "forbid [15,18] `a.b` is not wanted"],
    );
}

#[test]
fn issues_have_stable_ids_and_severities() {
    let found = |text: &str, params: Value| issues(&params, json!({"text": text})).unwrap();
    let (one, two) = (found(" a", json!({})), found(" a", json!({"severity": {"whitespace": "info"}})));
    assert_eq!(one[0]["issue_id"], two[0]["issue_id"]);
    assert_eq!((one[0]["severity"].as_str(), two[0]["severity"].as_str()), (Some("warning"), Some("info")));
    assert_ne!(found(" b", json!({}))[0]["issue_id"], one[0]["issue_id"]);
    let group = issues(&json!({}), json!({"records": [{"text": "a"}, {"text": ""}, {"text": ""}]})).unwrap();
    assert_eq!((&group[0]["record"], &group[1]["record"]), (&json!(1), &json!(2)));
    assert_ne!(group[0]["issue_id"], group[1]["issue_id"]);
}

#[test]
fn fields_that_are_absent_are_named() {
    assert_eq!(
        issues(&json!({}), json!({"line": 1})),
        Err("there is no field `text`; there are line".to_owned())
    );
    let error = issues(&json!({"untouched": true}), json!({"text": ""})).unwrap_err();
    assert_eq!(error, "there is no field `source`; there are text");
}

#[test]
fn params_are_checked() {
    let found = |params: Value| super::check(params.as_object().unwrap());
    assert!(
        found(json!({"max_length": "{{ params.max }}", "allowed": "\\p{Hiragana}", "forbid": "x"}))
            .is_empty()
    );
    let problems = found(json!({
        "max_length": "80", "allowed": "[", "severity": {"whitspace": "info", "forbid": "bad"}, "coutn": "bytes",
    }));
    let lines: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
    assert_eq!(
        lines,
        [
            "params.max_length: must be a whole number, not \"80\"",
            "params.allowed: error: unclosed character class",
            "params.severity.forbid: must be one of error, warning, info",
            "params.severity.whitspace: there is no such rule",
            "params.coutn: there is no such param",
        ]
    );
    assert_eq!(problems[3].hint.as_deref(), Some("did you mean `whitespace`?"));
    assert_eq!(found(json!({"count": "words"}))[0].message, "`words` is none of characters, bytes, width");
}
