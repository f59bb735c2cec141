//! One call: who was asked about what, what came of it, and what went over the wire.

use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::ledger::{AskResult, AskView, CallReport, CallView, Rung};
use serde_json::Value;

use crate::render::ledger::state;
use crate::render::numbers::{counted, duration, seconds, time, usage};
use crate::render::page::{Page, Tone};

/// How far what belongs to a line above is indented.
const INDENT: &str = "  ";

/// Writes a call.
pub(crate) fn write(page: &mut Page, report: &CallReport) {
    let call = &report.call;
    let id = call.call.to_string();
    let target = call.target.to_string();
    let (tone, word) = state(call);
    page.line(&[
        (Tone::Strong, &id),
        (Tone::Plain, " "),
        (Tone::Plain, &target),
        (Tone::Plain, " "),
        (tone, word),
    ]);
    for (name, text) in facts(call) {
        let head = format!("{name}:");
        page.wrapped(&[(Tone::Plain, " "), (Tone::Faint, &format!("{head:<9}"))], &text);
    }
    for ask in &call.asks {
        write_ask(page, ask);
    }
    if report.exchanges.is_empty() {
        page.gap();
        return page.line(&[(Tone::Faint, "what went over the wire is not on record")]);
    }
    for exchange in &report.exchanges {
        page.gap();
        write_exchange(page, exchange);
    }
}

fn facts(call: &CallView) -> Vec<(&'static str, String)> {
    let model = call.model.as_ref().map_or_else(String::new, |model| format!(" ({model})"));
    let mut facts = vec![("agent", format!("{}{model}", call.agent))];
    let made = if call.rung == Rung::First { String::new() } else { format!(", {}", call.rung.as_str()) };
    facts.push(("attempt", format!("{}{made}", call.attempt)));
    facts.push(("run", call.run_id.to_string()));
    facts.extend(call.counted_against.map(|run_id| ("in doubt", format!("counted against run {run_id}"))));
    let took = call
        .ended_at
        .map_or_else(String::new, |end| format!(", took {}", duration(end.since(call.intended_at))));
    facts.push(("since", format!("{}{took}", time(call.intended_at))));
    facts.extend(call.served.as_ref().map(|served| ("served", served_by(served))));
    facts.extend(usage(&call.usage).map(|usage| ("usage", usage)));
    facts.extend(call.ceiling.as_ref().and_then(usage).map(|ceiling| ("at most", ceiling)));
    facts
}

fn served_by(served: &Served) -> String {
    let mut parts = vec![format!("by {}", served.endpoint)];
    parts.extend(served.fallback.then(|| "which stood in for another".to_owned()));
    parts.extend(served.model.as_ref().map(|model| format!("as {model}")));
    parts.extend((served.requests > 1).then(|| format!("in {}", counted(served.requests.into(), "request"))));
    parts.extend(served.mended.then(|| "the answer was mended".to_owned()));
    parts.join(", ")
}

fn write_ask(page: &mut Page, ask: &AskView) {
    let (tone, text) = match &ask.result {
        Some(AskResult::Reply(reply)) => (Tone::Plain, reply.as_str().to_owned()),
        Some(AskResult::Failed(failure)) => (Tone::Bad, format!("{} ({})", failure.message, failure.kind)),
        None => (Tone::Faint, "no result on record".to_owned()),
    };
    page.piece((Tone::Plain, INDENT)).piece((Tone::Strong, ask.unit.as_str())).piece((Tone::Plain, "  "));
    page.hang(4, tone, &text);
}

fn write_exchange(page: &mut Page, exchange: &Exchange) {
    page.line(&[(Tone::Strong, "→ "), (Tone::Strong, &exchange.to)]);
    write_body(page, &exchange.request);
    let status = exchange.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
    let tone = if exchange.error.is_some() { Tone::Bad } else { Tone::Strong };
    let took = format!(" after {}", seconds(exchange.seconds));
    page.line(&[(tone, "← "), (tone, &status), (Tone::Faint, &took)]);
    if let Some(error) = &exchange.error {
        page.wrapped(&[(Tone::Plain, " "), (Tone::Bad, "error:")], error);
    }
    if let Some(response) = &exchange.response {
        write_body(page, response);
    }
}

/// Writes a body in full: JSON as JSON, a text line by line.
fn write_body(page: &mut Page, body: &Value) {
    let text = match body {
        Value::String(text) => text.clone(),
        body => serde_json::to_string_pretty(body).unwrap_or_else(|_| body.to_string()),
    };
    for line in text.lines() {
        page.line(&[(Tone::Plain, INDENT), (Tone::Plain, line)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::json;

    fn sample() -> Value {
        let key = "0".repeat(64);
        json!({
            "schema_version": 1,
            "call": {
                "call": 17, "run_id": uuid::Uuid::nil(), "agent": "critic", "model": "openai/small", "attempt": 2,
                "target": {"phase": "qa", "scope": {"language": "ja"}}, "rung": "repair", "state": "done",
                "intended_at": "2026-03-01T12:00:00.000000Z", "ended_at": "2026-03-01T12:00:02.500000Z",
                "usage": {"input_tokens": 1200, "cached_input_tokens": 0, "output_tokens": 300, "cost_usd": 0.0042},
                "ceiling": {"input_tokens": 1300, "output_tokens": 2000, "cost_usd": 0.02},
                "served": {"endpoint": "spare", "model": "small-2026", "fallback": true, "requests": 2, "mended": true},
                "asks": [
                    {"key": key, "unit": "line_1", "result": {"reply": {"ok": true}}},
                    {"key": key, "unit": "line\u{1b}[2J", "result": {"failed": {"kind": "refused", "message": "no\nway"}}},
                    {"key": key, "unit": "line_3", "result": null}
                ]
            },
            "exchanges": [
                {"to": "POST http://127.0.0.1/v1", "request": {"messages": [{"content": "hi \u{9b}1m\u{202e}"}]},
                 "status": 200, "response": {"answer": [1, 2]}, "error": null, "seconds": 1.5},
                {"to": "POST http://127.0.0.1/v1\u{7}", "request": "plain\ttext\nof two lines\u{1b}]0;title\u{7}",
                 "status": null, "response": null, "error": "the connection broke", "seconds": 0.25}
            ]
        })
    }

    fn rendered(report: Value) -> String {
        let report = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color: false, width: 90 });
        write(&mut page, &report);
        page.as_str().to_owned()
    }

    #[test]
    fn a_call_is_shown_in_full_and_cannot_steer_the_terminal() {
        let text = rendered(sample());
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_call_without_exchanges_says_so() {
        let mut report = sample();
        report["exchanges"] = json!([]);
        report["call"]["served"] = Value::Null;
        assert!(rendered(report).ends_with("\n\nwhat went over the wire is not on record\n"));
    }
}
