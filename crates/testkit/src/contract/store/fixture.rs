//! Small things to commit.

use std::sync::Arc;

use refrain_core::ports::store::{Batch, Store};
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::history::{GenerationRecord, HistoryEntry, Lineage, RunEnd, RunStart, WaiverRecord};
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{
    Abandoned, Alias, AskResult, Imported, Intent, IntentAsk, Lane, LedgerEntry, Outcome, OutcomeAsk, Rung,
};
use refrain_schemas::name::{CallId, Revision, RunId, UnitId};
use refrain_schemas::report::RunReport;
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;

/// Returns a point in time.
#[must_use]
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds as i64 * 1_000_000)
}

/// Returns somebody who writes.
#[must_use]
pub fn holder(command: &str) -> Holder {
    Holder { pid: std::process::id(), host: "here".to_owned(), command: command.to_owned(), since: at(0) }
}

/// Returns the key of this name; also the digest of the page with this text.
#[must_use]
pub fn key(name: &str) -> Digest {
    Digest::of_content(name.as_bytes())
}

/// Returns the run of this number.
#[must_use]
pub fn run(n: u128) -> RunId {
    RunId::new(uuid::Uuid::from_u128(n))
}

/// Returns a phase in one scope.
///
/// # Panics
/// Where the name is none.
#[must_use]
pub fn target(phase: &str, language: &str) -> Target {
    let scope = Scope::new([("language".parse().unwrap(), language.to_owned())]);
    Target { phase: phase.parse().unwrap(), scope }
}

/// Returns a reply of one text.
#[must_use]
pub fn reply(text: &str) -> AskResult {
    AskResult::Reply(Json::string(text))
}

/// Returns a failure.
#[must_use]
pub fn failure(message: &str) -> AskResult {
    AskResult::Failed(Failure { kind: FailureKind::Refused, message: message.to_owned() })
}

/// Returns what every call of these tests consumes; such sums are exact.
#[must_use]
pub const fn usage() -> Usage {
    Usage { input_tokens: 3, cached_input_tokens: 1, output_tokens: 2, cost_usd: Some(0.25) }
}

/// Declares a lane.
///
/// # Panics
/// Never: the name of the agent is one.
#[must_use]
pub fn lane(lane: u32, run_id: RunId, target: Target) -> LedgerEntry {
    LedgerEntry::Lane(Lane { lane, run_id, target, agent: "agent".parse().unwrap(), model: None })
}

/// Intends a call about the units of these names; their keys have the same names.
#[must_use]
pub fn intent(call: u64, lane: u32, units: &[&str]) -> LedgerEntry {
    let asks = units.iter().map(|unit| IntentAsk { key: key(unit), unit: UnitId::new(unit) });
    LedgerEntry::Intent(Intent {
        call: CallId(call),
        lane,
        attempt: 1,
        rung: Rung::First,
        at: at(call),
        ceiling: None,
        asks: asks.collect(),
    })
}

/// Ends a call.
#[must_use]
pub fn outcome(call: u64, results: &[(&str, AskResult)]) -> LedgerEntry {
    let asks = results.iter().map(|(unit, result)| OutcomeAsk { key: key(unit), result: result.clone() });
    LedgerEntry::Outcome(Outcome {
        call: CallId(call),
        at: at(call + 1),
        usage: usage(),
        served: None,
        asks: asks.collect(),
    })
}

/// Returns the most that the calls of these tests may consume.
#[must_use]
pub const fn ceiling() -> Usage {
    Usage { input_tokens: 8, cached_input_tokens: 0, output_tokens: 4, cost_usd: Some(0.5) }
}

/// Intends a call for a reason, with a ceiling.
#[must_use]
pub fn intent_for(call: u64, lane: u32, rung: Rung, units: &[&str]) -> LedgerEntry {
    match intent(call, lane, units) {
        LedgerEntry::Intent(plain) => LedgerEntry::Intent(Intent { rung, ceiling: Some(ceiling()), ..plain }),
        other => other,
    }
}

/// Returns who served a call.
#[must_use]
pub fn served(endpoint: &str) -> Served {
    let model = Some("model-1".to_owned());
    Served { endpoint: endpoint.to_owned(), model, fallback: true, requests: 2, mended: true }
}

/// Ends a call that this endpoint served.
#[must_use]
pub fn outcome_by(endpoint: &str, call: u64, results: &[(&str, AskResult)]) -> LedgerEntry {
    match outcome(call, results) {
        LedgerEntry::Outcome(plain) => {
            LedgerEntry::Outcome(Outcome { served: Some(served(endpoint)), ..plain })
        }
        other => other,
    }
}

