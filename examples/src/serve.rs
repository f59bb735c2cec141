//! The loop of a command agent: one request per line in, one answer per line out.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use refrain_schemas::protocol::{
    AnswerError, AnswerErrorKind, AnswerLine, AnswerUnit, RequestLine, RequestUnit,
};
use serde_json::Value;

use crate::pseudo::translate;
use crate::review::review;
use crate::term::terms;

/// What is done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Its `text` is translated; the original goes to `source`.
    Translate,
    /// Its `text` is compared with its `source`.
    Review,
}

/// Answers requests until the input ends, taking `pause` for each unit.
///
/// # Errors
/// Fails where a line is no request, and where input or output do.
pub fn serve(task: Task, pause: Duration, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let request: RequestLine = serde_json::from_str(&line?)?;
        let answer = answer(task, pause, &request);
        serde_json::to_writer(&mut output, &answer)?;
        // The other side waits for the whole line.
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(task: Task, pause: Duration, request: &RequestLine) -> AnswerLine {
    let language = request.scope.get("language").unwrap_or_default();
    let units = request.units.iter().map(|unit| {
        std::thread::sleep(pause);
        let result = match task {
            Task::Translate => translated(unit, language),
            Task::Review => reviewed(unit, language),
        };
        let (output, error) = result.map_or_else(|error| (None, Some(error)), |output| (Some(output), None));
        AnswerUnit { id: unit.id.clone(), output, error }
    });
    AnswerLine { call: request.call.clone(), units: units.collect(), usage: None }
}

/// Returns the unit's record with its text translated and the original in `source`.
fn translated(unit: &RequestUnit, language: &str) -> Result<Value, AnswerError> {
    let mut record = unit.input.value();
    let source = text(&record, "text")?;
    let terms = terms(&unit.context.value(), language);
    let translation = translate(&source, language, &terms).map_err(|error| permanent(&error.to_string()))?;
    record["text"] = translation.into();
    record["source"] = source.into();
    Ok(record)
}

fn reviewed(unit: &RequestUnit, language: &str) -> Result<Value, AnswerError> {
    let record = unit.input.value();
    let terms = terms(&unit.context.value(), language);
    Ok(review(&text(&record, "source")?, &text(&record, "text")?, &terms).into())
}

fn text(record: &Value, field: &str) -> Result<String, AnswerError> {
    let text = record.get(field).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| permanent(&format!("the record has no text in `{field}`")))
}

fn permanent(message: &str) -> AnswerError {
    AnswerError { kind: AnswerErrorKind::Permanent, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(task: Task, input: Value, context: Value) -> Value {
        let request = json!({
            "call": "call-1", "phase": "translate", "scope": { "language": "fr" }, "params": {}, "context": {},
            "units": [{ "id": "a", "input": input, "context": context }],
        });
        let mut output = Vec::new();
        serve(task, Duration::ZERO, format!("{request}\n").as_bytes(), &mut output).unwrap();
        assert_eq!(output.iter().filter(|byte| **byte == b'\n').count(), 1, "one line per request");
        let answer: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(answer["call"], "call-1");
        assert_eq!(answer["units"][0]["id"], "a");
        answer["units"][0].clone()
    }

    #[test]
    fn records_keep_their_other_fields() {
        let context = json!({ "glossary": [{ "term": "bell", "fr": "cloche" }] });
        let unit = ask(Task::Translate, json!({ "line_id": "a", "text": "The bell!" }), context);
        assert_eq!(unit["output"], json!({ "line_id": "a", "text": "Thé cloche!", "source": "The bell!" }));
    }

    #[test]
    fn a_bad_unit_is_an_error_of_that_unit() {
        for (input, message) in [
            (json!({ "text": "Hi {player" }), "`{` at character 4 is never closed"),
            (json!({ "records": [] }), "the record has no text in `text`"),
            (json!([1]), "the record has no text in `text`"),
        ] {
            let unit = ask(Task::Translate, input, json!({}));
            assert_eq!(unit["error"], json!({ "kind": "permanent", "message": message }));
            assert_eq!(unit["output"], Value::Null);
        }
    }

    #[test]
    fn a_review_is_a_list() {
        let unit = ask(Task::Review, json!({ "source": "Hi.", "text": "Salut." }), json!({}));
        assert_eq!(unit["output"], json!([]));
    }

    #[test]
    fn a_line_that_is_no_request_ends_the_agent() {
        assert!(serve(Task::Translate, Duration::ZERO, &b"hello\n"[..], io::sink()).is_err());
    }
}
