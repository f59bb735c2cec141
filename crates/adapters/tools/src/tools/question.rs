//! What an answer must be to fit its question.

use refrain_core::ports::tool_catalogue::whole_match;
use serde_json::Value;

/// Holds an answer to what is asked: its type, the choices, the pattern, and the questions that must be answered. What a
/// question does not say, or does not say yet, holds nobody.
///
/// # Errors
/// Fails with what is wrong with the answer, or with the question, as what is said of the answer: `is not a number`.
pub fn fits(question: &Value, answer: &Value) -> Result<(), String> {
    let is_asked_for_several = question["tool"] == "feedback-collection";
    let expected = match question["input_type"].as_str() {
        Some("number") if !answer.is_number() => "a number",
        Some("boolean") if !answer.is_boolean() => "`true` or `false`",
        _ if is_asked_for_several && !answer.is_object() => "a JSON object of answers",
        _ => "",
    };
    if !expected.is_empty() {
        return Err(format!("is not {expected}"));
    }
    if let Some(choices) = question["choices"].as_array()
        && !choices.contains(answer)
    {
        let known: Vec<String> = choices.iter().map(Value::to_string).collect();
        return Err(format!("is none of {}", known.join(", ")));
    }
    let required = question["required_questions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing: Vec<&str> = required.filter(|name| answer.get(name).is_none_or(Value::is_null)).collect();
    if !missing.is_empty() {
        return Err(format!("leaves out {}", missing.join(", ")));
    }
    held(&question["output_schema"], answer)?;
    let Some(pattern) = question["validation_pattern"].as_str() else { return Ok(()) };
    let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    match whole_match(pattern, &text) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("does not fit the pattern `{pattern}`")),
        Err(why) => Err(format!("cannot be judged: {why}")),
    }
}

/// Returns why nobody can answer a question, and which parameter is to blame, as far as it is known.
pub(super) fn unanswerable(question: &Value) -> Option<(&'static str, String)> {
    if let Some(error) = schema_error(&question["output_schema"]) {
        return Some(("output_schema", error));
    }
    if let Some(choices) = question["choices"].as_array() {
        let wrong = |choice| Some(format!("the choice {choice} {}", unfit(question, choice)?));
        let wrong = choices.iter().find_map(wrong);
        let none = || choices.is_empty().then(|| "there is nothing to choose from".to_owned());
        if let Some(message) = wrong.or_else(none) {
            return Some(("choices", message));
        }
    }
    no_such_type(question).map(|message| ("output_schema", message))
}

/// Says what is wrong with the answer of those who give none.
pub(super) fn unfit_default(question: &Value) -> Option<String> {
    let default = Some(&question["default"]).filter(|default| !default.is_null())?;
    Some(format!("the default {}", unfit(question, default)?))
}

/// Says why what is written down in the question is no answer to it.
fn unfit(question: &Value, value: &Value) -> Option<String> {
    let is_text = question["input_type"] == "text";
    let wrong = (is_text && !value.is_string()).then(|| "is not a text".to_owned());
    wrong.or_else(|| fits(question, value).err())
}

/// Says what is wrong with a JSON Schema.
fn schema_error(schema: &Value) -> Option<String> {
    let error = schema.is_object().then(|| jsonschema::validator_for(schema).err()).flatten()?;
    Some(format!("it is no JSON Schema: {error}"))
}

/// Says that what is answered is of a type that the schema leaves out.
fn no_such_type(question: &Value) -> Option<String> {
    let (what, types): (&str, &[&str]) = match question["input_type"].as_str() {
        Some("text") => ("a text", &["string"]),
        Some("number") => ("a number", &["number", "integer"]),
        Some("boolean") => ("`true` or `false`", &["boolean"]),
        _ if question["tool"] == "feedback-collection" => ("an object", &["object"]),
        _ => return None,
    };
    let is_one = |name: &Value| name.as_str().is_some_and(|name| types.contains(&name));
    let leaves_out = match &question["output_schema"]["type"] {
        Value::Array(names) => !names.iter().any(is_one),
        Value::Null => false,
        name => !is_one(name),
    };
    leaves_out.then(|| format!("the answer is {what}, and the schema lets none of these through"))
}

