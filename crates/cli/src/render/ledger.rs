//! Calls: what was asked, what came back, what is in doubt.

use refrain_schemas::ledger::{AskResult, CallState, CallView, LedgerReport, Rung};
use refrain_schemas::usage::Usage;

use crate::render::numbers::{count, counted, duration, money, time, usage_and_doubts};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Cell, Table, cell, toned};
use crate::render::words;

/// How many units of a call are named.
const UNITS_SHOWN: usize = 3;

/// Writes calls and the sums over the ledger.
pub(crate) fn write(page: &mut Page, report: &LedgerReport) {
    if !report.calls.is_empty() {
        page.table(&table(&report.calls));
        page.gap();
    }
    let mut parts = vec![format!("{} with an outcome", counted(report.done, "call"))];
    let in_doubt = report.in_doubt + report.abandoned;
    if in_doubt > 0 {
        parts.push(format!("{} in doubt", counted(in_doubt, "call")));
    }
    parts.extend(usage_and_doubts(&report.usage, &report.doubtful));
    page.wrapped(&[(Tone::Strong, "in all:")], &parts.join(", "));
    if report.in_doubt > 0 {
        let text = "a call in doubt left before a kill and may have been answered and paid; the next run asks again and \
                    counts it against its ceilings";
        page.wrapped(&[(Tone::Warn, "note:")], text);
    }
}

/// Writes the calls that a filter leaves, `n` in all of which the latest are shown.
pub(crate) fn write_filtered(page: &mut Page, report: &LedgerReport, n: u64) {
    if n == 0 {
        return page.plain("no such call");
    }
    if !report.calls.is_empty() {
        page.table(&table(&report.calls));
        page.gap();
    }
    write_count(page, report, n, "such call");
}

/// Writes the calls in doubt, `n` in all of which the latest are shown, and what they can have cost.
pub(crate) fn write_in_doubt(page: &mut Page, report: &LedgerReport, n: u64) {
    if n == 0 {
        return page.plain("no call is in doubt");
    }
    if !report.calls.is_empty() {
        page.table(&doubtful(&report.calls));
        page.gap();
    }
    write_count(page, report, n, "call in doubt");
    let mut most = Usage::default();
    report.calls.iter().filter_map(|call| call.ceiling.as_ref()).for_each(|ceiling| most.add(ceiling));
    if let Some(most) = most.cost_usd {
        page.wrapped(&[(Tone::Strong, "at most:")], &money(most));
    }
    let text = if report.in_doubt > 0 {
        "each left before a kill and may have been answered and paid; the next run that makes a call counts the most that \
         those can have cost which no run has counted yet against its budget"
    } else {
        "each left before a kill and may have been answered and paid; the most it can have cost has been counted against \
         the budget of a later run"
    };
    page.wrapped(&[(Tone::Warn, "note:")], text);
}

fn write_count(page: &mut Page, report: &LedgerReport, n: u64, noun: &str) {
    let shown = report.calls.len() as u64;
    let shown = if shown < n { format!(", the latest {} are shown", count(shown)) } else { String::new() };
    let all = counted(report.done + report.in_doubt + report.abandoned, "call");
    let noun = if n == 1 { noun.to_owned() } else { noun.replacen("call", "calls", 1) };
    page.wrapped(&[(Tone::Strong, &format!("{} {noun}", count(n)))], &format!("of {all} in all{shown}"));
}

fn doubtful(calls: &[CallView]) -> Table {
    let mut table = Table::new(&[
        ("CALL", Align::Left),
        ("SINCE", Align::Left),
        ("PHASE", Align::Left),
        ("AGENT", Align::Left),
        ("AT MOST", Align::Right),
        ("NOTE", Align::Left),
        ("UNITS", Align::Left),
    ]);
    for call in calls {
        let most = call.ceiling.and_then(|ceiling| ceiling.cost_usd);
        // What a call may cost is not known of every agent, and that is not nothing.
        let most = most.map_or_else(|| toned(Tone::Faint, "?"), |most| cell(money(most)));
        table.row([
            cell(call.call.to_string()),
            toned(Tone::Faint, time(call.intended_at)),
            cell(call.target.to_string()),
            cell(call.agent.to_string()),
            most,
            note(call),
            cell(units(call)),
        ]);
    }
    table.without_empty_columns()
}

