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
            "placeholders [0,0] `{name}` of the source is missing (2 of 2)",
            "placeholders [0,5] `{nom}` is not in the source",
            "placeholders [3,3] `%s` of the source is missing",
            "numbers [4,4] the number 3 of the source is missing",
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

fn check_with(params: Value, context: Value, text: &str, source: &str, expect: &[&str]) {
    let mut request = request(1, &[("u", json!({"text": text, "source": source}))]);
    request.units[0].context = refrain_testkit::ask::json(&context);
    let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
    let found = work.prepare(&request)(&request.units[0]).unwrap();
    let show = |issue: &Value| format!("{} {}", issue["span"], issue["message"].as_str().unwrap());
    assert_eq!(found.as_array().unwrap().iter().map(show).collect::<Vec<_>>(), expect, "{params} {text:?}");
}

#[test]
fn spaces_at_the_ends_are_those_of_the_source() {
    let usual = || json!({});
    check(usual(), "　竜だ。", "　Dragon.", &[]);
    check(
        usual(),
        "竜だ。",
        "　Dragon. ",
        &[
            "whitespace [0,0] the space at the start of the source is missing -> \"　竜だ。 \"",
            "whitespace [3,3] the space at the end of the source is missing -> \"　竜だ。 \"",
        ],
    );
    check(
        usual(),
        " a",
        "　a",
        &["whitespace [0,1] the space at the start is not that of the source -> \"　a\""],
    );
    check(usual(), "a  b", "c  d", &[]);
    check(usual(), "a\u{1}b", "c\u{1}d", &[]);
    check(
        json!({"lost": true}),
        "a\u{fffd}",
        "b",
        &["lost [1,2] a character was lost when the text was converted"],
    );
    check(json!({"lost": true}), "a\u{fffd}", "b\u{fffd}", &[]);
    check(usual(), "", " ", &[]);
}

#[test]
fn limits_may_differ_by_speaker() {
    let params = json!({"max_length": {"max": 3, "table": {"Bo": 2}}});
    let found = |speaker: &str| issues(&params, json!({"text": "abc", "speaker": speaker})).unwrap().len();
    assert_eq!((found("Bo"), found("Anna")), (1, 0));
    let params = json!({"max_length": {"per": "scene_id", "table": {"s1": 2}, "count": "bytes"}});
    assert_eq!(issues(&params, json!({"text": "竜", "scene_id": "s1"})).unwrap().len(), 1);
    assert_eq!(issues(&params, json!({"text": "竜", "scene_id": "s2"})).unwrap().len(), 0);
    let params = json!({"max_length": 2, "markup": {"counts": false}});
    check(params.clone(), "{name}ab<b>", "", &[]);
    check(params, "{name}abc", "", &["max_length [8,9] the text has 3 characters, 2 are allowed"]);
}

#[test]
fn lines_are_wrapped_and_counted() {
    let wrap = |settings: Value| json!({"wrap": settings});
    check(
        wrap(json!({"width": 11, "lines": 2})),
        "Hello there, you old fool",
        "",
        &["wrap [17,25] the text takes 3 lines, 2 are allowed"],
    );
    check(
        wrap(json!({"width": 5})),
        "incomprehensible",
        "",
        &["wrap [0,16] line 1 has a width of 16, 5 is allowed"],
    );
    // The bracket may not stand at the end of a line, nor the full stop at the start of one.
    check(wrap(json!({"width": 6, "lines": 2})), "竜だ。「え」", "", &[]);
    check(
        wrap(json!({"width": 4, "lines": 2})),
        "竜だ。「え」",
        "",
        &[
            "wrap [0,6] the text takes 3 lines, 2 are allowed",
            "wrap [3,6] line 3 has a width of 6, 4 is allowed",
        ],
    );
}

#[test]
fn written_breaks_are_mended() {
    let params =
        json!({"wrap": {"width": 6, "lines": 3, "breaks": "written", "table": {"Bo": {"width": 4}}}});
    check(params.clone(), "one\ntwo", "", &[]);
    check(
        params.clone(),
        "one two\\nthree {w}four",
        "",
        &[
            "wrap [0,7] line 1 has a width of 7, 6 is allowed",
            "wrap [9,22] line 2 has a width of 10, 6 is allowed",
        ],
    );
    check(
        params.clone(),
        "one two {w}",
        "",
        &["wrap [0,11] line 1 has a width of 7, 6 is allowed -> \"one\\ntwo {w}\""],
    );
    check(params, "a\nb\nc\nd", "", &["wrap [6,7] the text takes 4 lines, 3 are allowed"]);
}

