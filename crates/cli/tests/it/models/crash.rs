//! Kills: what a provider has served and the ledger has booked is never asked for again, and what it has served and the
//! ledger has not booked is in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use refrain_testkit::provider::{Provider, Settings, UsageFigures};

use super::books::{self, Request, calls, counts, units};
use super::setup::{Shape, project, provider};
use crate::crash::run_for;
use crate::numbers::{Numbers, seed, setting};
use crate::project::TestProject;

const LINES: usize = 150;
const CLONES: usize = 12;

/// What was known after a kill.
#[derive(Debug, Default)]
struct Known {
    /// Units with a reply, and how often they had been asked about by then.
    booked: BTreeMap<String, usize>,
}

fn journal(provider: &Provider) -> Vec<Request> {
    provider.journal().iter().map(Request::from).collect()
}

/// Holds the ledger against the journal after a kill; returns how many calls are in doubt.
fn check(project: &TestProject, provider: &Provider, known: &mut Known, place: &str) -> u64 {
    let calls = calls(project);
    let served = counts(&journal(provider));
    for (unit, times) in &known.booked {
        assert_eq!(served.get(unit), Some(times), "{place}: {unit} was asked for again");
    }
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    let mut bought = BTreeSet::new();
    for call in &calls {
        for unit in units(call) {
            *all.entry(unit.clone()).or_default() += 1;
            if call["state"] == "done" {
                *done.entry(unit.clone()).or_default() += 1;
                bought.insert(unit);
            }
        }
    }
    let n = |counts: &BTreeMap<String, usize>, unit: &String| counts.get(unit).copied().unwrap_or_default();
    for (unit, times) in &served {
        assert!(n(&done, unit) <= *times, "{place}: {unit} is done and was never served");
        assert!(*times <= n(&all, unit), "{place}: {unit} was served and the ledger knows nothing of it");
    }
    known.booked = bought.into_iter().map(|unit| (unit.clone(), n(&served, &unit))).collect();
    check_doubtful(project, &served, &done, place)
}

/// What was served and is not booked is listed as in doubt, or was before and has been taken note of.
fn check_doubtful(
    project: &TestProject,
    served: &BTreeMap<String, usize>,
    done: &BTreeMap<String, usize>,
    place: &str,
) -> u64 {
    let ledger = project.json(&["ledger", "--in-doubt", "--last", "1000000"], 0);
    let in_doubt = ledger["in_doubt"].as_u64().unwrap();
    assert!(in_doubt <= CLONES as u64, "{place}: {in_doubt} calls are in doubt");
    let listed: BTreeSet<String> = ledger["calls"].as_array().unwrap().iter().flat_map(units).collect();
    let calls = calls(project);
    let abandoned: BTreeSet<String> =
        calls.iter().filter(|call| call["state"] == "abandoned").flat_map(units).collect();
    for (unit, times) in served {
        if *times > done.get(unit).copied().unwrap_or_default() {
            assert!(listed.contains(unit) || abandoned.contains(unit), "{place}: {unit} is not in doubt");
        }
    }
    in_doubt
}

/// What kills of runs with models came to.
#[derive(Debug, Default)]
pub(crate) struct ModelFigures {
    /// Kills by signal 9.
    pub(crate) kills: u64,
    /// Projects that were brought to their end.
    pub(crate) projects: u64,
    /// Requests that the provider served.
    pub(crate) served: u64,
    /// How many calls may be in flight.
    pub(crate) clones: usize,
    /// The most calls that were in doubt after one kill.
    pub(crate) most_in_doubt: u64,
}

/// Kills runs until there were so many kills; fails where something that was booked is asked for again.
pub(crate) fn kill_runs_with_models(kills: u64, seed: u64) -> ModelFigures {
    let mut numbers = Numbers(seed);
    let mut figures = ModelFigures { clones: CLONES, ..ModelFigures::default() };
    while figures.kills < kills {
        let settings = Settings { latency_ms: 25, usage: UsageFigures::Random, ..Settings::default() };
        let provider = provider(settings);
        let shape = Shape { lines: LINES, clones: CLONES, ..Shape::default() };
        let project = project(&provider.url(), &shape);
        let (mut known, before) = (Known::default(), figures.kills);
        loop {
            // On a machine that has much else to do, a run might never come anywhere.
            let patience = 260 * (1 + (figures.kills - before) / 4);
            let is_killed = run_for(&project, &[], Duration::from_millis(40 + numbers.below(patience)));
            figures.kills += u64::from(is_killed);
            if !project.path(".refrain").exists() {
                continue;
            }
            let in_doubt =
                check(&project, &provider, &mut known, &format!("seed {seed}, kill {}", figures.kills));
            figures.most_in_doubt = figures.most_in_doubt.max(in_doubt);
            if !is_killed {
                break;
            }
        }
        let place = format!("seed {seed}, kill {}", figures.kills);
        assert_eq!(project.not_fresh(), [""; 0], "{place}");
        assert_eq!(known.booked.len(), LINES, "{place}");
        let arrived = provider.arrived();
        assert_eq!(project.run_json(&[], 0)["calls"], 0, "{place}");
        assert_eq!(provider.arrived(), arrived, "{place}");
        figures.projects += 1;
        figures.served += journal(&provider).len() as u64;
    }
    figures
}

#[test]
fn whatever_moment_a_run_is_killed_at_nothing_booked_is_asked_for_again() {
    let seed = seed("REFRAIN_MODEL_SEED");
    let figures = kill_runs_with_models(setting("REFRAIN_MODEL_KILLS").unwrap_or(20), seed);
    assert!(figures.served >= figures.projects * LINES as u64, "seed {seed}: {figures:?}");
}

#[test]
fn a_request_that_was_served_to_nobody_is_in_doubt_and_costs_its_ceiling() {
    let provider = provider(Settings::default());
    let shape = Shape { lines: 4, clones: 4, budget: Some(1.0), ..Shape::default() };
    let project = project(&provider.url(), &shape);
    provider.hold();
    let mut child = project.command(&["run", "--quiet"]).spawn().unwrap();
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while provider.arrived() < 4 {
        assert!(std::time::Instant::now() < patience, "{} requests", provider.arrived());
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    provider.release();
    let ledger = project.json(&["ledger", "--in-doubt"], 0);
    let listed: BTreeSet<String> = ledger["calls"].as_array().unwrap().iter().flat_map(units).collect();
    assert_eq!(listed, books::counts(&journal(&provider)).into_keys().collect());
    for call in ledger["calls"].as_array().unwrap() {
        assert!(call["ceiling"]["cost_usd"].as_f64().unwrap() >= 200.0 * 20.0 / 1e6, "{call}");
    }
}
