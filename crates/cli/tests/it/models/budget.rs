//! Budgets: the provider's own books never show more than was allowed.

use refrain_testkit::provider::{Provider, Settings, UsageFigures};

use super::books::{self, Request, counts};
use super::setup::{OUTPUT, Shape, cost, project, provider};

const BUDGET: f64 = 0.10;

fn spent(provider: &Provider) -> f64 {
    provider.journal().iter().filter_map(|entry| entry.usage).map(cost).sum()
}

fn check(clones: usize, pack: usize) {
    let provider = provider(Settings { latency_ms: 2, usage: UsageFigures::Random, ..Settings::default() });
    let shape = Shape { lines: 500 * pack, clones, pack, budget: Some(BUDGET), ..Shape::default() };
    let project = project(&provider.url(), &shape);
    let report = project.run_json(&[], 3);
    assert_eq!(report["status"], "stopped");
    let first = spent(&provider);
    assert!(first <= BUDGET, "{first} of {BUDGET}");
    // It stops because the next call might pass the budget, not long before.
    let ceiling = 200.0 * OUTPUT / 1e6;
    assert!(first > BUDGET - 3.0 * ceiling, "{first} of {BUDGET}, and a call costs at most {ceiling}");
    project.edit("refrain.yaml", "budget: { usd: 0.1 }", "budget: { usd: 20 }");
    let report = project.run_json(&[], 0);
    assert_eq!(report["status"], "completed");
    let requests: Vec<Request> = provider.journal().iter().map(Request::from).collect();
    assert!(counts(&requests).values().all(|times| *times == 1), "no line is paid for twice");
    let all = books::check(&project, &requests);
    assert!(all > 0.5, "the whole costs {all}");
}

#[test]
fn a_budget_is_never_passed_and_the_rest_runs_when_it_is_raised() {
    check(16, 1);
}

#[test]
fn a_budget_holds_with_as_many_calls_at_once_as_there_are() {
    check(64, 1);
}

#[test]
fn the_command_line_has_a_budget_of_its_own() {
    let provider = provider(Settings { usage: UsageFigures::Random, ..Settings::default() });
    let project = project(&provider.url(), &Shape { lines: 100, ..Shape::default() });
    let report = project.run_json(&["--max-cost", "0.02"], 3);
    assert_eq!(report["status"], "stopped");
    assert!(spent(&provider) <= 0.02, "{}", spent(&provider));
    project.run_json(&[], 0);
    let requests: Vec<Request> = provider.journal().iter().map(Request::from).collect();
    books::check(&project, &requests);
}
