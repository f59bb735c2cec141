//! What holds for every edited record, whoever edited it: its changes explain its text.
//!
//! A reply without `changes` (a model says the text and nothing more) gets them: one step from the text that came in to the
//! one that goes out, with the first of the record's issues and `also` with the others. A reply whose `changes` do not lead
//! from the one text to the other is refused, and so is one that breaks a rule of the guard more often than the text that
//! came in.

use refrain_core::ports::agent::SpecProblem;
use refrain_core::ports::rules::{RecordRules, RecordView, Reviewed};
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

use super::Apply;
use crate::params::Params;
use crate::record::{Record, text};

/// The rules of `apply` for the replies of other agents.
#[derive(Debug)]
pub(crate) struct LogRules(Apply);

impl LogRules {
    /// Reads the params of an agent.
    pub(crate) fn read(map: &Map<String, Value>) -> Result<Self, Vec<SpecProblem>> {
        super::parse(Params::new(map)).map(Self)
    }

    /// Returns one step from a text to another, as an answer to some issues.
    fn step(&self, before: &str, after: &str, issues: &[&Record]) -> Value {
        let word = |issue: &Record, name: &str| issue.get(name).and_then(Value::as_str).map(str::to_owned);
        let rule = issues.first().and_then(|issue| word(issue, "rule"));
        let mut step =
            json!({"rule": rule.unwrap_or_else(|| "edit".to_owned()), "before": before, "after": after});
        let mut ids = issues.iter().filter_map(|issue| word(issue, "issue_id"));
        if let Some(first) = ids.next() {
            step["issue_id"] = Value::from(first);
        }
        let also: Vec<String> = ids.collect();
        if !also.is_empty() {
            step["also"] = Value::from(also);
        }
        step
    }

    fn review(&self, input: &Record, record: Record, view: &RecordView<'_>) -> Result<Reviewed, String> {
        let given = |record: &Record| text(record, &self.0.field).map_err(|failure| failure.message);
        let (before, after) = (given(input)?, given(&record)?);
        let (own, shared) = (view.context.value(), view.shared.value());
        let known = [&self.0.glossaries(&own), &self.0.glossaries(&shared)];
        if let Some(rule) = self.0.broken(&before, &after, input, &known) {
            return Err(format!("{}: breaks the rule {rule}, as the text before does not", self.0.field));
        }
        match record.get("changes").and_then(Value::as_array).filter(|changes| !changes.is_empty()) {
            Some(changes) if leads(changes, &before, &after) => Ok(Reviewed::default()),
            Some(_) => Err("the `changes` do not lead from the text that came in to the new one".to_owned()),
            None => {
                let issues = self.0.issues(&own, &shared);
                let step = (before != after).then(|| self.step(&before, &after, &issues));
                Ok(Reviewed { record: with_changes(record, step), refused: Vec::new() })
            }
        }
    }
}

/// Whether each change goes on where the one before it ended.
fn leads(changes: &[Value], before: &str, after: &str) -> bool {
    let mut text = before;
    let is_step = |change| {
        let step = |name: &str| Value::get(change, name).and_then(Value::as_str);
        let is_next = step("before") == Some(text);
        text = step("after").unwrap_or_default();
        is_next
    };
    changes.iter().all(is_step) && text == after
}

/// Returns the record with a log, if that is not how it is already.
fn with_changes(mut record: Record, step: Option<Value>) -> Option<Json> {
    let changes = Value::Array(step.into_iter().collect());
    if record.get("changes") == Some(&changes) {
        return None;
    }
    record.insert("changes".to_owned(), changes);
    Json::of(&Value::Object(record)).ok()
}

impl RecordRules for LogRules {
    fn review(&self, view: &RecordView<'_>) -> Reviewed {
        let (Value::Object(input), Value::Object(record)) = (view.input.value(), view.record.value()) else {
            return Reviewed::default();
        };
        self.review(&input, record, view).unwrap_or_else(|why| Reviewed { record: None, refused: vec![why] })
    }
}

#[cfg(test)]
mod tests {
    use refrain_schemas::scope::Scope;
    use refrain_testkit::ask::json as canonical;

    use super::*;

    fn review(record: &Value, issues: &Value) -> Reviewed {
        let rules = LogRules::read(&Map::new()).unwrap_or_else(|_| panic!("no params, no problems"));
        let input = canonical(&json!({"line_id": "l1", "text": "Hi {n}", "source": "Hello {n}"}));
        let (record, context) = (canonical(record), canonical(&json!({"issues": issues})));
        let (scope, shared) = (Scope::default(), canonical(&json!({})));
        let view =
            RecordView { input: &input, context: &context, shared: &shared, scope: &scope, record: &record };
        RecordRules::review(&rules, &view)
    }

    #[track_caller]
    fn check(record: Value, issues: Value, expect: Result<Value, &str>) {
        let reviewed = review(&record, &issues);
        match expect {
            Ok(changes) => {
                assert_eq!(reviewed.refused, [""; 0]);
                let mended = reviewed.record.map_or(record, |mended| mended.value());
                assert_eq!(mended["changes"], changes);
                assert_eq!(review(&mended, &issues), Reviewed::default(), "mending twice is mending once");
            }
            Err(why) => assert_eq!(reviewed.refused, [why]),
        }
    }

    #[test]
    fn a_text_without_changes_gets_the_one_that_explains_it() {
        let issues = json!([{"issue_id": "i1", "rule": "voice"}, {"issue_id": "i2", "rule": "meaning"}]);
        let step =
            json!({"rule": "voice", "issue_id": "i1", "also": ["i2"], "before": "Hi {n}", "after": "Yo {n}"});
        check(json!({"text": "Yo {n}"}), issues.clone(), Ok(json!([step])));
        check(json!({"text": "Yo {n}", "changes": []}), issues, Ok(json!([step])));
        let step = json!({"rule": "edit", "before": "Hi {n}", "after": "Yo {n}"});
        check(json!({"text": "Yo {n}"}), json!([]), Ok(json!([step])));
        check(json!({"text": "Hi {n}"}), json!([]), Ok(json!([])));
    }

    #[test]
    fn changes_that_explain_nothing_and_broken_codes_are_refused() {
        let changes = |before: &str, after: &str| json!([{"rule": "r", "before": before, "after": after}]);
        let told = "the `changes` do not lead from the text that came in to the new one";
        check(json!({"text": "Yo {n}", "changes": changes("Hi", "Yo {n}")}), json!([]), Err(told));
        check(json!({"text": "Yo {n}", "changes": changes("Hi {n}", "Yo")}), json!([]), Err(told));
        let fits = changes("Hi {n}", "Yo {n}");
        check(json!({"text": "Yo {n}", "changes": fits}), json!([]), Ok(fits));
        let told = "text: breaks the rule placeholders, as the text before does not";
        check(json!({"text": "Yo"}), json!([]), Err(told));
    }
}
