//! The JSON that agents outside of this process speak: commands, one line per call, and services, one body per request.

use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::protocol::{AnswerErrorKind, AnswerLine, AnswerUnit, AnswerUsage};
use refrain_schemas::usage::Usage;
use serde_json::{Map, Value, json};

use crate::ports::agent::{AnsweredUnit, AskedUnit, Reply, Request};
use crate::template::Context;

/// Returns a request as one line of JSON, its end included.
///
/// Most of a request is canonical JSON already, so the line is put together from text and no tree is built.
#[must_use]
pub fn request_line(request: &Request) -> Vec<u8> {
    let mut line = String::with_capacity(256);
    push(&mut line, "{\"call\":", Json::string(&request.call.to_string()).as_str());
    push(&mut line, ",\"phase\":", Json::string(request.phase.as_str()).as_str());
    line.push_str(",\"scope\":{");
    for (n, (name, value)) in request.scope.iter().enumerate() {
        line.push_str(if n > 0 { "," } else { "" });
        push(&mut line, Json::string(name.as_str()).as_str(), ":");
        line.push_str(Json::string(value).as_str());
    }
    push(&mut line, "},\"params\":", request.params.as_str());
    push(&mut line, ",\"context\":", request.context.as_str());
    line.push_str(",\"units\":[");
    for (n, unit) in request.units.iter().enumerate() {
        line.push_str(if n > 0 { "," } else { "" });
        push_unit(&mut line, unit);
    }
    line.push_str("]}\n");
    line.into_bytes()
}

fn push_unit(line: &mut String, unit: &AskedUnit) {
    push(line, "{\"id\":", Json::string(unit.id.as_str()).as_str());
    push(line, ",\"input\":", unit.input.as_str());
    push(line, ",\"context\":", unit.context.as_str());
    line.push('}');
}

fn push(line: &mut String, label: &str, value: &str) {
    line.push_str(label);
    line.push_str(value);
}

/// Returns an answer as a reply to its call.
#[must_use]
pub fn reply(answer: AnswerLine) -> Reply {
    let units = answer.units.into_iter().map(unit).collect();
    Reply { units, usage: answer.usage.map(usage).unwrap_or_default(), ..Reply::default() }
}

fn unit(unit: AnswerUnit) -> AnsweredUnit {
    let invalid = |message: String| Failure { kind: FailureKind::Invalid, message };
    let result = match (unit.output, unit.error) {
        (Some(output), None) => Json::of(&output).map_err(|error| invalid(error.to_string())),
        (None, Some(error)) => Err(Failure { kind: kind(error.kind), message: error.message }),
        (Some(_), Some(_)) => Err(invalid("the answer has an output and an error".to_owned())),
        (None, None) => Err(invalid("the answer has neither output nor error".to_owned())),
    };
    AnsweredUnit::new(unit.id, result)
}

const fn kind(kind: AnswerErrorKind) -> FailureKind {
    match kind {
        AnswerErrorKind::Transient => FailureKind::Transient,
        AnswerErrorKind::Invalid => FailureKind::Invalid,
        AnswerErrorKind::Refused => FailureKind::Refused,
        AnswerErrorKind::Permanent => FailureKind::Permanent,
    }
}

fn usage(usage: AnswerUsage) -> Usage {
    Usage {
        cached_input_tokens: 0,
        input_tokens: usage.input_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
        // Sums of money only grow; a refund is not a thing an agent can report.
        cost_usd: usage.cost_usd.filter(|cost| cost.is_finite() && *cost >= 0.0),
    }
}

/// What the templates of a request about one unit see: `unit` with its id, `context`, `scope` and `params`. The project's
/// params that a template refers to are among `params`; those of the agent go before them.
#[must_use]
pub fn template_context(request: &Request, unit: &AskedUnit) -> Context {
    let scope = request.scope.iter().map(|(name, value)| (name.to_string(), Value::from(value)));
    let mut fields = object(&unit.input);
    fields.insert("id".to_owned(), Value::from(unit.id.as_str()));
    let mut params = object(&request.vars);
    params.extend(object(&request.params));
    let mut context = object(&request.context);
    context.extend(object(&unit.context));
    let scope: Map<String, Value> = scope.collect();
    Context::of(&json!({ "unit": fields, "context": context, "scope": scope, "params": params }))
}

/// The names that such templates may begin with.
pub const TEMPLATE_ROOTS: [&str; 4] = ["context", "params", "scope", "unit"];

fn object(json: &Json) -> Map<String, Value> {
    match json.value() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use refrain_schemas::name::{CallId, UnitId};
    use refrain_schemas::protocol::RequestLine;
    use refrain_schemas::scope::Scope;

    use super::*;

    fn json(value: &Value) -> Json {
        Json::of(value).unwrap()
    }

    fn request() -> Request {
        let unit = |id: &str, input: Value, context: Value| AskedUnit {
            id: UnitId::new(id),
            input: json(&input),
            context: json(&context),
        };
        Request {
            call: CallId(7),
            phase: "test".parse().unwrap(),
            scope: Arc::new(Scope::new([("tone".parse().unwrap(), "\"x\"".to_owned())])),
            turns: Scope::none(),
            params: json(&json!({"p": [1, {}], "both": "own"})),
            vars: json(&json!({"both": "project", "q": 2})),
            context: json(&json!({"all": 1, "mine": 0})),
            units: vec![
                unit("é\"\n\0", json!({"text": "a\u{2028}\"b\\", "n": 1.5, "id": 5}), json!({"mine": 2})),
                unit("b", json!(null), json!({})),
            ],
            conversation: None,
            repairs: Vec::new(),
        }
    }

    #[test]
    fn a_request_is_one_line_that_reads_back() {
        let request = request();
        let line = String::from_utf8(request_line(&request)).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let read: RequestLine = serde_json::from_str(&line).unwrap();
        assert_eq!((read.call.as_str(), read.units.len()), ("c7", 2));
        assert_eq!((read.scope, read.params), ((*request.scope).clone(), request.params));
        assert_eq!(read.units[0].id, request.units[0].id);
        assert_eq!(read.units[0].input, request.units[0].input);
    }

    #[test]
    fn templates_see_the_unit_and_what_is_around_it() {
        let request = request();
        let see = |unit: usize, template: &str| {
            let context = template_context(&request, &request.units[unit]);
            crate::fill::fill(&json!(template), &context, "").unwrap()
        };
        assert_eq!(see(0, "{{ unit.id }}"), "é\"\n\0");
        assert_eq!(see(0, "{{ unit.n }}"), 1.5);
        assert_eq!(see(1, "{{ unit }}"), json!({"id": "b"}));
        assert_eq!(see(0, "{{ context }}"), json!({"all": 1, "mine": 2}));
        assert_eq!(see(1, "{{ params }}"), json!({"both": "own", "p": [1, {}], "q": 2}));
        assert_eq!(see(1, "in {{ scope.tone }}"), "in \"x\"");
    }
}
