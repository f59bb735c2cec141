//! What a process says on its standard output.

use refrain_core::ports::agent::Reply;
use refrain_core::protocol::reply;
use refrain_schemas::protocol::AnswerLine;
use serde::Deserialize;

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
    use refrain_core::ports::agent::AnsweredUnit;
    use refrain_schemas::usage::Usage;

    use super::*;

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
