//! Takes made-up projects through many seeds: `simulate [--seeds N] [--from S] [--seed S] [--profile NAME] [--first]`.
//!
//! Each seed makes a project of its own up, and what people do to it; every profile takes its turn unless one is named.
//! `--seed` tells one of them in full, with every event where `--log` is given, `--first` stops at the first finding. Ends with 1 where there is one.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use refrain_schemas::log_line::LogLine;
use refrain_testkit::sim::{Profile, Seed, SeedResult, Summary, invented, profile_of, replay, simulate};

/// How many seeds with findings are told of; one defect can make thousands.
const MOST_TOLD: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name: &str| value(name).and_then(|text| text.parse::<u64>().ok());
    let profile: Option<Profile> = value("--profile").and_then(|name| name.parse().ok());
    if let Some(seed) = number("--seed") {
        return tell(Seed(seed), profile, arguments.iter().any(|argument| argument == "--log"));
    }
    let from = number("--from").unwrap_or(0);
    let to = from + number("--seeds").unwrap_or(10_000);
    let is_first = arguments.iter().any(|argument| argument == "--first");
    let summary = run(from..to, profile, is_first);
    println!("{}", report(&summary));
    for SeedResult { seed, profile, findings, .. } in summary.findings().take(MOST_TOLD) {
        println!("seed {seed} ({profile}): {}", findings[0]);
        println!("    cargo run --bin simulate -- --seed {seed} --profile {profile}    tells its story");
    }
    if summary.findings().next().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(seeds: std::ops::Range<u64>, profile: Option<Profile>, is_first: bool) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut summary = Summary::new();
        loop {
            let seed = Seed(next.fetch_add(1, Ordering::Relaxed));
            if seed.0 >= seeds.end {
                return summary;
            }
            let profile = profile.unwrap_or_else(|| profile_of(seed));
            let result = simulate(&invented(seed).subject, profile, seed);
            summary.add(&result);
            if is_first && !result.findings.is_empty() {
                next.store(seeds.end, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut summary = work();
        others.into_iter().filter_map(|other| other.join().ok()).for_each(|other| summary.merge(other));
        summary
    })
}

fn report(summary: &Summary) -> String {
    format!(
        "{} seeds, {} with findings; first runs {:?}; last runs {:?}; runs {:?}; {} crashes; calls {:?}; faults {:?}",
        summary.seeds(),
        summary.findings().count(),
        summary.first_runs(),
        summary.last_runs(),
        summary.runs(),
        summary.crashes(),
        summary.calls(),
        summary.faults(),
    )
}

fn tell(seed: Seed, profile: Option<Profile>, is_logged: bool) -> ExitCode {
    let invented = invented(seed);
    for draft in &invented.drafts {
        println!("{}", serde_json::to_string_pretty(draft).unwrap_or_default());
    }
    let (result, events) = replay(&invented.subject, profile.unwrap_or_else(|| profile_of(seed)), seed);
    for event in events.iter().filter(|_| is_logged) {
        println!("{}", serde_json::to_string(&LogLine::of(event)).unwrap_or_default());
    }
    println!("{}", serde_json::to_string_pretty(&result).unwrap_or_default());
    if result.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
