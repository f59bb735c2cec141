//! The document that a tool makes.

use refrain_core::ports::agent::AnsweredUnit;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::{Json, MAX_EXACT_INTEGER};
use refrain_schemas::name::UnitId;
use serde_json::{Map, Value, json};

use crate::tool::{Acted, Fault};

/// The largest document.
const LARGEST: usize = 32 << 20;

/// Returns the answer about a unit: a document, or the failure with one.
pub(crate) fn answer(id: UnitId, acted: Result<Acted, Fault>) -> AnsweredUnit {
    let (document, failure) = match acted {
        Ok(acted) => (document(acted, None), None),
        Err(Fault::Reported { message, result }) => {
            let document = document(Acted::new(result), Some(&message));
            (document, Some(Failure { kind: FailureKind::Reported, message }))
        }
        Err(Fault::Waiting { message, question }) => {
            let result = Err(Failure { kind: FailureKind::Waiting, message });
            return AnsweredUnit { id, result, said: Some(question.to_string()) };
        }
        Err(Fault::Raised(error)) => return AnsweredUnit::new(id, Err(error.failure())),
    };
    let json = match Json::of(&exact(document)) {
        Ok(json) if json.as_str().len() <= LARGEST => json,
        Ok(_) => return AnsweredUnit::new(id, Err(too_large())),
        Err(error) => {
            let failure = Failure { kind: FailureKind::Permanent, message: error.to_string() };
            return AnsweredUnit::new(id, Err(failure));
        }
    };
    match failure {
        None => AnsweredUnit::new(id, Ok(json)),
        Some(failure) => AnsweredUnit { id, result: Err(failure), said: Some(json.as_str().to_owned()) },
    }
}

/// Returns what a model is told of what was done.
pub(crate) fn document_of(acted: Result<Acted, Fault>) -> Value {
    exact(match acted {
        Ok(acted) => document(acted, None),
        Err(Fault::Reported { message, result }) => document(Acted::new(result), Some(&message)),
        Err(Fault::Waiting { message, .. }) => document(Acted::new(Value::Null), Some(&message)),
        Err(Fault::Raised(error)) => document(Acted::new(Value::Null), Some(&error.message)),
    })
}

fn too_large() -> Failure {
    let message = format!("the result has more than {} MiB", LARGEST >> 20);
    Failure { kind: FailureKind::Permanent, message }
}

fn document(acted: Acted, error: Option<&str>) -> Value {
    let mut document = Map::from_iter(acted.extras);
    document.insert("result".to_owned(), acted.result);
    document.insert("success".to_owned(), json!(error.is_none()));
    document.insert("error".to_owned(), json!(error));
    Value::Object(document)
}

/// Writes whole numbers as texts that other readers of JSON would round.
fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) if is_inexact(&number) => Value::String(number.to_string()),
        Value::Array(items) => Value::Array(items.into_iter().map(exact).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, exact(value))).collect())
        }
        other => other,
    }
}

fn is_inexact(number: &serde_json::Number) -> bool {
    let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    whole.is_some_and(|whole| whole > MAX_EXACT_INTEGER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_what_was_found() {
        let fault = Fault::reported("no").with(json!({"n": 9_007_199_254_740_993_u64}));
        let answered = answer(UnitId::new("all"), Err(fault));
        assert_eq!(answered.result.unwrap_err().kind, FailureKind::Reported);
        let said: Value = serde_json::from_str(&answered.said.unwrap()).unwrap();
        assert_eq!(said, json!({"result": {"n": "9007199254740993"}, "success": false, "error": "no"}));
    }

    #[test]
    fn what_stands_beside_the_result_stays_there() {
        let answered = answer(UnitId::new("all"), Ok(Acted::new(json!("x")).with("status", "success")));
        let said = answered.result.unwrap().value();
        assert_eq!(said, json!({"result": "x", "status": "success", "success": true, "error": null}));
    }
}