#[test]
fn markup_keeps_its_number_and_order() {
    let on = || json!({"placeholders": true});
    let said = |text: &str, source: &str, expect: &[&str]| check(on(), text, source, expect);
    said("{b}竜{/b}は[name!t]", "[name!t] is a {b}dragon{/b}", &[]);
    said("{/b}竜{b}", "a {b}dragon{/b}", &["placeholders [0,4] `{/b}` closes nothing"]);
    said(
        "<b>a<i>b</b></i>",
        "<b>a<i>b</i></b>",
        &["placeholders [8,12] `</b>` comes before `<i>` is closed"],
    );
    said("%d von %s", "%s of %d", &["placeholders [0,2] `%d` stands where `%s` should: their order counts"]);
    said("%2$d von %1$s", "%s of %d", &[]);
    said("%1$s", "%s of %d", &["placeholders [3,3] `%2$d` of the source is missing"]);
    said("\\C[2]竜\\C[0]\\.", "\\C[2]Dragon\\C[0]\\.", &[]);
    said("a\nb", "a\\nb", &["placeholders [0,0] `\\n` of the source is missing -> \"a\\\\nb\""]);
    said("a\\nb", "a\nb", &["placeholders [1,3] `\\n` is not in the source -> \"a\\nb\""]);
    said(
        "｛name｝さん",
        "{name}",
        &["placeholders [0,0] `{name}` of the source is missing -> \"{name}さん\""],
    );
    said(
        "{ Name }さん",
        "{name}",
        &["placeholders [0,0] `{name}` of the source is missing -> \"{name}さん\""],
    );
    check(
        json!({"placeholders": {"order": "strict"}}),
        "{b}{a}",
        "{a}{b}",
        &["placeholders [0,3] `{b}` stands where `{a}` should: their order counts"],
    );
    check(json!({"placeholders": {"order": "any"}}), "{/b}{b}", "{b}{/b}", &[]);
}

#[test]
fn numbers_are_those_of_the_source() {
    let on = || json!({"numbers": true});
    check(on(), "1.000,50 und 三", "3 and 1,000.50", &[]);
    check(on(), "３．５", "3.5", &[]);
    check(
        on(),
        "35",
        "3.5",
        &[
            "numbers [0,0] the number 3.5 of the source is missing",
            "numbers [0,2] the number 35 is not in the source",
        ],
    );
    check(on(), "Der \\V[2]. 5", "5 \\V[1]", &[]);
    check(
        json!({"digits": "half"}),
        "１２ {１}",
        "",
        &["digits [0,2] `１２` is in full-width digits, they should be half-width -> \"12 {１}\""],
    );
    check(
        json!({"digits": "full"}),
        "12",
        "",
        &["digits [0,2] `12` is in half-width digits, they should be full-width -> \"１２\""],
    );
}

#[test]
fn terms_are_rendered_as_agreed() {
    let glossary = json!({"glossary": [
        {"term": "Dark Knight", "translation": "Schwarzer Ritter"}, {"term": "knight", "translation": "Ritter|Recke", "forbidden": "Springer"},
        {"term": "Rose", "translation": "Rose", "case": "yes"},
    ]});
    let said = |params: Value, text: &str, source: &str, expect: &[&str]| {
        check_with(params, glossary.clone(), text, source, expect);
    };
    let on = || json!({"glossary": true});
    said(on(), "Der Recke", "The knight", &[]);
    said(
        on(),
        "Der Schwarze Ritter",
        "The Dark Knight",
        &["[5,5] the term `Dark Knight` should be `Schwarzer Ritter` here"],
    );
    said(json!({"glossary": {"inflection": 2}}), "Dem Schwarzen Ritters", "The Dark Knight", &[]);
    said(
        on(),
        "Ein Springer",
        "a knight",
        &[
            "[3,3] the term `knight` should be `Ritter` or `Recke` here",
            "[4,12] `knight` is not to be `Springer`, but `Ritter` or `Recke`",
        ],
    );
    said(on(), "Er stand auf", "He rose", &[]);
    said(on(), "Etwas", "The Rose", &["[2,2] the term `Rose` should be `Rose` here"]);
    said(on(), "Etwas", "{knight} [knight]", &[]);
}

#[test]
fn names_stay_unless_said_otherwise() {
    let context = json!({"terms": [{"term": "Bo", "translation": "ボー"}], "glossary": [{"term": "Anna", "translation": "アンナ"}]});
    let said = |params: Value, text: &str, source: &str, expect: &[&str]| {
        check_with(params, context.clone(), text, source, expect);
    };
    said(json!({"names": true}), "ボー！", "Bo!", &[]);
    said(json!({"names": true}), "ぼ！", "Bo!", &["[0,0] the name `Bo` should be `ボー` here"]);
    said(json!({"names": ["Anna", "Mira"]}), "アンナとMira", "Anna and Mira", &[]);
    said(
        json!({"names": ["Anna", "Mira"]}),
        "アンナとミラ",
        "Anna and Mira",
        &["[4,4] the name `Mira` should be `Mira` here"],
    );
    said(json!({"names": {"list": {"Mira": "ミラ|ミーラ"}}}), "ミーラ", "Mira", &[]);
    said(json!({"names": ["Mira"], "untouched": true}), "Mira?", "Mira?", &[]);
    said(json!({"untouched": true}), "Mira?", "Mira?", &["[0,5] the text is the same as its source"]);
    said(json!({"untouched": {"allow": ["OK"]}}), "OK", "OK", &[]);
    said(json!({"untouched": true}), "{name}: 3", "{name}: 3", &[]);
}

