//! `template`: fills templates.
//!
//! Exactly one of these params:
//! - `record: { FIELD: TEMPLATE }`: a record; values may be nested, and what is no text is taken as it is.
//! - `text: TEMPLATE`: a record with the one field `text`.
//! - `document: TEMPLATE`: the value itself, for a phase that makes a document.
//!
//! Templates see `unit` (its id and the fields of its input; `unit.records` for groups), `scope`, `params`, `context`,
//! and every context entry by its name. A template that is nothing but one `{{ … }}` keeps the type of its value.

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value};

use crate::agent::{AnswerUnit, Work};
use crate::engine::{Template, View};
use crate::params::Params;
use crate::record::permanent;
use crate::view::Views;

/// JSON whose texts are templates.
enum Pattern {
    Template(Template),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Constant(Value),
}

impl Pattern {
    /// Compiles every text in a value.
    fn new(value: &Value, path: &str, params: &Params<'_>) -> Option<Self> {
        match value {
            Value::String(source) => Template::new(source)
                .map_err(|message| params.problem(path, &message, None))
                .ok()
                .map(Self::Template),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(n, item)| Self::new(item, &format!("{path}[{n}]"), params))
                    .collect::<Option<_>>()
                    .map(Self::List)
            }
            Value::Object(fields) => {
                let compile = |(name, value): (&String, &Value)| {
                    Some((name.clone(), Self::new(value, &format!("{path}.{name}"), params)?))
                };
                // All fields are compiled before the first failure counts, so that all problems are reported.
                let fields: Vec<Option<_>> = fields.iter().map(compile).collect();
                fields.into_iter().collect::<Option<_>>().map(Self::Object)
            }
            constant => Some(Self::Constant(constant.clone())),
        }
    }

    fn fill(&self, view: &View) -> Result<Value, String> {
        match self {
            Self::Template(template) => template.fill(view),
            Self::List(items) => {
                items.iter().map(|item| item.fill(view)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(fields) => {
                let fill = |(name, pattern): &(String, Self)| match pattern.fill(view) {
                    Ok(value) => Ok((name.clone(), value)),
                    Err(message) => Err(format!("{name}: {message}")),
                };
                fields.iter().map(fill).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            Self::Constant(value) => Ok(value.clone()),
        }
    }
}

struct Fill(Pattern);

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    let params = Params::new(map);
    let given = ["record", "text", "document"].map(|name| (name, params.get(name)));
    let mut given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let pattern = match (given.next(), given.next()) {
        (Some((name, value)), None) => pattern(name, value, &params),
        _ => {
            let hint = "for instance `record: { text: \"{{ unit.text }}\" }`".to_owned();
            params.problem("", "exactly one of `record`, `text` and `document` is needed", Some(hint));
            None
        }
    };
    drop(given);
    params.finish(pattern).map(|pattern| Box::new(Fill(pattern)) as Box<dyn Work>)
}

fn pattern(name: &str, value: &Value, params: &Params<'_>) -> Option<Pattern> {
    if name == "record" && !value.is_object() {
        params.problem(name, &format!("must be an object of templates, not {value}"), None);
    }
    let pattern = Pattern::new(value, name, params)?;
    Some(if name == "text" { Pattern::Object(vec![("text".to_owned(), pattern)]) } else { pattern })
}

impl Work for Fill {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let views = Views::of(request);
        Box::new(move |unit| self.answer(&views, unit))
    }
}

impl Fill {
    fn answer(&self, views: &Views, unit: &AskedUnit) -> Result<Value, Failure> {
        let fields = match unit.input.value() {
            Value::Object(fields) => fields,
            other => Map::from_iter([("input".to_owned(), other)]),
        };
        self.0.fill(&views.unit(unit, &fields, &[])).map_err(permanent)
    }
}

/// A pattern is worth nothing without a request, so tests go through one.
#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::{json as canonical, request, scope};
    use serde_json::json;

    fn problems(params: Value) -> Vec<String> {
        let problems = read(params.as_object().unwrap()).err().unwrap_or_default();
        problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
    }

    fn check(params: Value, expect: Result<Value, &str>) {
        let mut request = request(1, &[("u1", json!({"text": "hi", "n": 3}))]);
        request.scope = scope(&[("language", "ja")]);
        request.vars = canonical(&json!({"tone": "formal"}));
        request.context = canonical(&json!({"glossary": [{"term": "hi"}], "unit": "shadowed"}));
        request.units[0].context = canonical(&json!({"nearby": {"before": []}}));
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        let answer = work.prepare(&request)(&request.units[0]);
        match (answer, expect) {
            (Err(failure), Err(part)) => assert!(failure.message.contains(part), "{failure:?}"),
            (answer, expect) => assert_eq!(answer.map_err(|f| f.message), expect.map_err(str::to_owned)),
        }
    }

    #[test]
    fn templates_see_everything() {
        check(
            json!({"record": {
                "id": "{{ unit.id }}", "n": "{{ unit.n + 1 }}", "all": "{{ scope.language }}/{{ params.tone }}",
                "term": "{{ glossary[0].term }}", "same": "{{ context.glossary == glossary }}",
                "near": "{{ nearby }}", "deep": [1, {"x": "{{ unit.text|upper }}"}],
            }}),
            Ok(json!({
                "id": "u1", "n": 4, "all": "ja/formal", "term": "hi", "same": true, "near": {"before": []},
                "deep": [1, {"x": "HI"}],
            })),
        );
        check(json!({"text": "<{{ unit.text }}>"}), Ok(json!({"text": "<hi>"})));
        check(json!({"document": "{{ unit.text }}!"}), Ok(json!("hi!")));
        check(json!({"record": {"a": "{{ unit.x }}!"}}), Err("a: undefined value"));
    }

    #[test]
    fn params_are_checked() {
        assert_eq!(problems(json!({"text": "{{ x }}"})), [""; 0]);
        assert_eq!(problems(json!({})), ["params: exactly one of `record`, `text` and `document` is needed"]);
        assert_eq!(problems(json!({"text": "", "document": ""})).len(), 1);
        assert_eq!(
            problems(json!({"record": "x"})),
            ["params.record: must be an object of templates, not \"x\""]
        );
        let found = problems(json!({"record": {"a": "{{", "b": "{% if %}"}, "recrod": 1}));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("params.record.a: syntax error"), "{found:?}");
        assert_eq!(found[2], "params.recrod: there is no such param");
    }
}
