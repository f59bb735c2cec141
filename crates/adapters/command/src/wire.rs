//! The JSON lines themselves.

use refrain_core::ports::agent::{AnsweredUnit, AskedUnit, Reply, Request};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::protocol::{AnswerErrorKind, AnswerLine, AnswerUnit, AnswerUsage};
use refrain_schemas::usage::Usage;
use serde::Deserialize;

/// Returns a request as one line of JSON, its end included.
///
/// Most of a request is canonical JSON already, so the line is put together from text and no tree is built.
pub(crate) fn request_line(request: &Request) -> Vec<u8> {
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

/// What a line on stdout turned out to be.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The answer to the call.
    Answer(Reply),
    /// An answer to another call.
    Other(String),
    /// Names the call, but is not an answer.
    Misshapen(String),
    /// Nothing of the protocol.
    Garbage(String),
}

#[derive(Deserialize)]
struct Envelope {
    call: String,
}

/// Reads a line while the answer to `call` is awaited.
pub(crate) fn hear(line: &[u8], call: &str) -> Heard {
    let Ok(text) = std::str::from_utf8(line) else {
        return Heard::Garbage(format!("a line that is not UTF-8: {}", excerpt(line)));
    };
    let Ok(envelope) = serde_json::from_str::<Envelope>(text) else {
        return Heard::Garbage(format!("a line that is no answer: {}", excerpt(line)));
    };
    if envelope.call != call {
        return Heard::Other(envelope.call);
    }
    match serde_json::from_str::<AnswerLine>(text) {
        Ok(answer) => Heard::Answer(reply(answer)),
        Err(error) => Heard::Misshapen(error.to_string()),
    }
}

fn reply(answer: AnswerLine) -> Reply {
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

/// Returns the beginning of a line, fit for a message.
fn excerpt(line: &[u8]) -> String {
    let head = String::from_utf8_lossy(&line[..line.len().min(400)]);
    let plain = crate::stderr::plain(&head);
    let short: String = plain.chars().take(80).collect();
    let dots = if short.len() < plain.len() || line.len() > 400 { "…" } else { "" };
    format!("`{short}{dots}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_schemas::protocol::RequestLine;
    use refrain_testkit::ask;
    use serde_json::json;

    #[test]
    fn a_request_is_one_line_that_reads_back() {
        let mut request =
            ask::request(7, &[("é\"\n\0", json!({"text": "a\u{2028}\"b\\", "n": 1.5})), ("b", json!(null))]);
        request.scope = ask::scope(&[("language", "ja"), ("tone", "\"x\"")]);
        request.params = Json::of(&json!({"p": [1, {}]})).unwrap();
        let line = String::from_utf8(request_line(&request)).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let read: RequestLine = serde_json::from_str(&line).unwrap();
        assert_eq!((read.call.as_str(), read.units.len()), ("c7", 2));
        assert_eq!((read.scope, read.params), ((*request.scope).clone(), request.params));
        assert_eq!(read.units[0].id, request.units[0].id);
        assert_eq!(read.units[0].input, request.units[0].input);
    }

    fn check(line: &str, expect: &str) {
        let text = match hear(line.as_bytes(), "c1") {
            Heard::Answer(reply) => {
                let show = |unit: AnsweredUnit| match unit.result {
                    Ok(json) => format!("{}={json}", unit.id),
                    Err(failure) => format!("{}!{}: {}", unit.id, failure.kind, failure.message),
                };
                reply.units.into_iter().map(show).collect::<Vec<_>>().join(" ")
            }
            Heard::Other(call) => format!("other {call}"),
            Heard::Misshapen(_) => "misshapen".to_owned(),
            Heard::Garbage(text) => text,
        };
        assert_eq!(text, expect, "{line}");
    }

    #[test]
    fn lines_are_told_apart() {
        check(r#"{"call":"c1","units":[{"id":"a","output":null},{"id":"b","output":[]}]}"#, "a=null b=[]");
        check(
            r#"{"call":"c1","units":[{"id":"a","error":{"kind":"refused","message":"no"}}],"x":1}"#,
            "a!refused: no",
        );
        check(r#"{"call":"c1","units":[{"id":"a","error":{"kind":"permanent"}}]}"#, "a!permanent: ");
        check(r#"{"call":"c1","units":[{"id":"a"}]}"#, "a!invalid: the answer has neither output nor error");
        check(
            r#"{"call":"c1","units":[{"id":"a","output":9007199254740993}]}"#,
            "a!invalid: the integer 9007199254740993 is beyond 2^53 and would be rounded; write it as a string",
        );
        check(r#"{"call":"c2","units":[]}"#, "other c2");
        check(r#"{"call":"c2","nonsense":[]}"#, "other c2");
        check(r#"{"call":"c1","units":{}}"#, "misshapen");
        check(r#"{"call":"c1"}"#, "misshapen");
        check("hello\u{1b}[0m", "a line that is no answer: `hello`");
        check("[1]", "a line that is no answer: `[1]`");
    }

    #[test]
    fn usage_may_be_absent_in_parts() {
        let read = |line: &str| match hear(line.as_bytes(), "c1") {
            Heard::Answer(reply) => reply.usage,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(r#"{"call":"c1","units":[]}"#), Usage::default());
        let usage = read(r#"{"call":"c1","units":[],"usage":{"input_tokens":3}}"#);
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost_usd), (3, 0, None));
        let usage = read(r#"{"call":"c1","units":[],"usage":{"cost_usd":0.5,"output_tokens":null}}"#);
        assert_eq!(usage.cost_usd, Some(0.5));
        assert_eq!(read(r#"{"call":"c1","units":[],"usage":{"cost_usd":-1}}"#).cost_usd, None);
    }

    #[test]
    fn invalid_utf8_is_garbage() {
        assert!(matches!(hear(b"{\"call\":\"c1\",\"units\":[],\"x\":\"\xff\"}", "c1"), Heard::Garbage(_)));
    }
}
