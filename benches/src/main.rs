//! What a run costs: the workload W(N) beside the floor, each scenario in a process of its own.
//!
//! W(N) is N lines in scenes of 20: ingest, context (one unit per scene), translate (one unit per line, reads its
//! scene's context), qa (one unit per line), export; agents that do nothing, 64 clones, 2N + N/20 units, everything
//! durable against `kill -9`. Figures are CPU time (user and system) of the whole process, since wall time says little
//! on shared machines. `REFRAIN_BENCH_N` names the sizes (`1000,10000,100000,1000000`); `REFRAIN_BENCH_REPORT` names the file
//! for the report, which is compared with what the file says before. `REFRAIN_BENCH_PACED=1` measures agents of 50 ms alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reports and gives up"
)]

mod counting;
mod floor;
mod measure;
mod report;
mod workload;

use std::path::Path;
use std::time::{Duration, Instant};

use measure::{Measured, child, print_measured};
use report::{Paced, Size};
use workload::Counted;

/// What there is to measure where nobody says.
const SIZES: &str = "1000,10000,100000,1000000";
/// How many lines agents are given that take their time.
const PACED: usize = 2000;
/// How many of them are asked at once.
const LANES: usize = 64;
/// How often that is measured.
const ROUNDS: usize = 3;
/// How long they take.
const PAUSE: Duration = Duration::from_millis(50);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", scenario, dir, n] => run_child(scenario, Path::new(dir), n.parse().expect("a number")),
        _ => parent(),
    }
}

fn run_child(scenario: &str, dir: &Path, n: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let started = Instant::now();
    let counted = runtime.block_on(async {
        let mut counted = Counted::default();
        match scenario {
            "files" => workload::files_only(dir).await,
            "append" => floor::append(dir, n),
            "fan-out" => floor::fan_out(n).await,
            "hash" => floor::hash(n),
            "run" => counted = workload::run(dir, Duration::ZERO).await,
            "paced" => counted = workload::run(dir, PAUSE).await,
            "sleeps" => floor::sleep(n, PAUSE, LANES).await,
            question => counted = workload::ask(dir, question, n).await,
        }
        counted
    });
    print_measured(counted, started.elapsed().as_secs_f64());
}

fn parent() {
    if std::env::var_os("REFRAIN_BENCH_PACED").is_some() {
        return println!("{}", report::paced(&paced()));
    }
    let sizes = std::env::var("REFRAIN_BENCH_N").unwrap_or_else(|_| SIZES.to_owned());
    let sizes = sizes.split(',').map(|n| n.trim().parse().expect("sizes are numbers with commas between"));
    let sizes: Vec<Size> = sizes.map(measure).collect();
    let paced = paced();
    let path = std::env::var("REFRAIN_BENCH_REPORT").ok();
    let before = path.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let text = report::report(&sizes, &paced, &before);
    println!("{text}");
    if let Some(path) = path {
        std::fs::write(path, text).unwrap();
    }
}

/// Measures the workload of one size.
fn measure(n: usize) -> Size {
    eprintln!("W({n})");
    let dir = tempfile::tempdir().unwrap();
    workload::write_sources(dir.path(), n);
    let units = 2 * n + n.div_ceil(20);
    let run = |scenario: &str, count: usize| -> Measured { child(scenario, dir.path(), count) };
    // What is taken off all others is the least of a few, so that nothing looks cheaper than it is.
    let files = (0..ROUNDS).map(|_| run("files", n)).min_by(|a, b| a.cpu.total_cmp(&b.cpu)).expect("a round");
    let mut scenarios = vec![("cold", run("run", n)), ("no-op", run("run", n)), ("status", run("status", n))];
    workload::edit_line(dir.path(), n / 2);
    scenarios.push(("one line edited", run("run", n)));
    scenarios.push(("no-op again", run("run", n)));
    for (name, question) in
        [("why a unit", "why"), ("show 20 records", "show"), ("diff of two revisions", "diff")]
    {
        scenarios.push((name, run(question, n)));
    }
    workload::edit_prompt(dir.path());
    scenarios.push(("why, agent changed", run("why", n)));
    scenarios.push(("agent changed", run("run", n)));
    let floor = ["append", "fan-out", "hash"].map(|name| (name, run(name, units)));
    Size { n, units, files, scenarios, floor }
}

/// Measures agents that take their time: how much longer a run takes than they do, and than a program that does nothing but
/// wait as often, 64 at a time. The best of a few, since a machine that does something else in between tells of that.
fn paced() -> Paced {
    eprintln!("agents of 50 ms");
    let units = 2 * PACED + PACED.div_ceil(20);
    let best = |scenario: &str, n: usize| {
        let walls = (0..ROUNDS).map(|_| {
            let dir = tempfile::tempdir().unwrap();
            workload::write_sources(dir.path(), PACED);
            child(scenario, dir.path(), n).wall
        });
        walls.fold(f64::INFINITY, f64::min)
    };
    let (bare, wall) = (best("sleeps", units), best("paced", PACED));
    // Phases flow into each other, so that nobody waits but for the longest way of one line: a scene, its line twice.
    let ideal = (units as f64 / LANES as f64 + 3.0) * PAUSE.as_secs_f64();
    Paced { n: PACED, wall, bare, ideal }
}
