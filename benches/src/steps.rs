//! What steps cost: the `refrain` binary with 1,000 steps that say a word, one after the other and side by side, the first time and again;
//! and what it costs to start.
//!
//! Figures are seconds of processors, system time included, as the shell counts them for a program that has ended; the least of
//! three. `REFRAIN_BENCH_STEPS` sets another number of steps. A gate fails where 1,000 steps take more than a second, or a start
//! more than 50 ms.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reports and gives up"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use refrain_testkit::bin::program;
use tempfile::TempDir;

/// How often each figure is taken.
const TIMES: usize = 3;
/// The most seconds of processors for a thousand steps.
const MOST: f64 = 1.0;
/// The most seconds for a start.
const START: f64 = 0.05;

/// What a program took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

fn main() {
    let n: usize = std::env::var("REFRAIN_BENCH_STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let mut text = String::new();
    writeln!(text, "| what | processors | wall |\n|---|---:|---:|").unwrap();
    let mut broken = Vec::new();
    let mut row = |what: &str, cost: Cost, most: f64| {
        writeln!(text, "| {what} | {:.3} s | {:.3} s |", cost.cpu, cost.wall).unwrap();
        if cost.cpu > most {
            broken.push(format!("{what} takes {:.3} s of processors, and may take {most:.3} s", cost.cpu));
        }
    };
    let empty = tempfile::tempdir().unwrap();
    row("`refrain --version`", least(|| cost(empty.path(), "--version")), START);
    row("a run of one step", least(|| first(1, false)), START);
    let most = MOST * (n as f64 / 1_000.0).max(0.1);
    for (name, is_chain) in [("one after the other", true), ("side by side", false)] {
        row(&format!("{n} steps {name}"), least(|| first(n, is_chain)), most);
        let place = place(n, is_chain);
        cost(place.path(), RUN);
        row(&format!("{n} steps {name}, again"), least(|| cost(place.path(), RUN)), most);
    }
    println!("{text}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

const RUN: &str = "-f steps.yaml run --quiet";

fn least(mut take: impl FnMut() -> Cost) -> Cost {
    let costs: Vec<Cost> = (0..TIMES).map(|_| take()).collect();
    costs.into_iter().min_by(|a, b| a.cpu.total_cmp(&b.cpu)).expect("there is one")
}

/// Runs steps of which nothing is on record.
fn first(n: usize, is_chain: bool) -> Cost {
    cost(place(n, is_chain).path(), RUN)
}

fn place(n: usize, is_chain: bool) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let mut text = String::from("id: steps\nname: Steps\nsteps:\n");
    for no in 0..n {
        writeln!(text, "  - id: s{no}\n    tool: echo\n    parameters: {{ text: \"word {no}\" }}").unwrap();
        if let Some(before) = no.checked_sub(1).filter(|_| is_chain) {
            writeln!(text, "    dependencies: [s{before}]").unwrap();
        }
    }
    fs::write(place.path().join("steps.yaml"), text).unwrap();
    place
}

/// Runs the program, and returns what it took.
fn cost(folder: &Path, words: &str) -> Cost {
    let program = program("refrain-cli", "refrain");
    let line = format!("\"$0\" {words} > /dev/null && times");
    let begun = Instant::now();
    let output = Command::new("sh").args(["-c", &line]).arg(program).current_dir(folder).output().unwrap();
    let wall = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let of_children = said.lines().nth(1).expect("the shell tells the time of what it started");
    let cpu = of_children.split_whitespace().map(seconds).sum();
    Cost { cpu, wall }
}

/// Reads a time such as `0m1.25s`.
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').expect("a time has minutes");
    minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
}
