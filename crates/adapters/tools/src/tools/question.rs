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
}
