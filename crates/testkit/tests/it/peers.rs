//! The servers that nobody here wrote start, answer and are gone in the end.

use refrain_testkit::loopback::ask;
use refrain_testkit::peers::{Faults, Peers, Process, Said};
use refrain_testkit::provider::Figures;
use serde_json::{Value, json};

#[test]
fn the_model_simulator_says_what_it_is_told_and_keeps_a_journal() {
    let Some(peers) = Peers::find("the model simulator") else { return };
    let said = [Said::text("line 7.", "seven", 31, 4), Said::text("", "what?", 10, 2)];
    let peer = peers.models(&said, Faults::default()).unwrap();
    let chat = |text: &str| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        ask(peer.root(), "POST", "/v1/chat/completions", &body.to_string())
    };
    let body: Value = serde_json::from_str(&chat("this is line 7.").unwrap().body).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "seven");
    peer.set(Faults { rate_limited: 1.0, ..Faults::default() }).unwrap();
    let limited = chat("hello").unwrap();
    assert!(limited.status == 429 && limited.head.contains("Retry-After: 1"), "{}", limited.head);
    peer.set(Faults { malformed: 1.0, ..Faults::default() }).unwrap();
    assert!(serde_json::from_str::<Value>(&chat("hello").unwrap().body).is_err());
    peer.set(Faults { disconnected: 1.0, ..Faults::default() }).unwrap();
    assert!(chat("hello").is_err());
    let journal = peer.journal().unwrap();
    let faults: Vec<_> = journal.iter().map(|entry| (entry.status, entry.fault.as_deref())).collect();
    let expect = [(200, None), (429, Some("rateLimit")), (200, Some("malformed")), (0, Some("disconnect"))];
    assert_eq!(faults, expect);
    let usages: Vec<_> = journal.iter().filter_map(|entry| entry.usage).collect();
    assert_eq!(usages, [Figures { input: 31, cached: 0, output: 4 }]);
}

#[test]
fn a_reference_server_of_mcp_answers_over_http() {
    let Some(peers) = Peers::find("the MCP reference server") else { return };
    let (_process, url) = peers.everything_over_http().unwrap();
    let root = url.strip_suffix("/mcp").unwrap();
    // Nobody but a client of MCP gets anything useful, but somebody is there.
    assert!(ask(root, "GET", "/mcp", "").unwrap().status >= 400);
}

#[test]
fn what_was_started_is_gone_in_the_end() {
    let sleep = ["sh", "-c", "sleep 600 & echo $!; wait"].map(str::to_owned);
    let process = Process::start(&sleep, &[]).unwrap();
    let child = process.wait_for_line("").unwrap();
    let is_there = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    assert!(is_there());
    drop(process);
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while is_there() {
        assert!(std::time::Instant::now() < patience, "{child} lives on");
        std::thread::yield_now();
    }
}
