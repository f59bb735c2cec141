//! `map`: changes records.
//!
//! - `set: { FIELD: EXPRESSION }` sets fields; what is no text is taken as it is. Every expression sees the record as
//!   it came in, not what the others set.
//! - `keep: [FIELD]` drops all fields but these and those that are set.
//! - `drop: [FIELD]` drops these.
//!
//! Expressions see what those of `filter` see. The records of a group are changed one by one.

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::engine::{Expression, View, see};
use crate::params::Params;
use crate::record::{Input, Record, permanent};
use crate::view::Views;

struct Change {
    set: Vec<(String, Source)>,
    keep: Option<Vec<String>>,
    drop: Vec<String>,
}

enum Source {
    Expression(Expression),
    Constant(Value),
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    let params = Params::new(map);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let set: Vec<Option<_>> =
        params.object("set").into_iter().flatten().map(|field| source(field, &params)).collect();
    let (keep, drop) = (params.texts("keep").map(owned), params.texts("drop").map(owned).unwrap_or_default());
    if map.is_empty() {
        let hint = "for instance `set: { length: unit.text | length }`".to_owned();
        params.problem("", "one of `set`, `keep` and `drop` is needed", Some(hint));
    }
    let set = set.into_iter().collect::<Option<_>>();
    params.finish(set.map(|set| Change { set, keep, drop })).map(|change| Box::new(change) as Box<dyn Work>)
}

fn source((name, value): (&String, &Value), params: &Params<'_>) -> Option<(String, Source)> {
    let Value::String(text) = value else { return Some((name.clone(), Source::Constant(value.clone()))) };
    let compiled = Expression::new(text).map_err(|message| {
        // The most usual slip is to write a template.
        let hint =
            text.contains("{{").then(|| "write the expression alone, without `{{` and `}}`".to_owned());
        params.problem(&format!("set.{name}"), &message, hint);
    });
    Some((name.clone(), Source::Expression(compiled.ok()?)))
}

impl Work for Change {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let views = Views::of(request);
        Box::new(move |unit| self.answer(&views, unit))
    }
}

impl Change {
    fn answer(&self, views: &Views, unit: &AskedUnit) -> Result<Value, Failure> {
        match Input::of(unit)? {
            Input::One(record) => {
                let view = views.unit(unit, &record, &[]);
                self.apply(record, &view)
            }
            Input::Group(records) => {
                let all = [("records", see(&records.iter().cloned().map(Value::Object).collect()))];
                let changed = records.into_iter().map(|record| {
                    let view = views.unit(unit, &record, &all);
                    self.apply(record, &view)
                });
                changed.collect()
            }
        }
    }

    fn apply(&self, mut record: Record, view: &View) -> Result<Value, Failure> {
        if let Some(keep) = &self.keep {
            record.retain(|name, _| keep.contains(name));
        }
        for (name, source) in &self.set {
            let value = match source {
                Source::Constant(value) => value.clone(),
                Source::Expression(expression) => {
                    expression.eval(view).map_err(|message| permanent(format!("{name}: {message}")))?
                }
            };
            record.insert(name.clone(), value);
        }
        record.retain(|name, _| !self.drop.contains(name));
        Ok(Value::Object(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::request;
    use serde_json::json;

    fn check(params: Value, input: Value, expect: Result<Value, &str>) {
        let request = request(1, &[("u1", input)]);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        let answer = work.prepare(&request)(&request.units[0]).map_err(|failure| failure.message);
        assert_eq!(answer, expect.map_err(str::to_owned));
    }

    #[test]
    fn records_are_changed() {
        let set = json!({"set": {"a": "unit.b", "b": "unit.a", "id": "unit.id", "n": 7}});
        check(set, json!({"a": 1, "b": [2]}), Ok(json!({"a": [2], "b": 1, "id": "u1", "n": 7})));
        check(
            json!({"keep": ["a"], "set": {"c": "1 + 1"}}),
            json!({"a": 1, "b": 2}),
            Ok(json!({"a": 1, "c": 2})),
        );
        check(json!({"drop": "a"}), json!({"a": 1, "b": 2}), Ok(json!({"b": 2})));
        let group = json!({"records": [{"a": 1}, {"a": 2}]});
        check(
            json!({"set": {"of": "records|length"}}),
            group,
            Ok(json!([{"a": 1, "of": 2}, {"a": 2, "of": 2}])),
        );
        check(json!({"set": {"x": "unit.y"}}), json!({}), Err("x: `unit.y` is not defined"));
    }

    #[test]
    fn params_are_checked() {
        let problems = |params: Value| read(params.as_object().unwrap()).err().unwrap_or_default();
        assert_eq!(problems(json!({}))[0].message, "one of `set`, `keep` and `drop` is needed");
        let found = problems(json!({"set": {"a": "{{ x }", "b": "1 +"}, "keep": 3}));
        let fields: Vec<_> = found.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["params.set.a", "params.set.b", "params.keep"]);
        assert!(found[0].hint.is_some());
    }
}