fn table(calls: &[CallView]) -> Table {
    let mut table = Table::new(&[
        ("CALL", Align::Left),
        ("TIME", Align::Left),
        ("PHASE", Align::Left),
        ("AGENT", Align::Left),
        ("TRY", Align::Right),
        ("MADE AS", Align::Left),
        ("TOOK", Align::Right),
        ("COST", Align::Right),
        ("RESULT", Align::Left),
        ("UNITS", Align::Left),
    ]);
    for call in calls {
        table.row([
            cell(call.call.to_string()),
            toned(Tone::Faint, time(call.intended_at)),
            cell(call.target.to_string()),
            cell(call.agent.to_string()),
            cell(call.attempt.to_string()),
            cell(if call.rung == Rung::First { "" } else { call.rung.as_str() }),
            cell(call.ended_at.map(|end| duration(end.since(call.intended_at))).unwrap_or_default()),
            cell(call.usage.cost_usd.map(money).unwrap_or_default()),
            result(call),
            cell(units(call)),
        ]);
    }
    table.without_empty_columns()
}

/// Returns what came of a call in a word.
pub(crate) fn state(call: &CallView) -> (Tone, &'static str) {
    match call.state {
        CallState::InDoubt => return (Tone::Warn, "in doubt"),
        CallState::Abandoned => return (Tone::Faint, "in doubt"),
        CallState::Done => {}
    }
    let failure = call.asks.iter().find_map(|ask| match &ask.result {
        Some(AskResult::Failed(failure)) => Some(failure.kind),
        _ => None,
    });
    failure.map_or((Tone::Good, "replied"), |kind| (Tone::Bad, kind.as_str()))
}

fn result(call: &CallView) -> Cell {
    let (tone, word) = state(call);
    toned(tone, word)
}

/// Returns whose budget a call in doubt counted against, where a run has taken note of it.
fn note(call: &CallView) -> Cell {
    let run = call.counted_against.map(|run_id| format!("counted against run {run_id}"));
    toned(Tone::Faint, run.unwrap_or_default())
}

fn units(call: &CallView) -> String {
    let names: Vec<&str> = call.asks.iter().take(UNITS_SHOWN).map(|ask| ask.unit.as_str()).collect();
    let more = words::and_more(call.asks.len().saturating_sub(UNITS_SHOWN) as u64);
    let names = names.join(", ");
    more.map_or_else(|| names.clone(), |more| format!("{names} {more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use refrain_schemas::digest::Digest;
    use serde_json::{Value, json};

    fn call(number: u64, state: &str, n_units: usize, result: &Value) -> Value {
        let ended = (state == "done").then_some("2026-03-01T12:00:02.500000Z");
        let ask = |n: usize| json!({"key": Digest::from_bytes([1; 32]), "unit": format!("line_{n}"), "result": result});
        json!({
            "call": number, "run_id": uuid::Uuid::nil(), "agent": "translator", "attempt": 1, "state": state,
            "target": {"phase": "translate", "scope": {"language": "ja"}}, "usage": {},
            "intended_at": "2026-03-01T12:00:00.000000Z", "ended_at": ended,
            "asks": (1..=n_units).map(ask).collect::<Vec<_>>()
        })
    }

    #[test]
    fn calls_say_what_came_of_them() {
        let failed = json!({"failed": {"kind": "rate_limited", "message": "slow down"}});
        let report: LedgerReport = serde_json::from_value(json!({
            "schema_version": 1, "done": 2, "in_doubt": 1, "abandoned": 1,
            "usage": {"input_tokens": 10, "output_tokens": 20, "cost_usd": null},
            "calls": [
                call(1, "done", 5, &json!({"reply": {"a": 1}})),
                call(2, "done", 1, &failed),
                call(3, "in_doubt", 1, &Value::Null),
                call(4, "abandoned", 1, &Value::Null)
            ],
            "doubtful": {"cost_usd": 0.02}
        }))
        .unwrap();
        let mut page = Page::new(Theme { color: false, width: 100 });
        write(&mut page, &report);
        insta::assert_snapshot!(page.as_str());
    }
}
