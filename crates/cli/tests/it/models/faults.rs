//! Providers that fail: a run ends complete all the same, and every request is in the ledger.

use refrain_testkit::peers::{Faults, ModelEntry, Peers, Said};
use refrain_testkit::provider::{Entry, Fault, FaultMix, Settings, UsageFigures};
use serde_json::Value;

use super::books::{self, Request};
use super::setup::{Shape, project, provider};
use crate::project::TestProject;

/// Returns the texts of the translated lines, in order.
fn texts(project: &TestProject) -> Vec<String> {
    let shown = project.run(&["show", "translate"]).expect(0).stdout;
    let records = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| record["text"].as_str().unwrap().to_owned()).collect()
}

fn requests(entries: &[Entry]) -> Vec<Request> {
    entries.iter().map(Request::from).collect()
}

fn check_run(project: &TestProject, lines: usize) {
    let report = project.run_json(&[], 0);
    assert_eq!((&report["status"], &report["units"]["failed"]), (&"completed".into(), &0.into()));
    let translated = texts(project);
    assert_eq!(translated.len(), lines);
    for (n, text) in translated.iter().enumerate() {
        assert_eq!(*text, format!("Thé dóór {n} ís ópén"));
    }
}

fn check_kind(kind: &'static str, stream: bool) {
    let settings = Settings {
        faults: FaultMix::passing(0.3),
        usage: UsageFigures::Random,
        seed: 7,
        ..Settings::default()
    };
    let provider = provider(settings);
    let url = if kind == "gemini" { provider.gemini_url() } else { provider.url() };
    let project = project(&url, &Shape { lines: 60, kind, ..Shape::default() });
    if stream {
        project.edit("refrain.yaml", "    max_tokens: 200\n", "    max_tokens: 200\n    stream: true\n");
    }
    check_run(&project, 60);
    books::check(&project, &requests(&provider.journal()));
}

#[test]
fn five_hundred_lines_get_through_faults_and_the_books_agree() {
    let settings =
        Settings { faults: FaultMix::passing(0.2), usage: UsageFigures::Random, ..Settings::default() };
    let provider = provider(settings);
    let project = project(&provider.url(), &Shape::default());
    check_run(&project, 500);
    let journal = provider.journal();
    let failed = journal.iter().filter(|entry| entry.fault.is_some()).count();
    assert!(journal.len() > 550 && failed > 50, "{} requests, {failed} faults", journal.len());
    books::check(&project, &requests(&journal));
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    assert_eq!(provider.arrived(), journal.len(), "a second run asks nothing");
}

#[test]
fn packed_lines_get_through_faults_and_the_books_agree() {
    let settings =
        Settings { faults: FaultMix::passing(0.25), usage: UsageFigures::Random, ..Settings::default() };
    let provider = provider(settings);
    let project = project(&provider.url(), &Shape { lines: 120, pack: 8, ..Shape::default() });
    check_run(&project, 120);
    books::check(&project, &requests(&provider.journal()));
}

#[test]
fn every_kind_of_endpoint_gets_through_faults() {
    check_kind("openai", true);
    check_kind("responses", false);
    check_kind("responses", true);
    check_kind("anthropic", false);
    check_kind("anthropic", true);
    check_kind("gemini", false);
    check_kind("gemini", true);
}

#[test]
fn refusals_filters_and_cut_answers_are_failures_and_are_paid() {
    let check = |fault: Fault, kind: &str| {
        let faults = FaultMix { share: 1.0, kinds: vec![fault], in_a_row: None };
        let provider = provider(Settings { faults, ..Settings::default() });
        let project = project(&provider.url(), &Shape { lines: 3, attempts: 2, ..Shape::default() });
        let report = project.run_json(&[], 1);
        assert_eq!(report["status"], "failed", "{fault:?}: nothing is left to show");
        let calls = books::calls(&project);
        let kinds = calls.iter().map(|call| &call["asks"][0]["result"]["failed"]["kind"]);
        assert!(kinds.clone().all(|found| found == kind), "{fault:?}: {:?}", kinds.collect::<Vec<_>>());
        assert!(books::check(&project, &requests(&provider.journal())) > 0.0, "{fault:?} is paid");
    };
    check(Fault::Refused, "refused");
    check(Fault::Filtered, "filtered");
    check(Fault::Truncated, "truncated");
}

/// Lines that somebody else's simulator knows the answers to, with a usage of its own each.
fn known_lines(n: usize) -> Vec<Said> {
    let said = |n: usize| {
        let text = format!(r#"{{"text": "Thé dóór {n} ís ópén", "sure": true}}"#);
        let n_tokens = u64::try_from(n).unwrap();
        Said::text(&format!("<line id=\"line_{n:05}\">"), &text, 50 + n_tokens % 37, 10 + n_tokens % 23)
    };
    (0..n).map(said).collect()
}

fn check_foreign(name: &str, lines: usize, faults: Faults) {
    let Some(peers) = Peers::find(name) else { return };
    let peer = peers.models(&known_lines(lines), faults).unwrap();
    let project = project(&peer.url(), &Shape { lines, ..Shape::default() });
    check_run(&project, lines);
    let journal = peer.journal().unwrap();
    let failed = journal.iter().filter(|entry| entry.fault.is_some()).count();
    assert!(failed * 10 > lines, "{failed} faults in {} requests", journal.len());
    let requests: Vec<Request> = journal.iter().map(|entry: &ModelEntry| Request::from(entry)).collect();
    books::check(&project, &requests);
}

#[test]
fn five_hundred_lines_get_through_the_faults_of_a_foreign_simulator() {
    // Every refusal closes the gate for the second that it asks for and lowers the pace: a few are enough here. The
    // provider above refuses more often, and asks for less.
    let faults = Faults {
        dropped: 0.07,
        malformed: 0.06,
        rate_limited: 0.01,
        disconnected: 0.06,
        ..Faults::default()
    };
    check_foreign("500 lines against a foreign simulator", 500, faults);
}