/// Holds an answer to its JSON Schema, if there is one.
fn held(schema: &Value, answer: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Ok(());
    }
    let validator = jsonschema::validator_for(schema).map_err(|why| format!("cannot be judged: {why}"))?;
    match validator.iter_errors(answer).next() {
        None => Ok(()),
        Some(error) => Err(match error.instance_path().to_string() {
            path if path.is_empty() => format!("does not fit: {error}"),
            path => format!("does not fit at {path}: {error}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_fit_their_questions() {
        for (question, answer, expect) in [
            (json!({}), json!("x"), Ok(())),
            (json!({"input_type": "number"}), json!("x"), Err("is not a number")),
            (json!({"input_type": "number"}), json!(1), Ok(())),
            (json!({"input_type": "boolean"}), json!("true"), Err("is not `true` or `false`")),
            (json!({"choices": [1, 2]}), json!(3), Err("is none of 1, 2")),
            (json!({"choices": [1, 2]}), json!(2), Ok(())),
            (json!({"choices": "{{ some }}"}), json!(2), Ok(())),
            (json!({"validation_pattern": "[a-z]+"}), json!("A"), Err("does not fit the pattern `[a-z]+`")),
            (json!({"required_questions": ["a"]}), json!({"b": 1}), Err("leaves out a")),
            (json!({"output_schema": {"type": "integer"}}), json!(1), Ok(())),
            (
                json!({"output_schema": {"type": "integer"}}),
                json!("x"),
                Err("does not fit: \"x\" is not of type \"integer\""),
            ),
            (
                json!({"output_schema": {"properties": {"a": {"type": "integer"}}}}),
                json!({"a": "x"}),
                Err("does not fit at /a: \"x\" is not of type \"integer\""),
            ),
            (json!({"tool": "feedback-collection"}), json!("x"), Err("is not a JSON object of answers")),
        ] {
            assert_eq!(fits(&question, &answer), expect.map_err(str::to_owned), "{question} {answer}");
        }
        assert!(fits(&json!({"validation_pattern": "("}), &json!("x")).is_err());
        assert!(fits(&json!({"output_schema": {"type": "whole"}}), &json!("x")).is_err());
    }

    #[test]
    fn what_nobody_can_answer_is_known() {
        let integer = json!({"type": "integer"});
        for (question, expect) in [
            (json!({}), None),
            (json!({"input_type": "text", "output_schema": {"type": ["null", "string"]}}), None),
            (json!({"input_type": "number", "output_schema": integer}), None),
            (json!({"output_schema": integer, "default": 5}), None),
            (json!({"choices": [1, "a"]}), None),
            (json!({"input_type": "text", "output_schema": integer}), Some("the answer is a text")),
            (
                json!({"input_type": "boolean", "output_schema": integer}),
                Some("the answer is `true` or `false`"),
            ),
            (
                json!({"tool": "feedback-collection", "output_schema": integer}),
                Some("the answer is an object"),
            ),
            (json!({"output_schema": {"type": "whole"}}), Some("it is no JSON Schema")),
            (json!({"input_type": "text", "choices": ["a", 2]}), Some("the choice 2 is not a text")),
            (json!({"input_type": "number", "choices": ["a"]}), Some("the choice \"a\" is not a number")),
            (json!({"output_schema": integer, "choices": ["a"]}), Some("the choice \"a\" does not fit")),
            (json!({"choices": []}), Some("there is nothing to choose from")),
            (json!({"input_type": "text", "default": 5}), Some("the default is not a text")),
            (json!({"choices": ["a"], "default": "b"}), Some("the default is none of \"a\"")),
        ] {
            let found = unanswerable(&question).map(|(_, message)| message);
            let found = found.or_else(|| unfit_default(&question));
            let is_so = match (&found, expect) {
                (Some(found), Some(part)) => found.contains(part),
                (found, expect) => found.is_none() && expect.is_none(),
            };
            assert!(is_so, "{question}: {found:?}");
        }
    }
}