#[test]
fn characters_are_allowed_by_range() {
    let params = json!({"allowed": {"ranges": [" -~", "Hiragana", "U+3001-U+3002"], "replace": {"’": "'", "—": "--"}}});
    check(params.clone(), "あ、it's", "", &[]);
    check(
        params,
        "it’s — 竜",
        "",
        &[
            "allowed [2,3] `’` is not allowed -> \"it's -- 竜\"",
            "allowed [5,6] `—` is not allowed -> \"it's -- 竜\"",
            "allowed [7,8] `竜` is not allowed",
        ],
    );
    check(json!({"allowed": {"ranges": "Hiragana"}, "markup": {"counts": false}}), "あ{name}", "", &[]);
}

#[test]
fn brackets_and_quotes_come_in_pairs() {
    let on = || json!({"pairs": true});
    check(on(), "「竜（りゅう）」 «x» „y“ “z”", "", &[]);
    check(
        on(),
        "「竜（りゅう」）",
        "",
        &["pairs [2,3] `（` is not closed before `」`", "pairs [7,8] `）` closes nothing"],
    );
    check(on(), "「竜", "“Dragon”", &["pairs [0,1] `「` is not closed -> \"「竜」\""]);
    check(on(), "say „no", "", &["pairs [4,5] `„` has no partner"]);
    check(on(), "竜) {b}[x](", "Dragon) {b}", &[]);
    check(on(), "\"a", "\"b", &[]);
    check(on(), "¿Qué? ¡Ay! ¿No", "", &["pairs [11,12] `¿` has no partner"]);
    check(on(), "Qué?", "", &[]);
    check(
        json!({"pairs": {"inverted": "required"}}),
        "¿Qué? Ay!",
        "",
        &["pairs [8,9] `!` has no `¡` before its sentence"],
    );
    check(json!({"pairs": {"inverted": "required"}}), "¿¡Qué!? ¡Ay!", "", &[]);
}

#[test]
fn sentences_end_as_in_the_source() {
    let on = || json!({"ends": true});
    for (text, source) in
        [("竜だ。", "Dragon."), ("「えっ？」", "\"What?\""), ("Hm…{w}", "Hm..."), ("a!?", "b?!"), ("x", "y")]
    {
        check(on(), text, source, &[]);
    }
    check(on(), "竜だ", "Dragon!", &["ends [2,2] the source ends with `!`, the text with no mark"]);
    check(on(), "竜だ？」", "Dragon.", &["ends [2,4] the source ends with `.`, the text with `?`"]);
    check(json!({"ends": {"ignore": ["。"]}}), "竜だ", "Dragon.", &[]);
    check(
        json!({"ends": {"ignore": ["。"]}}),
        "竜だ",
        "Dragon!",
        &["ends [2,2] the source ends with `!`, the text with no mark"],
    );
}

#[test]
fn issues_tell_their_line_and_scene() {
    let params = json!({});
    let group = json!({"records": [{"line_id": "l7", "scene_id": "s1", "text": " a"}]});
    let one = issues(&params, json!({"line_id": "l7", "scene_id": "s1", "text": " a"})).unwrap();
    let grouped = issues(&params, group).unwrap();
    assert_eq!(
        (&one[0]["line_id"], &one[0]["scene_id"], &one[0]["before"]),
        (&json!("l7"), &json!("s1"), &json!(" a"))
    );
    // How lines are grouped does not change which issue it is.
    assert_eq!(one, grouped);
}

#[test]
fn every_rule_has_settings_that_are_checked() {
    let found = |params: Value| {
        let problems = super::check(params.as_object().unwrap());
        problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>()
    };
    assert_eq!(found(json!({"all": true})), [""; 0]);
    assert_eq!(
        found(json!({"wrap": {}, "max_length": {"table": {"Bo": "x"}}, "text": "a", "field": "b"})),
        [
            "params.max_length.table.Bo: \"x\" is no limit",
            "params.max_length.max: is missing",
            "params.wrap: neither `width` nor `lines` nor `table` is there",
            "params.field: is another word for `text`",
        ]
    );
    assert_eq!(
        found(
            json!({"pairs": 3, "ends": {"ignore": ["x"]}, "allowed": {"ranges": ["nope!"]}, "names": {"list": {"A": 1}}})
        ),
        [
            "params.names.list.A: must be the rendering as text",
            "params.allowed.ranges[0]: `nope!` is no range",
            "params.pairs: must be true, false or an object of settings, not 3",
            "params.ends.ignore: `x` is no mark at the end of a sentence",
        ]
    );
    assert_eq!(
        found(
            json!({"digits": "wide", "wrap": {"width": 3, "brakes": "auto"}, "max_length": {"max": 3, "per": "speaker"}})
        ),
        [
            "params.max_length.table: is missing",
            "params.wrap.brakes: there is no such param",
            "params.digits: `wide` is none of any, half, full",
        ]
    );
}