/// Declares a lane with a model.
///
/// # Panics
/// Never: the name of the agent is one.
#[must_use]
pub fn model_lane(lane: u32, run_id: RunId, target: Target, model: &str) -> LedgerEntry {
    let agent = "critic".parse().unwrap();
    LedgerEntry::Lane(Lane { lane, run_id, target, agent, model: Some(model.to_owned()) })
}

/// Gives a key a reply from elsewhere.
#[must_use]
pub fn imported(name: &str, text: &str) -> LedgerEntry {
    LedgerEntry::Imported(Imported { key: key(name), reply: Json::string(text) })
}

/// Returns what went over the wire about this text.
#[must_use]
pub fn exchange(text: &str) -> Exchange {
    Exchange {
        to: "POST http://127.0.0.1/v1/chat".to_owned(),
        request: serde_json::json!({ "messages": [{ "role": "user", "content": text }] }),
        status: Some(200),
        response: Some(serde_json::json!({ "choices": [text, { "n": 1.5 }] })),
        error: None,
        seconds: 0.25,
    }
}

/// Takes note of a call that is in doubt.
#[must_use]
pub fn abandoned(call: CallId, run_id: RunId) -> LedgerEntry {
    LedgerEntry::Abandoned(Abandoned { call, run_id, at: at(9) })
}

/// Gives a key the reply of another.
#[must_use]
pub fn alias(new: &str, of: &str) -> LedgerEntry {
    LedgerEntry::Alias(Alias { key: key(new), of: key(of) })
}

/// Begins a run.
#[must_use]
pub fn run_started(n: u128) -> HistoryEntry {
    HistoryEntry::RunStarted(RunStart {
        run_id: run(n),
        at: at(0),
        targets: vec![format!("phase-{n}")],
        pipeline: None,
    })
}

/// Ends a run.
#[must_use]
pub fn run_ended(n: u128) -> HistoryEntry {
    HistoryEntry::RunEnded(RunEnd { at: at(1), report: report(n) })
}

fn report(n: u128) -> RunReport {
    let json = serde_json::json!({
        "schema_version": 1, "run_id": run(n), "status": "completed", "exit_code": 0, "calls": 0, "retries": 0,
        "in_doubt": 0, "units": { "total": 0, "ran": 0, "reused": 0, "failed": 0 },
        "usage": { "input_tokens": 0, "output_tokens": 0, "cost_usd": null }, "cost_usd": null, "phases": [],
    });
    serde_json::from_value(json).unwrap()
}

/// Raises a generation.
#[must_use]
pub fn generation(generation: u32) -> HistoryEntry {
    let target = target("translate", "ja");
    HistoryEntry::Generation(GenerationRecord { target, generation, run_id: run(1), at: at(0) })
}

/// Declares a revision good.
#[must_use]
pub fn waiver(revision: u32) -> HistoryEntry {
    HistoryEntry::Waiver(WaiverRecord {
        target: target("translate", "ja"),
        revision: Revision(revision),
        reason: "a typo".to_owned(),
        at: at(0),
        lineage: Lineage::default(),
        units: None,
        causes: Vec::new(),
    })
}

/// Returns a batch of ledger entries.
#[must_use]
pub fn ledger(entries: Vec<LedgerEntry>) -> Batch {
    Batch { ledger: entries, ..Batch::default() }
}

/// Returns a batch of history entries.
#[must_use]
pub fn history(entries: Vec<HistoryEntry>) -> Batch {
    Batch { history: entries, ..Batch::default() }
}

/// Returns a batch of pages.
#[must_use]
pub fn pages(texts: &[&str]) -> Batch {
    let page = |text: &&str| (key(text), text.as_bytes().to_vec());
    Batch { pages: texts.iter().map(page).collect(), ..Batch::default() }
}

/// Makes a store the writer.
///
/// # Panics
/// Where that is refused.
pub async fn begin(store: &Arc<dyn Store>) {
    store.begin_writing(&holder("refrain run")).await.unwrap();
}

/// Checks the replies under keys by name.
///
/// # Panics
/// Where they are others.
pub async fn check_replies(store: &Arc<dyn Store>, expected: &[(&str, Option<&str>)]) {
    let keys: Vec<Digest> = expected.iter().map(|(name, _)| key(name)).collect();
    let expected: Vec<Option<Json>> = expected.iter().map(|(_, text)| text.map(Json::string)).collect();
    assert_eq!(store.replies(&keys).await.unwrap(), expected);
}
