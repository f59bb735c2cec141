//! `filter`: keeps the records for which `where: EXPRESSION` holds.
//!
//! The expression sees `unit` (the id of the unit and the fields of the record), `scope`, `params`, `context` and the
//! context's entries. The records of a group are judged one by one and see all of them as `records`.

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::engine::{Expression, see};
use crate::params::Params;
use crate::record::{Input, permanent};
use crate::view::Views;

struct Filter(Expression);

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    let params = Params::new(map);
    let source = params.text("where");
    if map.get("where").is_none_or(Value::is_null) {
        params.problem("where", "is missing", Some("for instance `where: unit.text != \"\"`".to_owned()));
    }
    let compiled = source.and_then(|source| {
        Expression::new(source).map_err(|message| params.problem("where", &message, None)).ok()
    });
    params.finish(compiled).map(|expression| Box::new(Filter(expression)) as Box<dyn Work>)
}

impl Work for Filter {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let views = Views::of(request);
        Box::new(move |unit| self.answer(&views, unit))
    }
}

impl Filter {
    fn answer(&self, views: &Views, unit: &AskedUnit) -> Result<Value, Failure> {
        let keep = |record: &Map<String, Value>, more: &[_]| {
            self.0.holds(&views.unit(unit, record, more)).map_err(permanent)
        };
        match Input::of(unit)? {
            Input::One(record) => {
                Ok(if keep(&record, &[])? { Value::Object(record) } else { Value::Array(Vec::new()) })
            }
            Input::Group(records) => {
                let all = [("records", see(&records.iter().cloned().map(Value::Object).collect()))];
                let judged = records.into_iter().map(|record| Ok((keep(&record, &all)?, record)));
                let judged = judged.collect::<Result<Vec<_>, Failure>>()?.into_iter();
                Ok(judged.filter_map(|(keep, record)| keep.then_some(Value::Object(record))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::request;
    use serde_json::json;

    fn check(condition: &str, input: Value, expect: Result<Value, &str>) {
        let request = request(1, &[("u1", input)]);
        let work = read(json!({"where": condition}).as_object().unwrap()).map_err(|_| ()).unwrap();
        let answer = work.prepare(&request)(&request.units[0]);
        match (answer, expect) {
            (Err(failure), Err(part)) => assert!(failure.message.contains(part), "{failure:?}"),
            (answer, expect) => assert_eq!(answer.map_err(|f| f.message), expect.map_err(str::to_owned)),
        }
    }

    #[test]
    fn records_are_kept_or_not() {
        check("unit.n > 1", json!({"n": 2}), Ok(json!({"n": 2})));
        check("unit.n > 1", json!({"n": 1}), Ok(json!([])));
        check("unit.id == 'u1'", json!({}), Ok(json!({})));
        check("unit.n", json!({"n": 1}), Err("not true or false"));
        check("unit.m > 1", json!({"n": 1}), Err("undefined"));
        let group = json!({"records": [{"n": 1}, {"n": 2}, {"n": 3}]});
        check("unit.n > 1", group.clone(), Ok(json!([{"n": 2}, {"n": 3}])));
        check("unit.n == records|length", group, Ok(json!([{"n": 3}])));
    }

    #[test]
    fn params_are_checked() {
        let problems = |params: Value| read(params.as_object().unwrap()).err().unwrap_or_default();
        assert_eq!(problems(json!({}))[0].message, "is missing");
        assert_eq!(problems(json!({"where": 1}))[0].message, "must be text, not 1");
        assert!(problems(json!({"where": "a =="}))[0].message.starts_with("syntax error"));
        assert_eq!(
            problems(json!({"where": "true", "were": 1}))[0].hint.as_deref(),
            Some("did you mean `where`?")
        );
    }
}
