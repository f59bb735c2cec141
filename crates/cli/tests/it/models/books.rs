//! Two accounts of the same calls: the ledger, and what the provider wrote down.

use std::collections::BTreeMap;

use refrain_testkit::peers::ModelEntry;
use refrain_testkit::provider::{Entry, Figures};
use serde_json::Value;

use super::setup::{cost, lines_in};
use crate::project::TestProject;

/// A request that a provider wrote down.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// The units it was about.
    pub(super) units: Vec<String>,
    /// The usage it reported.
    pub(super) usage: Option<Figures>,
}

impl From<&Entry> for Request {
    fn from(entry: &Entry) -> Self {
        Self { units: lines_in(&entry.prompt), usage: entry.usage }
    }
}

impl From<&ModelEntry> for Request {
    fn from(entry: &ModelEntry) -> Self {
        let messages = entry.body["messages"].as_array().into_iter().flatten();
        let mut users = messages.filter(|message| message["role"] == "user");
        let prompt = users.next().and_then(|message| message["content"].as_str()).unwrap_or_default();
        Self { units: lines_in(prompt), usage: entry.usage }
    }
}

/// One line of an account: the units of a call, and its tokens.
type Line = (Vec<String>, u64, u64, u64);

/// Returns all calls of the ledger.
pub(super) fn calls(project: &TestProject) -> Vec<Value> {
    let ledger = project.json(&["ledger", "--last", "1000000"], 0);
    ledger["calls"].as_array().unwrap().clone()
}

/// Returns the units of a call.
pub(super) fn units(call: &Value) -> Vec<String> {
    let asks = call["asks"].as_array().unwrap().iter();
    let mut units: Vec<String> = asks.map(|ask| ask["unit"].as_str().unwrap().to_owned()).collect();
    units.sort();
    units
}

/// Fails where the ledger and the provider's journal do not agree call for call, and to the cent; returns what was spent.
#[track_caller]
pub(super) fn check(project: &TestProject, requests: &[Request]) -> f64 {
    let calls = calls(project);
    let done: Vec<&Value> = calls.iter().filter(|call| call["state"] == "done").collect();
    assert_eq!(done.len(), calls.len(), "nothing is in doubt");
    let mut ours: Vec<Line> = done.iter().map(|call| line_of_call(call)).collect();
    let mut theirs: Vec<Line> = requests.iter().map(line_of_request).collect();
    ours.sort();
    theirs.sort();
    let differing = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    assert_eq!(differing, None, "the ledger's against the provider's");
    assert_eq!(ours.len(), theirs.len());
    let spent: f64 = requests.iter().filter_map(|request| request.usage).map(cost).sum();
    let ledger = project.json(&["ledger", "--last", "0"], 0);
    let booked = ledger["usage"]["cost_usd"].as_f64().unwrap_or_default();
    assert!((booked - spent).abs() < 1e-9, "booked {booked}, spent {spent}");
    spent
}

fn line_of_call(call: &Value) -> Line {
    let usage = &call["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    (units(call), count("input_tokens"), count("cached_input_tokens"), count("output_tokens"))
}

fn line_of_request(request: &Request) -> Line {
    let mut units = request.units.clone();
    units.sort();
    let usage = request.usage.unwrap_or_default();
    (units, usage.input, usage.cached, usage.output)
}

/// Returns how often each unit was asked about.
pub(super) fn counts(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for unit in requests.iter().flat_map(|request| &request.units) {
        *counts.entry(unit.clone()).or_default() += 1;
    }
    counts
}
