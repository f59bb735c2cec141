//! `checks`: looks for slips in a text by rules, and answers with a list of issues, `[]` where there are none.
//!
//! - `field` (`text`): the text that is checked. `source` (`source`): the text it was made from, for rules that need it.
//! - `not_empty` (on): the text says something. `whitespace` (on): no spaces at the ends or doubled, no control
//!   characters.
//! - `max_length: N`, counted in `count: characters | bytes | width` (as readers see characters; width is that of a
//!   terminal, where an East Asian character takes two).
//! - `untouched`: not the same as the source. `placeholders`: the same `{name}`, `{{name}}`, `%s`, `<tag>` as the
//!   source. `numbers`: the same numbers as the source, whatever their digits look like.
//! - `allowed: PATTERN`: made of matches of a regular expression alone. `forbid: [TERM]`: none of these, whatever
//!   their case.
//! - `severity: { RULE: error | warning | info }`.
//!
//! An issue has `rule`, `span` (from and to, in Unicode characters, not bytes), `severity`, `message`, sometimes
//! `suggestion` (the whole text as it should be), and an `issue_id` that is the same whenever the same slip is found
//! in the same text of the same unit. Issues about a group have the position of their `record`, too.

mod issue;
mod rules;

use std::collections::BTreeMap;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use regex::Regex;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::nearest::nearest;
use crate::params::Params;
use crate::record::{Input, Record, text};
use issue::Finding;
use rules::{Rule, Texts};

/// All rules, in the order of their issues, with the severity they have by default.
const RULES: [(&str, &str); 8] = [
    ("not_empty", "error"),
    ("max_length", "error"),
    ("untouched", "warning"),
    ("whitespace", "warning"),
    ("placeholders", "error"),
    ("numbers", "warning"),
    ("allowed", "error"),
    ("forbid", "warning"),
];
const SEVERITIES: [&str; 3] = ["error", "warning", "info"];

struct Checks {
    field: String,
    source: Option<String>,
    rules: Vec<(&'static str, Rule)>,
    severity: BTreeMap<&'static str, String>,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|checks| Box::new(checks) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Checks, Vec<SpecProblem>> {
    let rules: Vec<(&'static str, Rule)> =
        RULES.into_iter().filter_map(|(name, _)| Some((name, rule(name, &params)?))).collect();
    let needs_source = rules.iter().any(|(_, rule)| rule.needs_source());
    let source = params.text("source").unwrap_or("source").to_owned();
    let checks = Checks {
        field: params.text("field").unwrap_or("text").to_owned(),
        source: needs_source.then_some(source),
        severity: severities(&params),
        rules,
    };
    params.finish(Some(checks))
}

/// Returns a rule where the params ask for it.
fn rule(name: &'static str, params: &Params<'_>) -> Option<Rule> {
    let on = |default, rule| params.flag(name, default).then_some(rule);
    match name {
        "not_empty" => on(true, Rule::NotEmpty),
        "whitespace" => on(true, Rule::Whitespace),
        "untouched" => on(false, Rule::Untouched),
        "placeholders" => on(false, Rule::Placeholders),
        "numbers" => on(false, Rule::Numbers),
        "max_length" => {
            let count = rules::Count::of(params.word("count", &["characters", "bytes", "width"]));
            params.count(name).map(|max| Rule::MaxLength { max, count })
        }
        "allowed" => pattern(name, params.text(name)?, params).map(Rule::Allowed),
        _ => {
            let terms = params.texts(name)?.into_iter().filter(|term| !term.is_empty()).map(regex::escape);
            let terms = terms.collect::<Vec<_>>().join("|");
            if terms.is_empty() {
                None
            } else {
                pattern(name, &format!("(?i){terms}"), params).map(Rule::Forbid)
            }
        }
    }
}

fn pattern(name: &'static str, source: &str, params: &Params<'_>) -> Option<Regex> {
    let compiled = Regex::new(source);
    compiled.map_err(|error| params.problem(name, &last_line(&error), None)).ok()
}

/// Returns the line of an error that says what is wrong; those before it draw the pattern.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().to_owned()
}

fn severities(params: &Params<'_>) -> BTreeMap<&'static str, String> {
    let mut severities: BTreeMap<_, _> = RULES.map(|(rule, severity)| (rule, severity.to_owned())).into();
    for (name, value) in params.object("severity").into_iter().flatten() {
        let field = format!("severity.{name}");
        let Some((rule, _)) = RULES.iter().find(|(rule, _)| rule == name) else {
            let near = nearest(name, RULES.map(|(rule, _)| rule));
            params.problem(
                &field,
                "there is no such rule",
                near.map(|near| format!("did you mean `{near}`?")),
            );
            continue;
        };
        match value.as_str().filter(|word| SEVERITIES.contains(word)) {
            Some(word) => severities.insert(rule, word.to_owned()).map_or((), drop),
            None => params.problem(&field, &format!("must be one of {}", SEVERITIES.join(", ")), None),
        }
    }
    severities
}

impl Work for Checks {
    fn prepare<'a>(&'a self, _: &'a Request) -> AnswerUnit<'a> {
        Box::new(|unit| self.answer(unit).map(Value::Array))
    }
}

impl Checks {
    fn answer(&self, unit: &AskedUnit) -> Result<Vec<Value>, Failure> {
        let mut issues = Vec::new();
        match Input::of(unit)? {
            Input::One(record) => self.check_record(unit, &record, None, &mut issues)?,
            Input::Group(records) => {
                for (position, record) in records.iter().enumerate() {
                    self.check_record(unit, record, Some(position), &mut issues)?;
                }
            }
        }
        Ok(issues)
    }

    fn check_record(
        &self,
        unit: &AskedUnit,
        record: &Record,
        position: Option<usize>,
        issues: &mut Vec<Value>,
    ) -> Result<(), Failure> {
        let subject = text(record, &self.field)?;
        let source = self.source.as_ref().map_or(Ok(String::new()), |field| text(record, field))?;
        let texts = Texts { text: &subject, source: &source };
        for (name, rule) in &self.rules {
            let severity = self.severity.get(name).map_or("error", String::as_str);
            let mut findings: Vec<Finding> = rule.find(&texts);
            findings.sort();
            findings.dedup();
            let found = findings.into_iter();
            issues.extend(
                found.map(|finding| finding.issue(unit.id.as_str(), name, severity, &subject, position)),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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
        let found = issues(&params, json!({"text": text, "source": source})).unwrap();
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
        check(
            json!({"max_length": 0}),
            "a",
            "",
            &["max_length [0,1] the text has 1 characters, 0 are allowed"],
        );
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
        assert_eq!(
            (one[0]["severity"].as_str(), two[0]["severity"].as_str()),
            (Some("warning"), Some("info"))
        );
        assert_ne!(found(" b", json!({}))[0]["issue_id"], one[0]["issue_id"]);
        let group =
            issues(&json!({}), json!({"records": [{"text": "a"}, {"text": ""}, {"text": ""}]})).unwrap();
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
        assert_eq!(
            found(json!({"count": "words"}))[0].message,
            "`words` is none of characters, bytes, width"
        );
    }
}
